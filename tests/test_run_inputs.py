"""Where a run is told to begin is compared with what is there."""

import pytest

from qk_iteration.core.user_error import UserError
from qk_iteration.datasets import ModelDataset
from qk_iteration.pipeline_registry import register_pipelines
from qk_iteration.run_inputs import (
    check_folder,
    check_inputs,
    check_models,
    check_runner,
)


@pytest.fixture(scope="module")
def known():
    return register_pipelines()


def in_memory(name):
    return name.rpartition(".")[2] in {"training", "validation"}


def test_a_beginning_in_memory_names_the_nodes_to_begin_at(known):
    late = known["train"].from_nodes("qk.learn")
    with pytest.raises(UserError) as refused:
        check_inputs(late, known["train"], known, lambda name: not in_memory(name))
    begin = str(refused.value).rpartition("--from-nodes=")[2].split(",")
    again = known["train"].from_nodes(*begin)
    check_inputs(again, known["train"], known, lambda name: not in_memory(name))
    assert not {"qk.training", "qk.validation"} & again.inputs()


def test_with_nothing_there_it_begins_at_the_first_node(known):
    late = known["train"].from_nodes("qk.learn")
    with pytest.raises(UserError, match=r"--from-nodes=data_preparation\.prepare"):
        check_inputs(late, known["train"], known, lambda name: False)


def test_what_another_pipeline_makes_is_asked_of_it(known):
    compare = known["compare"]
    with pytest.raises(UserError, match=r"'perceptual_hash\.metrics' .*=floors"):
        check_inputs(compare, compare, known, lambda name: False)
    check_inputs(compare, compare, known, lambda name: True)


@pytest.mark.parametrize("name", ["train", "simclr", "floors", "score"])
def test_a_whole_pipeline_needs_nothing(known, name):
    check_inputs(known[name], known[name], known, lambda name: False)


def test_a_pair_to_evaluate_that_is_not_there_is_refused(known, tmp_path):
    missing = ModelDataset(filepath=f"{tmp_path}/none")
    models = dict.fromkeys(("evaluated.query_model", "evaluated.key_model"), missing)
    for name in ("evaluate", "evaluate_in_index"):
        with pytest.raises(UserError, match="none holds no model"):
            check_models(known[name], models)
    check_models(known["train"], {})


def test_runners_of_one_process_are_taken():
    check_runner("<kedro.runner.thread_runner.ThreadRunner object>")
    with pytest.raises(UserError, match="ParallelRunner cannot"):
        check_runner("<kedro.runner.parallel_runner.ParallelRunner object>")


def test_braces_in_the_projects_path_are_refused():
    check_folder("/home/anna")
    with pytest.raises(UserError, match="no braces"):
        check_folder("/home/{anna}")
