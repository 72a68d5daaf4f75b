"""The query model that is fitted to an index: checked early, built and started."""

from pathlib import Path
from typing import NamedTuple

from qk_iteration.core.bank.negative_bank import NegativeBank
from qk_iteration.core.formats.user_paths import user_path
from qk_iteration.core.images.check_batch import check_batch
from qk_iteration.core.images.views import TrainingImages
from qk_iteration.core.learning.check_training import check_negatives
from qk_iteration.core.learning.first_bank import fill_initial_bank
from qk_iteration.core.learning.head_start import start_in_index
from qk_iteration.core.learning.learning_config import FitConfig, LearningConfig
from qk_iteration.core.learning.plan import num_fit_steps
from qk_iteration.core.models.backbone_weights import RANDOM_WEIGHTS
from qk_iteration.core.models.check_model import check_model
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.model_config import ModelConfig
from qk_iteration.core.models.model_file import load_model, read_model_config
from qk_iteration.core.user_error import UserError


class IndexSize(NamedTuple):
    """What of an index decides whether a model can be fitted to it."""

    num_images: int
    num_groups: int
    dim: int


def check_fit(
    config: FitConfig, learning: LearningConfig, model: ModelConfig, index: IndexSize
) -> ModelConfig:
    """Refuse a fit that cannot be done, before any image is described.

    Args:
        config: What learns, and from where.
        learning: The budget and the batch.
        model: What the query model is built of, unless it starts from a finished one.
        index: Its size.

    Returns:
        What the query model is built of.

    Raises:
        UserError: With the first thing that does not fit.
    """
    _check_start(config, learning)
    check_batch(learning.images_per_step, num_images=index.num_images)
    check_negatives(num_images=index.num_images, num_groups=index.num_groups)
    num_fit_steps(config, learning, num_images=index.num_images)
    if config.start_from is not None:
        finished = read_model_config(user_path(config.start_from))
        # It has its weights; what it was built from need not be here.
        model = finished.model_copy(update={"weights": RANDOM_WEIGHTS})
    # Its own dimension is no matter: the head is another one.
    model = model.model_copy(update={"embedding_dim": 1})
    most = check_model(model, frozen_stages=learning.frozen_stages)
    if index.dim > most:
        raise UserError(
            f"Rows of the index must have at most the {most} numbers that a head of "
            f"backbone '{model.backbone}' can give; they have {index.dim}. Choose a "
            "wider one: --params=query_backbone=NAME."
        )
    return model.model_copy(update={"embedding_dim": index.dim})


def start_query_model(
    model: DescriptorModel,
    images: TrainingImages,
    rows: NegativeBank,
    folder: Path,
    *,
    config: FitConfig,
    learning: LearningConfig,
) -> DescriptorModel:
    """The model with a head that points to the rows already.

    Args:
        model: From `build_query_model`, on its device.
        images: The training images.
        rows: Of the index, for the same images.
        folder: Where the features of the clean images are kept.
        config: What learns.
        learning: Batch, workers and precision.
    """
    features = fill_initial_bank(folder, model, images, learning, dtype="float32")
    return start_in_index(
        model, features.rows, rows.rows, learns=config.learns, ridge=config.ridge
    )


def build_query_model(model: ModelConfig, start_from: str | None) -> DescriptorModel:
    """The finished model of a folder, or a backbone with its package's weights.

    Args:
        model: From `check_fit`.
        start_from: The folder.
    """
    if start_from is not None:
        return load_model(user_path(start_from))
    return DescriptorModel(model).eval()


def _check_start(config: FitConfig, learning: LearningConfig) -> None:
    if learning.start_from is not None:
        raise UserError(
            "learning.start_from goes on from a pair, and an index has one side; got "
            f"'{learning.start_from}'. Name a query model: "
            "--params=fit_to_index.start_from=FOLDER."
        )
    if config.learns == "adapter" and config.start_from is None:
        raise UserError(
            "fit_to_index.learns=adapter maps the descriptors of a model of ours that "
            "must be named: --params=fit_to_index.start_from=data/06_models/qk/"
            "query_model."
        )
