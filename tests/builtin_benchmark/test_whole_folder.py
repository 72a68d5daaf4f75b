"""A folder is there whole, with its mark, or not at all."""

import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from qk_iteration.builtin_benchmark.whole_folder import (
    appearing_whole,
    building_alone,
    has_mark,
)
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


@pytest.mark.parametrize("where", [(shutil, "rmtree"), (Path, "rename")])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_kill_while_a_folder_is_replaced_leaves_one_of_the_two(
    tmp_path, monkeypatch, where, number
):
    folder = tmp_path / "built"
    build(folder, "first")
    holder, name = where
    whole, calls = getattr(holder, name), []

    def is_killed(path, *args, **kwargs):
        calls.append(path)
        if len(calls) < number:
            return whole(path, *args, **kwargs)
        if name == "rmtree":  # It had removed a part.
            (Path(path) / "BUILT").unlink(missing_ok=True)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr(holder, name, is_killed)
        build(folder, "second", mark="two")
    with building_alone(folder):
        mark, text = ("two", "second") if has_mark(folder, "two") else ("one", "first")
        assert has_mark(folder, mark)
        assert (folder / "image.jpg").read_text() == text
        build(folder, "third", mark="three")
    assert has_mark(folder, "three")
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"built", ".built.building"}


def test_a_link_to_another_place_stays_one(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "built").symlink_to(tmp_path / "disk")
    for text in ("first", "second"):
        build(tmp_path / "built", text)
        assert (tmp_path / "disk" / "image.jpg").read_text() == text
    assert (tmp_path / "built").is_symlink()


def test_a_folder_with_foreign_files_is_refused_and_kept(tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"mine")
    with pytest.raises(UserError, match="is or holds other files"):
        build(tmp_path, "first")
    with pytest.raises(UserError, match="is or holds other files"):
        build(tmp_path / "holiday.jpg", "first")
    assert (tmp_path / "holiday.jpg").read_bytes() == b"mine"
