"""Figures as a JSON file that is whole or not there."""

from kedro_datasets import json

from qk_iteration.datasets.whole_file import WholeFile


class JSONDataset(WholeFile, json.JSONDataset):  # type: ignore[misc]
    """Kedro's ``json.JSONDataset`` on this machine's disk, written whole."""
