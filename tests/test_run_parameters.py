"""Parameters are checked against the project's conf/, a small one and this machine."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from qk_iteration.run_parameters import RunParametersHook, check_names

PROJECT = Path(__file__).parents[1]


def test_a_misspelled_name_is_refused_with_the_nearest_one():
    bootstrap_project(PROJECT)
    with (
        KedroSession.create(PROJECT, runtime_params={"predctions": "a.csv"}) as session,
        pytest.raises(ValueError, match=r"'predctions'\. Did you mean predictions"),
    ):
        session.load_context()


@pytest.mark.parametrize("name", ["learning", "predictions", "images_folder", "trial"])
def test_names_of_blocks_and_names_that_conf_reads_are_accepted(name):
    check_names({name: 1}, PROJECT / "conf")


def test_a_name_like_no_other_is_refused_with_all_known_ones(tmp_path):
    (tmp_path / "parameters.yml").write_text("mine: {x: '${runtime_params:given, 1}'}")
    (tmp_path / "catalog.yml").write_text("table: {type: pandas.CSVDataset}")
    (tmp_path / "parameters").mkdir()
    (tmp_path / "parameters" / "more.yaml").write_text("more: {x: 1}")
    check_names({"given": 1, "more": {"x": 2}}, tmp_path)
    with pytest.raises(ValueError, match=r"'q'. Known: \['given', 'mine', 'more'\]"):
        check_names({"q": 1}, tmp_path)


class Inputs(dict):
    """A pipeline and the catalog of its inputs, in one."""

    def inputs(self):
        return set(self)

    def load(self, name):
        return self[name]


def check(**inputs):
    given = Inputs({f"params:{name}": value for name, value in inputs.items()})
    RunParametersHook().before_pipeline_run({}, given, given)


@pytest.mark.parametrize("device", ["cuda", "gpu", "cpu:x", "auto:1"])
def test_a_device_that_is_not_there_is_refused_before_the_run(device, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    check(device="auto")
    check(device="cpu")
    with pytest.raises(ValueError, match=f"device .*'{device}'"):
        check(device=device)


def test_a_start_that_is_not_there_is_refused_before_the_run(tmp_path):
    check(learning=SimpleNamespace(start_from=None))
    check(learning=SimpleNamespace(start_from=str(tmp_path)))
    with pytest.raises(ValueError, match=r"start_from must be .*'nowhere'"):
        check(learning=SimpleNamespace(start_from="nowhere"))


def test_a_pipeline_that_needs_neither_is_not_checked():
    check(scoring=None)
