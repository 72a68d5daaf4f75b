"""Bring what is kept of a folder up to date: describe what is new, forget what is gone.

Work is kept every few hundred pictures, so that a run may be killed at any moment and
the next one goes on.
"""

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from rich.progress import Progress, TaskID

from qk_iteration.collection.content_files import (
    FolderFiles,
    LeftOut,
    SeenFile,
    changed_files,
    content_of,
)
from qk_iteration.collection.descriptor_store import DescriptorStore, NewContent
from qk_iteration.core.describing.describe_images import describe_files
from qk_iteration.core.describing.describer import Describer
from qk_iteration.core.describing.describing_config import DescriptionConfig
from qk_iteration.core.images.file_state import FileState
from qk_iteration.core.images.opened_image import UnreadableImageError
from qk_iteration.core.progress_bar import progress_bar
from qk_iteration.core.stopping import stop_if_requested

FILES_PER_RANGE = 1024
"""So many files are read, described and kept at a time."""


@dataclass(frozen=True)
class FolderUpdate:
    """What a look at a folder has changed.

    Attributes:
        left_out: What is no picture, or cannot be read.
        num_described: Pictures described now.
        num_forgotten: Files that were known and are gone.
    """

    left_out: list[LeftOut]
    num_described: int
    num_forgotten: int


def describe_folder(
    found: FolderFiles,
    store: DescriptorStore,
    describer: Describer,
    config: DescriptionConfig,
    *,
    max_pixels: int,
) -> FolderUpdate:
    """Describe every content that the store does not know, once.

    Args:
        found: What the folder holds now.
        store: What was known before; brought up to date.
        describer: Of the store's rows.
        config: Batches and workers.
        max_pixels: Larger pictures are left out, undecoded.

    Raises:
        StoppedError: If a stop was asked for; what was described is kept.
        UserError: If a descriptor is not finite.
    """
    store.turn_to(found.folder)
    changed = changed_files(found.files, store.seen_files())
    left_out = list(found.left_out)
    num_described = 0
    with progress_bar() as bar:
        task = bar.add_task(f"Reading {found.folder.name}", total=len(changed))
        bar.live.transient = True
        for start in range(0, len(changed), FILES_PER_RANGE):
            part = _Range(found, changed[start : start + FILES_PER_RANGE], max_pixels)
            part.describe(store, describer, config, bar, task)
            left_out += part.left_out
            num_described += part.num_described
    # A file that became unreadable is no longer what was described.
    gone = {path for path, _, _ in left_out}
    kept = (state.path for state in found.files if state.path not in gone)
    num_forgotten = store.keep_only(kept)
    return FolderUpdate(left_out, num_described, num_forgotten)


class _Range:
    """Some of the files that must be read."""

    def __init__(
        self, found: FolderFiles, states: Sequence[FileState], max_pixels: int
    ) -> None:
        self._found = found
        self._states = states
        self._max_pixels = max_pixels
        self.left_out: list[LeftOut] = []
        self.num_described = 0

    def describe(
        self,
        store: DescriptorStore,
        describer: Describer,
        config: DescriptionConfig,
        bar: Progress,
        task: TaskID,
    ) -> None:
        """Describe what is new among them, and keep all that can be read."""
        stop_if_requested()
        seen = self._read()
        unknown = store.unknown_of(one.content for one in seen)
        first_of = {one.content: one for one in reversed(seen)}
        waiting = [one for one in first_of.values() if one.content in unknown]
        bar.advance(task, len(self._states) - len(waiting))
        paths = [self._found.full_path(one.state.path) for one in waiting]
        contents: list[NewContent] = []
        vectors = []
        for part in describe_files(
            paths, describer, config, max_pixels=self._max_pixels, label=None
        ):
            bar.advance(task, len(part.rows) + len(part.unreadable))
            for row, size in zip(part.rows, part.sizes, strict=True):
                contents.append((waiting[row].content, *size))
            if part.rows:
                vectors.append(part.vectors)
            for row, error in part.unreadable.items():
                self._leave_out(seen, waiting[row].content, error)
        broken = unknown - {content for content, _, _ in contents}
        rows = np.concatenate(vectors) if vectors else np.empty((0, 1), np.float32)
        store.add([one for one in seen if one.content not in broken], contents, rows)
        self.num_described = len(contents)

    def _read(self) -> list[SeenFile]:
        """The content of every file that is a picture; the others are left out."""
        paths = [self._found.full_path(state.path) for state in self._states]
        looked_ns = time.time_ns()
        seen = []
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as executor:
            read = partial(content_of, max_pixels=self._max_pixels)
            for state, content in zip(
                self._states, executor.map(read, paths), strict=True
            ):
                if isinstance(content, UnreadableImageError):
                    self.left_out.append((state.path, content.why, content.reason))
                else:
                    seen.append(SeenFile(state, content, looked_ns))
        return seen

    def _leave_out(
        self, seen: list[SeenFile], content: str, error: UnreadableImageError
    ) -> None:
        self.left_out += [
            (one.state.path, error.why, error.reason)
            for one in seen
            if one.content == content
        ]
