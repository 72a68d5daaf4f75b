"""What is told of a pair that MLflow takes, or not, is compared with what it did."""

import logging
import sys

import pytest

from qk_iteration.serving import log_pair
from qk_iteration.tracking.register_pair import register_pair


@pytest.mark.parametrize("error", [None, OSError("the store is gone")])
def test_a_pair_that_mlflow_does_not_take_ends_no_run(
    tmp_path, monkeypatch, caplog, capsys, error
):
    def log(folder, *, registered_name, alias):
        sys.stderr.write("advice of a library")
        if error:
            raise error
        return f"models:/{registered_name}@{alias}"

    monkeypatch.setattr(log_pair, "log_pair", log)
    with caplog.at_level(logging.INFO):
        register_pair(tmp_path, "qk-iteration-qk")
    told = "the store is gone" if error else "models:/qk-iteration-qk@newest"
    assert told in caplog.text
    assert "advice" not in capsys.readouterr().err
