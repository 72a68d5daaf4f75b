"""Which pairs a page shows where there are too many: a fair share of each kind."""

import numpy as np
from numpy.typing import NDArray


def fair_share(kinds: NDArray[np.str_], limit: int) -> NDArray[np.intp]:
    """Rows of a choice in which no kind crowds out another.

    Every kind gets as many places as the others; what a small one leaves goes to the
    larger ones. Of each kind rows are taken evenly, from its first to its last.

    Args:
        kinds: Of every row. Shape (N,).
        limit: Rows to be chosen at most.

    Returns:
        The chosen rows, in their order; all of them where there are no more.
    """
    names, counts = np.unique(kinds, return_counts=True)
    chosen, places = [np.arange(0)], limit
    for number, which in enumerate(np.argsort(counts, kind="stable")):
        count = int(counts[which])
        share = min(count, places // (len(names) - number))
        rows = np.flatnonzero(kinds == names[which])
        chosen.append(rows[np.arange(share) * count // max(share, 1)])
        places -= share
    return np.sort(np.concatenate(chosen))


def not_shown(kinds: NDArray[np.str_], shown: NDArray[np.str_]) -> str:
    """How many rows of each kind are left out, as a sentence.

    Args:
        kinds: Of every row.
        shown: Of the rows that were chosen.
    """
    parts = []
    for kind in np.unique(kinds):
        number = int((kinds == kind).sum())
        rest = number - int((shown == kind).sum())
        if rest:
            parts.append(f"{rest:,} of {number:,} {kind}")
    return f"Not shown, for there are too many: {', '.join(parts)}."
