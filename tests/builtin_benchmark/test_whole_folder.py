"""A folder is there whole, with its mark, or not at all."""

import pytest

from qk_iteration.builtin_benchmark.whole_folder import appearing_whole, has_mark
from qk_iteration.core.user_error import UserError


def build(folder, text, *, mark="one", is_killed=False):
    with appearing_whole(folder, mark) as partial:
        partial.mkdir()
        (partial / "image.jpg").write_text(text)
        if is_killed:
            raise KeyboardInterrupt


def test_a_built_folder_has_its_mark_and_replaces_another(tmp_path):
    folder = tmp_path / "built"
    assert not has_mark(folder, "one")
    build(folder, "first")
    build(folder, "second", mark="two")
    assert (folder / "image.jpg").read_text() == "second"
    assert has_mark(folder, "two")
    assert not has_mark(folder, "one")
    assert list(tmp_path.iterdir()) == [folder]


def test_a_failed_build_keeps_what_was_there(tmp_path):
    folder = tmp_path / "built"
    build(folder, "first")
    with pytest.raises(KeyboardInterrupt):
        build(folder, "half", mark="two", is_killed=True)
    assert (folder / "image.jpg").read_text() == "first"
    assert has_mark(folder, "one")


def test_a_folder_with_foreign_files_is_refused_and_kept(tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"mine")
    with pytest.raises(UserError, match="holds other files"):
        build(tmp_path, "first")
    assert (tmp_path / "holiday.jpg").read_bytes() == b"mine"
