"""Seeded cases of which the official scorers' answers are on record."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

# seed, queries, references, dimension, matches, noise, steps per unit of quantization
SETTINGS = {
    "a": (11, 500, 3000, 64, 120, 2.6, None),
    "b": (12, 400, 2000, 32, 100, 2.2, 6),
}


@dataclass(frozen=True)
class Case:
    """Descriptors with planted matches; queries without one are labelled too."""

    query_ids: list
    queries: np.ndarray
    reference_ids: list
    references: np.ndarray
    true_matches: dict
    true_rows: tuple


def draw_case(settings):
    """Unit vectors; a match is its reference plus noise of a random strength."""
    seed, num_queries, num_references, dim, num_matches, noise, steps = settings
    generator = np.random.default_rng(seed)
    references = generator.standard_normal((num_references, dim)).astype(np.float32)
    queries = generator.standard_normal((num_queries, dim)).astype(np.float32)
    matched = np.sort(generator.choice(num_queries, num_matches, replace=False))
    sources = generator.choice(num_references, num_matches, replace=False)
    strengths = generator.uniform(0.2, noise, num_matches).astype(np.float32)[:, None]
    queries[matched] = references[sources] + strengths * generator.standard_normal(
        (num_matches, dim)
    ).astype(np.float32)
    queries, references = (
        rows / np.linalg.norm(rows, axis=1, keepdims=True)
        for rows in (queries, references)
    )
    if steps:
        queries, references = (
            np.round(rows * steps) / steps for rows in (queries, references)
        )
    query_ids = [f"Q{row:05d}" for row in range(num_queries)]
    reference_ids = [f"R{row:06d}" for row in range(num_references)]
    true_matches = {query: [] for query in query_ids}
    for query, reference in zip(matched, sources, strict=True):
        true_matches[query_ids[query]] = [reference_ids[reference]]
    return Case(
        query_ids, queries, reference_ids, references, true_matches, (matched, sources)
    )


@pytest.fixture(scope="session")
def cases():
    return {name: draw_case(settings) for name, settings in SETTINGS.items()}


@pytest.fixture(scope="session")
def official():
    """What the official scorers printed, by case and protocol."""
    text = (Path(__file__).parent / "official.json").read_text()
    ours = {
        "global500k": "isc2021",
        "global10x_drivendata": "drivendata",
        "knn10": "knn",
    }
    return {
        (key[0], ours[key[2:]]): figures for key, figures in json.loads(text).items()
    }
