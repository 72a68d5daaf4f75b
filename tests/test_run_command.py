"""What ``--params`` is read as is compared with what was typed."""

from pathlib import Path

import click
import pytest

from qk_iteration.core.user_error import UserError
from qk_iteration.run_command import check_launcher, run

PARAMS = next(option for option in run.params if option.name == "params")


def read(text):
    return PARAMS.callback(click.Context(run), PARAMS, text)


@pytest.mark.parametrize(
    "name", ["2024", "007", "1e5", "1_000", "0x10", "true", "3.50"]
)
def test_a_path_stays_text(name):
    assert read(f"images_folder={name}") == {"images_folder": name}
    assert read(f"model.weights={name}") == {"model": {"weights": name}}
    assert read(f"learning.start_from={name}") == {"learning": {"start_from": name}}


def test_numbers_and_nothing_are_what_they_were():
    read_params = read("learning.image_passes=20000,learning.start_from=null,a=null")
    assert read_params["learning"] == {"image_passes": 20000, "start_from": None}
    assert read_params["a"] is None
    assert read("learning.resume=false,qk.negative_rows=64") == {
        "learning": {"resume": False},
        "qk": {"negative_rows": 64},
    }


@pytest.mark.parametrize("name", ["metrics_path", "benchmark", "model.weights"])
def test_a_tilde_is_the_home_folder(name):
    value = read(f"{name}=~/out.json")
    for part in name.split("."):
        value = value[part]
    assert value == str(Path.home() / "out.json")


def test_what_a_file_gives_is_taken_as_it_is():
    given = {"images_folder": 2024}
    assert read(given) is given


def test_torchrun_of_whole_pipelines_is_refused():
    with pytest.raises(UserError, match=r"starts its ranks by itself: --params=devi"):
        check_launcher({"RANK": "0", "WORLD_SIZE": "2"})
    check_launcher({"RANK": "0", "WORLD_SIZE": "1"})
    check_launcher({})


def test_numbers_outside_of_the_blocks_stay_numbers():
    given = {"devices": 2, "seconds_to_answer": 60}
    assert read("devices=2,seconds_to_answer=60") == given
