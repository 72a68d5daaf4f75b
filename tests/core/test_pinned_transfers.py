"""Batches for a card wait in pinned memory, from which they are copied without a wait.

Pinning needs a card; here each tensor that would be pinned is noted.
"""

import pandas as pd
import pytest
import torch
from PIL import Image

from qk_iteration.core.describing.describe_images import describe_images
from qk_iteration.core.describing.describer import describer_of_model
from qk_iteration.core.describing.describing_config import DescriptionConfig
from qk_iteration.core.images.views import ViewRequest, draw_views
from qk_iteration.core.models.descriptor_model import DescriptorModel
from tests.core.learning.small_training import MODEL, open_noise

SIZE = MODEL.image_size


@pytest.fixture
def pinned(monkeypatch):
    """Shapes of what is pinned on a machine that says it has a card."""
    shapes = []

    def pin_memory(tensor, device=None):
        shapes.append(tuple(tensor.shape))
        return tensor

    for place in (torch.cuda, torch.accelerator):
        monkeypatch.setattr(place, "is_available", lambda: True)
    monkeypatch.setattr(torch.Tensor, "pin_memory", pin_memory)
    return shapes


def draw(folder):
    images = open_noise(folder / "images")
    batches = [
        [ViewRequest(row, "clean", 0) for row in rows] for rows in ((0, 1), (2,))
    ]
    return list(draw_views(images, batches, num_workers=0))


def describe(folder):
    folder.mkdir(exist_ok=True)
    paths = [folder / f"R{number}.png" for number in range(3)]
    for number, path in enumerate(paths):
        Image.new("RGB", (20, 30), (80 * number, 20, 30)).save(path)
    table = pd.DataFrame({"image_id": [p.stem for p in paths], "path": map(str, paths)})
    config = DescriptionConfig(batch_size=2, num_workers=0, precision="float32")
    describer = describer_of_model(DescriptorModel(MODEL), precision="float32")
    return describe_images(table, describer, config, max_pixels=10_000)


@pytest.mark.parametrize("work", [draw, describe])
def test_pixels_for_a_card_are_pinned(pinned, tmp_path, work):
    work(tmp_path / "one")
    assert pinned == [(2, SIZE, SIZE, 3), (1, SIZE, SIZE, 3)]


@pytest.mark.parametrize("work", [draw, describe])
def test_nothing_is_pinned_without_a_card(pinned, monkeypatch, tmp_path, work):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    work(tmp_path / "one")
    assert pinned == []
