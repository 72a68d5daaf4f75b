"""The nodes of scoring are compared with what they pass on to the core."""

import numpy as np
import pytest
import torch

from qk_iteration.config import (
    NormalizationConfig,
    ScoredFilesConfig,
    ScoringConfig,
    SearchConfig,
)
from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.formats.ground_truth import TrueMatches
from qk_iteration.core.models import device as devices
from qk_iteration.core.scoring import evaluate, score_files
from qk_iteration.core.scoring.benchmark_digest import benchmark_digest
from qk_iteration.core.search import whiten_and_normalize
from qk_iteration.core.user_error import UserError
from qk_iteration.pipelines.scoring import create_pipeline, nodes

SCORING = ScoringConfig(
    protocol="isc2021",
    metric="l2",
    top_k=10,
    whitening_dim=None,
    normalization=NormalizationConfig(
        first_neighbor=0, last_neighbor=0, reduction="mean", weight=1.0
    ),
)
SEARCH = SearchConfig(
    index="exact",
    rerank=4,
    pairs_per_query=3,
    recall_queries=10,
    seed=0,
    hnsw={"neighbors": 8, "build_effort": 40, "search_effort": 40},
    ivf={
        "lists": 1,
        "probes": 1,
        "training_rows": 100,
        "on_disk": False,
        "code_bytes": None,
    },
)
TRUTH = TrueMatches({"Q0": ("R0",), "Q1": ("R1",), "Q2": ("R2",)})


def draw(prefix, num_rows):
    """Unit vectors, each its own direction."""
    return Descriptors(
        [f"{prefix}{row}" for row in range(num_rows)], np.eye(8)[:num_rows]
    )


@pytest.fixture
def two_gpus(monkeypatch):
    monkeypatch.setattr(devices, "choose_device", torch.device)


@pytest.mark.parametrize("device", ["cpu", "cuda", "cuda:1"])
@pytest.mark.usefixtures("two_gpus")
def test_the_device_asked_for_is_searched_on(monkeypatch, device):
    asked = []
    for module, name in (
        (evaluate, "search_by_protocol"),
        (whiten_and_normalize, "whiten_and_normalize"),
    ):
        monkeypatch.setattr(
            module, name, lambda *args, **settings: asked.append(settings["device"])
        )
    nodes.search(None, None, None, SCORING, SEARCH, device)
    nodes.normalize(None, None, None, SCORING, device)
    assert asked == [device, device]


def test_metrics_name_the_benchmark_and_the_log_what_was_scored(caplog):
    caplog.set_level("INFO")
    queries, references = draw("Q", 3), draw("R", 5)
    matches = nodes.search(queries, references, TRUTH, SCORING, SEARCH, "cpu")
    (score,) = (
        node for node in create_pipeline("qk").nodes if node.short_name == "score"
    )
    metrics, _ = score.func(matches, matches, TRUTH, queries, references, SCORING)
    assert metrics["benchmark"] == benchmark_digest(TRUTH, queries.ids, references.ids)
    assert metrics["micro_ap"] == metrics["micro_ap_normalized"] == 1
    assert "num_predictions_normalized" not in metrics
    said = "Test queries, query model against key model"
    assert f"{said}, protocol isc2021: micro-AP 1.0000" in caplog.text
    assert f"{said}, scores normalized, protocol isc2021" in caplog.text


def test_whitening_without_training_images_is_refused_not_left_out():
    names = set(ScoredFilesConfig.model_fields) - {"ground_truth", "submission"}
    files = {**dict.fromkeys(names), "ground_truth": "t.csv", "submission": "s.hdf5"}
    asked = ScoredFilesConfig.model_validate({**files, "protocol": "isc2021"})
    whitened = SCORING.model_copy(update={"whitening_dim": 4})
    with pytest.raises(UserError, match="training_descriptors must be given"):
        nodes.score_any_system(asked, whitened, "cpu")


@pytest.mark.parametrize(("weight", "is_normalized"), [(0.0, False), (1.0, True)])
def test_a_weight_of_zero_is_whitening_alone(monkeypatch, weight, is_normalized):
    names = set(ScoredFilesConfig.model_fields) - {"ground_truth"}
    files = dict.fromkeys(names) | {"ground_truth": "t", "training_descriptors": "d"}
    normalization = SCORING.normalization.model_copy(update={"weight": weight})
    settings = SCORING.model_copy(update={"normalization": normalization})
    asked = {}

    def note(**given):
        asked.update(given)
        raise UserError("enough")

    monkeypatch.setattr(score_files, "score_files", note)
    with pytest.raises(UserError, match="enough"):
        nodes.score_any_system(ScoredFilesConfig(**files), settings, "cpu")
    assert (asked["normalization"] is not None) is is_normalized


def test_an_index_proposes_pairs_and_the_log_says_what_it_misses(caplog):
    caplog.set_level("INFO")
    queries, references = draw("Q", 3), draw("R", 5)
    settings = SEARCH.model_copy(update={"index": "flat"})
    found = nodes.search(queries, references, TRUTH, SCORING, settings, "cpu")
    assert len(found) == 9  # three of each query
    assert found.columns()[1][:3].tolist() == ["R0", "R1", "R2"]
    assert "Index flat finds 100.0 % of the nearest" in caplog.text
