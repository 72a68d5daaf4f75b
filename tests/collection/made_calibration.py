"""A calibration of scores that are drawn or written down, without pictures."""

import numpy as np

from qk_iteration.collection.match_calibration import calibrate_matches


def made_of(right, wrong, clean=None):
    scores = np.concatenate([right, wrong])[None]
    is_true = np.zeros(scores.shape, bool)
    is_true[0, : len(right)] = True
    return calibrate_matches(
        scores,
        is_true,
        wrong if clean is None else clean,
        background=np.eye(2, 3, dtype=np.float32),
        source="numbers",
        fingerprint="f",
    )
