"""A picture as a PNG file, shown by kedro viz."""

import base64
from typing import NewType

from PIL import Image

from qk_iteration.core.formats.atomic_file import replacing
from qk_iteration.datasets.path_dataset import PathDataset

# Kedro-viz decides by the name of the return type how to show a preview.
ImagePreview = NewType("ImagePreview", str)


class PictureDataset(PathDataset[Image.Image]):
    """A PNG file that appears whole or not at all."""

    def load(self) -> Image.Image:
        """The picture, fully read."""
        with Image.open(self.path, formats=["PNG"]) as picture:
            picture.load()
            return picture.copy()

    def save(self, data: Image.Image) -> None:
        """Write the picture."""
        with replacing(self.path) as partial:
            data.save(partial, format="PNG")

    def preview(self) -> ImagePreview:
        """The file's bytes in base64, as kedro viz shows pictures."""
        return ImagePreview(base64.b64encode(self.path.read_bytes()).decode("utf-8"))
