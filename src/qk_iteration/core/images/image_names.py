"""What an image is called: decided once, from its path, before it is decoded.

An id is what every reader of this project makes of a file name (``image_id``: no
folder, no extension, composed letters), so that it is the same in a table, in a
descriptor file and in a ground truth. Where several files have one name, their ids keep
the sub-folder, and where that is not enough the extension, behind a ``:``, which no
reader cuts:

    100CANON/IMG_1.jpg, 101CANON/IMG_1.jpg    100CANON:IMG_1, 101CANON:IMG_1
    photo.png, photo.png.jpg                  photo:png, photo.png:jpg
    IMG_1.jpg, edited/IMG_1.jpg               IMG_1:jpg, edited:IMG_1
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

from qk_iteration.core.formats.image_ids import image_id

_LONGEST_SUFFIX = 6  # with its point


def name_images(paths: Sequence[str]) -> list[str]:
    """The id of each image, shortest form first that no other image has.

    Args:
        paths: Below the folder that is looked at, with ``/`` between their parts.

    Returns:
        One id for each path; an empty one where even the longest form is taken by a
        path before it: two names that differ in blanks or in composed letters only.
    """
    ids = [""] * len(paths)
    taken: set[str] = set()
    waiting = list(range(len(paths)))
    for form in _FORMS:
        names = {row: form(PurePosixPath(paths[row])) for row in waiting}
        counts = Counter(names.values())
        for row in waiting:
            name = names[row]
            if name and counts[name] == 1 and name not in taken:
                ids[row] = name
        taken.update(ids[row] for row in waiting if ids[row])
        waiting = [row for row in waiting if not ids[row]]
    for row in waiting:
        name = _with_suffix(PurePosixPath(paths[row]))
        if name and name not in taken:
            ids[row] = name
            taken.add(name)
    return ids


def possible_ids(path: str) -> set[str]:
    """What ``name_images`` may call an image, whatever others there are.

    Args:
        path: Below the folder that is looked at.
    """
    return {form(PurePosixPath(path)) for form in _FORMS}


def short_id(path: PurePosixPath) -> str:
    """The id of an image that shares its name with no other."""
    return image_id(_stem(path.name))


def _with_folder(path: PurePosixPath) -> str:
    """Nothing for a file outside sub-folders: its short name would pass for theirs."""
    folders = path.parts[:-1]
    return _joined([*folders, _stem(path.name)]) if folders else ""


def _with_suffix(path: PurePosixPath) -> str:
    stem, point, suffix = path.name.rpartition(".")
    return _joined([*path.parts[:-1], *([stem, suffix] if point else [path.name])])


def _stem(name: str) -> str:
    """The name without its extension; ``.2`` and ``. Smith`` are none."""
    suffix = PurePosixPath(name).suffix
    letters = suffix[1:]
    is_suffix = letters.isalnum() and not letters.isdigit()
    is_suffix = is_suffix and len(suffix) <= _LONGEST_SUFFIX
    return name.removesuffix(suffix) if is_suffix else name


def _joined(parts: Sequence[str]) -> str:
    return image_id(":".join(parts).replace("\\", ":"))


_FORMS = (short_id, _with_folder, _with_suffix)
