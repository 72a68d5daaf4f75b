"""Digests of benchmarks are compared with whether figures on them compare."""

import numpy as np

from qk_iteration.core.formats.ground_truth import TrueMatches
from qk_iteration.core.scoring.benchmark_digest import benchmark_digest

TRUTH = {"Q1": ("R1",), "Q2": (), "Q3": ("R2", "R3")}
QUERIES, REFERENCES = ("Q1", "Q2", "Q3"), ("R1", "R2", "R3", "R4")


def digest(truth=TRUTH, queries=QUERIES, references=REFERENCES):
    return benchmark_digest(TrueMatches(truth), np.array(queries), np.array(references))


def test_the_order_does_not_matter():
    again = {"Q3": ("R3", "R2"), "Q1": ("R1",), "Q2": ()}
    assert digest() == digest(again, QUERIES[::-1], REFERENCES[::-1])
    assert len(digest()) == 12


def test_any_other_image_or_match_is_another_benchmark():
    others = [
        digest(TRUTH | {"Q2": ("R4",)}),
        digest({"Q1": ("R1",), "Q3": ("R2", "R3")}),
        digest(queries=("Q1", "Q2", "Q3", "Q4")),
        digest(references=("R1", "R2", "R3")),
        digest(references=("R1", "R2", "R3", "R5")),
        digest(queries=("Q1", "Q2", "Q3", "R1"), references=("R2", "R3", "R4")),
    ]
    assert len({digest(), *others}) == len(others) + 1
