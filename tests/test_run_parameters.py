"""Parameters are checked against the project's conf/, a small one and this machine."""

import tarfile
from types import SimpleNamespace

import pytest
import torch
from kedro.config import OmegaConfigLoader
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from qk_iteration.block_errors import check_blocks
from qk_iteration.core.models import check_model
from qk_iteration.core.models.model_config import SideModelConfig
from qk_iteration.core.scoring.protocols import PROTOCOL_NAMES
from qk_iteration.core.user_error import UserError
from qk_iteration.parameter_values import check_devices
from qk_iteration.run_parameters import RunParametersHook
from qk_iteration.settings import CONFIG_LOADER_ARGS
from tests.core.learning.small_training import MODEL, QK, SIMCLR, changed


def load(project_root, *, env="test", conf_source=None, **params):
    bootstrap_project(project_root)
    with KedroSession.create(
        project_root, env=env, conf_source=conf_source, runtime_params=params
    ) as session:
        return session.load_context()


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"predctions": "a.csv"}, "'predctions'. Did you mean predictions?"),
        (
            {"learning": {"image_pases": 1}},
            "learning.image_pases is no parameter. Did you mean image_passes?",
        ),
        (
            {"qk": {"loss": {"temprature": 1}}},
            "qk.loss.temprature is no parameter. Did you mean temperature?",
        ),
        (
            {"learning": {"image_passes": "many"}},
            "learning.image_passes must be a valid integer",
        ),
        ({"scoring": {"protocol": "isc"}}, "scoring.protocol must be 'isc2021'"),
    ],
)
def test_a_wrong_name_or_value_is_one_sentence_of_ours(project_root, params, sentence):
    with pytest.raises(UserError) as refused:
        load(project_root, **params)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "pydantic" not in str(refused.value)


@pytest.mark.parametrize("name", ["learning", "predictions", "images_folder"])
def test_names_of_blocks_and_names_that_conf_reads_are_accepted(project_root, name):
    value = {} if name == "learning" else "text"
    assert load(project_root, **{name: value}).params


def test_a_name_is_refused_from_a_packed_configuration_too(project_root, tmp_path):
    packed = tmp_path / "conf.tar.gz"
    with tarfile.open(packed, "w:gz") as archive:
        archive.add(project_root / "conf", "conf")
    loader = OmegaConfigLoader(
        str(packed),
        env="test",
        runtime_params={"predctions": "x"},
        **CONFIG_LOADER_ARGS,
    )
    with pytest.raises(UserError, match="Did you mean predictions"):
        RunParametersHook().after_context_created(SimpleNamespace(config_loader=loader))


def test_an_environment_that_is_none_is_refused_with_the_nearest(project_root):
    with pytest.raises(UserError, match=r"--env must be .*'tset'\. Did you mean test"):
        load(project_root, env="tset")


def test_a_project_without_configuration_says_where_to_name_one(tmp_path):
    loader = SimpleNamespace(
        conf_source=str(tmp_path), base_env="base", env=None, default_run_env="local"
    )
    with pytest.raises(UserError, match="--conf-source"):
        RunParametersHook().after_context_created(SimpleNamespace(config_loader=loader))


def test_what_an_edit_says_of_its_parameters_is_kept():
    steps = [{"edit": "cropp", "weight": 1, "parameters": {}}]
    recipe = {"clean_share": 0, "stages": [{"num_edits": [1, 1], "steps": steps}]}
    with pytest.raises(UserError, match=r"training_edits\.stages\.0.*'crop'"):
        check_blocks({"training_edits": recipe})


class Inputs(dict):
    """A pipeline and the catalog of its inputs, in one."""

    def inputs(self):
        return set(self)

    def load(self, name):
        return self[name]


def check(**inputs):
    given = Inputs({f"params:{name}": value for name, value in inputs.items()})
    hook = RunParametersHook()
    hook.before_pipeline_run({}, given, given)
    return hook


