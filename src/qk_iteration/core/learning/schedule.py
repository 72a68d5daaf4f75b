"""Learning-rate schedule: linear warm-up, then half a cosine.

References:
    Loshchilov and Hutter, 2017, https://arxiv.org/abs/1608.03983.
"""

import math


def warmup_cosine(progress: float, *, warmup: float) -> float:
    """Factor of the peak learning rate.

    Args:
        progress: Share of the training that is done, in [0, 1].
        warmup: Share of the training that warms up, in [0, 1).

    Returns:
        A factor in [0, 1]: rises to 1 at the end of the warm-up, falls to 0 at the end.
    """
    if progress < warmup:
        return progress / warmup
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))
