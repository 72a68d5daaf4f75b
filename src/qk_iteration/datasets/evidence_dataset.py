"""A page of pairs as an HTML file, of which kedro viz shows the first pairs."""

import base64
import io

from qk_iteration.core.formats.atomic_file import replacing
from qk_iteration.datasets.path_dataset import PathDataset
from qk_iteration.datasets.picture_dataset import ImagePreview
from qk_iteration.evidence.preview_sheet import draw_preview_sheet


class EvidenceDataset(PathDataset[str]):
    """A page that appears whole or not at all."""

    def load(self) -> str:
        """The page's text."""
        return self.path.read_text(encoding="utf-8")

    def save(self, data: str) -> None:
        """Write the page."""
        with replacing(self.path) as partial:
            partial.write_text(data, encoding="utf-8")

    def preview(self) -> ImagePreview:
        """A sheet of the page's first pairs, as kedro viz shows pictures."""
        buffer = io.BytesIO()
        draw_preview_sheet(self.load()).save(buffer, "PNG")
        return ImagePreview(base64.b64encode(buffer.getvalue()).decode("ascii"))
