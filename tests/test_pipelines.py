"""The registered pipelines are compared with what users and other pipelines rely on."""

import subprocess
import sys

import pytest

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
    assert "untrained.metrics" in line.outputs()
    inputs = {i for i in line.inputs() if not i.startswith("params:")}
    assert inputs == {
        "image_cache_folder",
        "negative_bank_folder",
        f"{method}.training_state",
    }


def test_both_methods_are_given_the_same(pipelines):
    # The bank before training, which both lines share, has its dtype from params:qk.
    own = {"params:qk", "params:simclr", "qk.training_state", "simclr.training_state"}
    assert pipelines["train"].inputs() - own == pipelines["simclr"].inputs() - own


def test_importing_the_registry_does_not_import_torch():
    code = (
        "import sys, qk_iteration.pipeline_registry; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
