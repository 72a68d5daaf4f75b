"""A validation set is told from another one by everything that a score depends on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from qk_iteration.core.describing.describing_config import DescriptionConfig
from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.formats.ground_truth import TrueMatches
from qk_iteration.core.images.image_cache import ImageCache
from qk_iteration.core.learning import index_validation
from qk_iteration.core.learning.index_validation import validate_on_queries
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


class NotedRows:
    """Rows of an index that note how many are read at a time."""

    def __init__(self, rows):
        self.rows, self.shape, self.dtype = rows, rows.shape, rows.dtype
        self.most = 0

    def __getitem__(self, rows):
        self.most = max(self.most, len(self.rows[rows]))
        return self.rows[rows]


def test_an_index_is_told_from_another_without_being_held_in_memory(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(index_validation, "ROWS_PER_READ", 4)
    Image.new("RGB", (32, 32)).save(tmp_path / "Q.png")
    queries = pd.DataFrame({"image_id": ["Q"], "path": [str(tmp_path / "Q.png")]})
    vectors = np.random.default_rng(0).normal(size=(10, 3)).astype(np.float32)
    other = vectors.copy()
    other[9, 2] += 1

    def fingerprint(vectors, *, reference="R0", precision="float32"):
        rows = NotedRows(vectors)
        judged = validate_on_queries(
            queries,
            Descriptors(np.array([f"R{row}" for row in range(10)]), rows),
            TrueMatches({"Q": (reference,)}),
            tmp_path / "cache",
            image_size=32,
            max_pixels=10_000,
            description=DescriptionConfig(
                batch_size=8, num_workers=0, precision=precision
            ),
        )
        assert rows.most == 4
        return judged.fingerprint

    first = fingerprint(vectors)
    others = {
        fingerprint(other),
        fingerprint(vectors, reference="R1"),
        fingerprint(vectors, precision="bfloat16"),
    }
    assert fingerprint(vectors) == first
    assert len(others | {first}) == 4
