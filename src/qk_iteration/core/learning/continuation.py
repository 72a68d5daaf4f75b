"""Going on from finished models: what must differ from the training that made them."""

import hashlib
from collections.abc import Mapping

from qk_iteration.core.learning.tower import Side
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.weights_fingerprint import weights_fingerprint


def seed_of_continuation(seed: int, models: Mapping[Side, DescriptorModel]) -> int:
    """The seed of a training that goes on from finished models.

    By the models' own seed it would draw the batches and edits that they have seen
    already, in the same order. So their weights count too: each continuation of a chain
    draws anew, and a repeated one draws the same.

    Args:
        seed: That of the parameters.
        models: The finished model of each side.

    Returns:
        Of 32 bits.
    """
    weights = [weights_fingerprint(models[side]) for side in Side]
    digest = hashlib.sha256(" ".join([str(seed), *weights]).encode()).digest()
    return int.from_bytes(digest[:4], "big")
