"""One function over very many images, on all cores, with a progress bar.

Threads are enough, and share memory: Pillow decodes and resizes outside Python's
interpreter lock.
"""

import os
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from qk_iteration.core.progress_bar import progress_bar
from qk_iteration.core.stopping import stop_if_requested

# An executor holds one future for each item submitted: a million would take a gigabyte.
_ITEMS_SUBMITTED_AT_ONCE = 4096

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_threads(
    function: Callable[[Item], Result], items: Sequence[Item], *, description: str
) -> Generator[Result, None, None]:
    """The function's results, in the order of the items, as they become ready.

    Args:
        function: Called from several threads at a time; an exception ends the map.
        items: What it is called with, one after the other.
        description: What the progress bar says is being done.

    Raises:
        StoppedError: If a stop is asked for meanwhile.
    """
    executor = ThreadPoolExecutor(max_workers=os.cpu_count())
    try:
        with progress_bar() as progress:
            task = progress.add_task(description, total=len(items))
            for start in range(0, len(items), _ITEMS_SUBMITTED_AT_ONCE):
                chunk = items[start : start + _ITEMS_SUBMITTED_AT_ONCE]
                for result in executor.map(function, chunk):
                    stop_if_requested()
                    progress.advance(task)
                    yield result
    finally:
        # A stop or an error must not wait for thousands of images nobody asks for.
        executor.shutdown(cancel_futures=True)
