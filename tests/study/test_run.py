"""What the study has still to train is told from made-up results."""

import pandas as pd
import pytest

from study import among_distractors, sessions
from study.keys import keys_of
from study.run import missing_trainings
from study.trials import Trial


def test_a_pair_that_is_not_here_is_trained_first(tmp_path, monkeypatch, study):
    fields = {"method": "qk", "seeds": (1,), "is_scored": True}
    trials = [
        Trial(name="qk", part="headline", **fields),
        Trial(
            name="qk_among", part="distractors", continues="qk", distractors=2, **fields
        ),
    ]
    keys = keys_of(trials)
    assert keys["qk_among"] != keys["qk"]
    study.add_trial("qk", 2, key=keys["qk"][0])
    monkeypatch.setattr("study.run.MODELS", tmp_path)
    missing = missing_trainings(trials, {"distractors"}, keys, study.table())
    assert [trial.name for trial, _ in missing] == ["qk", "qk_among"]
    (tmp_path / "qk-seed1").mkdir()
    (tmp_path / "qk-seed1" / "KEY").write_text(keys["qk"][0])
    missing = missing_trainings(trials, {"distractors"}, keys, study.table())
    assert [trial.name for trial, _ in missing] == ["qk_among"]


def test_a_result_of_other_code_is_kept_and_said_unless_it_is_wanted_anew(
    study, capsys
):
    fields = {"part": "headline", "method": "qk", "is_scored": True}
    trials = [Trial(name="qk", seeds=(1, 2), **fields)]
    keys = keys_of(trials)
    study.add_trial("qk", 2, key="older")
    study.add_trial("qk", 2, seed=2, key=keys["qk"][0])
    table = study.table()
    assert missing_trainings(trials, set(), keys, table) == []
    assert "qk-seed1 is done, by other code or defaults" in capsys.readouterr().out
    assert missing_trainings(trials, set(), keys, table, is_anew=True) == [
        (trials[0], 1)
    ]
    assert "qk-seed2 is done.\n" in capsys.readouterr().out
    settings = {"learning.images_per_step": 8}
    other = [Trial(name="qk", seeds=(1,), settings=settings, **fields)]
    assert missing_trainings(other, set(), keys, table) == [(other[0], 1)]


def test_a_result_whose_matches_cannot_be_kept_is_none(tmp_path, monkeypatch):
    trial = Trial(
        name="among", part="distractors", method="qk", continues="qk", distractors=2
    )

    class Unwritable(pd.DataFrame):
        def to_parquet(self, path, **_):
            path.write_text("half")
            raise OSError("no room")

    scored = {"micro_ap": 0.5}, {"predicted_matches": Unwritable()}
    monkeypatch.setattr(sessions, "RESULTS", tmp_path)
    monkeypatch.setattr(among_distractors, "describe_pair", lambda *_: None)
    monkeypatch.setattr(among_distractors, "score_among", lambda *_: scored)
    with pytest.raises(OSError, match="no room"):
        sessions.score_among_distractors(
            trial, 1, {"among": ("k", "c0de"), "qk": ("k", "c0de")}
        )
    assert list((tmp_path / "among-seed1").iterdir()) == []
