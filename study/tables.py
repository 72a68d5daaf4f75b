"""The tables of the page, each as Markdown; empty text where nothing was measured."""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from study.costs import QUERY_COLUMNS, STEP_COLUMNS
from study.derived import BASELINES, Defaults, batch_sizes, chosen, larger_images
from study.figures import (
    NORMALIZED,
    NORMALIZED_ELSEWHERE,
    NOT_MEASURED,
    RAW,
    RAW_ELSEWHERE,
    SYSTEMS,
    TITLES,
    count,
    markdown,
    ratio,
    share,
    signed,
)
from study.results import VALIDATION, settings_of
from study.trials import METHODS

_SCORES = {VALIDATION: "validation", RAW: "test", NORMALIZED: "test, normalized"}
_ELSEWHERE = {RAW_ELSEWHERE: "out of domain"}
_TEST = {
    RAW: "micro-AP",
    NORMALIZED: "normalized",
    "test_recall_at_p90": "recall at P90",
    "test_recall_at_p90_normalized": "normalized ",
    "test_recall_at_rank1": "recall at rank 1",
}
_RATIOS = {
    RAW: "micro-AP",
    NORMALIZED: "micro-AP, normalized",
    "test_recall_at_p90": "recall at P90",
    "test_recall_at_p90_normalized": "recall at P90, normalized",
    "test_recall_at_rank1": "recall at rank 1",
    VALIDATION: "micro-AP, validation",
    RAW_ELSEWHERE: "micro-AP, out of domain",
    NORMALIZED_ELSEWHERE: "micro-AP, out of domain, normalized",
}
_COST_OF_A_STEP: dict[str, Any] = {
    "seconds": lambda own: count(own["seconds"]),
    "memory, MB": lambda own: _one(own["megabytes"], 1, ".0f"),
}
_BASELINES = {"simclr": "SimCLR", "simclr_half_batch": "SimCLR of 32 pairs"}


def systems_table(table: pd.DataFrame, columns: Mapping[str, str] = _TEST) -> str:
    """Floors and methods in some figures, seeds together."""
    known = table[table["name"].isin(SYSTEMS)].dropna(subset=[next(iter(columns))])
    groups = known.groupby("name")
    frame = groups[list(columns)].agg(share).rename(columns=columns)
    frame.insert(0, "seeds", groups.size())
    frame = frame.reindex([one for one in SYSTEMS if one in frame.index])
    frame.insert(0, "method", [TITLES[name] for name in frame.index])
    return markdown(frame, num_texts=1)


def out_of_domain_table(table: pd.DataFrame) -> str:
    """Floors and methods on the second test set."""
    columns = {RAW_ELSEWHERE: "micro-AP", NORMALIZED_ELSEWHERE: "normalized"}
    return systems_table(table, columns)


def ratios_table(table: pd.DataFrame) -> str:
    """QK Iteration over SimCLR in every figure, and with how many seeds it is ahead."""
    frame = pd.DataFrame({"figure": list(_RATIOS.values())})
    for name, title in _BASELINES.items():
        if not len(table[table["name"] == name]):
            continue
        found = [ratio(table, column, name) for column in _RATIOS]
        frame[f"over {title}"] = [
            f"{one.of_means:.3f}" if one else NOT_MEASURED for one in found
        ]
        frame["seeds ahead" + " " * frame.shape[1]] = [
            f"{one.num_ahead} of {len(one.by_seed)}" if one else NOT_MEASURED
            for one in found
        ]
    return markdown(frame, num_texts=1)


def training_table(table: pd.DataFrame) -> str:
    """What the headline trainings reached on the validation split, and their cost."""
    rows = [
        {
            "method": TITLES[name],
            "seeds": len(own),
            "micro-AP, validation": share(own[VALIDATION]),
            "image passes": count(own["image_passes"]),
            "seconds": count(own["seconds"]),
        }
        for name in METHODS
        if len(own := table[table["name"] == name])
    ]
    return markdown(pd.DataFrame(rows), num_texts=1)


