"""A folder ready to be searched: its files, and the rows that describe them."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from qk_iteration.collection.content_files import LeftOut, look_at_folder
from qk_iteration.collection.copy_groups import best_first
from qk_iteration.collection.describe_folder import FolderUpdate, describe_folder
from qk_iteration.collection.descriptor_store import DescriptorStore
from qk_iteration.core.describing.describer import Describer
from qk_iteration.core.describing.describing_config import DescriptionConfig
from qk_iteration.core.images.left_out import (
    Why,
    line_of_left_out,
    say_left_out,
    shown,
    table_of_left_out,
)
from qk_iteration.core.images.opened_image import (
    UnreadableImageError,
    check_size,
)
from qk_iteration.core.user_error import UserError


@dataclass(frozen=True, eq=False)
class FolderIndex:
    """What a folder held when it was last looked at.

    Attributes:
        folder: Absolute.
        files: `path` (below the folder), `num_bytes`, `content`, `row`, `width`,
            `height`; pictures that are too small or too large are not among them.
        query_vectors: One row for each content by the query side; memory-mapped, but
            where pictures of wrong sizes are passed over. Shape (N, D).
        key_vectors: The same contents by the key side. Shape (N, D).
        left_out: Path, kind and reason of the other files.
        fingerprint: Of what describes its pictures.
        num_described: Pictures described by the last look.
        num_forgotten: Files that the last look missed.
    """

    folder: Path
    files: pd.DataFrame
    query_vectors: NDArray[np.float32]
    key_vectors: NDArray[np.float32]
    left_out: list[LeftOut]
    fingerprint: str
    num_described: int = 0
    num_forgotten: int = 0

    @property
    def left_out_line(self) -> str:
        """Such as "3 of 13 files left out: 2 hidden, 1 unreadable"; may be empty."""
        table = table_of_left_out(self.left_out)
        return line_of_left_out(table, num_taken=len(self.files))

    @property
    def left_out_table(self) -> pd.DataFrame:
        """`path, why, reason` of what was left out, by absolute paths."""
        place = shown(str(self.folder))
        return table_of_left_out(
            (f"{place}/{path}", why, reason) for path, why, reason in self.left_out
        )

    @cached_property
    def quality(self) -> Mapping[str, tuple[int, int]]:
        """Pixels and bytes of each file."""
        pixels = self.files["width"] * self.files["height"]
        return dict(
            zip(
                self.files["path"],
                zip(pixels.tolist(), self.files["num_bytes"].tolist(), strict=True),
                strict=True,
            )
        )

    @cached_property
    def files_of_row(self) -> Mapping[int, list[str]]:
        """The files of each content, the best first."""
        files: dict[int, list[str]] = {}
        for row, path in zip(
            self.files["row"].tolist(), self.files["path"], strict=True
        ):
            files.setdefault(row, []).append(path)
        return {row: best_first(paths, self.quality) for row, paths in files.items()}

    @cached_property
    def row_of_content(self) -> Mapping[str, int]:
        """The row of each content."""
        pairs = self.files[["content", "row"]].drop_duplicates()
        return dict(zip(pairs["content"], pairs["row"].astype(int), strict=True))

    @cached_property
    def _place_of_file(self) -> Mapping[str, int]:
        return {path: place for place, path in enumerate(self.files["path"])}

    def file_named(self, path: str) -> "pd.Series[Any]":
        """The line of ``files`` of one file."""
        return self.files.iloc[self._place_of_file[path]]

    def full_path(self, path: str) -> str:
        """The absolute path of a file."""
        return str(self.folder / path)


def index_folder(
    place: Path,
    keep: Path,
    describer: Describer,
    config: DescriptionConfig,
    *,
    what: str,
    has_halves: bool = False,
    max_pixels: int,
    min_side: int,
    is_own: Callable[[str], bool] = lambda path: False,
) -> FolderIndex:
    """Look at a folder, describe what is new, and open what is kept of it.

    One line on the screen says what was left out.

    Args:
        place: A folder of pictures, or one picture.
        keep: Where descriptors are kept; nobody else may use it meanwhile.
        describer: Of the pictures.
        config: Batches and workers.
        what: What the person calls the folder.
        has_halves: Whether a row of the describer holds the query's half and the key's.
        max_pixels: Larger pictures are left out, undecoded.
        min_side: Pictures with a shorter side below this are left out; pixels.
        is_own: As ``look_at_folder``.

    Raises:
        UserError: If there is no usable picture.
        StoppedError: If a stop was asked for; what was described is kept.
    """
    found = look_at_folder(place, what=what, is_own=is_own)
    if not found.files:  # A drive that is not there must not cost what is kept of it.
        raise _nothing_usable(what, place, found.left_out)
    store = open_store(keep, describer)
    try:
        update = describe_folder(found, store, describer, config, max_pixels=max_pixels)
        index = _opened(
            found.folder,
            store,
            update,
            describer,
            has_halves=has_halves,
            max_pixels=max_pixels,
            min_side=min_side,
        )
    finally:
        store.close()
    if len(index.files) == 0:
        raise _nothing_usable(what, place, index.left_out)
    say_left_out(found.folder, index.left_out_line)
    return index


def open_index(
    folder: Path,
    keep: Path,
    describer: Describer,
    *,
    has_halves: bool,
    max_pixels: int,
    min_side: int,
) -> FolderIndex:
    """What is kept of a folder, without a look at it.

    Args:
        folder: Absolute.
        keep: As ``index_folder``.
        describer: As ``index_folder``.
        has_halves: As ``index_folder``.
        max_pixels: As ``index_folder``.
        min_side: As ``index_folder``.

    Raises:
        UserError: If nothing is kept, it was damaged, or it is of another folder: an
            answer would be wrong.
    """
    store = open_store(keep, describer)
    try:
        if len(store) == 0 or not store.is_of(folder):
            raise UserError(
                f"What is kept of '{folder}' in '{keep}' must describe pictures; it is "
                "gone or damaged, or another folder was searched since. Search the "
                "folder again."
            )
        return _opened(
            folder,
            store,
            FolderUpdate([], 0, 0),
            describer,
            has_halves=has_halves,
            max_pixels=max_pixels,
            min_side=min_side,
        )
    finally:
        store.close()


def open_store(keep: Path, describer: Describer) -> DescriptorStore:
    """The store of one model's descriptors below a folder of several."""
    name = hashlib.sha256(describer.fingerprint.encode()).hexdigest()[:12]
    return DescriptorStore(keep / name, fingerprint=describer.fingerprint)


