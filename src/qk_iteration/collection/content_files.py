"""The files of a folder by what tells whether they have changed, and by their content.

Nothing is decoded here: a second look at a folder must not read its pictures again.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from qk_iteration.core.images.decode import measure_image
from qk_iteration.core.images.file_state import FileState
from qk_iteration.core.images.folder_listing import Listing, list_folder
from qk_iteration.core.images.left_out import Why, shown
from qk_iteration.core.images.opened_image import (
    UnreadableImageError,
    is_image,
    open_regular,
)
from qk_iteration.core.user_error import UserError

_BYTES_AT_ONCE = 1 << 20
_UNSURE_NS = 2_000_000_000  # as coarse as the times of the coarsest file systems


class SeenFile(NamedTuple):
    """A file whose content was read.

    Attributes:
        state: The file before it was read, named by its path below the folder.
        content: SHA-256 of its bytes, hexadecimal.
        looked_ns: When it was read, in nanoseconds.
    """

    state: FileState
    content: str
    looked_ns: int

    def is_current(self, state: FileState) -> bool:
        """Whether the file is surely the one that was read.

        One that changed just before it was read may change again within the same tick
        of the file system's clock.
        """
        is_settled = self.looked_ns - self.state.modified_ns > _UNSURE_NS
        return is_settled and self.state == state


LeftOut = tuple[str, Why, str]
"""Path below the folder, kind and reason."""


@dataclass(frozen=True)
class FolderFiles:
    """What a folder holds now.

    Attributes:
        folder: Absolute.
        files: Its regular files, sorted by path.
        left_out: Everything else.
    """

    folder: Path
    files: list[FileState]
    left_out: list[LeftOut]

    def full_path(self, path: str) -> str:
        """The absolute path of one of its files."""
        return str(self.folder / path)


def look_at_folder(
    place: Path, *, what: str, is_own: Callable[[str], bool]
) -> FolderFiles:
    """The files of a folder and its sub-folders, or one file alone.

    Args:
        place: A folder, or a single picture.
        what: What the person calls it, for the error.
        is_own: Of a path, whether that file is written here: it is passed over.

    Raises:
        UserError: If there is nothing of that name, or it is no text.
    """
    place = place.expanduser().absolute()
    if place.is_file():
        if shown(str(place)) != str(place):  # In a folder it would be left out.
            raise UserError(
                f"{what}: the path of a picture must be UTF-8 text; got "
                f"'{shown(str(place))}', odd bytes as \\x… Rename it."
            )
        state = FileState.of(place.name, place.stat())
        return FolderFiles(place.parent, [state], [])
    if not place.is_dir():
        raise UserError(
            f"{what} must be an existing folder of pictures; got '{place}'. Check the "
            "path."
        )
    listing = list_folder(place)
    left_out = [
        (_below(place, path), why, said)
        for path, why, said in listing.left_out
        if not is_own(path)
    ]
    files, more_left_out = _states_of(listing, place, is_own)
    return FolderFiles(place, files, left_out + more_left_out)


def changed_files(
    files: Iterable[FileState], seen: Mapping[str, SeenFile]
) -> list[FileState]:
    """The files that must be read: new ones, and those that may have changed."""
    return [
        state
        for state in files
        if state.path not in seen or not seen[state.path].is_current(state)
    ]


def content_of(path: str, *, max_pixels: int) -> str | UnreadableImageError:
    """SHA-256 of a picture's bytes, or why it is none.

    Args:
        path: The file.
        max_pixels: Of a readable picture; only for the reason.
    """
    try:
        if not is_image(path):
            measure_image(path, max_pixels=max_pixels)
        with open_regular(Path(path)) as file:
            digest = hashlib.sha256()
            while part := file.read(_BYTES_AT_ONCE):
                digest.update(part)
            return digest.hexdigest()
    except UnreadableImageError as error:
        return error
    except OSError as error:
        reason = f"cannot be read: {error.strerror}."
        return UnreadableImageError.of(Path(path), Why.UNREADABLE, reason)


def _states_of(
    listing: Listing, place: Path, is_own: Callable[[str], bool]
) -> tuple[list[FileState], list[LeftOut]]:
    """The files of a folder, and what is left out: links to its own files, mostly."""
    files: list[FileState] = []
    left_out: list[LeftOut] = []
    seen: set[tuple[int, int]] = set()
    # Links last: one is no copy of its file, and leads nowhere when that is deleted.
    for path in sorted(listing.files, key=listing.links.__contains__):
        if is_own(path):
            continue
        name = _below(place, path)
        try:
            status = os.stat(path)
        except OSError as error:
            left_out.append((name, Why.GONE, f"It cannot be read: {error.strerror}."))
            continue
        file = (status.st_dev, status.st_ino)
        if file in seen and path in listing.links:
            target = shown(os.path.realpath(path))
            reason = f"It leads to {target}, which was looked at before."
            left_out.append((name, Why.SEEN_BEFORE, reason))
            continue
        seen.add(file)
        files.append(FileState.of(name, status))
    return sorted(files), left_out


def _below(folder: Path, path: str) -> str:
    return shown(path).removeprefix(shown(str(folder)).rstrip("/") + "/")
