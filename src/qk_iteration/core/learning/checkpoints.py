"""What a training needs to continue: one folder for each setting that was trained.

A file is written whole or not at all, and loads without running any code.
"""

import os
import shutil
from pathlib import Path
from typing import Any

import torch

from qk_iteration.core.formats.atomic_file import replacing

KEPT_SETTINGS = 3
"""Finished trainings of other settings that are kept beside the present one."""

_FINISHED = "finished"


class TrainingState:
    """A handle on the checkpoints of one kind of training.

    Args:
        folder: Holds one sub-folder for each fingerprint of settings and data.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def of_settings(self, fingerprint: str) -> "Checkpoints":
        """The checkpoints made under these settings; others are left alone."""
        folder = self.folder / fingerprint
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder)  # Most recently used, so pruned last.
        self._prune(folder)
        return Checkpoints(folder)

    def _prune(self, present: Path) -> None:
        """Remove the oldest finished trainings; what was interrupted may go on."""
        finished = [
            path
            for path in self.folder.iterdir()
            if path != present and (path / _FINISHED).is_file()
        ]
        finished.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
        for path in finished[KEPT_SETTINGS:]:
            shutil.rmtree(path)


class Checkpoints:
    """The named checkpoints of one training: ``latest`` and ``best``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, name: str, content: dict[str, Any]) -> None:
        """Write a checkpoint of tensors and plain values, atomically."""
        with (
            replacing(self.folder / f"{name}.pt") as partial,
            partial.open("wb") as file,
        ):
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())

    def mark_finished(self) -> None:
        """Say that the training has nothing left to do; it may be pruned some day."""
        (self.folder / _FINISHED).touch()

    def load(self, name: str) -> dict[str, Any] | None:
        """The checkpoint of this name, on the CPU; None if there is none."""
        path = self.folder / f"{name}.pt"
        if not path.is_file():
            return None
        content: dict[str, Any] = torch.load(
            path, map_location="cpu", weights_only=True
        )
        return content
