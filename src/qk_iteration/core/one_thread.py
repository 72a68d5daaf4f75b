"""Work whose bits must not depend on how many threads there are.

Factorizations of LAPACK cut matrices by the number of threads, and so do long products
on some processors: where a training starts from would differ in the last digits, and
all that follows in more of them.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread of the processor meanwhile."""
    number = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(number)
