"""A figure as a picture file that is whole or not there."""

from kedro_datasets import matplotlib

from qk_iteration.datasets.whole_file import WholeFile


class FigureDataset(WholeFile, matplotlib.MatplotlibDataset):  # type: ignore[misc]
    """Kedro's ``MatplotlibDataset``, one figure on this disk, written whole."""
