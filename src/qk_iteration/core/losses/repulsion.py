"""Nearest-negative repulsion: pushes an embedding away from its nearest negative.

Shapes:
    B: batch size.
    D: embedding dimension.

References:
    Sablayrolles et al., 2019, https://arxiv.org/abs/1806.03198 (Eq. 3, the KoLeo
    loss, after the entropy estimate of Kozachenko and Leonenko).
    Pizzi et al., 2022, https://arxiv.org/abs/2202.10261 (in copy detection).
"""

import torch
from torch import Tensor

SMALLEST_DISTANCE = 1e-4  # Bounds the gradient where two embeddings coincide.


def nearest_negative_repulsion(
    embeddings: Tensor,
    nearest: Tensor,
    has_negative: Tensor,
    *,
    is_counted: Tensor | None = None,
) -> Tensor:
    """Minus the mean log distance to the nearest negatives.

    Embeddings without a negative are left out by their weight and not by an index,
    whose length a GPU would have to be waited for.

    Args:
        embeddings: Of unit length. Shape (B, D).
        nearest: The nearest negative of each, of unit length; any finite row where
            there is none. Shape (B, D).
        has_negative: Whether there is one. Shape (B,), bool.
        is_counted: Whose distances this rank counts, where all ranks together count
            each once; all by default. Shape (B,), bool.

    Returns:
        A scalar; 0 if no embedding has a negative. Lower is more spread out.
    """
    distances = torch.linalg.vector_norm(embeddings - nearest, dim=1)
    log_distances = distances.clamp(min=SMALLEST_DISTANCE).log()
    counted = has_negative if is_counted is None else has_negative & is_counted
    total = log_distances.where(counted, 0).sum()
    repulsion: Tensor = -(total / has_negative.sum().clamp(min=1))
    return repulsion
