"""A ranking of one system, ready to be judged again for any choice of its queries.

Micro-AP needs two things of each correct prediction: how many correct and how many
wrong ones are ranked before it. Both are sums over queries. So the predictions are
counted once, query by query, and micro-AP of a thousand weighted sets of queries is
one product of matrices.

A query of weight w counts as w queries of the same content would. The order is that
of ``precision_recall_curve``: among equal scores the wrong predictions come first,
and the copies of a correct prediction follow one another.

Shapes:
    P: predicted matches.
    Q: queries, matched or not.
    F: true matches found.
    S: sets of queries.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class QueryRanking:
    """What micro-AP of a weighted set of queries needs of a ranking.

    Attributes:
        found_queries: Query of each correct prediction, best score first. Shape (F,).
        wrong_counts: Wrong predictions of each query before each correct prediction.
            Shape (Q, F).
        num_true_matches: True matches of each query, found or not. Shape (Q,).
    """

    found_queries: NDArray[np.int64]
    wrong_counts: NDArray[np.float64]
    num_true_matches: NDArray[np.int64]

    @classmethod
    def from_predictions(
        cls,
        scores: NDArray[np.floating],
        is_correct: NDArray[np.bool_],
        query_rows: NDArray[np.integer],
        num_true_matches: NDArray[np.integer],
    ) -> "QueryRanking":
        """Count the predictions of a system.

        Args:
            scores: Higher means more similar. Shape (P,), finite.
            is_correct: Whether the predicted pair is a true match. Shape (P,).
            query_rows: Which query was asked. Shape (P,), values in [0, Q).
            num_true_matches: Of each query; zero for an unmatched one. Shape (Q,).

        Raises:
            ValueError: If a query has more correct predictions than true matches.
        """
        _check_counts(is_correct, query_rows, num_true_matches)
        best_first = np.argsort(-scores[is_correct], kind="stable")
        found_scores = scores[is_correct][best_first]
        wrong_scores, wrong_queries = scores[~is_correct], query_rows[~is_correct]
        # The first correct prediction that does not score higher than the wrong one.
        next_found = np.searchsorted(-found_scores, -wrong_scores, side="left")
        matters = next_found < len(found_scores)
        shape = (len(num_true_matches), len(found_scores))
        cells = wrong_queries[matters] * shape[1] + next_found[matters]
        counts = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)
        return cls(
            found_queries=query_rows[is_correct][best_first].astype(np.int64),
            wrong_counts=counts.cumsum(axis=1).astype(np.float64),
            num_true_matches=num_true_matches.astype(np.int64),
        )

    @property
    def num_queries(self) -> int:
        """Q, the queries that ``weights`` must speak of."""
        return len(self.num_true_matches)

    def micro_average_precision(
        self, weights: NDArray[np.integer]
    ) -> NDArray[np.float64]:
        """Micro-AP of each weighted set of queries.

        Args:
            weights: How often each query is in the set; zero leaves it out, with all
                its predictions and true matches. Shape (S, Q), not negative.

        Returns:
            Shape (S,), in [0, 1]; zero for a set in which nothing matches.
        """
        num_wrong = weights @ self.wrong_counts  # (S, F)
        copies = weights[:, self.found_queries]
        num_found_before = copies.cumsum(axis=1) - copies
        precision = np.zeros(num_wrong.shape)
        for copy in range(1, int(copies.max(initial=0)) + 1):
            rank = num_found_before + copy
            precision += np.where(copies >= copy, rank / (rank + num_wrong), 0)
        num_true = np.maximum(weights @ self.num_true_matches, 1)
        micro_ap: NDArray[np.float64] = precision.sum(axis=1) / num_true
        return micro_ap


def _check_counts(
    is_correct: NDArray[np.bool_],
    query_rows: NDArray[np.integer],
    num_true_matches: NDArray[np.integer],
) -> None:
    num_queries = len(num_true_matches)
    if len(query_rows) and int(query_rows.max()) >= num_queries:
        raise ValueError(
            f"query_rows must be below the number of queries, {num_queries}; got "
            f"{query_rows.max()}."
        )
    num_found = np.bincount(query_rows[is_correct], minlength=num_queries)
    if (num_found > num_true_matches).any():
        row = int(np.flatnonzero(num_found > num_true_matches)[0])
        raise ValueError(
            "A query must have no more correct predictions than true matches; query "
            f"{row} has {num_found[row]} of {num_true_matches[row]}."
        )
