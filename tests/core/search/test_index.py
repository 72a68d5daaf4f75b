"""Every index is compared with the exact search."""

import subprocess
import sys

import numpy as np
import pytest

from qk_iteration.core.formats.descriptor_files import (
    read_descriptors,
    write_descriptors,
)
from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.formats.shard_folder import begin_shards
from qk_iteration.core.search import faiss_build
from qk_iteration.core.search.faiss_index import FaissIndex
from qk_iteration.core.search.index import ExactIndex, build_index
from qk_iteration.core.search.index_recall import measure_recall, report_recall
from qk_iteration.core.search.search_config import SearchConfig
from qk_iteration.core.search.search_references import search_references
from qk_iteration.core.user_error import UserError

FAISS_KINDS = ["flat", "hnsw", "ivf", "ivf on disk"]
every_metric = pytest.mark.parametrize("metric", ["l2", "inner_product"])
every_index = pytest.mark.parametrize("kind", ["exact", *FAISS_KINDS])
every_faiss = pytest.mark.parametrize("kind", FAISS_KINDS)


def config(kind, **settings):
    values = {
        "index": kind.split()[0],
        "rerank": 4,
        "pairs_per_query": 20,
        "recall_queries": 50,
        "seed": 0,
        "hnsw": {"neighbors": 16, "build_effort": 80, "search_effort": 80},
        "ivf": {
            "lists": 16,
            "probes": 16,  # all of them: nothing is missed
            "training_rows": 1000,
            "on_disk": kind.endswith("disk"),
            "code_bytes": None,
        },
    }
    return SearchConfig.model_validate(values | settings)


def clustered(num_rows, seed, prefix, noise=0.4):
    """Unit vectors around forty centers, the same for every seed."""
    centers = np.random.default_rng(99).standard_normal((40, 16))
    generator = np.random.default_rng(seed)
    rows = centers[generator.integers(0, 40, num_rows)]
    rows = rows + noise * generator.standard_normal(rows.shape)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    ids = [f"{prefix}{row:05d}" for row in generator.permutation(num_rows)]
    return Descriptors(ids, rows.astype(np.float32))


@pytest.fixture(scope="module")
def references():
    return clustered(2000, 1, "R")


@pytest.fixture(scope="module")
def queries():
    return clustered(60, 2, "Q")


