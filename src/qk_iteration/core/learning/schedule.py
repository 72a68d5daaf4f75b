"""Learning-rate schedule over SGD steps: linear warm-up, then half a cosine.

Over steps and not over the budget: a bank is paid from the budget before the first
step, so that a method with a bank would begin near its peak, and one without would not.

References:
    Loshchilov and Hutter, 2017, https://arxiv.org/abs/1608.03983.
"""

import math


def warmup_cosine(progress: float, *, warmup: float) -> float:
    """Factor of the peak learning rate.

    Args:
        progress: Share of the SGD steps that are done, in [0, 1].
        warmup: Share of the SGD steps that warm up, in [0, 1).

    Returns:
        A factor in [0, 1]: rises to 1 at the end of the warm-up, falls to 0 at the end.
    """
    if progress < warmup:
        return progress / warmup
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))
