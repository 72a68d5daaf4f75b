"""What more steps bring, and what the study cost."""

import pandas as pd

from study.derived import BASELINES
from study.figures import NOT_MEASURED, RAW, TITLES, count, markdown, ratio, ratio_text
from study.tables.cells import scores_of


def steps_table(levels: pd.DataFrame) -> str:
    """The budgets of each chain, from `budgets`; QK over SimCLR at each."""
    if not len(levels):
        return ""
    rows = []
    for (origin, budget), own in levels.groupby(["origin", "budget"], sort=False):
        is_first = own["continues"].isna().all()
        theirs = levels[
            (levels["origin"] == BASELINES.get(str(origin)))
            & (levels["budget"] == budget)
        ]
        pair = pd.concat([own.assign(name="qk"), theirs.assign(name="simclr")])
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
                **scores_of(own),
                "QK over SimCLR, test": ratio_text(ratio(pair, RAW)),
            }
        )
    return markdown(pd.DataFrame(rows), num_texts=2)


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
