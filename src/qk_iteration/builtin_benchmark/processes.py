"""One function over many jobs, in several processes, with a progress bar."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context, parent_process
from typing import TypeVar

from qk_iteration.core.progress_bar import progress_bar
from qk_iteration.core.stopping import stop_if_requested

Job = TypeVar("Job")
Result = TypeVar("Result")


def map_in_processes(
    function: Callable[[Job], list[Result]],
    jobs: Sequence[Job],
    *,
    num_workers: int,
    description: str,
    num_images: int | None,
) -> Iterator[Result]:
    """All results of all jobs, in the order in which the jobs are done.

    Args:
        function: Gives one result for each image of a job; must be importable.
        jobs: What it is called with, one after the other.
        num_workers: Processes; 0 does the jobs in this one.
        description: What the progress bar says is being done.
        num_images: Results expected in all, None if nobody knows.

    Raises:
        StoppedError: If a stop is asked for meanwhile.
    """
    with progress_bar() as progress:
        task = progress.add_task(description, total=num_images)
        for results in _results(function, jobs, num_workers):
            stop_if_requested()
            progress.advance(task, len(results))
            yield from results


def _results(
    function: Callable[[Job], list[Result]], jobs: Sequence[Job], num_workers: int
) -> Iterator[list[Result]]:
    if num_workers == 0:
        yield from map(function, jobs)
        return
    # Forked children of a process that runs threads may hang.
    executor = ProcessPoolExecutor(
        num_workers, mp_context=get_context("spawn"), initializer=_end_with_parent
    )
    try:
        for done in as_completed([executor.submit(function, job) for job in jobs]):
            yield done.result()
    finally:
        executor.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    """Let this process end when its parent is killed; it would wait forever.

    Stops are the parent's to obey: a signal to the whole group must not end a job that
    it waits for.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    parent = parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
