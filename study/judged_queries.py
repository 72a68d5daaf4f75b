"""The test queries: what they match, what they went through, how a trial ranks them."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from omegaconf import OmegaConf

from qk_iteration.core.formats.csv_rows import read_csv_rows
from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.formats.ground_truth import TrueMatches, read_true_matches
from qk_iteration.core.formats.id_rows import find_ids
from qk_iteration.core.formats.predicted_matches import PredictedMatches
from qk_iteration.core.scoring.judging import mark_correct
from qk_iteration.core.scoring.query_ranking import QueryRanking


@dataclass(frozen=True, eq=False)
class JudgedQueries:
    """The queries of the ground truth.

    Attributes:
        true_matches: The ground truth.
        query_ids: In the order of the ground truth. Shape (Q,), text.
        num_true_matches: Of each query. Shape (Q,).
        edits: Names of the edits of each query, first to last. Length Q.
    """

    true_matches: TrueMatches
    query_ids: NDArray[np.str_]
    num_true_matches: NDArray[np.int64]
    edits: tuple[tuple[str, ...], ...]

    @classmethod
    def read(cls, true_matches: str | Path, query_edits: str | Path) -> "JudgedQueries":
        """Read the ground truth and the edits that the benchmark's maker wrote.

        Raises:
            FormatError: If a file is malformed or a query's edits are missing.
            OSError: If a file cannot be opened.
        """
        truth = read_true_matches(true_matches)
        edits_of = dict(read_csv_rows(query_edits, ("query_id", "edits")))
        if missing := sorted(truth.references.keys() - edits_of.keys()):
            raise FormatError(
                f"'{query_edits}' must name the edits of every query of "
                f"'{true_matches}'; {len(missing)} are missing, first '{missing[0]}'."
            )
        return cls(
            true_matches=truth,
            query_ids=np.array(list(truth.references), np.str_),
            num_true_matches=np.array([len(own) for own in truth.references.values()]),
            edits=tuple(tuple(edits_of[one].split()) for one in truth.references),
        )

    def rank(self, matches: str | Path) -> QueryRanking:
        """The ranking of predicted matches in a Parquet file.

        Raises:
            FormatError: If the file is malformed or speaks of other queries.
            OSError: If the file cannot be opened.
        """
        table = pd.read_parquet(matches, columns=["query_id", "reference_id", "score"])
        predicted = PredictedMatches.from_columns(
            table["query_id"].to_numpy(object),
            table["reference_id"].to_numpy(object),
            table["score"].to_numpy(),
        )
        rows = find_ids(self.query_ids, predicted.query_ids)
        if (rows < 0).any():
            raise FormatError(
                f"'{matches}' must speak of queries of the ground truth; "
                f"'{predicted.query_ids[rows < 0][0]}' is not among them."
            )
        return QueryRanking.from_predictions(
            predicted.scores,
            mark_correct(predicted, self.true_matches),
            rows[predicted.query_rows],
            self.num_true_matches,
        )


def read_training_edits(parameters: str | Path) -> Collection[str]:
    """The kinds of edit that training draws, out of ``parameters_edits.yml``.

    Raises:
        FormatError: If the file has no ``training_edits``.
        OSError: If the file cannot be opened.
    """
    recipe: Any = OmegaConf.to_container(OmegaConf.load(parameters), resolve=False)
    try:
        stages = recipe["training_edits"]["stages"]
        return frozenset(step["edit"] for stage in stages for step in stage["steps"])
    except (KeyError, TypeError) as error:
        raise FormatError(
            f"'{parameters}' must hold a recipe training_edits; {error} is missing."
        ) from error
