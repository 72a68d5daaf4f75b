"""What was written is read again, and a device that is always full says why."""

import errno
from pathlib import Path

import pytest
import torch

from qk_iteration.core.formats.torch_file import write_torch

CONTENT = {"rows": torch.arange(100_000), "step": 3}


def test_torch_reads_what_was_written(tmp_path):
    write_torch(tmp_path / "a.pt", CONTENT)
    read = torch.load(tmp_path / "a.pt", weights_only=True)
    assert read["step"] == 3
    assert torch.equal(read["rows"], CONTENT["rows"])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is full")
def test_a_write_that_fails_says_why():
    with pytest.raises(OSError, match="No space left") as caught:
        write_torch(Path("/dev/full"), CONTENT)
    assert caught.value.errno == errno.ENOSPC


def test_what_cannot_be_pickled_stays_the_error_that_it_is(tmp_path):
    with pytest.raises((AttributeError, TypeError, RuntimeError)):
        write_torch(tmp_path / "a.pt", {"f": lambda: None})


def _save_in_torchs_words(content, file):
    """A disk that is full once, as torch reports it: the reason is the context."""
    try:
        raise OSError(errno.ENOSPC, "No space left on device")
    except OSError:
        raise RuntimeError("unexpected pos 64 vs 0")  # noqa: B904


def test_the_reason_that_torch_hides_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(torch, "save", _save_in_torchs_words)
    with pytest.raises(OSError, match="No space left"):
        write_torch(tmp_path / "a.pt", CONTENT)


def test_an_error_of_torch_itself_stays(tmp_path, monkeypatch):
    def fail(content, file):
        raise RuntimeError("no such storage")

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(RuntimeError, match="no such storage"):
        write_torch(tmp_path / "a.pt", CONTENT)
