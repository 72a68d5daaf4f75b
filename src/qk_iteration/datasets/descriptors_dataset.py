"""Descriptors in the field's HDF5 layout."""

from typing import TYPE_CHECKING

from qk_iteration.datasets.path_dataset import PathDataset

if TYPE_CHECKING:
    from qk_iteration.core.formats.descriptors import Descriptors


class DescriptorsDataset(PathDataset["Descriptors"]):
    """An HDF5 file with ``vectors`` (N, D) and ``image_names``, or an ``.npz``."""

    def load(self) -> "Descriptors":
        """The descriptors; their rows stay in the file until they are read."""
        from qk_iteration.core.formats.descriptor_files import read_descriptors

        return read_descriptors(self.path)

    def save(self, data: "Descriptors") -> None:
        """Write the file, whole or not at all."""
        from qk_iteration.core.formats.descriptor_files import write_descriptors

        write_descriptors(self.path, data)
