"""Figures of a training that other processes do, line by line in a file.

The process that keeps the MLflow run reads them while they are written, so that those
that train need neither MLflow nor the way to its store.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qk_iteration.core.learning.learning_curve import Metrics, Report

SECONDS_BETWEEN_READS = 1.0


class ReportFile:
    """A file of one JSON list a line: image passes, metrics by name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._place = 0

    def write(self, image_passes: int, metrics: Metrics) -> None:
        """Add a line; it can be read at once."""
        with self.path.open("a", encoding="ascii") as file:
            file.write(json.dumps([image_passes, metrics]) + "\n")

    def tell_news(self, report: Report) -> None:
        """Report the whole lines that were added since the last time."""
        with self.path.open("rb") as file:
            file.seek(self._place)
            lines = file.read().splitlines(keepends=True)
        for line in lines:
            if line.endswith(b"\n"):
                self._place += len(line)
                report(*json.loads(line))

    @contextmanager
    def told(self, report: Report) -> Iterator[None]:
        """Report what others write while the block runs; begins with an empty file."""
        self.path.write_bytes(b"")
        is_over = threading.Event()
        reader = threading.Thread(target=self._tell_until, args=(is_over, report))
        reader.start()
        try:
            yield
        finally:
            is_over.set()
            reader.join()
            self.tell_news(report)

    def _tell_until(self, is_over: threading.Event, report: Report) -> None:
        while not is_over.wait(SECONDS_BETWEEN_READS):
            self.tell_news(report)
