"""The search is compared with a sort of all pairs, ties and all."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.search import search_references as search_module
from qk_iteration.core.search.score_tiles import CpuTiles, TorchTiles
from qk_iteration.core.search.search_references import search_references


def described(prefix, vectors, order=None):
    rows = range(len(vectors)) if order is None else order
    return Descriptors(
        [f"{prefix}{row:04d}" for row in rows], np.asarray(vectors, np.float32)
    )


def draw(seed, num_rows, dim, *, whole_numbers=False):
    generator = np.random.default_rng(seed)
    if whole_numbers:  # so that hundreds of pairs tie
        return generator.integers(-2, 3, (num_rows, dim)).astype(np.float32)
    return generator.standard_normal((num_rows, dim)).astype(np.float32)


def run(queries, references, limit, per_query, **others):
    """The pairs that the search returns, as rows of a CSV."""
    found = search_references(
        queries,
        references,
        num_candidates=limit,
        per_query=per_query,
        **{"metric": "l2", "device": "cpu"} | others,
    )
    return list(zip(*(column.tolist() for column in found.columns()), strict=True))


def definition(queries, references, limit, per_query, metric="l2"):
    """All pairs, sorted by score, reference id and query id, and cut."""
    rows = []
    for query, left in zip(queries.ids, queries.read().astype(np.float64), strict=True):
        for reference, right in zip(
            references.ids, references.read().astype(np.float64), strict=True
        ):
            score = -((left - right) ** 2).sum() if metric == "l2" else left @ right
            rows.append((str(query), str(reference), float(np.float32(score))))
    rows.sort(key=lambda row: (-row[2], row[1], row[0]))
    if not per_query:
        return rows[:limit]
    asked = [query for query, *_ in rows]
    return [
        row for place, row in enumerate(rows) if asked[:place].count(row[0]) < limit
    ]


@pytest.mark.parametrize("metric", ["l2", "inner_product"])
@pytest.mark.parametrize(("limit", "per_query"), [(200, False), (7, True)])
@pytest.mark.parametrize("whole_numbers", [True, False])
def test_list_equals_a_sort_of_all_pairs(
    monkeypatch, metric, limit, per_query, whole_numbers
):
    monkeypatch.setattr(CpuTiles, "query_block_size", 7)  # divides nothing
    monkeypatch.setattr(CpuTiles, "reference_block_size", 19)
    monkeypatch.setattr(search_module, "FIRST_BLOCK_SIZE", 3)
    queries = described("Q", draw(0, 23, 5, whole_numbers=whole_numbers))
    references = described("R", draw(1, 101, 5, whole_numbers=whole_numbers))
    expected = definition(queries, references, limit, per_query, metric)
    assert run(queries, references, limit, per_query, metric=metric) == expected


@settings(max_examples=20, deadline=None)
@given(st.randoms(), st.integers(1, 60), st.booleans())
def test_order_of_the_rows_does_not_matter(random, limit, per_query):
    queries = draw(2, 9, 3, whole_numbers=True) / 3  # ties that float32 would break
    references = draw(3, 31, 3, whole_numbers=True) / 3
    one = run(described("Q", queries), described("R", references), limit, per_query)
    left, right = random.sample(range(9), 9), random.sample(range(31), 31)
    other = run(
        described("Q", queries[left], left),
        described("R", references[right], right),
        limit,
        per_query,
    )
    assert one == other


def test_torch_finds_what_numpy_finds(monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setattr(TorchTiles, "query_block_size", 11)
    monkeypatch.setattr(TorchTiles, "reference_block_size", 17)
    queries, references = described("Q", draw(4, 25, 6)), described("R", draw(5, 90, 6))
    for limit, per_query in ((150, False), (4, True)):
        # "cpu:0" is a torch device, "cpu" is NumPy.
        assert run(queries, references, limit, per_query, device="cpu:0") == (
            run(queries, references, limit, per_query)
        )


@pytest.mark.gpu
@pytest.mark.skipif(
    not pytest.importorskip("torch").cuda.is_available(), reason="needs a GPU"
)
def test_gpu_finds_what_numpy_finds():
    queries, references = (
        described("Q", draw(4, 300, 64)),
        described("R", draw(5, 40_000, 64)),
    )
    for limit, per_query in ((5000, False), (10, True)):
        assert run(queries, references, limit, per_query, device="cuda") == (
            run(queries, references, limit, per_query)
        )


@pytest.mark.parametrize("device", ["gpu", "cuda:99"])
def test_a_device_that_is_not_there_is_refused(device):
    with pytest.raises(ValueError, match=f"of this machine; got '{device}'"):
        run(
            described("Q", draw(0, 1, 2)),
            described("R", draw(0, 1, 2)),
            1,
            True,
            device=device,
        )


def test_collapsed_descriptors_give_a_full_list_by_id():
    queries = described("Q", np.ones((3, 2)))
    references = described("R", np.ones((200, 2)), order=range(199, -1, -1))
    found = run(queries, references, 7, per_query=False)
    assert found == [(f"Q000{row % 3}", f"R000{row // 3}", 0.0) for row in range(7)]
    nearest = run(queries, references, 2, per_query=True)
    assert {reference for _, reference, _ in nearest} == {"R0000", "R0001"}


@pytest.mark.parametrize("per_query", [True, False])
def test_more_candidates_than_pairs_gives_each_pair_once(per_query):
    found = run(
        described("Q", draw(6, 3, 4)), described("R", draw(7, 5, 4)), 1000, per_query
    )
    assert len({row[:2] for row in found}) == len(found) == 15


@pytest.mark.parametrize("per_query", [True, False])
@pytest.mark.parametrize("offset", [100, 1000, 30_000])
def test_descriptors_far_from_the_origin_are_ranked_as_near_it(offset, per_query):
    # |q|^2 + |r|^2 - 2qr cancels to noise here unless both are shifted first.
    queries = described("Q", np.float32(offset) + draw(9, 20, 16))
    references = described("R", np.float32(offset) + draw(10, 300, 16))
    found = run(queries, references, 5, per_query=per_query)
    wanted = definition(queries, references, 5, per_query=per_query)
    assert [row[:2] for row in found] == [row[:2] for row in wanted]


def test_equal_descriptors_have_distance_zero():
    rows = draw(8, 40, 64) * 100  # large, so that |q|^2 + |r|^2 - 2qr cancels badly
    found = run(described("Q", rows), described("R", rows), 1, per_query=True)
    assert [score for *_, score in found] == [0.0] * 40


class GeneratedVectors:
    """References that exist only while they are read."""

    dtype = np.dtype(np.float32)

    def __init__(self, num_rows):
        self.shape = (num_rows, 16)

    def __getitem__(self, rows):
        start, stop, _ = rows.indices(self.shape[0])
        return draw(start, stop - start, 16)


def test_memory_does_not_grow_with_the_references():
    queries = described("Q", draw(9, 200, 16))
    peaks = []
    for num_rows in (32_768, 131_072):
        ids = np.array([f"R{row:06d}" for row in range(num_rows)])
        references = Descriptors(ids, GeneratedVectors(num_rows))
        tracemalloc.start()
        run(queries, references, 1000, per_query=False)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    per_reference = (peaks[1] - peaks[0]) / (131_072 - 32_768)
    assert per_reference < 40  # bytes: its rank and the sort; a descriptor has 64


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"limit": 0, "per_query": True}, "num_candidates must be positive; got 0"),
        ({"limit": 1, "per_query": False, "metric": "cosine"}, "one of l2, inner_prod"),
    ],
)
def test_unknown_settings_are_refused(settings, complaint):
    with pytest.raises(ValueError, match=complaint):
        run(described("Q", draw(0, 1, 2)), described("R", draw(0, 1, 2)), **settings)


def test_different_dimensions_are_refused():
    with pytest.raises(FormatError, match="got 2 and 3"):
        run(described("Q", draw(0, 1, 2)), described("R", draw(0, 1, 3)), 1, True)