def steps_table(levels: pd.DataFrame) -> str:
    """The budgets of each chain, from `budgets`; QK over SimCLR at each."""
    if not len(levels):
        return ""
    raw = levels.groupby(["budget", "origin"])[RAW].mean()
    rows = []
    for (origin, budget), own in levels.groupby(["origin", "budget"], sort=False):
        is_first = own["continues"].isna().all()
        other = raw.get((budget, BASELINES.get(str(origin))))
        mean = own[RAW].mean()
        rows.append(
            {
                "method": TITLES[own["method"].iloc[0]],
                "budget": budget,
                "images a step": own["images_a_step"].iloc[0],
                "seeds": len(own),
                "image passes in all": count(own["total_image_passes"]),
                "unchanged": NOT_MEASURED
                if is_first
                else int(own["is_unchanged"].astype("boolean").sum()),
                **_scores(own),
                "QK over SimCLR, test": f"{mean / other:.3f}"
                if other and mean
                else NOT_MEASURED,
            }
        )
    return markdown(pd.DataFrame(rows), num_texts=2)


def distractors_table(table: pd.DataFrame) -> str:
    """The headline pairs among more and more distractors."""
    scored = table[table["part"] == "distractors"]
    rows = []
    for number, own in scored.assign(name=scored["method"]).groupby("distractors"):
        row = {"distractors": f"{number:,}"}
        for column, title in ((RAW, ""), (NORMALIZED, ", normalized")):
            for method in METHODS:
                row[TITLES[method] + title] = share(own[own["name"] == method][column])
            found = ratio(own, column)
            row[f"ratio{title}"] = f"{found.of_means:.3f}" if found else NOT_MEASURED
            row[f"seeds ahead{title}"] = (
                f"{found.num_ahead} of {len(found.by_seed)}" if found else NOT_MEASURED
            )
        rows.append(row)
    return markdown(pd.DataFrame(rows), num_texts=0)


def rows_table(points: pd.DataFrame) -> str:
    """Rows pushed against, for each number of training images, from `rows_pushed`."""
    return _grouped(
        points.assign(order=points["num_rows"].fillna(0)),
        ["all_images", "order", "name"],
        {
            "method": lambda own: TITLES[own["method"].iloc[0]],
            "training images": lambda own: f"{own['all_images'].iloc[0]:,}",
            "rows": _rows_text,
            "image passes": lambda own: count(own["image_passes"]),
        },
    )


def batch_table(trained: pd.DataFrame, memory: pd.DataFrame) -> str:
    """Images through the backbone a step, for each method.

    Args:
        trained: From `trainings`.
        memory: `STEP_COLUMNS`; may be empty.
    """
    shown = chosen(batch_sizes(trained), ["images_a_step", "method"])
    return _grouped(
        _with_memory(shown, memory),
        ["images_a_step", "method", "name"],
        {
            "method": lambda own: (
                TITLES[own["method"].iloc[0]]
                + (", default" if own["part"].iloc[0] == "headline" else "")
            ),
            "images a step": lambda own: own["images_a_step"].iloc[0],
            "rates tried": lambda own: own["num_tried"].iloc[0] or NOT_MEASURED,
            "rate": lambda own: _rate_text(own["learning_rate"].iloc[0]),
            **_COST_OF_A_STEP,
        },
        scores=_SCORES | _ELSEWHERE,
    )


def larger_table(trained: pd.DataFrame, memory: pd.DataFrame) -> str:
    """Larger pictures and more of them, by the memory of a step.

    Args:
        trained: From `trainings`.
        memory: `STEP_COLUMNS`; may be empty.
    """
    return _grouped(
        _with_memory(larger_images(trained), memory),
        ["megabytes", "images_a_step", "method"],
        {
            "method": lambda own: TITLES[own["method"].iloc[0]],
            "images a step": lambda own: own["images_a_step"].iloc[0],
            "pixels": lambda own: own["image_size"].iloc[0],
            **_COST_OF_A_STEP,
        },
        scores=_SCORES | _ELSEWHERE,
    )


