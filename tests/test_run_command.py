"""What ``--params`` is read as is compared with what was typed."""

from pathlib import Path

import click
import pytest
from kedro.framework.startup import bootstrap_project

from qk_iteration.core.user_error import UserError
from qk_iteration.run_command import check_launcher, run

PARAMS = next(option for option in run.params if option.name == "params")


def read(text):
    return PARAMS.callback(click.Context(run), PARAMS, text)


@pytest.mark.parametrize(
    "name",
    [
        *("2024", "007", "1e5", "1_000", "0x10", "true", "3.50", "12:30", "2024-05-01"),
        *(
            "#recycle",
            "@home",
            "%41",
            "!x",
            "*",
            "&a",
            "[x]",
            "{x}",
            "a=b",
            "- x",
            "1:",
        ),
    ],
)
def test_a_path_stays_text(name):
    assert read(f"images_folder={name}") == {"images_folder": name}
    assert read(f"model.weights={name}") == {"model": {"weights": name}}
    assert read(f"learning.start_from={name}") == {"learning": {"start_from": name}}


@pytest.mark.parametrize("name", ["'007'", '"007"'])
def test_quotes_of_yaml_are_no_part_of_a_name(name):
    assert read(f"images_folder={name}") == {"images_folder": "007"}


def test_the_folder_of_own_pictures_is_text_though_a_block_is_called_so():
    assert read("images=007") == {"images": "007"}
    assert read("images.min_side=16") == {"images": {"min_side": 16}}


def test_a_comma_belongs_to_the_name_of_what_is_there(tmp_path):
    (tmp_path / "Rome, 2024").mkdir()
    folder = f"{tmp_path}/Rome, 2024"
    wanted = {"images_folder": folder, "learning": {"seed": 3}}
    assert read(f"images_folder={folder},learning.seed=3") == wanted
    with pytest.raises(click.UsageError, match="`2025` must contain"):
        read(f"images_folder={tmp_path}/Rome, 2025")


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ("learning.seed=@x", "'learning.seed=@x' cannot be read"),
        ("learning.seed=3,learning=5,learning.start_from=a", "'learning' cannot be a"),
        ("images_folder=~nobody_here/x", "home folder of somebody unknown"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(capsys, params, sentence):
    with pytest.raises(SystemExit):
        read(params)
    assert sentence in capsys.readouterr().err


def test_numbers_and_nothing_are_what_they_were():
    read_params = read("learning.image_passes=20000,learning.start_from=null,a=null")
    assert read_params["learning"] == {"image_passes": 20000, "start_from": None}
    assert read_params["a"] is None
    assert read("learning.resume=false,qk.negative_rows=64") == {
        "learning": {"resume": False},
        "qk": {"negative_rows": 64},
    }


@pytest.mark.parametrize("name", ["metrics_path", "benchmark", "model.weights"])
@pytest.mark.parametrize("path", ["~/out.json", "~", "~/"])
def test_a_tilde_is_the_home_folder(name, path):
    value = read(f"{name}={path}")
    for part in name.split("."):
        value = value[part]
    assert value == str(Path.home() / path[2:])


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


def test_a_runner_that_is_none_is_refused_with_the_nearest_name(capsys):
    with pytest.raises(SystemExit):
        run.callback(runner="ThredRunner", pipelines=[], pipeline=None)
    assert "'ThredRunner'. Did you mean ThreadRunner?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "typed", "nearest"),
    [
        ("tags", "simclrr", "simclr"),
        ("from_inputs", "training_image", "training_images"),
        ("to_outputs", "simclr.predicted_matchs", "simclr.predicted_matches"),
    ],
)
def test_a_part_that_is_none_is_refused_with_the_nearest_name(
    capsys, project_root, option, typed, nearest
):
    bootstrap_project(project_root)
    others = {name: [] for name in ("tags", "from_inputs", "to_outputs")}
    asked = {"runner": None, "pipelines": ["simclr"], "pipeline": None}
    with pytest.raises(SystemExit):
        run.callback(**asked, **others | {option: [typed]})
    said = f"has no '{typed}'. Did you mean {nearest}?"
    assert said in capsys.readouterr().err
