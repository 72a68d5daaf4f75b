"""map_in_threads is compared with Python's own map."""

import os
import signal
import time

import pytest

from qk_iteration.core.images import threaded_map
from qk_iteration.core.images.threaded_map import map_in_threads
from qk_iteration.core.stopping import StoppedError, request_stop, withdraw_stop

NUM_ITEMS = 400


@pytest.fixture
def four_threads(monkeypatch):
    """All items of ``work`` would take a minute, whatever machine this is."""
    monkeypatch.setattr(os, "cpu_count", lambda: 4)


def work(item, begun):
    begun.append(item)
    if item > 1:
        time.sleep(0.5)
    return item


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


@pytest.mark.usefixtures("four_threads")
def test_a_stop_ends_the_map_without_the_waiting_items():
    begun = []
    results = map_in_threads(
        lambda item: work(item, begun), range(NUM_ITEMS), description="working"
    )
    assert next(results) == 0
    request_stop(signal.SIGTERM)
    try:
        with pytest.raises(StoppedError):
            list(results)
    finally:
        withdraw_stop()
    assert len(begun) < NUM_ITEMS


@pytest.mark.usefixtures("four_threads")
def test_an_error_does_not_wait_for_the_items_behind_it():
    begun = []

    def work_or_fail(item):
        if work(item, begun) == 0:
            raise KeyError(item)

    with pytest.raises(KeyError):
        list(map_in_threads(work_or_fail, range(NUM_ITEMS), description="working"))
    assert len(begun) < NUM_ITEMS
