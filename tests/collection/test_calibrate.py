"""The scores of a calibration are compared with what each side describes by itself."""

import numpy as np
import pandas as pd

from qk_iteration.collection.calibrate import calibrate_model
from qk_iteration.collection.model_sides import sides_of_pair
from qk_iteration.core.describing.describing_config import DescriptionConfig
from qk_iteration.core.formats.ground_truth import TrueMatches
from qk_iteration.core.models.descriptor_model import DescriptorModel
from tests.collection.conftest import draw
from tests.core.learning.small_training import MODEL, changed

CONFIG = DescriptionConfig(batch_size=4, num_workers=0, precision="float32")


def transformer(size):
    """A model that takes pictures of one size only."""
    return DescriptorModel(
        changed(MODEL, backbone="vit_tiny_patch16_224", image_size=size, gem_power=1.0)
    ).eval()


def test_sides_that_see_two_sizes_each_describe_the_references(tmp_path):
    paths = [tmp_path / f"R{number}.png" for number in range(4)]
    for number, path in enumerate(paths):
        draw(number).save(path)
    table = pd.DataFrame(
        {"image_id": [path.stem for path in paths], "path": [*map(str, paths)]}
    )
    sides = sides_of_pair(transformer(32), transformer(48), path=tmp_path)

    told = calibrate_model(
        sides,
        table.head(1).assign(image_id="Q0"),
        table,
        TrueMatches({"Q0": ("R0",)}),
        CONFIG,
        max_pixels=10_000,
        source="drawn pictures",
    )

    # Too few pictures for a background: scores are cosines.
    cosines = sides.query.describe(paths) @ sides.key.describe(paths).T
    higher = np.maximum(cosines, cosines.T)[np.triu_indices(4, 1)]
    np.testing.assert_allclose(told.clean_scores, np.sort(higher)[::-1], atol=1e-5)
    np.testing.assert_allclose(told.right_scores, cosines[0, :1], atol=1e-5)
