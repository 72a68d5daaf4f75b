"""The path of a folder as a text file, relative to the project where it lies in it."""

from pathlib import Path
from typing import Any

from qk_iteration.core.formats.atomic_file import replacing
from qk_iteration.datasets.path_dataset import PathDataset
from qk_iteration.datasets.project_paths import from_kept, to_kept


class ProjectPathDataset(PathDataset[str]):
    """A path that survives a move of the project.

    Args:
        filepath: The text file.
        root: The project's folder.
        metadata: For Kedro's plugins; not used here.
    """

    def __init__(
        self, *, filepath: str, root: str, metadata: dict[str, Any] | None = None
    ) -> None:
        super().__init__(filepath=filepath, metadata=metadata)
        self.root = Path(root)

    def load(self) -> str:
        """The path, absolute."""
        return from_kept(self.path.read_text("utf-8").removesuffix("\n"), self.root)

    def save(self, data: str) -> None:
        """Write the file, whole or not at all."""
        with replacing(self.path) as partial:
            partial.write_text(f"{to_kept(data, self.root)}\n", "utf-8")