def assert_same(one, other):
    for ours, theirs in zip(one.columns(), other.columns(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@every_index
@every_metric
def test_an_index_that_skips_nothing_finds_what_exact_search_finds(
    references, queries, kind, metric
):
    expected = search_references(
        queries,
        references,
        num_candidates=7,
        per_query=True,
        metric=metric,
        device="cpu",
    )
    index = build_index(references, config(kind), metric=metric)
    found = index.search(queries, 7)
    if kind != "hnsw":
        assert_same(found, expected)
    else:
        known = set(zip(*map(np.ndarray.tolist, expected.columns()), strict=True))
        ours = set(zip(*map(np.ndarray.tolist, found.columns()), strict=True))
        assert len(found) == 420
        assert len(known & ours) >= 0.97 * len(known)


@every_index
def test_equal_references_are_ordered_by_id(kind):
    references = Descriptors([f"R{row}" for row in (5, 3, 9, 1)], np.ones((4, 8)))
    queries = Descriptors(["Q0"], np.ones((1, 8)))
    found = build_index(references, config(kind), metric="l2").search(queries, 4)
    assert found.columns()[1].tolist() == ["R1", "R3", "R5", "R9"]
    assert found.scores.tolist() == [0, 0, 0, 0]


@every_index
def test_more_wanted_than_there_are_gives_all(queries, kind):
    references = clustered(5, 3, "R")
    index = build_index(references, config(kind), metric="inner_product")
    assert len(index.search(queries, 10)) == 5 * len(queries)


@pytest.mark.parametrize("code_bytes", [None, 4])
def test_lists_filled_by_shards_are_those_filled_at_once(
    monkeypatch, references, queries, code_bytes
):
    few_probes = {
        "lists": 40,
        "probes": 2,
        "training_rows": 1600,
        "code_bytes": code_bytes,
    }
    monkeypatch.setattr(faiss_build, "ROWS_FOR_CODES", 256)
    results = []
    for on_disk, shard in ((False, 10**6), (True, 600), (True, 10**6)):
        monkeypatch.setattr(faiss_build, "ROWS_PER_SHARD", shard)
        monkeypatch.setattr(faiss_build, "ROWS_PER_READ", min(shard, 200))
        settings = config("ivf", ivf=few_probes | {"on_disk": on_disk})
        index = build_index(references, settings, metric="inner_product")
        results.append(index.search(queries, 5))
    assert_same(results[0], results[1])
    assert_same(results[0], results[2])


def coded(code_bytes=4, *, on_disk=True, **settings):
    lists = {
        "lists": 16,
        "probes": 16,
        "training_rows": 1600,
        "on_disk": on_disk,
        "code_bytes": code_bytes,
    }
    return config("ivf", ivf=lists, **settings)


@every_metric
def test_codes_find_by_reranking_what_exact_search_finds(
    monkeypatch, references, queries, metric
):
    monkeypatch.setattr(faiss_build, "ROWS_FOR_CODES", 256)
    recalls = []
    for rerank in (1, 10, 200):  # the last proposes every reference
        index = build_index(references, coded(rerank=rerank), metric=metric)
        recalls.append(measure_recall(index, queries, num_queries=60, seed=0).at_10)
    expected = ExactIndex(references, metric, "cpu").search(queries, 10)
    assert_same(index.search(queries, 10), expected)
    assert recalls[0] < 0.9 < recalls[1] <= recalls[2] == 1


@pytest.mark.parametrize("code_bytes", [None, 4])
def test_an_index_built_from_shards_is_that_of_the_rows_in_memory(
    monkeypatch, tmp_path, references, queries, code_bytes
):
    monkeypatch.setattr(faiss_build, "ROWS_FOR_CODES", 256)
    folder = begin_shards(
        tmp_path / "shards", num_images=2000, images_per_shard=300, made_from={}
    )
    for shard in folder.missing():
        rows = folder.images_of(shard)
        own = slice(rows.start, rows.stop)
        part = Descriptors(references.ids[own], references.read(own))
        write_descriptors(folder.file_of(shard), part)
        folder.finish(shard, num_described=len(rows), left_out=[])
    stored = read_descriptors(tmp_path / "shards")
    found = []
    for rows, on_disk in ((references, False), (stored, True)):
        settings = coded(code_bytes, on_disk=on_disk, rerank=3)
        index = build_index(rows, settings, metric="inner_product")
        found.append(index.search(queries, 10))
    assert_same(*found)


def test_codes_take_the_bytes_that_were_asked_for(monkeypatch, tmp_path, references):
    monkeypatch.setattr(faiss_build, "ROWS_FOR_CODES", 256)
    settings = coded(8)
    build_index(references, settings, metric="l2", folder=tmp_path)
    whole = 2000 * (8 + 8)  # with the number of the row
    assert whole <= (tmp_path / faiss_build.LISTS_FILE).stat().st_size < 2 * whole


def test_codes_of_too_few_references_are_left_out_and_odd_ones_refused(
    references, queries, caplog
):
    caplog.set_level("INFO")
    index = build_index(references, coded(), metric="l2")
    assert "1600 references are too few to learn codes from (9984" in caplog.text
    expected = ExactIndex(references, "l2", "cpu").search(queries, 5)
    assert_same(index.search(queries, 5), expected)
    with pytest.raises(UserError, match=r"divide the 16 numbers .* got 7. Take 8"):
        build_index(references, coded(7), metric="l2")


@every_faiss
def test_other_dimensions_and_numbers_that_are_none_are_refused(references, kind):
    index = build_index(references, config(kind), metric="l2")
    with pytest.raises(FormatError, match="one descriptor dimension"):
        index.search(Descriptors(["Q"], np.ones((1, 3))), 1)
    broken = references.read().copy()
    broken[7] = np.nan
    with pytest.raises(FormatError, match="References' descriptors must be finite"):
        build_index(Descriptors(references.ids, broken), config(kind), metric="l2")


def test_a_line_says_where_an_index_finds_fewer_than_are_asked_for(
    references, queries, caplog
):
    one_list = config("ivf").ivf.model_dump() | {"probes": 1}
    index = build_index(references, config("ivf", ivf=one_list), metric="l2")
    assert len(index.search(queries, 1)) == 60
    assert not caplog.messages
    assert len(index.search(queries, 1900)) < 60 * 1900
    line = "ivf has found fewer than the 1900 nearest asked for of 60 of 60 queries"
    assert line in caplog.text
    assert "Raise search.ivf.probes" in caplog.text


def test_recall_is_the_part_of_the_nearest_that_is_found(references, queries, caplog):
    caplog.set_level("INFO")
    settings = config(
        "ivf",
        ivf={
            "lists": 40,
            "probes": 1,
            "training_rows": 1600,
            "on_disk": False,
            "code_bytes": None,
        },
        rerank=1,
    )
    index = build_index(references, settings, metric="inner_product")
    exact = ExactIndex(references, "inner_product", "cpu")
    shares = []
    for rank in (1, 10):
        truth, found = (
            set(zip(*map(np.ndarray.tolist, one.columns()[:2]), strict=True))
            for one in (exact.search(queries, rank), index.search(queries, 10))
        )
        shares.append(len(truth & found) / len(truth))
    whole = measure_recall(index, queries, num_queries=10**6, seed=0)
    assert (whole.at_10, whole.num_queries) == (pytest.approx(shares[1]), 60)
    assert whole.at_1 <= shares[0]
    assert 0.2 < whole.at_10 < 0.99
    sampled = report_recall(index, queries, settings)
    assert sampled.num_queries == 50
    assert f"Index ivf finds {100 * sampled.at_1:.1f} %" in caplog.text
    assert report_recall(exact, queries, settings) is None


def test_a_flat_index_has_full_recall_however_many_scores_are_equal():
    rows = np.repeat(np.eye(4), 50, axis=0)
    references = Descriptors([f"R{row:03d}" for row in range(200)], rows)
    queries = Descriptors(["Q0", "Q1"], rows[[0, 60]])
    index = build_index(references, config("flat", rerank=1), metric="l2")
    assert isinstance(index, FaissIndex)
    recall = measure_recall(index, queries, num_queries=2, seed=0)
    assert (recall.at_1, recall.at_10) == (1, 1)


def test_faiss_is_imported_only_when_an_index_of_it_is_asked_for():
    code = (
        "import sys, qk_iteration.core.search.index, qk_iteration.core.search."
        "index_recall, qk_iteration.core.search.faiss_index; "
        "print('faiss' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "False"
