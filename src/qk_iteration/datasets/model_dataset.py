"""A descriptor model: safetensors weights and a small JSON."""

from typing import TYPE_CHECKING

from qk_iteration.datasets.path_dataset import PathDataset

if TYPE_CHECKING:
    from qk_iteration.core.models.descriptor_model import DescriptorModel


class ModelDataset(PathDataset["DescriptorModel"]):
    """The folder of one model."""

    def load(self) -> "DescriptorModel":
        """The model, in eval mode, on the CPU."""
        from qk_iteration.core.models.model_file import load_model

        return load_model(self.path)

    def save(self, data: "DescriptorModel") -> None:
        """Write both files, each whole or not at all."""
        from qk_iteration.core.models.model_file import save_model

        save_model(data, self.path)
