"""A folder in DISC21's shape as tables: what is in it, and what of it is usable."""

from collections.abc import Iterable, Set
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from qk_iteration.core.formats.disc21_folders import find_disc21_folders
from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.formats.ground_truth import TrueMatches, read_true_matches
from qk_iteration.core.images.image_table import tabulate_images
from qk_iteration.core.images.images_config import ImagesConfig

TRAINING_GROUPS = "training_groups.csv"
"""Beside the folders; says which training images must never be pushed apart."""


@dataclass(frozen=True)
class BenchmarkTables:
    """Tables with ``image_id, path, width, height, group``, and the ground truth.

    Attributes:
        training: Empty where the folder has no training images.
        references: The images sought in.
        queries: The edited copies and the queries that match nothing.
        quarantined: ``path`` and ``reason`` of every file that is left out.
        true_matches: Which reference each query is a copy of.
    """

    training: pd.DataFrame
    references: pd.DataFrame
    queries: pd.DataFrame
    quarantined: pd.DataFrame
    true_matches: TrueMatches


def tabulate_benchmark(root: Path, config: ImagesConfig) -> BenchmarkTables:
    """Look at every image of a folder in DISC21's shape.

    Raises:
        FormatError: If the folder has no such shape, no ground truth, or a ground
            truth that names images it does not hold.
    """
    folders = find_disc21_folders(root)
    if not folders.ground_truths:
        raise FormatError(
            f"'{root}' holds no ground truth. Put ground_truth.csv with the columns "
            "query_id,reference_id beside its folders."
        )
    true_matches = read_true_matches(folders.ground_truths[0])
    groups_path = root / TRAINING_GROUPS
    tabulate = partial(
        tabulate_images, max_pixels=config.max_pixels, min_side=config.min_side
    )
    references = tabulate(folders.reference_images)
    queries = tabulate(folders.query_images)
    quarantined = [references.quarantined, queries.quarantined]
    training = references.images.iloc[:0]
    if folders.training_images is not None:
        tables = tabulate(
            folders.training_images,
            groups_path=groups_path if groups_path.is_file() else None,
        )
        training = tables.images
        quarantined.append(tables.quarantined)
    all_quarantined = pd.concat(quarantined, ignore_index=True)
    _check_names(
        true_matches,
        queries=_known_ids(queries.images, all_quarantined),
        references=_known_ids(references.images, all_quarantined),
    )
    return BenchmarkTables(
        training, references.images, queries.images, all_quarantined, true_matches
    )


def _known_ids(images: pd.DataFrame, quarantined: pd.DataFrame) -> Set[str]:
    """Ids of usable images and of broken ones: a broken image is a lost match."""
    return set(images["image_id"]) | {Path(path).stem for path in quarantined["path"]}


def _check_names(
    true_matches: TrueMatches, *, queries: Set[str], references: Set[str]
) -> None:
    named_references = (r for many in true_matches.references.values() for r in many)
    for what, named, known in (
        ("queries", true_matches.references, queries),
        ("references", named_references, references),
    ):
        unknown = _missing(named, known)
        if unknown:
            raise FormatError(
                f"The ground truth must name images of the folders; it names "
                f"{len(unknown)} {what} that are not there, first '{unknown[0]}'. "
                "Add the images or take the rows out."
            )


def _missing(named: Iterable[str], known: Set[str]) -> list[str]:
    return sorted({name for name in named if name not in known})
