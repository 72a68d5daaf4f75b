"""Groups are compared with a search along the pairs, item by item."""

import numpy as np

from qk_iteration.collection.copy_groups import best_first, group_copies


def reachable(item, pairs):
    found, waiting = {item}, [item]
    while waiting:
        one = waiting.pop()
        for pair in pairs:
            if one in pair:
                new = set(pair) - found
                found |= new
                waiting += new
    return frozenset(found)


def test_groups_are_what_pairs_connect_over_any_number_of_others():
    generator = np.random.default_rng(0)
    for _ in range(30):
        pairs = [tuple(pair) for pair in generator.integers(0, 30, (18, 2)).tolist()]
        expected = {reachable(item, pairs) for pair in pairs for item in pair}
        groups = group_copies(pairs)
        assert {frozenset(group) for group in groups} == expected
        assert sum(map(len, groups)) == len({item for pair in pairs for item in pair})


def test_the_best_has_most_pixels_then_most_bytes_then_the_first_name():
    quality = {"a": (4, 9), "b": (4, 10), "c": (5, 1), "d": (4, 10)}
    assert best_first(list("abcd"), quality) == ["c", "b", "d", "a"]
