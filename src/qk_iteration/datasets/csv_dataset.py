"""A table as a CSV file that is whole or not there."""

from kedro_datasets import pandas

from qk_iteration.datasets.whole_file import WholeFile


class CSVDataset(WholeFile, pandas.CSVDataset):  # type: ignore[misc]
    """Kedro's ``pandas.CSVDataset`` on this machine's disk, written whole."""
