"""The check of coverage is compared with reports made by hand."""

import json
import sys

import pytest

from tools.check_coverage import main


def report_of(tmp_path, percents):
    files = {n: {"summary": {"percent_covered": p}} for n, p in percents.items()}
    path = tmp_path / "coverage.json"
    path.write_text(json.dumps({"files": files, "totals": {"percent_covered": 95.0}}))
    return path


def test_enough_everywhere_passes(tmp_path, monkeypatch, capsys):
    path = report_of(tmp_path, {"a.py": 90.0, "b.py": 100.0})
    monkeypatch.setattr(sys, "argv", ["check", str(path)])
    main()
    assert "90.0 %  a.py" in capsys.readouterr().out


def test_one_module_with_too_little_is_named(tmp_path, monkeypatch):
    path = report_of(tmp_path, {"a.py": 89.9, "b.py": 100.0})
    monkeypatch.setattr(sys, "argv", ["check", str(path)])
    with pytest.raises(SystemExit, match=r"less of a\.py"):
        main()
