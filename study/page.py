"""The page of results, docs/results.md, from the results alone."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from qk_iteration.pipelines.reporting.comparison import PAPER_RATIO
from study import derived, figures, tables
from study.comparison import DRAWN
from study.costs import Costs
from study.results import VALIDATION
from study.trials import METHODS

AIM_RATIO = 1.3
"""Raw micro-AP over SimCLR's that this project set itself to reach."""

_LINE_LENGTH = 100
_TEMPLATE = Path(__file__).with_name("page.md.jinja")


def write_page(
    table: pd.DataFrame,
    intervals: pd.DataFrame,
    defaults: derived.Defaults,
    notes: str,
    situations: str,
    costs: Costs,
) -> str:
    """The whole page as Markdown; a line stands for each section without results.

    Args:
        table: All that has been measured.
        intervals: From `compare_headline`; may be empty.
        defaults: What a trial has where its settings do not say otherwise.
        notes: Markdown written by hand, appended as it is.
        situations: The table that the page opens with, from `situations_table`.
        costs: Of a query, and of a step.
    """
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"three": "{:.3f}".format, "listing": listing}
    template = environment.from_string(_TEMPLATE.read_text("utf-8"))
    facts = _facts(table, intervals, defaults, costs)
    page = template.render(facts, situations=situations)
    return f"{wrapped(page)}\n" + (f"\n{notes}" if notes else "")


def wrapped(page: str) -> str:
    """Markdown whose paragraphs have lines as long as the page has them."""
    blocks = [block.strip() for block in page.split("\n\n")]
    return "\n\n".join(
        block if block.startswith(("#", "|", "!", "```")) else _paragraph(block)
        for block in blocks
        if block
    )


def listing(items: Sequence[str]) -> str:
    """``a``, ``a and b``, or ``a, b and c``."""
    return " and ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def _paragraph(text: str) -> str:
    return textwrap.fill(
        " ".join(text.split()),
        _LINE_LENGTH,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _facts(
    table: pd.DataFrame,
    intervals: pd.DataFrame,
    defaults: derived.Defaults,
    costs: Costs,
) -> dict[str, Any]:
    """What the template speaks of."""
    trained = derived.trainings(table, defaults)
    default = trained[trained["name"] == "qk"]
    passes = trained.groupby("name")["image_passes"].mean()
    tuned = trained[trained["part"] == "tuning"].groupby("method")["name"].nunique()

    def interval(queries: str, figure: str) -> Any:
        own = intervals[
            (intervals["queries"] == queries) & (intervals["figure"] == figure)
        ]
        return next(own.itertuples(), None)

    return {
        **{name: getattr(figures, name) for name in _COLUMN_NAMES},
        "VALIDATION": VALIDATION,
        "NOTHING": "No results of this part yet.",
        "PAPER_RATIO": PAPER_RATIO,
        "AIM_RATIO": AIM_RATIO,
        "ratio": lambda column: figures.ratio(table, column),
        "interval": interval,
        "drawn_by_picture": DRAWN in set(intervals.get("drawn", ())),
        "trained": trained,
        "parts": set(trained["part"]),
        "has_default": len(default) > 0,
        "spent": passes["qk"] / passes["simclr"]
        if set(METHODS) <= {*passes.index}
        else None,
        "noise": _noise(default[VALIDATION]),
        "gains_out_of_domain": _gains_out_of_domain(table),
        "num_tuned": {method: tuned.get(method, 0) for method in METHODS},
        "tables": {
            "systems": tables.systems_table(table),
            "ratios": tables.ratios_table(table),
            "training": tables.training_table(table),
            "steps": tables.steps_table(derived.budgets(trained)),
            "rows": tables.rows_table(derived.rows_pushed(trained)),
            "batch": tables.batch_table(trained, costs.step),
            "larger": tables.larger_table(trained, costs.step),
            "distractors": tables.distractors_table(table),
            "index": tables.index_table(trained, table),
            "unlike": tables.unlike_table(trained, defaults, costs.query),
            "ablation": tables.ablation_table(table, derived.variants_of(trained)),
            "novelty": tables.novelty_table(intervals),
            "out_of_domain": tables.out_of_domain_table(table),
            "tuning": tables.tuning_table(table, defaults),
            "cost": tables.cost_table(trained),
        },
    }


_COLUMN_NAMES = ("RAW", "NORMALIZED", "RAW_ELSEWHERE", "NORMALIZED_ELSEWHERE")


def _noise(default: "pd.Series[float]") -> str:
    chance = derived.chance_of_one_seed(default)
    if chance is None:
        return ""
    return (
        f"On validation the default varies from seed to seed by {default.std():.3f} "
        "(standard deviation), and two single trainings by chance alone differ by up "
        f"to {chance:.3f}, 19 times in 20: a smaller difference of one seed shows "
        "nothing."
    )


def _gains_out_of_domain(table: pd.DataFrame) -> dict[str, float]:
    """By how much each method exceeds the untrained model on the second test set."""
    means = table.groupby("name")[figures.RAW_ELSEWHERE].mean().dropna()
    if "untrained" not in means:
        return {}
    return {
        figures.TITLES[name]: float(means[name] - means["untrained"])
        for name in METHODS
        if name in means
    }