def _nothing_usable(what: str, place: Path, left_out: Sequence[LeftOut]) -> UserError:
    first = next((f" First: {path}: {reason}" for path, _, reason in left_out), "")
    return UserError(
        f"{what} ('{place}') must hold at least one usable picture; got "
        f"{len(left_out)} files, none usable.{first}"
    )


def _opened(
    folder: Path,
    store: DescriptorStore,
    update: FolderUpdate,
    describer: Describer,
    *,
    has_halves: bool,
    max_pixels: int,
    min_side: int,
) -> FolderIndex:
    vectors = store.vectors()
    half = vectors.shape[1] // 2 if has_halves else 0
    table = store.table()
    # What was described under other limits is kept, but no part of this search: a
    # promise is made for the pairs that can be given.
    wrong = _of_wrong_size(
        table,
        max_pixels=max_pixels,
        min_side=min_side,
        short_edge=describer.prepare.short_edge,
    )
    is_wrong = table["path"].isin({path for path, _, _ in wrong})
    files = table[~is_wrong].reset_index(drop=True)
    taken, rows = np.unique(files["row"], return_inverse=True)
    if len(taken) < len(vectors):
        vectors, files["row"] = vectors[taken], rows
    return FolderIndex(
        folder,
        files,
        vectors[:, : half or None],
        vectors[:, half:],
        sorted([*update.left_out, *wrong]),
        describer.fingerprint,
        update.num_described,
        update.num_forgotten,
    )


def _of_wrong_size(
    table: pd.DataFrame, *, max_pixels: int, min_side: int, short_edge: int | None
) -> list[LeftOut]:
    """Files of pictures that are too small or too large, and why.

    Args:
        table: `path, width, height`.
        max_pixels: As ``index_folder``.
        min_side: As ``index_folder``.
        short_edge: What pictures are resized to, where they keep their shape.
    """
    left_out: list[LeftOut] = []
    columns = (table[name].tolist() for name in ("path", "width", "height"))
    for path, width, height in zip(*columns, strict=True):
        size = (width, height)
        try:
            check_size(Path(path), size, max_pixels=max_pixels, short_edge=short_edge)
        except UnreadableImageError as error:
            left_out.append((path, error.why, error.reason))
            continue
        if min(width, height) < min_side:
            reason = f"Both sides must have at least {min_side} pixels; got "
            left_out.append((path, Why.TOO_SMALL, f"{reason}{width} x {height}."))
    return left_out