def _rate_text(rate: float | None) -> str:
    return NOT_MEASURED if rate is None else f"{rate:.1e}"


def _with_memory(trained: pd.DataFrame, memory: pd.DataFrame) -> pd.DataFrame:
    sizes = ["image_size", "images_a_step"]
    return trained.merge(memory[list(STEP_COLUMNS)], how="left", on=sizes)


def index_table(trained: pd.DataFrame, table: pd.DataFrame) -> str:
    """Query models in an index that stays, and the model that made the index."""
    own = trained[(trained["part"] == "index") & trained[RAW].notna()]
    if not len(own):
        return ""
    return _grouped(
        pd.concat([table[table["name"] == "untrained"], own]),
        ["name"],
        {
            "who asks": lambda rows: _who_asks(rows.iloc[0]),
            "seconds": lambda rows: (
                count(rows["seconds"])
                if rows["seconds"].notna().any()
                else NOT_MEASURED
            ),
        },
        scores=_SCORES | _ELSEWHERE,
    )


def unlike_table(trained: pd.DataFrame, defaults: Defaults, costs: pd.DataFrame) -> str:
    """Like and unlike pairs of models, with what a query costs.

    Args:
        trained: From `trainings`.
        defaults: What a trial has where its settings do not say otherwise.
        costs: By ``image_size``, ``multiply_adds`` and ``milliseconds``; may be empty.
    """
    own = trained[(trained["part"] == "unlike") | (trained["name"] == "qk")].copy()
    if "unlike" not in set(own["part"]):
        return ""
    settings = settings_of(own)
    for side in ("query", "key"):
        own[side] = [
            one.get(f"{side}_model.image_size")
            or defaults.value(one, "model.image_size")
            for one in settings
        ]
    own = own.merge(
        costs[list(QUERY_COLUMNS)],
        how="left",
        left_on="query",
        right_on="image_size",
    )

    return _grouped(
        chosen(own, ["query", "key", "method"]),
        ["query", "key", "method", "name"],
        {
            "method": lambda rows: TITLES[rows["method"].iloc[0]],
            "query, pixels": lambda rows: rows["query"].iloc[0],
            "key, pixels": lambda rows: rows["key"].iloc[0],
            "also tried": lambda rows: rows["num_tried"].iloc[0] or NOT_MEASURED,
            "multiply-adds a query, million": lambda rows: _one(
                rows["multiply_adds"], 1e6, ".1f"
            ),
            "ms a query": lambda rows: _one(rows["milliseconds"], 1, ".1f"),
        },
        num_texts=1,
        scores=_SCORES | _ELSEWHERE,
    )


def _one(values: "pd.Series[float]", unit: float, form: str) -> str:
    """What all rows of a group have, in a larger unit."""
    first = values.iloc[0]
    return NOT_MEASURED if pd.isna(first) else format(first / unit, form)


def _who_asks(row: "pd.Series[Any]") -> str:
    if pd.isna(row["settings"]):
        return "the model that made the index"
    learns = json.loads(row["settings"]).get("fit_to_index.learns", "model")
    return {"model": "a model fitted to it", "adapter": "an adapter"}[learns]


def ablation_table(table: pd.DataFrame, variants: pd.DataFrame) -> str:
    """One factor at a time, from `variants_of`: figures, and differences."""

    def row(factor: str, value: str, own: pd.DataFrame) -> dict[str, Any]:
        differences = {
            figure: signed(own[f"difference_{figure}"])
            for figure in (VALIDATION, RAW)
            if f"difference_{figure}" in own
        }
        return {
            "factor": factor,
            "value": value,
            "seeds": len(own),
            "validation": share(own[VALIDATION]),
            "difference": differences.get(VALIDATION, ""),
            "test": share(own[RAW]),
            "difference ": differences.get(RAW, ""),
        }

    default = table[table["name"] == "qk"]
    rows = [row("**default**", "", default)] if len(default) else []
    rows += [
        row(str(own["factor"].iloc[0]), str(own["value"].iloc[0]), own)
        for _, own in variants.groupby(["factor", "value"], sort=False)
    ]
    return markdown(pd.DataFrame(rows), num_texts=2)


