"""From a folder of image files to a table of the readable ones.

Here alone is decided what an image is, what it is called and whether it is taken. Every
file is opened and read to its end once, so that nothing unreadable is met later, hours
into a run. What is left out is no error but a row of a second table, with its reason.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from qk_iteration.core.formats.user_paths import user_path
from qk_iteration.core.images.decode import measure_image
from qk_iteration.core.images.folder_listing import Listing, list_folder
from qk_iteration.core.images.image_groups import number_groups, read_groups
from qk_iteration.core.images.image_names import name_images
from qk_iteration.core.images.left_out import (
    Why,
    line_of_left_out,
    say_left_out,
    table_of_left_out,
)
from qk_iteration.core.images.opened_image import (
    UnreadableImageError,
    check_format,
    is_image,
)
from qk_iteration.core.images.threaded_map import map_in_threads
from qk_iteration.core.user_error import UserError


@dataclass(frozen=True)
class ImageTables:
    """What a folder holds.

    Attributes:
        images: One row for each usable image, sorted by id: `image_id` (see
            `name_images`), `path` (absolute), `width` and `height` (upright, in
            pixels), `group` (int; images of one group are never taken for different
            pictures).
        quarantined: One row for each file or folder left out: `path`, `why` (one of
            `Why`) and `reason`.
    """

    images: pd.DataFrame
    quarantined: pd.DataFrame

    @property
    def left_out_line(self) -> str:
        """Such as "3 of 13 files left out: 2 hidden, 1 unreadable"; may be empty."""
        return line_of_left_out(self.quarantined, num_taken=len(self.images))


@dataclass(frozen=True)
class _Found:
    """A file after its inspection; ``why`` is None where it is usable."""

    path: str
    is_image: bool
    width: int = 0
    height: int = 0
    why: Why | None = None
    reason: str = ""


def tabulate_images(
    folder: str | Path,
    *,
    max_pixels: int,
    min_side: int,
    short_edge: int | None = None,
    groups_path: Path | None = None,
) -> ImageTables:
    """The tables of all image files under a folder, sub-folders included.

    What an image is its content decides; what it is called, and what becomes of files
    of one name, ``name_images``. One line on the screen says what was left out.

    Args:
        folder: Where to look; links to files and folders are followed.
        max_pixels: Larger images are left out, undecoded.
        min_side: Images with a shorter side below this many pixels are left out.
        short_edge: If the images will be resized to this short edge, in their own
            shape: those that would then have more than ``max_pixels`` are left out.
        groups_path: CSV with the columns `image_id` and `group`; images it does not
            name form groups of their own, as all do without it.

    Raises:
        UserError: If the folder does not exist or holds no usable image, or the CSV is
            not as described.
    """
    folder = user_path(folder)
    groups = None if groups_path is None else read_groups(groups_path)
    listing = _list(folder)
    inspect = partial(
        _inspect, max_pixels=max_pixels, min_side=min_side, short_edge=short_edge
    )
    label = f"Reading {folder.name}"
    found = list(map_in_threads(inspect, listing.files, description=label))
    images = _name_and_keep(folder, found, listing)
    images["group"] = number_groups(images["image_id"], groups)
    tables = ImageTables(images, table_of_left_out(listing.left_out))
    _check_any_usable(folder, tables)
    say_left_out(folder, tables.left_out_line)
    return tables


def list_images(folder: str | Path) -> ImageTables:
    """The image files under a folder by their first bytes, named as for a table.

    For more images than one wants to read to their end before anything else: what
    cannot be decoded, or is too small, is met later. Sizes are unknown, and 0.

    Args:
        folder: As ``tabulate_images``.

    Raises:
        UserError: If the folder does not exist or holds no image.
    """
    folder = user_path(folder)
    listing = _list(folder)
    label = f"Listing {folder.name}"
    found = list(map_in_threads(_glance, listing.files, description=label))
    images = _name_and_keep(folder, found, listing)
    tables = ImageTables(images, table_of_left_out(listing.left_out))
    _check_any_usable(folder, tables)
    say_left_out(folder, tables.left_out_line)
    return tables


def _list(folder: Path) -> Listing:
    if not folder.is_dir():
        raise UserError(
            f"folder must be an existing folder of images; got '{folder}'. Check the "
            "path."
        )
    return list_folder(folder)


def _inspect(
    path: str, *, max_pixels: int, min_side: int, short_edge: int | None
) -> _Found:
    """Whether a file is an image, its size, and why it cannot be used, if so."""
    try:
        width, height = measure_image(
            path, max_pixels=max_pixels, short_edge=short_edge
        )
    except UnreadableImageError as error:
        return _Found(path, is_image(path), why=error.why, reason=error.reason)
    if min(width, height) >= min_side:
        return _Found(path, True, width, height)
    reason = f"Both sides must have at least {min_side} pixels; got {width} x {height}."
    return _Found(path, True, why=Why.TOO_SMALL, reason=reason)


def _glance(path: str) -> _Found:
    """Whether a file begins as an image that can be read here."""
    try:
        check_format(path)
    except UnreadableImageError as error:
        return _Found(path, is_image(path), why=error.why, reason=error.reason)
    return _Found(path, True)


def _name_and_keep(folder: Path, found: list[_Found], listing: Listing) -> pd.DataFrame:
    """The usable images, named; the others go to what is left out.

    Broken images are named too: what another file is called must not depend on whether
    one of the same name can be decoded today.
    """
    pictures = [file for file in found if file.is_image]
    root = len(str(folder.absolute()).rstrip("/")) + 1
    ids = name_images([file.path[root:] for file in pictures])
    rows = []
    for image_id, file in zip(ids, pictures, strict=True):
        if file.why is None and image_id:
            rows.append((image_id, file.path, file.width, file.height))
        elif file.why is None:
            reason = "Its name reads like that of another file. Rename one of them."
            listing.leave_out(file.path, Why.NAME_TAKEN, reason)
    for file in found:
        if file.why is not None:
            listing.leave_out(file.path, file.why, file.reason)
    columns = ["image_id", "path", "width", "height"]
    images = pd.DataFrame.from_records(rows, columns=columns)
    images[["image_id", "path"]] = images[["image_id", "path"]].astype(str)
    images[["width", "height"]] = images[["width", "height"]].astype("int64")
    return images.sort_values("image_id", ignore_index=True)


def _check_any_usable(folder: Path, tables: ImageTables) -> None:
    if len(tables.images) > 0:
        return
    left_out = tables.quarantined
    first = ""
    if len(left_out):
        first = f" First: {left_out['path'].iloc[0]}: {left_out['reason'].iloc[0]}"
    raise UserError(
        f"{folder} must hold at least one usable image; got {len(left_out)} files, "
        f"none usable.{first}"
    )
