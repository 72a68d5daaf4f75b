"""What a rank says when it is another one that has gone."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch.distributed import DistError

from qk_iteration.core.user_error import UserError, first_line

# Of gloo, whose errors have no type of their own.
_SIGNS = ("gloo/", "[gloo]", "Connection closed by peer", "Connection reset by peer")


class LostRankError(UserError):
    """Another rank, its host or the network between has gone."""


@contextmanager
def naming_lost_ranks(timeout_s: float) -> Iterator[None]:
    """Say in one sentence what an error of the network means.

    Args:
        timeout_s: Seconds after which a silent rank counts as lost.

    Raises:
        LostRankError: In place of what gloo, nccl or the rendezvous raise.
    """
    try:
        yield
    except RuntimeError as error:
        if not _is_of_network(error):
            raise
        raise LostRankError(
            "Another rank is lost: a connection broke, or nothing came for "
            f"{timeout_s:g} s (seconds_to_answer). Look at what the other hosts say, "
            "and at the network between; the same command goes on from the last "
            f"checkpoint. ({first_line(error)})"
        ) from error


def _is_of_network(error: RuntimeError) -> bool:
    return isinstance(error, DistError) or any(sign in str(error) for sign in _SIGNS)
