"""What a query and an SGD step cost: tables that are kept beside the page."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from study.results import read_kept

QUERY_TABLE = "study_query_cost.csv"
QUERY_COLUMNS = ("image_size", "multiply_adds", "milliseconds")
STEP_TABLE = "study_step_memory.csv"
STEP_COLUMNS = ("image_size", "images_a_step", "megabytes")


@dataclass(frozen=True)
class Costs:
    """Each table is empty where it was not measured.

    Attributes:
        query: From `study.query_cost`, `QUERY_COLUMNS`.
        step: From `study.step_memory`, `STEP_COLUMNS`.
    """

    query: pd.DataFrame
    step: pd.DataFrame

    @classmethod
    def read(cls, docs: Path) -> "Costs":
        """Those that lie in the folder of the page."""
        return cls(
            read_kept(docs / QUERY_TABLE, QUERY_COLUMNS).astype({"image_size": float}),
            read_kept(docs / STEP_TABLE, STEP_COLUMNS).astype(
                {"image_size": float, "images_a_step": float}
            ),
        )
