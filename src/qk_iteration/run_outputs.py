"""Where a run is to write is looked at before it works, not when it has ended."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline

from qk_iteration.core.user_error import UserError
from qk_iteration.datasets import CheckpointStoreDataset, NegativeBankDataset


class RunOutputsHook:
    """Refuse to begin what could not be saved."""

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, pipeline: Pipeline, catalog: Any) -> None:
        """Raise UserError with the place that cannot be written."""
        made = {name: catalog.get(name) for name in sorted(pipeline.all_outputs())}
        used = {name: catalog.get(name) for name in sorted(pipeline.inputs())}
        check_places(made | _filled_in_place(used))


def check_places(datasets: Mapping[str, Any]) -> None:
    """Raise UserError for the first dataset whose file or folder cannot be written."""
    for name, dataset in datasets.items():
        # A whole bank may lie on a disk that is only read; a new one says so itself.
        path = None if isinstance(dataset, NegativeBankDataset) else _path_of(dataset)
        if path is not None and not _may_be_written(path):
            raise UserError(
                f"'{name}' must be written to '{path}', and that place cannot be "
                "written: its disk is only read, or it belongs to somebody else. Make "
                "it writable, or name another place."
            )


def _filled_in_place(datasets: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: dataset
        for name, dataset in datasets.items()
        if isinstance(dataset, CheckpointStoreDataset)
    }


def _path_of(dataset: Any) -> Path | None:
    """Where a dataset of ours, or of Kedro's, lies on this machine."""
    path = getattr(dataset, "path", None) or getattr(dataset, "_filepath", None)
    is_here = getattr(dataset, "_protocol", "file") == "file"
    return Path(path) if path is not None and is_here else None


def _may_be_written(path: Path) -> bool:
    """Whether a file can be made there or written over, or a folder filled."""
    if path.exists() and os.access(path, os.W_OK):
        return True  # A file that cannot be replaced is written straight.
    folder = path.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return os.access(folder, os.W_OK)
