"""A benchmark in DISC21's shape, of a person's own pictures.

Groups of near copies are dealt out whole, so that no picture of one part is a copy of
one in another. Parts that are judged get one picture of each group.
"""

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from qk_iteration.builtin_benchmark.edit_queries import edit_queries
from qk_iteration.builtin_benchmark.manifest import (
    ImageEntry,
    Manifest,
    QueryEntry,
    Role,
    Split,
)
from qk_iteration.builtin_benchmark.own_images import write_own_images
from qk_iteration.builtin_benchmark.sources import ImagePackage
from qk_iteration.builtin_benchmark.tables import write_tables
from qk_iteration.builtin_benchmark.whole_folder import appearing_whole
from qk_iteration.core.formats.csv_rows import read_csv_rows, write_csv_rows
from qk_iteration.core.images.recipe import EditRecipe
from qk_iteration.core.user_error import UserError

SMALLEST = 40
"""Groups of pictures; with fewer a judged part would hold next to nothing."""
OWN_SOURCES = "own_sources.csv"
_COLUMNS = ("image_id", "file")

_PACKAGE = "own"
_TRAINING_SHARE = 0.5
_JUDGED_SHARES = (
    (Split.TEST, Role.REFERENCE, 0.2),
    (Split.TEST, Role.DISTRACTOR, 0.2),
    (Split.TEST, Role.UNMATCHED, 0.1),
    (Split.VALIDATION, Role.REFERENCE, 0.2),
    (Split.VALIDATION, Role.DISTRACTOR, 0.2),
    (Split.VALIDATION, Role.UNMATCHED, 0.1),
)


def deal_out(
    folder: Path,
    files: Sequence[str],
    groups: NDArray[np.int64],
    *,
    queries_per_picture: int,
    seed: int,
    learned_from: Collection[str] = (),
) -> Manifest:
    """Which of a person's pictures plays which part.

    Another model groups the pictures otherwise. What a model may have learned from
    stays in training, so that it is never judged by it.

    Args:
        folder: Absolute; where the files lie.
        files: Below the folder. Length N.
        groups: The same number for near copies. Shape (N,).
        queries_per_picture: Edited copies of each picture that is asked with.
        seed: Of the dealing.
        learned_from: Files that were dealt to training before.

    Raises:
        UserError: If there are too few different pictures, or too few to judge by.
    """
    numbers = np.unique(groups)
    if len(numbers) < SMALLEST:
        raise UserError(
            f"A benchmark of your own needs at least {SMALLEST} different pictures; "
            f"'{folder}' holds {len(numbers)} of {len(files)}, near copies counted "
            "once. Add pictures; or, where a model finds different ones near, raise "
            "own_benchmark.near_copy_similarity."
        )
    stays = np.unique(groups[[file in learned_from for file in files]])
    images: list[ImageEntry] = []
    counts: dict[str, int] = {}
    for split, role, part in _parts(numbers, stays, seed):
        for group in part.tolist():
            members = np.flatnonzero(groups == group).tolist()
            for row in members if role is Role.TRAINING else members[:1]:
                number = counts[role.letter] = counts.get(role.letter, -1) + 1
                name = f"{role.letter}{number:06d}"
                place = (group, _PACKAGE, files[row], 0)
                images.append(ImageEntry(name, split, role, "picture", *place))
    return Manifest(
        packages={_PACKAGE: ImagePackage(_PACKAGE, str(folder), "", "", "")},
        images=images,
        queries=_queries(images, queries_per_picture),
    )


def dealt_to_training(target: Path) -> set[str]:
    """Files, below the folder of pictures, that train in a benchmark built before.

    Args:
        target: Of ``build_own_benchmark``; need not be there.
    """
    table = target / OWN_SOURCES
    if not table.is_file():
        return set()
    letter = Role.TRAINING.letter
    rows = read_csv_rows(table, _COLUMNS)
    return {file for image_id, file in rows if image_id.startswith(letter)}


def build_own_benchmark(
    target: Path,
    manifest: Manifest,
    recipe: EditRecipe,
    *,
    seed: int,
    jpeg_quality: int,
    max_pixels: int,
    max_side: int,
    num_workers: int,
) -> pd.DataFrame:
    """Write the pictures, the edited queries and the tables; see ``layout``.

    Args:
        target: A folder that is new, empty, or was built so before.
        manifest: Of ``deal_out``.
        recipe: The random edits of the queries.
        seed: Source of all chance, together with each query's own.
        jpeg_quality: Of all images written, 1 to 95.
        max_pixels: Larger pictures are unreadable.
        max_side: Longer images are shrunk to this side, in pixels.
        num_workers: Processes that edit.

    Returns:
        Of the few pictures that cannot be read any more, the `path, why, reason`.

    Raises:
        UserError: If the folder holds anything else, or more pictures than a few cannot
            be read any more.
        StoppedError: If a stop is asked for meanwhile.
    """
    with appearing_whole(target, "own pictures") as partial:
        manifest, left_out = write_own_images(
            partial,
            manifest,
            max_pixels=max_pixels,
            max_side=max_side,
            jpeg_quality=jpeg_quality,
        )
        edits = edit_queries(
            partial,
            manifest,
            recipe=recipe,
            seed=seed,
            jpeg_quality=jpeg_quality,
            num_workers=num_workers,
        )
        write_tables(partial, manifest, edits)
        rows = [(image.image_id, image.file) for image in manifest.images]
        write_csv_rows(partial / OWN_SOURCES, _COLUMNS, rows)
    return left_out


def _parts(
    numbers: NDArray[np.int64], stays: NDArray[np.int64], seed: int
) -> Iterator[tuple[Split, Role, NDArray[np.int64]]]:
    dealt = np.random.default_rng(seed).permutation(numbers)
    # First those that stay; where that changes nothing, the order is what it was.
    dealt = dealt[np.argsort(~np.isin(dealt, stays), kind="stable")]
    num_training = max(len(stays), round(_TRAINING_SHARE * len(dealt)))
    training, judged = np.split(dealt, [num_training])
    if len(judged) < _TRAINING_SHARE * SMALLEST:
        raise UserError(
            f"All but {len(judged)} of {len(dealt)} different pictures were dealt to "
            "training before, which leaves too few to judge by. Add pictures."
        )
    yield Split.TRAINING, Role.TRAINING, training
    ends = np.round(np.cumsum([share for *_, share in _JUDGED_SHARES]) * len(judged))
    parts = np.split(judged, ends[:-1].astype(int))
    for (split, role, _), part in zip(_JUDGED_SHARES, parts, strict=True):
        yield split, role, part


def _queries(images: Sequence[ImageEntry], number: int) -> list[QueryEntry]:
    asked = [i for i in images if i.role in (Role.REFERENCE, Role.UNMATCHED)]
    pairs = [(image, turn) for image in asked for turn in range(number)]
    return [
        QueryEntry(f"Q{row:05d}", image.split, image.image_id, row)
        for row, (image, _) in enumerate(pairs)
    ]
