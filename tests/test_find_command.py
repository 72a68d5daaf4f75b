"""qk-find is compared with what its help promises."""

import subprocess
import sys

import pytest

from qk_iteration.find_command import main


def test_help_names_every_output_and_exit_status(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    for word in ("matches.csv", "groups.csv", "left_out.csv", "evidence.html", "130"):
        assert word in text


def test_bad_input_is_one_sentence_and_status_2(tmp_path, capsys):
    arguments = [str(tmp_path), "--output", str(tmp_path / "out"), "--model", "nothing"]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("qk-find: error: ")
    assert error.count("\n") == 1


def test_the_command_starts_neither_kedro_nor_mlflow():
    code = (
        "import sys, qk_iteration.find_command, qk_iteration.collection.find;"
        "sys.exit(bool({'kedro', 'mlflow'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
