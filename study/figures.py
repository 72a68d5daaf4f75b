"""Figures of the page as text: means, spreads, ratios, Markdown tables."""

import re
from dataclasses import dataclass

import pandas as pd

from qk_iteration.tracking.run_description import FLOORS
from qk_iteration.tracking.run_description import METHODS as METHOD_TITLES
from study.trials import METHODS

NOT_MEASURED = "\N{EN DASH}"
"""Stands in a cell for what was not measured, so that no cell looks forgotten."""

TITLES = FLOORS | METHOD_TITLES
SYSTEMS = (*FLOORS, *METHODS)
"""Floors, then the headline trials."""

RAW, NORMALIZED = "test_micro_ap", "test_micro_ap_normalized"
RAW_ELSEWHERE = "out_of_domain_micro_ap"
NORMALIZED_ELSEWHERE = "out_of_domain_micro_ap_normalized"


@dataclass(frozen=True)
class Ratio:
    """A figure of QK Iteration over that of a baseline, over the seeds of both.

    Attributes:
        of_means: Mean of one over mean of the other.
        by_seed: Of each seed, in their order.
        qk: Mean over the seeds.
        baseline: Mean over the seeds.
        num_ahead: Seeds with which QK Iteration is ahead.
    """

    of_means: float
    by_seed: list[float]
    qk: float
    baseline: float
    num_ahead: int


def ratio(table: pd.DataFrame, column: str, baseline: str = "simclr") -> Ratio | None:
    """QK Iteration over a baseline; None until a seed of both has the figure."""
    own = table[table["name"].isin(["qk", baseline])]
    pairs = own.pivot(index="seed", columns="name", values=column)
    pairs = pairs.reindex(columns=["qk", baseline]).dropna().astype(float)
    if not len(pairs) or not pairs[baseline].all():
        return None
    qk, other = pairs["qk"], pairs[baseline]
    return Ratio(
        of_means=qk.mean() / other.mean(),
        by_seed=(qk / other).tolist(),
        qk=qk.mean(),
        baseline=other.mean(),
        num_ahead=int((qk > other).sum()),
    )


def ratio_text(found: Ratio | None) -> str:
    """The ratio of the means, for a cell."""
    return NOT_MEASURED if found is None else f"{found.of_means:.3f}"


def share(values: "pd.Series[float]") -> str:
    """Mean ± standard deviation of one seed; without it for one seed."""
    values = values.dropna()
    if not len(values):
        return NOT_MEASURED
    text = f"{values.mean():.3f}"
    return text if len(values) == 1 else f"{text} ± {values.std():.3f}"


def signed(values: "pd.Series[float]") -> str:
    """As `share`, with the sign that a difference needs."""
    values = values.dropna()
    if not len(values):
        return NOT_MEASURED
    text = f"{values.mean():+.3f}".replace("-", "\N{MINUS SIGN}")
    return text if len(values) == 1 else f"{text} ± {values.std():.3f}"


def count(values: "pd.Series[float]") -> str:
    """Mean of a large number, without decimals."""
    return f"{values.mean():,.0f}"


def markdown(frame: pd.DataFrame, *, num_texts: int) -> str:
    """A table whose first columns are text, and the others numbers."""
    if not len(frame):
        return ""
    sides = ["left"] * num_texts + ["right"] * (frame.shape[1] - num_texts)
    text = frame.to_markdown(index=False, disable_numparse=True, colalign=sides)
    return re.sub(r"-{2,}", "---", re.sub(r" +", " ", text))
