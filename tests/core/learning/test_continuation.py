"""A continuation draws anew, and the same each time."""

import copy

from torch import nn

from qk_iteration.core.learning.continuation import seed_of_continuation
from qk_iteration.core.learning.tower import Side


def test_seed_changes_with_the_weights_of_either_side_and_with_the_own_seed():
    query, key = nn.Linear(2, 3), nn.Linear(2, 3)
    models = {Side.QUERY: query, Side.KEY: key}
    first = seed_of_continuation(1, models)
    assert 0 <= first < 2**32
    assert first != 1
    assert seed_of_continuation(1, copy.deepcopy(models)) == first
    others = [
        seed_of_continuation(2, models),
        seed_of_continuation(1, models | {Side.QUERY: nn.Linear(2, 3)}),
        seed_of_continuation(1, models | {Side.KEY: nn.Linear(2, 3)}),
    ]
    assert len({first, *others}) == 4
