"""Tables of image files: what was taken, or what was left out and why."""

import logging
from pathlib import Path
from typing import Any, NewType

import pandas as pd

from qk_iteration.core.formats.atomic_file import replacing
from qk_iteration.core.formats.parquet_file import read_parquet, write_parquet
from qk_iteration.datasets.path_dataset import PathDataset
from qk_iteration.datasets.project_paths import from_kept, to_kept

# Kedro-viz decides by the name of the return type how to show a preview.
TablePreview = NewType("TablePreview", dict[str, Any])

_logger = logging.getLogger(__name__)


class ImageTableDataset(PathDataset[pd.DataFrame]):
    """A table with a column ``path``; Parquet or, for people to read, CSV, by suffix.

    Paths below the project are kept relative to it and given absolute.

    Args:
        filepath: Ends in ``.parquet`` or ``.csv``.
        root: The project's folder.
        metadata: For Kedro's plugins; not used here.
    """

    def __init__(
        self, *, filepath: str, root: str, metadata: dict[str, Any] | None = None
    ) -> None:
        super().__init__(filepath=filepath, metadata=metadata)
        self.root = Path(root)

    def load(self) -> pd.DataFrame:
        """The table, its paths absolute."""
        table = self._read()
        paths = [from_kept(path, self.root) for path in table["path"]]
        return table.assign(path=pd.Series(paths, dtype=str))

    def save(self, data: pd.DataFrame) -> None:
        """Write the file, whole or not at all; say where a list for people is."""
        paths = [to_kept(path, self.root) for path in data["path"]]
        table = data.assign(path=pd.Series(paths, index=data.index, dtype=str))
        with replacing(self.path) as partial:
            if self._is_csv:
                table.to_csv(partial, index=False)
            else:
                write_parquet(table, partial)
        if self._is_csv and len(table):
            _logger.warning("What was left out, and why: '%s'.", self.path)

    def preview(self, nrows: int = 5) -> TablePreview:
        """The first rows, as kedro viz shows them; paths as they are kept."""
        return TablePreview(self._read().head(nrows).to_dict(orient="split"))

    @property
    def _is_csv(self) -> bool:
        return self.path.suffix == ".csv"

    def _read(self) -> pd.DataFrame:
        if self._is_csv:
            return pd.read_csv(self.path, dtype=str, keep_default_na=False)
        return read_parquet(self.path)
