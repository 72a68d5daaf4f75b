"""Measure how true matches and wrong pairs score, where the matches are known."""

import numpy as np
import pandas as pd

from qk_iteration.collection.background import biases_of, sample_background
from qk_iteration.collection.match_calibration import (
    MatchCalibration,
    calibrate_matches,
)
from qk_iteration.collection.model_sides import ModelSides
from qk_iteration.core.describing.describe_images import describe_images
from qk_iteration.core.describing.describing_config import DescriptionConfig
from qk_iteration.core.formats.ground_truth import TrueMatches


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
    """Describe labelled pictures and compare every query with every reference.

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
    asked, kept = (
        describe_images(table, side, config, max_pixels=max_pixels, label=label)
        for table, side, label in (
            (queries, sides.query, "describing queries"),
            (references, sides.key, "describing references"),
        )
    )
    background = sample_background(kept.read())
    biases = biases_of(asked.read(), background, usual_bias=0.0)
    scores = asked.read() @ kept.read().T - biases[:, None]
    is_true = np.zeros(scores.shape, bool)
    row_of = {name: row for row, name in enumerate(kept.ids.tolist())}
    for row, query in enumerate(asked.ids.tolist()):
        for reference in true_matches.references.get(query, ()):
            if reference in row_of:
                is_true[row, row_of[reference]] = True
    return calibrate_matches(
        scores,
        is_true,
        usual_bias=float(biases.mean()),
        source=source,
        fingerprint=sides.fingerprint,
    )
