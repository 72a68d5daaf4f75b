"""The search by several ranks is compared with that of one, ties and all."""

import numpy as np
import pytest

from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.search.divided_search import search_divided_references
from qk_iteration.core.search.search_references import search_references
from tests.core.distributed.on_ranks import on_ranks

CASES = [
    (metric, per_query, num_candidates, num_references)
    for metric in ("l2", "inner_product")
    for per_query in (False, True)
    for num_candidates, num_references in ((1, 200), (17, 200), (500, 30), (4, 2))
]


def draw(num_references):
    """Descriptors of small whole numbers, of which many pairs tie; ids in disorder."""
    generator = np.random.default_rng(0)

    def described(prefix, num_rows):
        vectors = generator.integers(-2, 3, (num_rows, 5)).astype(np.float32)
        numbers = generator.permutation(num_rows)
        return Descriptors([f"{prefix}{n:04d}" for n in numbers], vectors)

    return described("Q", 11), described("R", num_references)


def pairs(search, case):
    metric, per_query, num_candidates, num_references = case
    found = search(
        *draw(num_references),
        num_candidates=num_candidates,
        per_query=per_query,
        metric=metric,
        device="cpu",
    )
    return list(zip(*(column.tolist() for column in found.columns()), strict=True))


def search_on_a_rank():
    return [pairs(search_divided_references, case) for case in CASES]


@pytest.fixture(scope="module")
def found_by_ranks(tmp_path_factory):
    return on_ranks(search_on_a_rank, 3, tmp_path_factory.mktemp("ranks"))


@pytest.mark.parametrize("number", range(len(CASES)), ids=map(str, CASES))
def test_three_ranks_find_what_one_finds(found_by_ranks, number):
    expected = pairs(search_references, CASES[number])
    assert all(of_rank[number] == expected for of_rank in found_by_ranks)


def test_alone_it_is_the_ordinary_search():
    for case in CASES:
        assert pairs(search_divided_references, case) == pairs(search_references, case)
