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
def naming_lost_ranks(timeout_s: float, *, is_training: bool = True) -> Iterator[None]:
    """Say in one sentence what an error of the network means.

    Args:
        timeout_s: Seconds after which a silent rank counts as lost.
        is_training: Whether a parameter sets these seconds, and checkpoints are kept.

    Raises:
        LostRankError: In place of what gloo, nccl or the rendezvous raise.
    """
    try:
        yield
    except RuntimeError as error:
        if not _is_of_network(error):
            raise
        setting = " (seconds_to_answer)" if is_training else ""
        again = "goes on from the last checkpoint" if is_training else "begins anew"
        raise LostRankError(
            "Another rank is lost: a connection broke, or nothing came for "
            f"{timeout_s:g} s{setting}. Look at what the other hosts say, and at the "
            f"network between; the same command {again}. ({first_line(error)})"
        ) from error


def _is_of_network(error: RuntimeError) -> bool:
    return isinstance(error, DistError) or any(sign in str(error) for sign in _SIGNS)
