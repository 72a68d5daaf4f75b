"""Nearest-negative repulsion: pushes an embedding away from its nearest negative.

References:
    Sablayrolles et al., 2019, https://arxiv.org/abs/1806.03198 (Eq. 3, the entropy
    estimate of Kozachenko and Leonenko).
    Pizzi et al., 2022, https://arxiv.org/abs/2202.10261 (in copy detection).
"""

import torch
from torch import Tensor

SMALLEST_DISTANCE = 1e-4  # Bounds the gradient where two embeddings coincide.


def nearest_negative_repulsion(embeddings: Tensor, nearest: Tensor) -> Tensor:
    """Minus the mean log distance to the nearest negatives.

    Args:
        embeddings: Of unit length. Shape (B, D).
        nearest: The nearest negative of each, of unit length. Shape (B, D).

    Returns:
        A scalar; 0 for an empty batch. Lower is more spread out.
    """
    if len(embeddings) == 0:
        return embeddings.sum()
    distances = torch.linalg.vector_norm(embeddings - nearest, dim=1)
    repulsion: Tensor = -distances.clamp(min=SMALLEST_DISTANCE).log().mean()
    return repulsion