@pytest.mark.parametrize("device", ["cuda", "gpu", "cpu:x", "auto:1"])
def test_a_device_that_is_not_there_is_refused_before_the_run(device, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    check(device="auto")
    check(device="cpu")
    with pytest.raises(UserError, match=f"device .*'{device}'"):
        check(device=device)


def test_a_start_that_is_not_there_is_refused_before_the_run(tmp_path):
    check(learning=SimpleNamespace(start_from=None))
    check(learning=SimpleNamespace(start_from=str(tmp_path)))
    with pytest.raises(UserError, match=r"start_from must be .*'nowhere'"):
        check(learning=SimpleNamespace(start_from="nowhere"))
    with pytest.raises(UserError, match=r"query model, such as \S+/qk/query_model; "):
        check(fit_to_index=SimpleNamespace(start_from="nowhere"))


@pytest.mark.parametrize("start_from", [None, "."])
def test_a_finished_query_model_is_given_nothing_of_its_own(start_from):
    nothing = dict.fromkeys(SideModelConfig.model_fields)
    small = SideModelConfig(**nothing | {"image_size": 64})
    given = {
        "fit_to_index": SimpleNamespace(start_from=start_from),
        "model": MODEL,
        "devices": 1,
        "seconds_to_answer": 600,
    }
    check(**given, query_model=SideModelConfig(**nothing))
    lost = given | {"model": changed(MODEL, weights="nowhere.pt")}
    if start_from is None:
        check(**given, query_model=small)
        with pytest.raises(UserError, match=r"^model.weights .* got 'nowhere\.pt'"):
            check(**lost, query_model=SideModelConfig(**nothing))
        check(**lost, query_model=own(weights="random"))
        with pytest.raises(UserError, match=r"^query_model.weights .*'gone\.pt'"):
            check(**given, query_model=own(weights="gone.pt"))
        return
    hook = check(**lost, query_model=SideModelConfig(**nothing))
    hook.after_dataset_saved("training_images")  # The finished model has weights.
    with pytest.raises(UserError, match=r"query_model.image_size .* got 64"):
        check(**given, query_model=small)


def test_a_fit_on_several_devices_is_refused_before_the_run():
    fit = {"fit_to_index": SimpleNamespace(start_from=None), "query_model": own()}
    with pytest.raises(UserError, match=r"one device; got devices=2\. Leave"):
        check(**fit, devices=2, seconds_to_answer=600)


def test_folders_that_are_not_there_are_refused_unless_they_will_be_built(tmp_path):
    built = SimpleNamespace(folder=str(tmp_path / "built"))
    inside = str(tmp_path / "built" / "validation")
    check(builtin_benchmark=built, benchmark=built.folder, validation_benchmark=inside)
    check(builtin_benchmark=built, benchmark=str(tmp_path), validation_benchmark=inside)
    for folders in (("nowhere", str(tmp_path)), (str(tmp_path), "nowhere")):
        given = dict(zip(("benchmark", "validation_benchmark"), folders, strict=True))
        with pytest.raises(UserError, match=r"benchmark must be a folder .*'nowhere'"):
            check(builtin_benchmark=built, **given)


def test_files_that_are_not_there_are_refused_before_the_run(tmp_path):
    there = tmp_path / "there.hdf5"
    there.touch()
    fit = {"start_from": None, "reference_descriptors": None}
    check(fit_to_index=SimpleNamespace(**fit, training_descriptors=str(there)))
    score = {"protocol": "isc2021"}
    truth = [str(there)]
    check(scored_files=SimpleNamespace(**score, ground_truth=truth, predictions=None))
    with pytest.raises(UserError, match=r"training_descriptors must .* '~?/.*nowhere'"):
        check(fit_to_index=SimpleNamespace(**fit, training_descriptors="~/nowhere"))
    with pytest.raises(UserError, match=r"ground_truth must .* got '007'"):
        check(scored_files=SimpleNamespace(**score, ground_truth=[*truth, "007"]))
    with pytest.raises(UserError, match=r"predictions must name a file; .* a folder"):
        check(scored_files=SimpleNamespace(**score, predictions=str(tmp_path)))


def test_a_score_without_a_protocol_is_refused_with_those_there_are():
    with pytest.raises(UserError) as refused:
        check(scored_files=SimpleNamespace(protocol=None))
    assert str(refused.value).startswith("Name the protocol")
    assert all(f"protocol={name} (" in str(refused.value) for name in PROTOCOL_NAMES)


def test_a_misspelled_backbone_is_refused_with_near_names():
    check(model=SimpleNamespace(backbone="resnet18"))
    for block in ("model", "query_model"):
        near = rf"^{block}\.backbone .*'resnte18'\. Did you mean .*resnet18"
        with pytest.raises(UserError, match=near):
            check(**{block: SimpleNamespace(backbone="resnte18")})


def own(**changes):
    """The block of one side."""
    return SideModelConfig(**dict.fromkeys(SideModelConfig.model_fields) | changes)


@pytest.mark.parametrize("size", [None, 48])
def test_models_are_tried_once_each_before_anything_uses_them(monkeypatch, size):
    tried = []
    monkeypatch.setattr(check_model, "check_model", lambda one, **_: tried.append(one))
    hook = check(model=MODEL, query_model=own(image_size=size), key_model=own())
    hook.after_dataset_saved("benchmark_folder")
    assert tried == []
    hook.after_dataset_saved("training_images")
    hook.after_dataset_loaded("training_images")
    assert tried == ([changed(MODEL, image_size=48), MODEL] if size else [MODEL])


def test_stages_that_cannot_be_frozen_are_refused_before_anything_is_built():
    learning = SimpleNamespace(start_from=None, frozen_stages=6)
    hook = check(model=MODEL, query_model=own(), key_model=own(), learning=learning)
    with pytest.raises(UserError, match="6 stages to learn; got 6"):
        hook.after_dataset_saved("training_images")


def test_unlike_sides_are_refused_before_the_run_where_they_cannot_learn():
    other = own(backbone="test_resnet")
    sides = {"model": MODEL, "query_model": other, "key_model": own()}
    check(**sides, qk=changed(QK, towers="separate"))
    for method in ({"qk": QK}, {"simclr": SIMCLR}):
        with pytest.raises(UserError, match="differ in backbone"):
            check(**sides, **method)


def test_a_pipeline_that_needs_none_of_it_is_not_checked():
    check(scoring=None).after_dataset_saved("training_images")


@pytest.mark.parametrize(
    ("devices", "seconds", "sentence"),
    [
        (0, 600, "devices must be a whole number from 1 on; got 0"),
        ("two", 600, "devices must be a whole number"),
        (2, 0, "seconds_to_answer must be a positive number; got 0"),
    ],
)
def test_devices_that_cannot_be_are_refused_before_the_run(devices, seconds, sentence):
    with pytest.raises(UserError, match=sentence):
        check_devices(devices, seconds)
