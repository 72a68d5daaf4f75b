"""Pieces on a small machine are compared with one training that is never stopped."""

import json
import zipfile
from signal import SIGALRM

import numpy as np
import pytest
import yaml
from PIL import Image

from qk_iteration.core.stopping import StoppedError
from study import learn_on_core, on_card
from study.on_card import Place, collect, learn, main, pack
from study.results import read_results
from study.trials import read_trials

SETTINGS = {
    "model.backbone": "mobilenetv3_small_050",
    "model.weights": "random",
    "model.image_size": 32,
    "model.embedding_dim": 16,
    "images.cache_size": 40,
    "description.num_workers": 0,
    "learning.image_passes": 200,
    "learning.images_per_step": 8,
    "learning.num_validations": 2,
    "learning.num_workers": 0,
    "learning.steps_per_checkpoint": 2,
    "learning.steps_per_report": 2,
    "qk.query_steps": 4,
    "qk.key_steps": 2,
}


@pytest.fixture
def benchmark(noise, tmp_path):
    """A folder in DISC21's shape with its validation folder, pictures of 160 pixels."""
    folder = tmp_path / "benchmark"
    for number, place in enumerate((folder, folder / "validation")):
        for split, letter in (("training", "T"), ("reference", "R"), ("query", "Q")):
            (place / f"{split}_images").mkdir(parents=True)
            for row in range(10):
                picture = noise(100 * number + row, size=(160, 120))
                picture.save(place / f"{split}_images" / f"{letter}{row:05d}.png")
        rows = [f"Q{row:05d},{f'R{row:05d}' if row < 5 else ''}" for row in range(10)]
        text = "\n".join(["query_id,reference_id", *rows])
        (place / "ground_truth.csv").write_text(text + "\n")
    (folder / "query_material").mkdir()
    noise(5).save(folder / "query_material/left_out.png")
    return folder


@pytest.fixture
def trials(tmp_path):
    one = {"part": "card", "is_scored": True, "settings": SETTINGS, "seeds": [1]}
    path = tmp_path / "trials.yml"
    names = ({"name": name, "method": name} for name in ("qk", "simclr"))
    path.write_text(yaml.safe_dump({"trials": [one | name for name in names]}))
    return path


@pytest.fixture
def place(benchmark, tmp_path):
    pack(benchmark, tmp_path / "pictures.zip")
    return Place(
        tmp_path / "pictures.zip", tmp_path / "work", tmp_path / "out.json", "cpu"
    )


def test_every_picture_is_packed_small_and_every_table_as_it_is(benchmark, place):
    with zipfile.ZipFile(place.pictures) as archive:
        names = archive.namelist()
        with archive.open("training_images/T00003.jpg") as file:
            picture = Image.open(file)
            assert picture.size == (128, 96)
            shown = np.asarray(picture.convert("L"), float)
        truth = archive.read("validation/ground_truth.csv")
    assert len([name for name in names if name.endswith(".jpg")]) == 60
    assert truth == (benchmark / "validation/ground_truth.csv").read_bytes()
    original = Image.open(benchmark / "training_images/T00003.png").convert("L")
    difference = shown - np.asarray(original.resize((128, 96)), float)
    assert np.abs(difference).mean() < 6


def test_pieces_end_with_the_results_of_a_training_that_is_never_stopped(
    place, trials, tmp_path, monkeypatch
):
    whole = Place(place.pictures, tmp_path / "whole", tmp_path / "whole.json", "cpu")
    assert learn(whole, read_trials(trials), minutes=9)

    reports = []

    def stop(at):
        if at not in reports:  # A training that goes on reports its past anew.
            reports.append(at)
            if len(reports) % 3 == 0:  # Time is up at every third report.
                raise StoppedError(SIGALRM, at=at)

    with monkeypatch.context() as patch:
        patch.setattr(learn_on_core, "stop_if_requested", stop)
        files = map(str, (place.pictures, place.work, place.results))
        command = ["learn", *files, "--device=cpu", f"--trials={trials}"]
        statuses = [main(command)]
        while statuses[-1] == 3:
            statuses.append(main(command))
            assert len(statuses) < 20
    assert len(statuses) > 2
    of_pieces, of_whole = (
        {row["name"]: row for row in json.loads(one.read_text())}
        for one in (place.results, whole.results)
    )
    assert of_pieces.keys() == {"qk", "simclr"}
    for name, row in of_pieces.items():
        assert row["validation_curve"] == of_whole[name]["validation_curve"]
        assert row["test_micro_ap"] == of_whole[name]["test_micro_ap"]
        assert row["test_micro_ap_normalized"] >= 0

    monkeypatch.setattr(on_card, "_row", None)  # Nothing is learned again.
    assert learn(place, read_trials(trials), minutes=9)
    assert collect(place.results, tmp_path / "results") == 2
    table = read_results(tmp_path / "results", tmp_path / "study.csv")
    assert table["name"].tolist() == ["qk", "simclr"]
    assert table["part"].tolist() == ["card", "card"]


def test_other_settings_or_pictures_ask_for_a_new_training(place, benchmark):
    key = on_card.key_of(on_card.read_parameters(SETTINGS), place.pictures)
    other = on_card.read_parameters(SETTINGS | {"qk.query_steps": 5})
    assert on_card.key_of(other, place.pictures) != key
    seeded = on_card.read_parameters(SETTINGS | {"learning.seed": 5})
    assert on_card.key_of(seeded, place.pictures) == key
    (benchmark / "training_images/T00003.png").unlink()
    pack(benchmark, place.pictures)
    parameters = on_card.read_parameters(SETTINGS)
    assert on_card.key_of(parameters, place.pictures) != key


def test_a_folder_that_is_gone_on_with_has_the_pictures_of_the_file(place, benchmark):
    before = on_card._unpacked(place)
    assert on_card._unpacked(place) == before
    (benchmark / "training_images/T00003.png").unlink()
    pack(benchmark, place.pictures)
    (place.work / "unpacking").mkdir()  # Of a call that was killed.
    (place.work / "unpacking/half").touch()
    after = on_card._unpacked(place)
    names = {path.relative_to(after).as_posix() for path in after.rglob("*")}
    assert "training_images/T00002.jpg" in names
    assert not names & {"training_images/T00003.jpg", "half"}


def test_the_trials_for_a_card_are_well_formed_and_fair():
    trials = read_trials(on_card.TRIALS)
    for name in ("card", "card_random"):
        qk, simclr = (
            next(
                one
                for one in trials
                if one.name == name.replace("card", f"card_{method}", 1)
            )
            for method in ("qk", "simclr")
        )
        assert qk.settings == simclr.settings
        assert qk.seeds == simclr.seeds
        assert len(qk.seeds) == 3
        assert qk.settings["learning.image_passes"] >= 2_000_000
