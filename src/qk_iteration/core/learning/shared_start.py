"""Two sides that share weights must begin with the same ones: else some are lost."""

from collections.abc import Mapping

import torch

from qk_iteration.core.learning.learning_config import MethodConfig, QKConfig
from qk_iteration.core.learning.side import Side
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.user_error import UserError


def check_shared_start(
    models: Mapping[Side, DescriptorModel], config: MethodConfig
) -> None:
    """Refuse unlike weights where the key side's would be thrown away in silence.

    Raises:
        UserError: If weights that a method shares differ, or do not fit each other, as
            those that a transformer keeps by position do not at two image sizes.
    """
    towers = config.towers if isinstance(config, QKConfig) else None
    query, key = (models[side].state_dict() for side in Side)
    unlike = [
        name
        for name in sorted(query.keys() | key.keys())
        if _is_shared(name, towers)
        and not (name in query and name in key and torch.equal(query[name], key[name]))
    ]
    if unlike:
        where = "one model" if towers is None else f"qk.towers={towers}"
        raise UserError(
            f"Sides that share weights ({where}) must begin with the same ones; those "
            f"of query_model and key_model differ in {unlike[0]} and {len(unlike) - 1} "
            "more. Take --pipelines=train --params=qk.towers=separate, or start from "
            "another pair."
        )


def _is_shared(name: str, towers: str | None) -> bool:
    if towers == "shared_head":
        return name.startswith("head.")
    return towers != "separate"
