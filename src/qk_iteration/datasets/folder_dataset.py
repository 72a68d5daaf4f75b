"""A folder that a node keeps files in by itself."""

from pathlib import Path

from qk_iteration.datasets.path_dataset import PathDataset


class FolderDataset(PathDataset[Path]):
    """A handle on a folder: loading it gives the path, never the content."""

    def load(self) -> Path:
        """The path; the folder is made if it is not there."""
        self.path.mkdir(parents=True, exist_ok=True)
        return self.path
