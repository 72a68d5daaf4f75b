"""A validation set is told from another one by everything that a score depends on."""

from dataclasses import replace
from pathlib import Path

from qk_iteration.core.formats.ground_truth import TrueMatches
from qk_iteration.core.images.image_cache import ImageCache
from qk_iteration.core.learning.validation import Validation


def cache(fingerprint):
    return ImageCache(Path("none.npy"), ("a", "b"), fingerprint)


VALIDATION = Validation(
    queries=cache("queries"),
    references=cache("references"),
    references_as_queries=cache("references"),
    true_matches=TrueMatches({"Q0": ("R0",), "Q1": ()}),
    batch_size=8,
    precision="float32",
)


def test_fingerprint_changes_with_images_matches_and_precision_only():
    others = [
        replace(VALIDATION, queries=cache("other")),
        replace(VALIDATION, references=cache("other")),
        replace(VALIDATION, true_matches=TrueMatches({"Q0": ("R1",), "Q1": ()})),
        replace(VALIDATION, precision="bfloat16"),
    ]
    fingerprints = {one.fingerprint for one in (VALIDATION, *others)}
    assert len(fingerprints) == 1 + len(others)
    assert replace(VALIDATION, batch_size=4).fingerprint == VALIDATION.fingerprint
