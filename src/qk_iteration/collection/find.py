"""Which pictures of a folder are copies, of each other or of another folder's."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from qk_iteration.collection.background import Background, background_of
from qk_iteration.collection.calibrated_model import load_calibrated
from qk_iteration.collection.choose_index import (
    EXACT_UP_TO,
    SEARCH,
    index_of_collection,
)
from qk_iteration.collection.find_pairs import (
    Lowest,
    Pairs,
    lowest_that_keeps,
    pairs_with_queries,
    pairs_within,
)
from qk_iteration.collection.folder_index import FolderIndex, index_folder
from qk_iteration.collection.found_copies import FoundCopies
from qk_iteration.collection.match_calibration import MatchCalibration, Threshold
from qk_iteration.collection.match_tables import (
    FilePair,
    left_out_table,
    pairs_of_files_between,
    pairs_of_files_within,
    tables_of,
)
from qk_iteration.collection.model_sides import ModelSides
from qk_iteration.collection.own_files import (
    INDEX,
    NEAREST,
    STORE,
    tells_own_files,
)
from qk_iteration.collection.search_record import SearchRecord
from qk_iteration.collection.write_found import write_page, write_tables
from qk_iteration.core.describing.describing_config import DescriptionConfig
from qk_iteration.core.formats.folder_lock import all_locked
from qk_iteration.core.formats.user_paths import user_path
from qk_iteration.core.images.left_out import line_of_left_out
from qk_iteration.core.search.search_config import SearchConfig
from qk_iteration.core.user_error import UserError

PAIRS_BELOW = 200
"""Pairs behind the threshold that the page shows too."""


def find_copies(
    collection: str | Path,
    queries: str | Path | None = None,
    *,
    output: str | Path,
    model: str | Path | None = None,
    precision: float = 0.95,
    calibration: str | Path | None = None,
    cache: str | Path | None = None,
    device: str = "auto",
    batch_size: int = 64,
    num_workers: int | None = None,
    max_pixels: int = 100_000_000,
    min_side: int = 8,
    search: SearchConfig = SEARCH,
    exact_up_to: int = EXACT_UP_TO,
) -> FoundCopies:
    """Find the copies in a folder of pictures, or of other pictures in it.

    Files with the same bytes are found first. Then every picture is described, once:
    descriptors are kept in ``output``, so that a second search describes only what is
    new. A search that is stopped goes on where it was. No picture is ever changed,
    moved or deleted.

    Args:
        collection: A folder of pictures, sub-folders included.
        queries: A second folder, or one picture, of which copies are sought in the
            first; without it the collection is searched against itself.
        output: A folder for matches.csv, groups.csv, left_out.csv, evidence.html.
        model: A folder of ours, a TorchScript or an ONNX file; by default the pair
            that ``make demo`` left.
        precision: Promised share of right pairs among those given; in (0, 1).
        calibration: The file that says which score keeps a promise; by default that
            of your own pictures, or else that of the built-in benchmark, beside the
            model.
        cache: Where descriptors are kept instead of ``output``.
        device: ``auto``, ``cpu`` or ``cuda``.
        batch_size: Pictures described at a time; memory and speed only.
        num_workers: Processes that decode; as many as cores by default.
        max_pixels: Larger pictures are left out.
        min_side: Pictures with a shorter side are left out; pixels.
        search: Index and its settings; ``exact`` compares everything.
        exact_up_to: In larger collections FAISS's inverted lists stand for ``exact``.

    Raises:
        UserError: If there is no usable picture, model or calibration, or the output is
            no folder.
        StoppedError: If a stop was asked for; what was described is kept.
    """
    if not 0 < precision < 1:
        raise UserError(f"precision must lie between 0 and 1; got {precision}.")
    place, asked = user_path(collection), _other_folder(queries, collection)
    output = _folder("output", output)
    keep = output / STORE if cache is None else _folder("cache", cache)
    sides, told = load_calibrated(model, calibration, device=device)
    workers = num_workers if num_workers is not None else os.cpu_count() or 1
    read = partial(
        index_folder,
        config=DescriptionConfig(
            batch_size=batch_size, num_workers=workers, precision="float32"
        ),
        max_pixels=max_pixels,
        min_side=min_side,
        is_own=tells_own_files(output, keep),
    )
    with all_locked(output, keep, what="another search"):
        index, questions = _look(place, asked, keep, sides, read)
        background = background_of(index.key_vectors, told.background)
        lowest = lowest_that_keeps(precision, told)
        pairs = _search(index, questions, background, lowest, search, exact_up_to, keep)
        judged = _judge(pairs, index, questions, told, precision)
        found = _tell(judged, index, questions, told, precision, output)
        write_tables(
            output,
            matches=found.matches,
            groups=found.groups,
            left_out=found.left_out,
        )
        write_page(found, judged.shown, questions, index, told)
        SearchRecord(
            folder=index.folder,
            keep=keep.absolute(),
            model=sides.path.absolute(),
            has_halves=index is questions and not sides.is_one,
            calibration=told,
            precision=precision,
            threshold=judged.threshold,
            max_pixels=max_pixels,
            min_side=min_side,
        ).save(output, background)
    return found


@dataclass(frozen=True, eq=False)
class _Judged:
    """Pairs of files before and behind the threshold."""

    kept: list[FilePair]
    shown: list[FilePair]
    threshold: Threshold | None
    more_line: str


def _folder(name: str, named: str | Path) -> Path:
    """Where to write, which need not be there yet."""
    folder = user_path(named)
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{name} must be a folder; '{folder}' is a file.")
    return folder


def _other_folder(queries: str | Path | None, collection: str | Path) -> Path | None:
    """The folder that asks, unless it is the collection itself."""
    if queries is None:
        return None
    asked = user_path(queries)
    is_same = asked.resolve() == user_path(collection).resolve()
    return None if is_same else asked


def _look(
    place: Path,
    asked: Path | None,
    keep: Path,
    sides: ModelSides,
    read: Callable[..., FolderIndex],
) -> tuple[FolderIndex, FolderIndex]:
    """The collection, and what asks: itself, or another folder."""
    if asked is None:
        index = read(
            place,
            keep / "collection",
            sides.both(),
            what="COLLECTION",
            has_halves=not sides.is_one,
        )
        return index, index
    return (
        read(place, keep / "collection", sides.key, what="COLLECTION"),
        read(asked, keep / "queries", sides.query, what="QUERIES"),
    )


def _search(
    index: FolderIndex,
    questions: FolderIndex,
    background: Background,
    lowest: Lowest,
    search: SearchConfig,
    exact_up_to: int,
    keep: Path,
) -> Pairs:
    """The nearest pairs, by an index whose lists lie beside the descriptors."""
    searched = index_of_collection(
        index.key_vectors,
        questions.query_vectors,
        search,
        exact_up_to=exact_up_to,
        folder=keep / INDEX,
    )
    if questions is index:
        return pairs_within(
            index.query_vectors,
            searched,
            background,
            lowest=lowest,
            kept=keep / NEAREST,
        )
    return pairs_with_queries(
        questions.query_vectors, searched, background, lowest=lowest
    )


def _judge(
    pairs: Pairs,
    index: FolderIndex,
    questions: FolderIndex,
    told: MatchCalibration,
    precision: float,
) -> _Judged:
    """Which pairs keep the promise, and some more to be looked at."""
    compared = pairs.num_compared
    threshold = told.threshold_for(precision, pairs.scores, num_compared=compared)
    num_kept = threshold.num_pairs if threshold else 0
    best = pairs.take(slice(num_kept + PAIRS_BELOW))
    expected = told.precision_of(pairs.scores, num_compared=compared)[: len(best)]
    of_files = (
        pairs_of_files_within(index, best, expected)
        if questions is index
        else pairs_of_files_between(questions, index, best, expected)
    )
    shown = list(of_files)
    kept = [
        pair
        for pair in shown
        if pair.is_identical or (threshold and pair.score >= threshold.score)
    ]
    return _Judged(kept, shown, threshold, pairs.more_line)


def _tell(
    judged: _Judged,
    index: FolderIndex,
    questions: FolderIndex,
    told: MatchCalibration,
    precision: float,
    output: Path,
) -> FoundCopies:
    matches, groups = tables_of(judged.kept, questions, index)
    left_out = left_out_table(questions, index)
    sides = {id(side): side for side in (index, questions)}.values()
    num_taken = sum(len(side.files) for side in sides)
    return FoundCopies(
        matches=matches,
        groups=groups,
        left_out=left_out,
        left_out_line=line_of_left_out(left_out, num_taken=num_taken),
        more_line=judged.more_line,
        threshold=judged.threshold,
        asked_precision=precision,
        source=told.source,
        num_identical=sum(pair.is_identical for pair in judged.kept),
        num_pictures=len(index.files),
        num_described=index.num_described
        + (0 if questions is index else questions.num_described),
        output=output,
    )
