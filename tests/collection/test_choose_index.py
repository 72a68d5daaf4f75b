"""What FAISS finds in a collection is compared with what comparing everything finds."""

import logging

import numpy as np
import pytest

from qk_iteration.collection.choose_index import SEARCH, choose_search
from qk_iteration.collection.find import find_copies


def search_by(index):
    lists = SEARCH.ivf.model_copy(update={"lists": 4, "probes": 4})
    return SEARCH.model_copy(update={"index": index, "ivf": lists})


def test_exact_stands_for_itself_up_to_a_size_only(caplog):
    with caplog.at_level(logging.INFO):
        assert choose_search(SEARCH, 200_000, exact_up_to=200_000).index == "exact"
        beyond = choose_search(SEARCH, 200_001, exact_up_to=200_000)
    assert (beyond.index, beyond.ivf.on_disk) == ("ivf", True)
    assert "all 200000 pictures, exactly" in caplog.messages[0]
    assert "miss some pairs" in caplog.messages[1]


def test_lists_of_a_collection_lie_on_disk_whoever_asks():
    in_memory = SEARCH.ivf.model_copy(update={"on_disk": False})
    asked = SEARCH.model_copy(update={"index": "ivf", "ivf": in_memory})
    assert choose_search(asked, 10, exact_up_to=200_000).ivf.on_disk


@pytest.mark.parametrize("index", ["flat", "hnsw", "ivf"])
def test_an_index_that_visits_everything_finds_the_same(
    photos, model, tmp_path, quick, index
):
    settings = {"model": model, **quick}
    exact = find_copies(photos, output=tmp_path / "exact", **settings)
    found = find_copies(
        photos, output=tmp_path / "out", search=search_by(index), **settings
    )
    assert found.matches[["query", "match", "group"]].equals(
        exact.matches[["query", "match", "group"]]
    )
    np.testing.assert_allclose(found.matches["score"], exact.matches["score"])


def test_queries_are_searched_by_the_index_too_and_its_recall_is_said(
    photos, model, tmp_path, quick, caplog
):
    with caplog.at_level(logging.INFO):
        found = find_copies(
            photos,
            photos / "small_of_03.jpg",
            output=tmp_path / "out",
            model=model,
            search=search_by("exact"),
            exact_up_to=20,
            **quick,
        )
    assert found.matches["match"].tolist() == ["IMG_03.png"]
    assert any("53 pictures are more than 20" in line for line in caplog.messages)
    assert any("100.0 % of the nearest" in line for line in caplog.messages)
    assert (tmp_path / "out" / "descriptors" / "index" / "lists.ivfdata").is_file()
