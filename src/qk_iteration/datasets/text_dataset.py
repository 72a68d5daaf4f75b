"""A text file that is whole or not there."""

from kedro_datasets import text

from qk_iteration.datasets.whole_file import WholeFile


class TextDataset(WholeFile, text.TextDataset):  # type: ignore[misc]
    """Kedro's ``text.TextDataset`` on this machine's disk, written whole."""
