"""One rank that is stopped stops the others; here the other ranks' answer is given."""

import signal

import pytest

from qk_iteration.core.distributed import stop_together
from qk_iteration.core.distributed.stop_together import stopping_together
from qk_iteration.core.stopping import StoppedError


def test_work_that_nobody_stopped_goes_on():
    with stopping_together():
        done = True
    assert done


def test_a_rank_that_is_stopped_tells_the_others_and_stops(monkeypatch):
    told = []

    def tell(number):
        told.append(number)
        return number

    monkeypatch.setattr(stop_together, "largest_number_of_ranks", tell)
    with pytest.raises(StoppedError) as stopped, stopping_together():
        raise StoppedError(signal.SIGTERM)
    assert told == [signal.SIGTERM]
    assert stopped.value.signal_number == signal.SIGTERM


def test_a_rank_stops_with_another(monkeypatch):
    monkeypatch.setattr(
        stop_together, "largest_number_of_ranks", lambda _: signal.SIGINT
    )
    with pytest.raises(StoppedError, match="SIGINT"), stopping_together():
        pass
