"""What goes through the backbone in a step: how many images, how large."""

from typing import Any

import pandas as pd

from study.costs import STEP_COLUMNS
from study.derived import batch_sizes, chosen, larger_images
from study.figures import NOT_MEASURED, TITLES, count
from study.tables.cells import ELSEWHERE, SCORES, grouped, one_value

_COST_OF_A_STEP: dict[str, Any] = {
    "seconds": lambda own: count(own["seconds"]),
    "memory, MB": lambda own: one_value(own["megabytes"], 1, ".0f"),
}


def batch_table(trained: pd.DataFrame, memory: pd.DataFrame) -> str:
    """Images through the backbone a step, for each method.

    Args:
        trained: From `trainings`.
        memory: `STEP_COLUMNS`; may be empty.
    """
    shown = chosen(batch_sizes(trained), ["images_a_step", "method"])
    return grouped(
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
        scores=SCORES | ELSEWHERE,
    )


def larger_table(trained: pd.DataFrame, memory: pd.DataFrame) -> str:
    """Larger pictures and more of them, by the memory of a step.

    Args:
        trained: From `trainings`.
        memory: `STEP_COLUMNS`; may be empty.
    """
    return grouped(
        _with_memory(larger_images(trained), memory),
        ["megabytes", "images_a_step", "image_size", "method", "name"],
        {
            "method": lambda own: TITLES[own["method"].iloc[0]],
            "images a step": lambda own: own["images_a_step"].iloc[0],
            "pixels": lambda own: own["image_size"].iloc[0],
            **_COST_OF_A_STEP,
        },
        scores=SCORES | ELSEWHERE,
    )


def _rate_text(rate: float | None) -> str:
    return NOT_MEASURED if rate is None else f"{rate:.1e}"


def _with_memory(trained: pd.DataFrame, memory: pd.DataFrame) -> pd.DataFrame:
    sizes = ["image_size", "images_a_step"]
    return trained.merge(memory[list(STEP_COLUMNS)], how="left", on=sizes)
