"""map_in_threads is compared with Python's own map."""

import signal
import time

import pytest

from qk_iteration.core.images import threaded_map
from qk_iteration.core.images.threaded_map import map_in_threads
from qk_iteration.core.stopping import StoppedError, request_stop, withdraw_stop


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


def test_a_stop_ends_the_map_without_the_waiting_items():
    begun = []

    def work(item):
        begun.append(item)
        return item

    results = map_in_threads(work, range(4000), description="working")
    assert next(results) == 0
    request_stop(signal.SIGTERM)
    try:
        with pytest.raises(StoppedError):
            list(results)
    finally:
        withdraw_stop()


def test_an_error_does_not_wait_for_the_items_behind_it():
    begun = []

    def work(item):
        begun.append(item)
        time.sleep(0.001)
        if item == 0:
            raise KeyError(item)

    with pytest.raises(KeyError):
        list(map_in_threads(work, range(4000), description="working"))
    assert len(begun) < 2000
