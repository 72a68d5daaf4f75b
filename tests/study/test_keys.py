"""Keys of trials are compared after changes of the project's own code and settings."""

import shutil
from pathlib import Path

import pytest

import qk_iteration
from study import fingerprint
from study.fingerprint import reached_code
from study.keys import code_of, keys_of, pipeline_of
from study.trials import Trial

SOURCES = Path(qk_iteration.__file__).parent
METHODS = ("qk", "simclr", "moco")


def trial(method="qk", **fields):
    return Trial(name=method, part="headline", method=method, is_scored=True, **fields)


@pytest.fixture(autouse=True)
def project(monkeypatch):
    monkeypatch.chdir(SOURCES.parents[1])


@pytest.fixture(scope="module")
def reached():
    """For each method the modules that its training can reach."""
    return {
        method: reached_code(
            node.func for node in pipeline_of(method, is_scored=True).nodes
        ).keys()
        for method in METHODS
    }


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "module",
    [
        "builtin_benchmark.edit_queries",
        "core.bank.negative_bank",
        "core.formats.descriptors",
        "core.images.decode",
        "core.images.edits",
        "core.learning.session",
        "core.losses.info_nce",
        "core.models.descriptor_model",
        "core.scoring.evaluate",
        "core.search.search_references",
        "pipelines.data_preparation.nodes",
        "pipelines.scoring.nodes",
        "pipelines.training.nodes",
    ],
)
def test_what_a_training_runs_is_in_its_key(method, module, reached):
    assert f"qk_iteration.{module}" in reached[method]


@pytest.mark.parametrize(
    "module",
    [
        "hooks",
        "score_command",
        "tracking.tracked_run",
        "core.images.contact_sheet",
        "evidence.draw_evidence",
    ],
)
def test_what_it_does_not_run_or_only_shows_is_not(module, reached):
    assert (SOURCES / f"{module.replace('.', '/')}.py").is_file()
    assert f"qk_iteration.{module}" not in reached["qk"]


@pytest.mark.parametrize(
    ("edited", "is_changed"),
    [
        ("core/formats/descriptors.py", True),
        ("core/images/contact_sheet.py", False),
        ("core/images/edit_sheet.py", False),
        ("core/learning/qk_iteration.py", True),
    ],
)
def test_an_edit_changes_the_code_that_counts(
    edited, is_changed, tmp_path, monkeypatch
):
    pipeline = pipeline_of("qk", is_scored=True)
    copied = tmp_path / "qk_iteration"
    shutil.copytree(SOURCES, copied, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(fingerprint, "ROOTS", {"qk_iteration": copied})
    first = code_of(pipeline)
    with (copied / edited).open("a") as file:
        file.write("# A comment.\n")
    assert code_of(pipeline) == first
    with (copied / edited).open("a") as file:
        file.write("EDITED = 1\n")
    assert (code_of(pipeline) != first) == is_changed


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("learning.near_copy_similarity", 0.9),
        ("qk.towers", "separate"),
        ("training_edits.clean_share", 0.0),
        ("model.image_size", 64),
        ("scoring.metric", "inner_product"),
    ],
)
def test_a_setting_changes_the_key(setting, value):
    plain, varied = trial(), trial(settings={setting: value})
    assert keys_of([plain])["qk"] != keys_of([varied])["qk"]


@pytest.mark.parametrize("setting", ["learning.num_workers", "simclr.learning_rate"])
def test_what_says_how_to_run_and_what_another_method_reads_leaves_the_key(setting):
    plain, varied = trial(), trial(settings={setting: 7})
    assert keys_of([plain])["qk"] == keys_of([varied])["qk"]


def test_the_default_spelled_out_is_the_default():
    spelled_out = trial(settings={"qk.loss.temperature": 0.05})
    assert keys_of([spelled_out])["qk"] == keys_of([trial()])["qk"]


def test_the_number_of_images_and_the_trial_before_change_the_key():
    first = trial()
    after = trial().model_copy(update={"name": "qk_2x", "continues": "qk"})
    grown = trial(training_images=5000)
    key = keys_of([first])["qk"][0]
    assert keys_of([first, after])["qk_2x"][0] != key
    assert keys_of([grown])["qk"][0] != key


def test_what_is_not_scored_does_not_read_the_scoring():
    unscored = trial().model_copy(update={"is_scored": False})
    varied = unscored.model_copy(update={"settings": {"scoring.metric": "l1"}})
    assert keys_of([unscored])["qk"] == keys_of([varied])["qk"]
