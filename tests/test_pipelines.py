"""The registered pipelines are compared with what users and other pipelines rely on."""

from inspect import signature
from typing import get_type_hints

import pytest

from qk_iteration.config import BLOCKS
from qk_iteration.pipeline_registry import register_pipelines


@pytest.fixture(scope="module")
def pipelines():
    return register_pipelines()


def test_registry_has_the_names_that_people_type(pipelines):
    assert {"train", "simclr", "evaluate", "score", "compare"} <= set(pipelines)
    assert pipelines["__default__"].nodes == pipelines["train"].nodes


@pytest.mark.parametrize(("name", "method"), [("train", "qk"), ("simclr", "simclr")])
def test_a_line_leads_from_parameters_to_metrics(pipelines, name, method):
    line = pipelines[name]
    assert f"{method}.metrics" in line.outputs()
    # The pair before training is described by the floors, once for all methods.
    assert "untrained.metrics" not in line.outputs()
    assert "untrained.metrics" in pipelines["floors"].outputs()
    inputs = {i for i in line.inputs() if not i.startswith("params:")}
    assert inputs == {
        "image_cache_folder",
        "negative_bank_folder",
        "query_features_folder",
        f"{method}.training_state",
    }


def test_the_page_of_runs_needs_no_table_of_all_methods(pipelines):
    page = pipelines["compare"].filter(node_names=["compare_runs"])
    assert page.inputs() == {"params:compared_runs"}


def test_both_methods_are_given_the_same(pipelines):
    own = {"params:qk", "params:simclr", "qk.training_state", "simclr.training_state"}
    assert pipelines["train"].inputs() - own == pipelines["simclr"].inputs() - own


def nodes_of(pipelines):
    nodes = {node.name: node for line in pipelines.values() for node in line.nodes}
    return sorted(nodes.values(), key=lambda node: node.name)


def test_kedro_can_check_every_parameter_block_of_every_node(pipelines):
    # A node's annotations are names that stand for anything, but for its parameters.
    for node in nodes_of(pipelines):
        hints = get_type_hints(node.func)
        arguments = signature(node.func).parameters  # Some are bound beforehand.
        for name, argument in zip(node.inputs, arguments, strict=False):
            block = name.removeprefix("params:")
            # own_benchmark is given a folder under the name of the block.
            is_folder = "own" in node.name and block == "images"
            if block != name and block in BLOCKS and not is_folder:
                assert hints[argument] is BLOCKS[block], (node.name, name)


def test_every_node_has_a_name_of_its_own_and_a_tag_where_it_is_a_method_s(pipelines):
    for node in nodes_of(pipelines):
        assert "__" not in node.name
        assert node.namespace is None or node.namespace in node.name


@pytest.mark.parametrize("name", ["train", "simclr", "moco"])
def test_what_cannot_be_learned_is_refused_before_the_bank_is_filled(pipelines, name):
    names = [node.name.rpartition(".")[2] for node in pipelines[name].nodes]
    assert names.index("check_training") < names.index("fill_negative_bank")
