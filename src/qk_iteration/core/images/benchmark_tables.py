"""A folder in DISC21's shape as tables: what is in it, and what of it is usable."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import pandas as pd

from qk_iteration.core.formats.disc21_folders import (
    Disc21Folders,
    find_disc21_folders,
)
from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.formats.ground_truth import TrueMatches, read_true_matches
from qk_iteration.core.images.image_names import possible_ids, short_id
from qk_iteration.core.images.image_table import ImageTables, tabulate_images
from qk_iteration.core.images.images_config import ImagesConfig
from qk_iteration.core.images.left_out import line_of_left_out

TRAINING_GROUPS = "training_groups.csv"
"""Beside the folders; says which training images must never be pushed apart."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BenchmarkTables:
    """Tables with ``image_id, path, width, height, group``, and the ground truth.

    Attributes:
        training: Empty where the folder has no training images.
        references: The images sought in.
        queries: The edited copies and the queries that match nothing.
        quarantined: ``path``, ``why`` and ``reason`` of all that is left out.
        true_matches: Which reference each query is a copy of.
    """

    training: pd.DataFrame
    references: pd.DataFrame
    queries: pd.DataFrame
    quarantined: pd.DataFrame
    true_matches: TrueMatches

    @property
    def left_out_line(self) -> str:
        """Such as "3 of 13 files left out: 2 hidden, 1 unreadable"; may be empty."""
        taken = len(self.training) + len(self.references) + len(self.queries)
        return line_of_left_out(self.quarantined, num_taken=taken)


def tabulate_benchmark(root: Path, config: ImagesConfig) -> BenchmarkTables:
    """Look at every image of a folder in DISC21's shape.

    True matches of an image that is left out stay in the ground truth, so that they
    count as missed; a line says so.

    Raises:
        FormatError: If the folder has no such shape, no ground truth, or a ground
            truth that names images it does not hold.
        UserError: If a folder holds no usable image.
    """
    folders = find_disc21_folders(root)
    if not folders.ground_truths:
        raise FormatError(
            f"'{root}' holds no ground truth. Put ground_truth.csv with the columns "
            "query_id,reference_id beside its folders."
        )
    true_matches = read_true_matches(folders.ground_truths[0])
    _say_unused(root, folders)
    groups_path = root / TRAINING_GROUPS
    tabulate = partial(
        tabulate_images, max_pixels=config.max_pixels, min_side=config.min_side
    )
    references = tabulate(folders.reference_images)
    queries = tabulate(folders.query_images)
    _check_names(
        "queries", true_matches.references, queries, folder=folders.query_images
    )
    named_references = (r for many in true_matches.references.values() for r in many)
    _check_names(
        "references", named_references, references, folder=folders.reference_images
    )
    quarantined = [references.quarantined, queries.quarantined]
    training = references.images.iloc[:0]
    if folders.training_images is not None:
        tables = tabulate(
            folders.training_images,
            groups_path=groups_path if groups_path.exists() else None,
        )
        training = tables.images
        quarantined.append(tables.quarantined)
    return BenchmarkTables(
        training,
        references.images,
        queries.images,
        pd.concat(quarantined, ignore_index=True),
        true_matches,
    )


def _say_unused(root: Path, folders: Disc21Folders) -> None:
    """Say which queries and ground truths of the folder take no part."""
    used, *others = folders.ground_truths
    unused = [*others, *filter(None, [folders.phase2_query_images])]
    if unused:
        _logger.warning(
            "%s: only the queries of '%s' and the ground truth '%s' are used; %s is "
            "not looked at.",
            root,
            folders.query_images.name,
            used.relative_to(root),
            " and ".join(f"'{path.relative_to(root)}'" for path in unused),
        )


def _check_names(
    what: str, named: Iterable[str], tables: ImageTables, *, folder: Path
) -> None:
    """Say which named images were left out; refuse those that are nowhere."""
    missing = sorted(set(named).difference(tables.images["image_id"]))
    if not missing:
        return
    left_out = _left_out_ids(tables.quarantined, folder)
    lost = [name for name in missing if name in left_out]
    if len(lost) < len(missing):
        unknown = [name for name in missing if name not in left_out]
        raise FormatError(_not_there(what, unknown, tables))
    _logger.warning(
        "The ground truth names %d %s that were left out, first '%s': their matches "
        "count as missed. %s",
        len(lost),
        what,
        lost[0],
        tables.quarantined["reason"].iloc[left_out[lost[0]]],
    )


def _left_out_ids(table: pd.DataFrame, folder: Path) -> Mapping[str, int]:
    """The row of each file that was left out, by all that it may be called."""
    root = f"{folder.absolute()}/"
    return {
        name: row
        for row, path in enumerate(table["path"])
        for name in possible_ids(path.removeprefix(root))
    }


def _not_there(what: str, unknown: list[str], tables: ImageTables) -> str:
    text = (
        f"The ground truth must name images of the folders; it names {len(unknown)} "
        f"{what} that are not there, first '{unknown[0]}'."
    )
    paths = tables.images["path"].map(PurePosixPath)
    has_name = [unknown[0] in (short_id(path), path.name) for path in paths]
    alike = tables.images["image_id"][has_name]
    if len(alike):
        ids = ", ".join(f"'{name}'" for name in alike[:3])
        return f"{text} Files of that name have the ids {ids}. Use these."
    return f"{text} Add the images or take the rows out."
