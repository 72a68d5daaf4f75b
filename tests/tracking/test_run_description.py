"""Names and settings of runs are compared with what their blocks hold."""

from pathlib import Path
from types import SimpleNamespace

from qk_iteration.config import BuiltinBenchmarkConfig
from qk_iteration.tracking.run_description import (
    note,
    run_metrics,
    run_name,
    run_parameters,
    settings_key,
)

BUILTIN = BuiltinBenchmarkConfig(
    folder="/p/data/builtin", seed=0, jpeg_quality=90, max_side=400, num_workers=2
)


def test_a_run_is_called_by_method_benchmark_and_seed():
    blocks = {"qk": {}, "benchmark": "/a/builtin", "learning": SimpleNamespace(seed=3)}
    assert run_name(["train"], ["qk"], blocks) == "QK Iteration · builtin · seed 3"
    assert run_name(["floors"], [], {"benchmark": "/a/builtin"}) == "Floors · builtin"
    assert run_name(["score"], [], {}) == "Scored files"


def test_the_one_method_is_method_and_two_have_their_names():
    one = run_parameters({"qk": {"loss": {"repulsion": 1}}}, ["qk"], Path("/p"))
    assert one == {"method.loss.repulsion": "1"}
    blocks = {"qk": {"a": 1}, "simclr": {"a": 2}}
    two = run_parameters(blocks, ["qk", "simclr"], Path("/p"))
    assert two == {"qk.a": "1", "simclr.a": "2"}
    assert run_parameters(blocks, ["simclr"], Path("/p")) == {"method.a": "2"}


def test_what_is_null_is_not_told_and_what_is_false_or_zero_is():
    blocks = {"search": {"on_disk": False, "code_bytes": None, "seed": 0}}
    told = run_parameters(blocks, [], Path("/p"))
    assert told == {"search.on_disk": "False", "search.seed": "0"}


def test_settings_of_the_builtin_benchmark_are_told_only_where_it_is_used():
    blocks = {"builtin_benchmark": BUILTIN, "benchmark": "/elsewhere"}
    assert run_parameters(blocks, [], Path("/p")) == {"benchmark": "/elsewhere"}
    used = run_parameters(blocks | {"benchmark": "/p/data/builtin"}, [], Path("/p"))
    assert used["builtin_benchmark.jpeg_quality"] == "90"
    assert used["benchmark"] == "data/builtin"


def test_a_long_value_is_told_as_a_digest_that_changes_with_it():
    digests = {
        run_parameters({"recipe": ["x" * size]}, [], Path("/p"))["recipe"]
        for size in (300, 301)
    }
    assert len(digests) == 2
    assert all(digest.startswith("sha256 ") for digest in digests)


def test_how_to_run_does_not_tell_two_runs_apart_and_what_to_learn_does():
    def key(**changed):
        return settings_key(["train"], {"learning.seed": "0"} | changed)

    assert key() == key(**{"learning.num_workers": "8", "device": "cuda"})
    assert key() != key(**{"learning.seed": "1"})
    assert key() != settings_key(["simclr"], {"learning.seed": "0"})


def test_only_figures_that_runs_are_compared_by_are_metrics():
    metrics = {"micro_ap": 0.5, "num_predictions": 9, "protocol": "knn", "edits": {}}
    assert run_metrics("qk", metrics) == {"test/micro_ap": 0.5}
    assert run_metrics("plain", metrics) == {"test/plain/micro_ap": 0.5}


def test_the_description_is_a_table_of_the_figures():
    table = note({"qk": {"micro_ap": 0.25}, "plain": {"recall_at_p90": 1.0}})
    _, _, first, second = table.splitlines()
    assert first == "| QK Iteration | 0.2500 |  |  |  |  |"
    assert second == "| untrained |  |  | 1.0000 |  |  |"
