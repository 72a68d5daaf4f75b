"""A descriptor model: safetensors weights and a small JSON."""

from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.model_file import load_model, save_model
from qk_iteration.datasets.path_dataset import PathDataset


class ModelDataset(PathDataset[DescriptorModel]):
    """The folder of one model."""

    def load(self) -> DescriptorModel:
        """The model, in eval mode, on the CPU."""
        return load_model(self.path)

    def save(self, data: DescriptorModel) -> None:
        """Write both files, each whole or not at all."""
        save_model(data, self.path)
