"""The digest of the code is taken of a copy of it, before and after an edit."""

import shutil
from pathlib import Path

import pytest

from qk_iteration.core.learning import code_digest as module
from qk_iteration.core.learning.code_digest import (
    ROOMS_OF_FEATURES,
    ROOMS_OF_TRAINING,
    code_digest,
)


@pytest.mark.parametrize(
    ("edited", "rooms"),
    [
        ("losses/info_nce.py", ROOMS_OF_TRAINING),
        ("images/edits/color.py", ROOMS_OF_TRAINING),
        ("distributed/collectives.py", ROOMS_OF_TRAINING),
        ("models/backbone.py", ROOMS_OF_FEATURES),
        ("describing/describe.py", ROOMS_OF_FEATURES),
    ],
)
def test_an_edited_file_changes_it_and_the_folder_does_not(
    tmp_path, monkeypatch, edited, rooms
):
    own = code_digest(rooms)
    core = Path(module.__file__).parents[1]
    shutil.copytree(core, tmp_path / "core")
    monkeypatch.setattr(module, "__file__", tmp_path / "core/learning/code_digest.py")
    assert code_digest(rooms) == own
    with (tmp_path / "core" / edited).open("a") as file:
        file.write("\nNEW = 1\n")
    assert code_digest(rooms) != own
