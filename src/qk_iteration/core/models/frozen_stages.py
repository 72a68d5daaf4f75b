"""The first stages of a backbone, kept as they are; timm knows which these are."""

import timm.models
from torch import nn

from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.user_error import UserError, first_line


def freeze_stages(model: DescriptorModel, num_stages: int) -> list[nn.Module]:
    """Stop the gradient of a backbone's first stages; returns their modules.

    Raises:
        UserError: If the backbone's stages are not known, or nothing would be left to
            learn.
    """
    if num_stages == 0:
        return []
    backbone = model.backbone
    try:
        matcher = backbone.group_matcher(coarse=True)  # type: ignore[operator]
    except (AttributeError, AssertionError) as error:
        raise UserError(
            f"learning.frozen_stages must be 0 with backbone '{model.config.backbone}',"
            f" whose stages timm does not know ({first_line(error)}); got {num_stages}."
            " Set it to 0, or choose another backbone."
        ) from error
    groups = timm.models.group_parameters(backbone, matcher)
    if num_stages >= len(groups):
        raise UserError(
            f"learning.frozen_stages must leave one of the backbone's {len(groups)} "
            f"stages to learn; got {num_stages}. Lower it."
        )
    frozen_names = [name for g in sorted(groups)[:num_stages] for name in groups[g]]
    for name in frozen_names:
        backbone.get_parameter(name).requires_grad_(False)
    # A weight of the network itself, as a class token, stops nothing of later stages.
    owners = {name.rpartition(".")[0] for name in frozen_names} - {""}
    return [backbone.get_submodule(owner) for owner in sorted(owners)]
