"""What a query and an SGD step cost: tables that are kept beside the page."""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

QUERY_COLUMNS = ("image_size", "multiply_adds", "milliseconds")
STEP_COLUMNS = ("images_a_step", "megabytes")


def _empty(columns: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame(columns=list(columns), dtype=float)


@dataclass(frozen=True)
class Costs:
    """Each table is empty where it was not measured.

    Attributes:
        query: From `study.query_cost`, `QUERY_COLUMNS`.
        step: From `study.step_memory`, `STEP_COLUMNS`.
    """

    query: pd.DataFrame = field(default_factory=lambda: _empty(QUERY_COLUMNS))
    step: pd.DataFrame = field(default_factory=lambda: _empty(STEP_COLUMNS))

    @classmethod
    def read(cls, docs: Path) -> "Costs":
        """Those that lie in the folder of the page."""
        query = docs / "study_query_cost.csv"
        step = docs / "study_step_memory.csv"
        return cls(
            pd.read_csv(query) if query.is_file() else _empty(QUERY_COLUMNS),
            pd.read_csv(step) if step.is_file() else _empty(STEP_COLUMNS),
        )
