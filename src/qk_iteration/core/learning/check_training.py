"""What can be refused before any work is refused here, from settings and counts alone.

Nothing here is heavy to import, so that a command can ask before it starts a run.
"""

from collections.abc import Mapping

from qk_iteration.core.formats.user_paths import user_path
from qk_iteration.core.images.check_batch import check_batch
from qk_iteration.core.learning.learning_config import (
    LearningConfig,
    MethodConfig,
    QKConfig,
)
from qk_iteration.core.learning.plan import num_affordable_steps, plan_phases
from qk_iteration.core.learning.side import Side
from qk_iteration.core.models.model_config import ModelConfig
from qk_iteration.core.user_error import UserError


def check_training(
    learning: LearningConfig,
    config: MethodConfig,
    *,
    num_images: int,
    num_groups: int,
) -> None:
    """Refuse a training that cannot be done, or that could not learn.

    Args:
        learning: What the methods have in common.
        config: The method's own parameters.
        num_images: Training images.
        num_groups: Groups that they form; images of one are never pushed apart.

    Raises:
        UserError: With the first thing that does not fit.
    """
    check_start(learning.start_from)
    check_batch(learning.images_per_step, num_images=num_images)
    check_negatives(num_images=num_images, num_groups=num_groups)
    if isinstance(config, QKConfig):
        plan_phases(config, learning, num_images=num_images)
    else:
        num_affordable_steps(config, learning)


def check_sides(configs: Mapping[Side, ModelConfig], config: MethodConfig) -> None:
    """Refuse unlike models on the two sides where a method cannot train them.

    Raises:
        UserError: If the method has one model, or unlike backbones, or one backbone
            of unlike weights, were to share weights. One may see images of two sizes.
    """
    query, key = configs[Side.QUERY], configs[Side.KEY]
    if query == key:
        return
    unlike = [name for name, value in query if value != getattr(key, name)]
    differ = f"query_model and key_model differ in {', '.join(unlike)}"
    if not isinstance(config, QKConfig):
        raise UserError(
            "This method trains one model for both sides, which must be alike; "
            f"{differ}. Change model instead, or take --pipelines=train."
        )
    if not query.begins_as(key) and config.towers != "separate":
        raise UserError(
            "qk.towers must be separate where the sides have unlike backbones or "
            f"weights: {differ}; got '{config.towers}'. Add "
            "--params=qk.towers=separate."
        )


def check_start(start_from: str | None) -> None:
    """Refuse a start that is not there.

    Raises:
        UserError: If the folder does not hold the models of both sides.
    """
    if start_from is None:
        return
    folder = user_path(start_from) if start_from.strip() else None
    missing = [s for s in Side if not (folder and (folder / f"{s}_model").is_dir())]
    if missing:
        raise UserError(
            "learning.start_from must be a folder of finished models, such as a copy "
            f"of data/06_models/qk; got '{start_from}', which holds no "
            f"{missing[0]}_model."
        )


def check_negatives(*, num_images: int, num_groups: int) -> None:
    """Refuse images that would all be copies of one: nothing to tell apart.

    Raises:
        UserError: If there are fewer than two groups.
    """
    if num_groups < 2:
        raise UserError(
            f"The {num_images} training images must form at least 2 groups, since "
            f"images of one group are never negatives of each other; got {num_groups}. "
            "Add other images, or raise learning.near_copy_similarity if it joins too "
            "many."
        )
