"""Finds what is wrong with a model's parameters before anything is built or run."""

from qk_iteration.core.models.model_config import ModelConfig
from qk_iteration.core.user_error import UserError


def check_model(config: ModelConfig, *, frozen_stages: int = 0) -> int:
    """Refuse a backbone, image size, dimension or weights that cannot work.

    The network is built without memory for its weights, and one image's shape is sent
    through it: a fraction of a second for any size of network. torch is imported here,
    not with this module.

    Args:
        config: What the model is built of.
        frozen_stages: First stages of the backbone that will not learn.

    Returns:
        The number of features that the backbone gives.

    Raises:
        UserError: If timm does not know the backbone, its weights are not on this
            machine, it does not take images of the size, it gives fewer features
            than ``embedding_dim``, or it has no such stages.
    """
    import torch

    from qk_iteration.core.models.backbone import (
        backbone_feature_dim,
        check_name,
        wrong_size,
    )
    from qk_iteration.core.models.backbone_weights import find_weights
    from qk_iteration.core.models.descriptor_model import DescriptorModel
    from qk_iteration.core.models.frozen_stages import freeze_stages

    check_name(config.backbone)
    find_weights(config.backbone, config.weights)
    size = config.image_size
    with torch.device("meta"), torch.no_grad():
        model = DescriptorModel(config, load_weights=False).eval()
        try:
            model(torch.empty(1, size, size, 3, dtype=torch.uint8))
        except NotImplementedError:  # Not every operation works without values.
            pass
        except Exception as error:
            raise wrong_size(config.backbone, size, error) from error
    num_features = backbone_feature_dim(model.backbone)
    if config.embedding_dim > num_features:
        raise UserError(
            f"model.embedding_dim must not exceed the {num_features} features of "
            f"backbone '{config.backbone}'; got {config.embedding_dim}. Lower it."
        )
    freeze_stages(model, frozen_stages)
    return num_features
