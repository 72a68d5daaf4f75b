"""Paths that people name are compared with what a shell makes of them."""

import pwd
from pathlib import Path

import pytest

from qk_iteration.core.formats.user_paths import user_path
from qk_iteration.core.user_error import UserError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("~", "/home/somebody"),
        ("~/m.json", "/home/somebody/m.json"),
        (Path("~/results/m.json"), "/home/somebody/results/m.json"),
        ("~root/m.json", f"{pwd.getpwnam('root').pw_dir}/m.json"),
        ("./~/m.json", "~/m.json"),
        ("a/~", "a/~"),
        ("007", "007"),
        (2024, "2024"),
        (0, "0"),
        ("a .jpg", "a .jpg"),
    ],
)
def test_paths_are_text_and_homes_are_expanded(monkeypatch, text, expected):
    monkeypatch.setenv("HOME", "/home/somebody")
    assert user_path(text) == Path(expected)


@pytest.mark.parametrize(
    "text", ["", "  ", "a\0b", None, True, 1.5, ["a"], b"a", "~nobody_of_this_name/m"]
)
def test_what_is_no_path_is_refused(text):
    with pytest.raises(UserError, match=r"must be|somebody unknown"):
        user_path(text)
