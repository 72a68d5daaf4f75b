"""What became of each pair at the threshold, and which edits were found there."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def outcomes_of(rows: pd.DataFrame, threshold: float | None) -> NDArray[np.str_]:
    """Of each pair, by the names that the page gives them."""
    least = np.inf if threshold is None else threshold
    taken = rows["score"].to_numpy(dtype=float) >= least
    truth = rows["truth"] if "truth" in rows else pd.Series("", index=rows.index)
    return np.select(
        [truth == "identical", truth == "right", truth == "wrong"],
        [
            "identical",
            np.where(taken, "found", "missed"),
            np.where(taken, "false alarm", "rejected"),
        ],
        np.where(taken, "copy", "below threshold"),
    )


def recall_by_edit(
    rows: pd.DataFrame, outcomes: NDArray[np.str_]
) -> dict[str, tuple[float, int]]:
    """Recall at the threshold of each edit's true matches, and their number."""
    found: dict[str, list[bool]] = {}
    if "edits" in rows:
        for edits, outcome in zip(rows["edits"], outcomes, strict=True):
            if outcome in ("found", "missed") and isinstance(edits, str):
                for edit in edits.split():
                    found.setdefault(edit, []).append(outcome == "found")
    return {name: (sum(v) / len(v), len(v)) for name, v in sorted(found.items())}
