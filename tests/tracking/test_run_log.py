"""A store that fails while a run is under way is told of, and ends nothing."""

from types import SimpleNamespace

import pytest

from qk_iteration.tracking.run_log import RunLog


@pytest.mark.parametrize(
    ("error", "told"),
    [(TimeoutError(), "TimeoutError"), (OSError("gone\nfar"), "gone")],
)
def test_a_store_that_fails_is_told_of_in_one_line(error, told, caplog):
    def fail(*_, **__):
        raise error

    run = SimpleNamespace(
        info=SimpleNamespace(run_id="1", run_name="QK", start_time=0),
        data=SimpleNamespace(params={}, metrics={}),
    )
    log = RunLog(SimpleNamespace(set_terminated=fail), run)
    log.end("FINISHED")
    (record,) = caplog.records
    assert f"run 'QK' tells it: {told}. The run goes on" in record.getMessage()
