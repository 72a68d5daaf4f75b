"""The models of the two sides before any training, alike or unlike.

Unlike models (a smaller query model, say) start in one space: the key side's head
whitens its features. A query model of the same backbone that sees another size begins
with that head too; the head of another backbone is fitted to what the key side makes of
the images. (The fitted head comes nearer to its training rows, and yet ranks far worse
where both can be had: it leaves out what it cannot know.)
"""

from collections.abc import Mapping
from pathlib import Path

import torch

from qk_iteration.core.bank.negative_bank import NegativeBank
from qk_iteration.core.images.views import TrainingImages
from qk_iteration.core.learning.first_bank import (
    fill_initial_bank,
    whiten_initial_model,
)
from qk_iteration.core.learning.head_start import start_in_index
from qk_iteration.core.learning.learning_config import (
    LearningConfig,
    NegativeBankConfig,
)
from qk_iteration.core.learning.side import Side
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.head_outputs import HeadOutputs
from qk_iteration.core.models.model_config import ModelConfig


def start_pair(
    configs: Mapping[Side, ModelConfig],
    key_bank: NegativeBank,
    images: TrainingImages,
    query_features_folder: Path,
    learning: LearningConfig,
    bank: NegativeBankConfig,
    *,
    device: torch.device,
) -> tuple[DescriptorModel, DescriptorModel]:
    """The query model and the key model before any training.

    Args:
        configs: What each side's model is built of; where they are equal, both sides
            start as the same model.
        key_bank: Features of the clean images by the key side's backbone.
        images: The training images.
        query_features_folder: Where those by another query backbone are kept.
        learning: Batch, workers and precision.
        bank: How features are kept, and the ridge of the query side's head.
        device: Where a query model describes the images.
    """
    key = whiten_initial_model(DescriptorModel(configs[Side.KEY]), key_bank)
    if configs[Side.QUERY] == configs[Side.KEY]:
        return key, key
    query = DescriptorModel(configs[Side.QUERY]).eval().to(device)
    if configs[Side.QUERY].begins_as(configs[Side.KEY]):
        query.head.load_state_dict(key.head.state_dict())
        return query.cpu(), key
    features = fill_initial_bank(
        query_features_folder, query, images, learning, dtype=bank.dtype
    )
    rows = HeadOutputs(key.head, key_bank.rows)
    query = start_in_index(query, features.rows, rows, learns="model", ridge=bank.ridge)
    return query.cpu(), key
