"""map_in_threads is compared with Python's own map."""

import pytest

from qk_iteration.core.images import threaded_map
from qk_iteration.core.images.threaded_map import map_in_threads


def test_results_keep_the_order_over_several_chunks(monkeypatch):
    monkeypatch.setattr(threaded_map, "_ITEMS_SUBMITTED_AT_ONCE", 7)
    results = map_in_threads(
        lambda item: item * item, range(50), description="Squaring"
    )
    assert list(results) == [item * item for item in range(50)]


def test_an_error_reaches_the_caller():
    with pytest.raises(ZeroDivisionError):
        list(map_in_threads(lambda item: 1 // item, [1, 0, 2], description="Dividing"))


def test_nothing_gives_nothing():
    assert list(map_in_threads(str, [], description="Nothing")) == []
