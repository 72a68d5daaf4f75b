"""What a training needs to continue: one folder for each setting that was trained.

    latest.pt     all that continues the training, its best pair of models included
    previous.pt   the checkpoint before it
    finished      nothing is left to do

One file holds everything, so that nothing in it can disagree. It is written whole or
not at all, loads without running any code, and carries checksums: where it was damaged
since, the one before it continues the training.

Where several ranks train, the first one alone reads and writes; the others are told.
"""

import errno
import logging
import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch

from qk_iteration.core.distributed.collectives import told_by_first_rank
from qk_iteration.core.distributed.ranks import present_ranks
from qk_iteration.core.formats.atomic_file import replacing
from qk_iteration.core.formats.folder_lock import locked
from qk_iteration.core.formats.full_disk import saying_full_disk
from qk_iteration.core.formats.torch_file import write_torch

KEPT_SETTINGS = 3
"""Finished trainings of other settings that are kept beside the present one."""

LATEST, PREVIOUS = "latest.pt", "previous.pt"

_FINISHED = "finished"
_SECOND_NAME = ".previous.pt"

_logger = logging.getLogger(__name__)


class CheckpointStore:
    """A handle on the checkpoints of one kind of training, whatever its settings.

    Args:
        folder: Holds one sub-folder for each fingerprint of settings and data.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def of_training(self, fingerprint: str, *, resume: bool) -> Iterator["Checkpoints"]:
        """The checkpoints made under these settings; others are left alone.

        They are this process's alone meanwhile, or these ranks'. Another process that
        trains the same waits, and then finds what is done.

        Args:
            fingerprint: Of settings and data.
            resume: False forgets what was done before.

        Raises:
            UserError: On all of several ranks, if others train the same: while the
                first waited, the rest would take it for lost.
        """
        folder = self.folder / fingerprint
        checkpoints = Checkpoints(folder)
        ours = locked(folder, what="the same training", waits=present_ranks().is_alone)
        with ExitStack() as held:
            told_by_first_rank(lambda: held.enter_context(ours))
            if present_ranks().is_first:
                os.utime(folder)  # Most recently used, so pruned last.
                self._prune(folder)
                if not resume:
                    checkpoints.clear()
            yield checkpoints

    def _prune(self, present: Path) -> None:
        """Remove the oldest finished trainings; what was interrupted may go on."""
        finished = [
            path
            for path in self.folder.iterdir()
            if path != present and (path / _FINISHED).is_file()
        ]
        finished.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
        for path in finished[KEPT_SETTINGS:]:
            shutil.rmtree(path, ignore_errors=True)  # Another run may do the same.


class Checkpoints:
    """The checkpoints of one training."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, content: dict[str, Any]) -> None:
        """Write tensors and plain values; the latest becomes the previous checkpoint.

        Raises:
            FullDiskError: If there is no room; what was saved before is still there.
        """
        if not present_ranks().is_first:
            return
        latest = self.folder / LATEST
        with replacing(latest, is_durable=True) as partial:
            write_torch(partial, content)
            if latest.is_file():
                self._keep_as_previous(latest)

    def _keep_as_previous(self, latest: Path) -> None:
        """Give it a second name: until the new one is there, it stays the latest."""
        second = self.folder / _SECOND_NAME
        second.unlink(missing_ok=True)  # A killed process's.
        try:
            os.link(latest, second)
        except OSError:  # A file system without links, or a file of somebody else.
            shutil.copyfile(latest, second)
        second.replace(self.folder / PREVIOUS)

    def load(self) -> dict[str, Any] | None:
        """The newest checkpoint that is whole, on the CPU; None if there is none.

        A damaged one is removed, and a line says so.
        """
        return told_by_first_rank(self._load_here)

    def _load_here(self) -> dict[str, Any] | None:
        for path in (self.folder / LATEST, self.folder / PREVIOUS):
            if not path.is_file():
                continue
            content = _read(path)
            if content is not None:
                return content
            _logger.warning(
                "Checkpoint '%s' is damaged and is removed; the training goes on from "
                "the one before it, or anew if there is none.",
                path,
            )
            path.unlink(missing_ok=True)
        return None

    def clear(self) -> None:
        """Forget the training; what tells ranks of it, and the lock, stay."""
        for name in (LATEST, PREVIOUS, _SECOND_NAME, _FINISHED):
            (self.folder / name).unlink(missing_ok=True)

    def mark_finished(self) -> None:
        """Say that the training has nothing left to do; it may be pruned some day."""
        if not present_ranks().is_first:
            return
        path = self.folder / _FINISHED
        with saying_full_disk(path):
            path.touch()


def _read(path: Path) -> dict[str, Any] | None:
    """The content of a file, or None if it is damaged."""
    try:
        with zipfile.ZipFile(path) as archive:  # torch itself checks no checksum.
            if archive.testzip() is not None:
                return None
        content: dict[str, Any] = torch.load(
            path, map_location="cpu", weights_only=True
        )
    except Exception as error:  # Damage raises errors of many kinds.
        if _is_of_machine(error):
            raise  # The file may be whole, and must not be lost.
        return None
    return content


def _is_of_machine(error: Exception) -> bool:
    """Whether it is the disk, a right that is missing, or memory, and not the file."""
    if isinstance(error, OSError):
        return error.errno != errno.EINVAL
    # Torch has no type for it.
    return isinstance(error, MemoryError) or "allocate memory" in str(error)
