"""What was chosen: the tuning, and one factor at a time around it."""

import json
from typing import Any

import pandas as pd

from study.derived import Defaults
from study.figures import RAW, TITLES, markdown, share, signed
from study.results import VALIDATION
from study.trials import METHODS


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
                    "settings": _settings_text(first["settings"]),
                    "seeds": len(trial),
                    "validation": figure if rank else f"**{figure}**",
                    "became": "default" if defaults.hold(settings) else "",
                }
            )
    return markdown(pd.DataFrame(rows), num_texts=3)


def _settings_text(settings: str) -> str:
    """Settings as code, for a cell."""
    texts = [f"`{name}` {one}" for name, one in sorted(json.loads(settings).items())]
    return "<br>".join(texts) or "the defaults"
