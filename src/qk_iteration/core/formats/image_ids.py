"""Image ids: ``Q00001``, ``R000001``, ``T000001``; the name of the file alone.

Systems write names with folders and extensions into their files; the ground truth
has bare ids. Every reader of this project passes names through :func:`image_ids`.
"""

from collections.abc import Sequence
from unicodedata import normalize

import numpy as np
from numpy.typing import NDArray

from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.formats.id_rows import letters

IMAGE_SUFFIXES = {
    *("jpg", "jpeg", "jpe", "jfif", "png", "apng", "webp", "bmp", "dib", "gif", "tif"),
    *("tiff", "ppm", "pgm", "pbm", "pnm", "jp2", "j2k", "avif", "heic", "heif", "hif"),
    *("jxl", "mpo", "jps", "jpf", "jpx", "j2c", "jpc", "heics", "avifs", "insp"),
}


# They mark no letter and join none: breaks, hyphens that may be, directions, and what
# files begin with. Copied names bring them along, and nobody sees them.
_UNSEEN = dict.fromkeys(
    map(
        ord,
        "\u00ad\u061c\u180e\u200b\u200e\u200f\u2060\ufeff"
        "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
    )
)


def image_id(name: str) -> str:
    """The id of an image: its file name without folder and image extensions.

    The id of an id is the id itself, whatever the name; letters are composed (NFC), and
    characters that show nothing left out, so that two names that look the same are.

    >>> image_id("queries/Q00001.jpeg")
    'Q00001'
    """
    if not name.isascii():
        name = normalize("NFC", name.translate(_UNSEEN))
    base = name.strip().replace("\\", "/").rpartition("/")[2].strip()
    stem, _, suffix = base.rpartition(".")
    while stem.strip() and suffix.lower() in IMAGE_SUFFIXES:
        base = stem.strip()
        stem, _, suffix = base.rpartition(".")
    return base


def image_ids(
    names: Sequence[str] | NDArray[np.generic], *, what: str
) -> NDArray[np.str_]:
    """The ids of many images.

    Args:
        names: Text or UTF-8 bytes: file names or ids. Shape (N,).
        what: Names the source in the error message.

    Returns:
        Shape (N,), text.

    Raises:
        FormatError: If a name is not text, or an id is empty.
    """
    texts = as_text(np.asarray(names), what=what)
    if _may_need_cutting(texts):
        texts = np.array([image_id(name) for name in texts.tolist()], np.str_)
    if len(texts) and not letters(texts)[:, 0].all():
        raise FormatError(f"{what} must name every image; an id is empty.")
    return texts


def check_unique(ids: NDArray[np.str_], *, what: str) -> None:
    """Refuse ids (N,) of which one stands twice.

    Raises:
        FormatError: Names the first id that is repeated.
    """
    if (ids[1:] > ids[:-1]).all():  # sorted, as the official files are: seen at once
        return
    sorted_ids = np.sort(ids)
    repeated = sorted_ids[1:][sorted_ids[1:] == sorted_ids[:-1]]
    if len(repeated):
        raise FormatError(
            f"{what} must name each image once; '{repeated[0]}' stands there more than "
            "once (folders and extensions are not part of an id). Remove the repeats."
        )


def as_text(names: NDArray[np.generic], *, what: str) -> NDArray[np.str_]:
    """Names as text, from text or UTF-8 bytes. Shape (N,).

    Raises:
        FormatError: If a name is neither.
    """
    if names.ndim != 1:
        raise FormatError(f"{what} must be one list of names; got shape {names.shape}.")
    if names.dtype.kind == "U":
        return names.astype(np.str_)
    if names.dtype.kind == "S":
        try:
            return names.astype(np.str_)  # ASCII, five times faster
        except UnicodeDecodeError:
            return as_text(names.astype(np.object_), what=what)
    if names.dtype.kind == "O":
        return np.array([_one_to_text(name, what) for name in names.tolist()], np.str_)
    if names.size == 0:
        return np.zeros(0, np.str_)
    raise FormatError(f"{what} must be text; got {names.dtype}.")


def _one_to_text(name: object, what: str) -> str:
    if isinstance(name, str):
        return name
    if isinstance(name, bytes):
        try:
            return name.decode("utf-8")
        except UnicodeDecodeError as error:
            raise FormatError(f"{what} must be UTF-8 text; {error}.") from error
    raise FormatError(f"{what} must be text; got {name!r}.")


def _may_need_cutting(texts: NDArray[np.str_]) -> bool:
    """Whether any name has a folder, an extension, a blank or more than ASCII."""
    if len(texts) == 0:
        return False
    codes = letters(texts)
    if (codes > ord("~")).any() or ((codes > 0) & (codes <= ord(" "))).any():
        return True
    return any((codes == ord(mark)).any() for mark in "/\\.")
