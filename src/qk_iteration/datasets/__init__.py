"""Kedro datasets over the core's formats, models and folders."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qk_iteration.datasets.checkpoint_store_dataset import CheckpointStoreDataset
    from qk_iteration.datasets.csv_dataset import CSVDataset
    from qk_iteration.datasets.descriptors_dataset import DescriptorsDataset
    from qk_iteration.datasets.evidence_dataset import EvidenceDataset
    from qk_iteration.datasets.figure_dataset import FigureDataset
    from qk_iteration.datasets.folder_dataset import FolderDataset
    from qk_iteration.datasets.image_table_dataset import ImageTableDataset
    from qk_iteration.datasets.json_dataset import JSONDataset
    from qk_iteration.datasets.model_dataset import ModelDataset
    from qk_iteration.datasets.negative_bank_dataset import NegativeBankDataset
    from qk_iteration.datasets.picture_dataset import PictureDataset
    from qk_iteration.datasets.predicted_matches_dataset import PredictedMatchesDataset
    from qk_iteration.datasets.project_path_dataset import ProjectPathDataset
    from qk_iteration.datasets.text_dataset import TextDataset
    from qk_iteration.datasets.true_matches_dataset import TrueMatchesDataset

__all__ = [
    "CSVDataset",
    "CheckpointStoreDataset",
    "DescriptorsDataset",
    "EvidenceDataset",
    "FigureDataset",
    "FolderDataset",
    "ImageTableDataset",
    "JSONDataset",
    "ModelDataset",
    "NegativeBankDataset",
    "PictureDataset",
    "PredictedMatchesDataset",
    "ProjectPathDataset",
    "TextDataset",
    "TrueMatchesDataset",
]

_MODULES = {
    "CSVDataset": "csv_dataset",
    "CheckpointStoreDataset": "checkpoint_store_dataset",
    "DescriptorsDataset": "descriptors_dataset",
    "EvidenceDataset": "evidence_dataset",
    "FigureDataset": "figure_dataset",
    "FolderDataset": "folder_dataset",
    "ImageTableDataset": "image_table_dataset",
    "JSONDataset": "json_dataset",
    "ModelDataset": "model_dataset",
    "NegativeBankDataset": "negative_bank_dataset",
    "PictureDataset": "picture_dataset",
    "PredictedMatchesDataset": "predicted_matches_dataset",
    "ProjectPathDataset": "project_path_dataset",
    "TextDataset": "text_dataset",
    "TrueMatchesDataset": "true_matches_dataset",
}


def __getattr__(name: str) -> type:
    """Import a dataset when it is asked for, as kedro-datasets does."""
    from importlib import import_module

    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"{__name__}.{_MODULES[name]}")
    dataset: type = getattr(module, name)
    return dataset
