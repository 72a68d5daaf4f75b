"""Descriptors in the field's HDF5 layout."""

from qk_iteration.core.formats.descriptor_files import (
    read_descriptors,
    write_descriptors,
)
from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.datasets.path_dataset import PathDataset


class DescriptorsDataset(PathDataset[Descriptors]):
    """An HDF5 file with ``vectors`` (N, D) and ``image_names``, or an ``.npz``."""

    def load(self) -> Descriptors:
        """The descriptors; their rows stay in the file until they are read."""
        return read_descriptors(self.path)

    def save(self, data: Descriptors) -> None:
        """Write the file, whole or not at all."""
        write_descriptors(self.path, data)
