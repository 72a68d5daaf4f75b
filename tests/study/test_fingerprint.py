"""Fingerprints are compared before and after edits of a small project's modules."""

import pytest

from study import fingerprint
from study.fingerprint import (
    fingerprint_of_code,
    parameters_that_count,
    reached_code,
)

MODULES = {
    "__init__": "",
    "nodes": """
        from lab import early
        if TYPE_CHECKING:
            from lab import types_only
        def train(x):
            "Train."
            from lab.rooms import late
            return _help(x)
        def _help(x):
            return x + 1
        def other(x):
            from lab import others
            return x
        """,
    "early": "from lab.rooms.late import y",
    "others": "x = 1",
    "types_only": "x = 1",
    "shown": "x = 1",
    "rooms/__init__": "ROOMS = ['lab.by_name']",
    "rooms/late": "from .. import relative\nfrom lab import shown\ny = 1",
    "relative": "x = 1",
    "by_name": "x = 1",
}


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A project of its own, whose module lab.shown only shows."""
    for name in MODULES:
        write(tmp_path, name)
    monkeypatch.setattr(fingerprint, "ROOTS", {"lab": tmp_path / "lab"})
    monkeypatch.setattr(fingerprint, "DISPLAY", ("lab.shown",))
    return tmp_path


def write(folder, name, old="", new=""):
    text = "\n".join(line[8:] or line for line in MODULES[name].split("\n"))
    if not MODULES[name].startswith("\n"):
        text = MODULES[name]
    assert old in text
    path = folder / "lab" / f"{name}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.replace(old, new) if old else text + new)


def train():
    """Stands for lab.nodes.train."""


train.__module__ = "lab.nodes"


def test_all_that_can_be_imported_is_reached_and_nothing_else(lab):
    assert reached_code([train]).keys() == {
        "lab",
        "lab.nodes",
        "lab.early",
        "lab.rooms",
        "lab.rooms.late",
        "lab.relative",
        "lab.by_name",
    }
    assert "lab.others" in reached_code([train], ["lab.others"])


def test_a_function_that_another_made_counts_as_that_one(lab):
    def made():
        pass

    made.__module__, made.__qualname__ = "lab.nodes", "other.<locals>.made"
    assert "lab.others" in reached_code([made])


@pytest.mark.parametrize("name", ["early", "rooms/late", "relative", "by_name"])
def test_an_edit_of_what_is_reached_changes_the_fingerprint(lab, name):
    first = fingerprint_of_code([train])
    write(lab, name, new="\nz = 2\n")
    assert fingerprint_of_code([train]) != first


@pytest.mark.parametrize(
    ("old", "new", "is_changed"),
    [
        ("x + 1", "x + 2", True),
        ("return x\n", "return 2 * x\n", False),  # of the function that is not run
        ('"Train."', '"Train, with care."', False),
        ("return _help(x)", "return _help(x)  # Why.", False),
    ],
)
def test_of_a_nodes_module_only_what_runs_counts(lab, old, new, is_changed):
    first = fingerprint_of_code([train])
    write(lab, "nodes", old, new)
    assert (fingerprint_of_code([train]) != first) == is_changed


@pytest.mark.parametrize("name", ["shown", "others", "types_only"])
def test_an_edit_elsewhere_leaves_the_fingerprint(lab, name):
    first = fingerprint_of_code([train])
    write(lab, name, new="\nz = 2\n")
    assert fingerprint_of_code([train]) == first


def test_places_and_processes_do_not_count_and_numbers_have_one_spelling():
    blocks = {"learning": {"num_workers": 2, "seed": 1}, "qk": {"rate": 3.0e-4}}
    others = {"learning": {"num_workers": 4, "seed": 2}, "qk": {"rate": "0.0003"}}
    assert parameters_that_count(blocks) == parameters_that_count(others)
    assert parameters_that_count(blocks).keys() == {"qk.rate"}
