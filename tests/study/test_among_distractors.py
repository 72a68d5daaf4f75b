"""A made-up pair is scored among distractors, beside the scorer itself."""

import numpy as np
import pytest

from qk_iteration.core.formats.descriptor_files import write_descriptors
from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.scoring.evaluate import evaluate_descriptors
from qk_iteration.core.user_error import UserError
from study import among_distractors
from study.among_distractors import describe_pair, score_among
from study.keys import read_parameters

NUM_QUERIES = 8


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(among_distractors, "PART_SIZE", 2)


@pytest.fixture
def pair(tmp_path):
    """Each query near the reference of its number; distractors nearer to the first."""
    generator = np.random.default_rng(0)
    references = generator.standard_normal((NUM_QUERIES, 16))
    queries = references + 0.3 * generator.standard_normal(references.shape)
    rows = {
        "query": queries,
        "reference": references,
        "training": generator.standard_normal((20, 16)),
        "part_00": generator.standard_normal((2, 16)),
        "part_01": queries[:2] + 0.01,
    }
    for name, vectors in rows.items():
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        letter = name[0].upper() if name[0] != "p" else f"D{name[-1]}"
        ids = [f"{letter}{row}" for row in range(len(unit))]
        write_descriptors(tmp_path / f"{name}.hdf5", Descriptors(ids, unit))
    truth = "".join(f"Q{row},R{row}\n" for row in range(NUM_QUERIES))
    (tmp_path / "truth.csv").write_text("query_id,reference_id\n" + truth)
    return tmp_path


def score(pair, number):
    return score_among(pair, number, pair / "truth.csv", read_parameters())


def test_without_distractors_figures_are_those_of_the_references(pair):
    metrics, matches = score(pair, 0)
    files = (pair / "query.hdf5", pair / "reference.hdf5", pair / "truth.csv")
    expected = evaluate_descriptors(*files, protocol="isc2021")
    assert metrics["micro_ap"] == expected.micro_ap == 1
    assert len(matches["predicted_matches"]) == NUM_QUERIES**2


def test_distractors_are_searched_and_cost_what_they_are_nearer_to(pair):
    harmless, _ = score(pair, 2)
    metrics, matches = score(pair, 4)
    assert harmless["micro_ap"] == 1
    assert metrics["recall_at_rank1"] == (NUM_QUERIES - 2) / NUM_QUERIES
    assert metrics["micro_ap"] < 1
    assert metrics["micro_ap_normalized"] < 1
    assert set(matches["predicted_matches"]["reference_id"][:2]) == {"D10", "D11"}


def test_each_side_describes_its_images_once(tmp_path):
    benchmark, distractors = tmp_path / "benchmark", tmp_path / "distractors"
    names = ("query", "reference", "training")
    for folder in [*(benchmark / f"{name}_images" for name in names)]:
        folder.mkdir(parents=True)
    for part in ("part_00", "part_01"):
        (distractors / part).mkdir(parents=True)
    asked = []

    def describe(params):
        (tmp_path / "files").mkdir(exist_ok=True)
        name = params["descriptors_path"].rsplit("/")[-1]
        (tmp_path / "files" / name).touch()
        asked.append((name.removesuffix(".hdf5"), params["side"]))

    where = (tmp_path / "pair", benchmark, distractors)
    for number in (2, 4, 2):
        describe_pair(*where, number, tmp_path / "files", describe)
    sides = {"query": "query"}
    described = [*names, "part_00", "part_01"]
    assert asked == [(name, sides.get(name, "key")) for name in described]
    asked.clear()
    (distractors / "part_01" / "D000002.jpg").write_bytes(b"another picture")
    describe_pair(*where, 4, tmp_path / "files", describe)
    assert asked == [("part_01", "key")]
    with pytest.raises(UserError, match="Make them: make distractors"):
        describe_pair(*where, 6, tmp_path / "files", describe)
    with pytest.raises(UserError, match="multiple of 2"):
        describe_pair(*where, 3, tmp_path / "files", describe)
