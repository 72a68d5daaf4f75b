"""The choice is compared with shares worked out by hand."""

import numpy as np
import pytest

from qk_iteration.evidence.fair_share import fair_share, not_shown

KINDS = np.repeat(["b", "a", "c"], [7, 2, 6])


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (20, list(range(15))),
        (15, list(range(15))),
        # Two of "a" leave eight places: four for each of the others.
        (10, [0, 1, 3, 5, 7, 8, 9, 10, 12, 13]),
        (3, [0, 7, 9]),
    ],
)
def test_each_kind_has_a_fair_share_taken_evenly(limit, expected):
    assert fair_share(KINDS, limit).tolist() == expected


def test_of_nothing_nothing_is_chosen():
    assert fair_share(np.array([], dtype=str), 5).tolist() == []


def test_what_is_left_out_is_counted_by_kind():
    told = not_shown(KINDS, KINDS[fair_share(KINDS, 10)])
    assert told == "Not shown, for there are too many: 3 of 7 b, 2 of 6 c."
