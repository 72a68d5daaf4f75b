"""Measure how true matches and wrong pairs score, where the matches are known."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from qk_iteration.collection.background import sample_background
from qk_iteration.collection.calibration_file import (
    OWN_CALIBRATION,
    calibration_path,
    calibration_to_json,
)
from qk_iteration.collection.find_pairs import scores_between, scores_within
from qk_iteration.collection.match_calibration import (
    MatchCalibration,
    calibrate_matches,
)
from qk_iteration.collection.model_sides import ModelSides
from qk_iteration.core.describing.describe_images import describe_images
from qk_iteration.core.describing.describing_config import DescriptionConfig
from qk_iteration.core.formats.atomic_file import replacing
from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.formats.ground_truth import TrueMatches
from qk_iteration.core.images.benchmark_tables import tabulate_benchmark
from qk_iteration.core.images.images_config import ImagesConfig

PRECISIONS = (0.5, 0.8, 0.9, 0.95, 0.99)
"""That the table of promises tells of."""


def calibrate_model(
    sides: ModelSides,
    queries: pd.DataFrame,
    references: pd.DataFrame,
    true_matches: TrueMatches,
    config: DescriptionConfig,
    *,
    max_pixels: int,
    source: str,
) -> MatchCalibration:
    """Describe labelled pictures; compare queries with references, and these.

    No two references show one picture, so that any two of them are a wrong pair.

    Args:
        sides: The model.
        queries: Table with ``image_id`` and ``path``: edited copies, and others.
        references: Table of the collection they are sought in.
        true_matches: Which query is a copy of which reference.
        config: Batches and workers.
        max_pixels: Larger pictures are unreadable.
        source: What this is made with, for a person.

    Raises:
        FormatError: If nothing matches.
        UserError: If pictures cannot be read.
    """
    describe = partial(describe_images, config=config, max_pixels=max_pixels)
    asked = describe(queries, sides.query, label="describing queries")
    ids, as_queries, as_keys = _by_both_sides(references, sides, describe)
    background = sample_background(as_keys)
    scores = scores_between(asked.read(), as_keys, background)
    is_true = np.zeros(scores.shape, bool)
    row_of = {name: row for row, name in enumerate(ids)}
    for row, query in enumerate(asked.ids.tolist()):
        for reference in true_matches.references.get(query, ()):
            if reference in row_of:
                is_true[row, row_of[reference]] = True
    return calibrate_matches(
        scores,
        is_true,
        scores_within(as_queries, as_keys, background),
        background=background.vectors if background.is_enough else as_keys[:0],
        source=source,
        fingerprint=sides.fingerprint,
        preprocessing=sides.preprocessing,
        output=sides.output,
    )


def _by_both_sides(
    references: pd.DataFrame, sides: ModelSides, describe: Callable[..., Descriptors]
) -> tuple[list[str], NDArray[np.float32], NDArray[np.float32]]:
    """Ids of pictures, and their rows by the query's side and by the key's."""
    label = "describing references"
    if sides.query.prepare == sides.key.prepare:  # They are decoded once.
        kept = describe(references, sides.both(), label=label)
        return kept.ids.tolist(), *sides.halves(kept.read())
    asking, kept = (
        describe(references, side, label=label) for side in (sides.query, sides.key)
    )
    return kept.ids.tolist(), asking.read(), kept.read()


def calibrate_on_benchmark(
    sides: ModelSides,
    benchmark: Path,
    config: DescriptionConfig,
    *,
    max_pixels: int,
    min_side: int,
    source: str,
) -> dict[str, Any]:
    """Calibrate on the queries of a folder in DISC21's shape; keep it beside the model.

    All of its queries and references are used, those of its validation split too: they
    are pictures of one kind, and no figure of a training comes of it.

    Args:
        sides: The model.
        benchmark: The folder, with ``validation`` inside.
        config: Batches and workers.
        max_pixels: Larger pictures are left out.
        min_side: Pictures with a shorter side are left out; pixels.
        source: What a person reads.

    Returns:
        For a few precisions, the score that keeps each in a search of the benchmark's
        own size, and the recall there.
    """
    images = ImagesConfig(max_pixels=max_pixels, min_side=min_side, cache_size=8)
    tables = [
        tabulate_benchmark(folder, images)
        for folder in (benchmark, benchmark / "validation")
    ]
    calibration = calibrate_model(
        sides,
        pd.concat([table.queries for table in tables]),
        pd.concat([table.references for table in tables]),
        TrueMatches(
            {q: r for t in tables for q, r in t.true_matches.references.items()}
        ),
        config,
        max_pixels=max_pixels,
        source=source,
    )
    path = calibration_path(sides.path, OWN_CALIBRATION)
    with replacing(path) as partial:
        partial.write_text(calibration_to_json(calibration), encoding="utf-8")
    scores = np.sort(
        np.concatenate([calibration.right_scores, calibration.wrong_scores])
    )[::-1]
    compared = calibration.num_wrong_pairs + len(calibration.right_scores)
    promises = {
        f"{precision:.2f}": None
        if (kept := calibration.threshold_for(precision, scores, num_compared=compared))
        is None
        else {"score": kept.score, "recall": kept.recall}
        for precision in PRECISIONS
    }
    return {"calibration": str(path), "source": source, "promises": promises}
