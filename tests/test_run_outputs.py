"""Places that may not be written are refused before a run, and no others."""

import os
from types import SimpleNamespace

import pytest

from qk_iteration.core.user_error import UserError
from qk_iteration.datasets import (
    CheckpointStoreDataset,
    DescriptorsDataset,
    NegativeBankDataset,
)
from qk_iteration.run_outputs import RunOutputsHook, check_places


@pytest.fixture
def only_read(tmp_path, monkeypatch):
    """A folder that is taken for one of a disk that is only read, whoever asks."""
    folder = tmp_path / "only_read"
    folder.mkdir()
    access = os.access

    def without_writing(path, mode):
        is_inside = str(path).startswith(str(folder))
        return access(path, mode) and not (is_inside and mode & os.W_OK)

    monkeypatch.setattr(os, "access", without_writing)
    return folder


def descriptors(path):
    return DescriptorsDataset(filepath=str(path))


@pytest.mark.parametrize("name", ["a.hdf5", "new/folder/a.hdf5"])
def test_a_file_in_a_folder_that_is_only_read_is_refused(only_read, name):
    with pytest.raises(UserError, match=f"'found' must be written to '.*{name}'"):
        check_places({"found": descriptors(only_read / name)})


def test_what_can_be_written_is_taken(tmp_path, only_read):
    (only_read / "bank").mkdir()
    check_places(
        {
            "new": descriptors(tmp_path / "new/folder/a.hdf5"),
            "memory": object(),
            "bank": NegativeBankDataset(filepath=str(only_read / "bank")),
            "elsewhere": SimpleNamespace(_filepath="/a", _protocol="s3"),
        }
    )
    assert not (tmp_path / "new").exists()


def test_a_file_of_kedros_datasets_is_looked_at_too(only_read):
    plain = SimpleNamespace(_filepath=only_read / "metrics.json", _protocol="file")
    with pytest.raises(UserError, match=r"metrics\.json'"):
        check_places({"metrics": plain})


def test_outputs_and_checkpoints_are_looked_at_before_a_run(tmp_path, only_read):
    state = CheckpointStoreDataset(filepath=str(only_read / "state"))
    catalog = {"a": descriptors(tmp_path / "a.npz"), "state": state, "table": object()}
    pipeline = SimpleNamespace(
        all_outputs=lambda: {"a"}, inputs=lambda: {"state", "table"}
    )
    with pytest.raises(UserError, match="'state' must be written"):
        RunOutputsHook().before_pipeline_run(pipeline, catalog)
    catalog["state"] = CheckpointStoreDataset(filepath=str(tmp_path / "state"))
    RunOutputsHook().before_pipeline_run(pipeline, catalog)
