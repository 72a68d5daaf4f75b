"""From a folder of image files to a table of the readable ones.

Every file is opened and read to its end once, so that nothing unreadable is met later,
hours into a run. What cannot be used is not an error but a row of a second table, the
quarantine, with its reason.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from qk_iteration.core.images.decode import UnreadableImageError, measure_image
from qk_iteration.core.images.threaded_map import map_in_threads

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
)


@dataclass(frozen=True)
class ImageTables:
    """What a folder holds.

    Attributes:
        images: One row for each usable image, sorted by id: `image_id` (file name
            without suffix), `path` (absolute), `width` and `height` (upright, in
            pixels), `group` (int; images of one group are never taken for different
            pictures).
        quarantined: One row for each file left out: `path` and `reason`.
    """

    images: pd.DataFrame
    quarantined: pd.DataFrame


def tabulate_images(
    folder: Path, *, max_pixels: int, min_side: int, groups_path: Path | None = None
) -> ImageTables:
    """The tables of all image files under a folder, sub-folders included.

    Hidden files are passed over. Of several usable files with one id the first by path
    is kept.

    Args:
        folder: Where to look; links to files and folders are followed.
        max_pixels: Larger images are quarantined, undecoded.
        min_side: Images with a shorter side below this many pixels are quarantined.
        groups_path: CSV with the columns `image_id` and `group`; images it does not
            name form groups of their own, as all do without it.

    Raises:
        FileNotFoundError: If the folder or the CSV does not exist.
        ValueError: If the folder holds no usable image, or the CSV is not as described.
    """
    groups = None if groups_path is None else _read_groups(groups_path)
    paths = _list_files(folder)
    inspect = partial(_inspect, max_pixels=max_pixels, min_side=min_side)
    files = pd.DataFrame.from_records(
        list(map_in_threads(inspect, paths, description=f"Reading {folder.name}")),
        columns=["image_id", "path", "width", "height", "reason"],
    )
    files = _refuse_repeated_ids(files.sort_values(["image_id", "path"]))
    is_usable = files["reason"] == ""
    quarantined = files.loc[~is_usable, ["path", "reason"]].sort_values("path")
    images = files.loc[is_usable, ["image_id", "path", "width", "height"]]
    _check_any_usable(folder, images, quarantined)
    images = images.reset_index(drop=True)
    images["group"] = _number_groups(images["image_id"], groups)
    return ImageTables(images, quarantined.reset_index(drop=True))


def _list_files(folder: Path) -> list[str]:
    if not folder.is_dir():
        raise FileNotFoundError(
            f"folder must be an existing folder of images; got {folder}. "
            "Check the path in the catalog."
        )
    return list(_walk(folder.absolute()))


def _walk(folder: Path) -> Iterator[str]:
    """All files but hidden ones; linked folders too, each only once."""
    visited: set[str] = set()
    for parent, directories, names in os.walk(folder, followlinks=True):
        real_parent = os.path.realpath(parent)
        if real_parent in visited:  # a link that leads back up
            directories.clear()
            continue
        visited.add(real_parent)
        directories[:] = sorted(name for name in directories if name[0] != ".")
        for name in sorted(names):
            if name[0] != ".":
                yield os.path.join(parent, name)


def _inspect(
    file: str, *, max_pixels: int, min_side: int
) -> tuple[str, str, int, int, str]:
    """One row: id, path, width, height, and why the file cannot be used, or ""."""
    path = Path(file)
    width = height = 0
    if path.suffix.lower() not in SUFFIXES:
        reason = f"The suffix must be one of {', '.join(sorted(SUFFIXES))}."
    else:
        try:
            width, height = measure_image(path, max_pixels=max_pixels)
            reason = _judge_size(width, height, min_side)
        except UnreadableImageError as error:
            reason = str(error)
    return path.stem, file, width, height, reason


def _judge_size(width: int, height: int, min_side: int) -> str:
    if min(width, height) >= min_side:
        return ""
    return f"Both sides must have at least {min_side} pixels; got {width} x {height}."


def _refuse_repeated_ids(files: pd.DataFrame) -> pd.DataFrame:
    """A reason for each usable file whose id another usable file has before it."""
    usable = files[files["reason"] == ""]
    first_paths = usable.groupby("image_id")["path"].transform("first")
    is_repeated = usable["path"] != first_paths
    repeated = usable.index[is_repeated]
    files.loc[repeated, "reason"] = (
        "The id " + usable["image_id"] + " is already taken by " + first_paths + "."
    )[is_repeated]
    return files


def _check_any_usable(
    folder: Path, images: pd.DataFrame, quarantined: pd.DataFrame
) -> None:
    if len(images) > 0:
        return
    first = f" First: {quarantined['reason'].iloc[0]}" if len(quarantined) else ""
    raise ValueError(
        f"{folder} must hold at least one usable image; got {len(quarantined)} files, "
        f"none usable.{first}"
    )


def _read_groups(path: Path) -> "pd.Series[str]":
    """The group of each id, indexed by id."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    if not {"image_id", "group"} <= set(table.columns):
        raise ValueError(
            f"{path} must have the columns image_id and group; got "
            f"{', '.join(table.columns)}."
        )
    pairs = table[["image_id", "group"]].drop_duplicates()
    repeated = pairs["image_id"][pairs["image_id"].duplicated()]
    if len(repeated) > 0:
        raise ValueError(
            f"{path} must give each image one group; got several for "
            f"{repeated.iloc[0]}. Keep one row for each image_id."
        )
    return pairs.set_index("image_id")["group"]


def _number_groups(
    image_ids: "pd.Series[str]", groups: "pd.Series[str] | None"
) -> "pd.Series[int]":
    """Running numbers, the same for images of one group."""
    if groups is None:
        return pd.Series(range(len(image_ids)), dtype="int64")
    named = "group " + image_ids.map(groups)
    alone = "image " + image_ids
    numbers, _ = pd.factorize(named.fillna(alone))
    return pd.Series(numbers, dtype="int64")
