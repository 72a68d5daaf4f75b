"""The base of this project's datasets: one file or folder, described by its path."""

from pathlib import Path
from typing import Any, TypeVar

from kedro.io import AbstractDataset, DatasetError

Content = TypeVar("Content")


class PathDataset(AbstractDataset[Content, Content]):
    """What lies at ``filepath``.

    Args:
        filepath: Kedro makes a relative path absolute against the project's folder.
        metadata: For Kedro's plugins; not used here.
    """

    def __init__(
        self, *, filepath: str, metadata: dict[str, Any] | None = None
    ) -> None:
        self.path = Path(filepath)
        self.metadata = metadata

    def load(self) -> Content:
        """What the subclass reads from the path."""
        raise NotImplementedError

    def save(self, data: Content) -> None:
        """Refuse; the subclass may write instead."""
        raise DatasetError(f"{type(self).__name__} is read-only; it cannot be saved.")

    def _exists(self) -> bool:
        return self.path.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self.path.as_posix()}