def tuning_table(table: pd.DataFrame, defaults: Defaults) -> str:
    """Every trial of the tuning, best first and in bold; which became the default."""
    rows = []
    tuned = table[table["part"] == "tuning"]
    for method in METHODS:
        own = tuned[tuned["method"] == method].groupby("name", sort=False)
        means = own[VALIDATION].mean().sort_values(ascending=False, kind="stable")
        for rank, name in enumerate(means.index):
            trial = own.get_group(name)
            first, figure = trial.iloc[0], share(trial[VALIDATION])
            settings = json.loads(first["settings"])
            rows.append(
                {
                    "method": TITLES[method],
                    "trial": first["value"] if pd.notna(first["value"]) else name,
                    "settings": settings_text(first["settings"]),
                    "seeds": len(trial),
                    "validation": figure if rank else f"**{figure}**",
                    "became": "default" if defaults.hold(settings) else "",
                }
            )
    return markdown(pd.DataFrame(rows), num_texts=3)


def novelty_table(intervals: pd.DataFrame) -> str:
    """Seen against unseen kinds of edit."""
    titles = {"seen": "every edit is of a seen kind", "unseen": "an edit is unseen"}
    own = intervals[intervals["kind"] == "novelty"]
    frame = pd.DataFrame(
        {
            "matched queries of which": titles[str(row.queries)],
            "queries": f"{row.matched:,.0f}",
            "SimCLR": f"{row.simclr:.3f}",
            "QK Iteration": f"{row.qk:.3f}",
            "ratio": f"{row.ratio:.3f}",
            "95 % interval": f"{row.ratio_low:.3f} to {row.ratio_high:.3f}",
        }
        for row in own.itertuples()
    )
    return markdown(frame, num_texts=1)


def cost_table(trained: pd.DataFrame) -> str:
    """What each part of the study cost."""
    parts = [*trained.groupby("part", sort=False), ("**in all**", trained)]
    frame = pd.DataFrame(
        {
            "part": part,
            "trials": f"{own['name'].nunique():,}",
            "trainings": f"{len(own):,}",
            "image passes": f"{own['image_passes'].sum():,.0f}",
            "hours": f"{own['seconds'].sum() / 3600:.1f}",
            "versions of the code": f"{own['code'].nunique():,}",
        }
        for part, own in parts
        if len(own)
    )
    return markdown(frame, num_texts=1)


def settings_text(settings: str) -> str:
    """Settings as code, for a cell."""
    texts = [f"`{name}` {one}" for name, one in sorted(json.loads(settings).items())]
    return "<br>".join(texts) or "the defaults"


def _scores(own: pd.DataFrame, scores: Mapping[str, str] = _SCORES) -> dict[str, str]:
    return {title: share(own[column]) for column, title in scores.items()}


def _rows_text(own: pd.DataFrame) -> str:
    first = own.iloc[0]
    if pd.isna(first["num_rows"]):
        return NOT_MEASURED
    return (
        f"{first['num_rows']:,.0f}{' (batch only)' if first['is_batch_only'] else ''}"
    )


def _grouped(
    table: pd.DataFrame,
    by: list[str],
    columns: Mapping[str, Any],
    num_texts: int = 1,
    scores: Mapping[str, str] = _SCORES,
) -> str:
    """A row for each trial: some columns, then seeds and scores."""
    rows = [
        {title: text(own) for title, text in columns.items()}
        | {"seeds": len(own)}
        | _scores(own, scores)
        for _, own in table.groupby(by, dropna=False)
    ]
    return markdown(pd.DataFrame(rows), num_texts=num_texts)
