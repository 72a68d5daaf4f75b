"""Floors and methods beside each other, in all figures."""

from collections.abc import Mapping

import pandas as pd

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
    ratio_text,
    share,
)
from study.results import VALIDATION
from study.trials import METHODS

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
        frame[f"over {title}"] = [ratio_text(one) for one in found]
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
