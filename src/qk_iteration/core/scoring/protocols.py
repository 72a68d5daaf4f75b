"""The ways in which the field turns descriptors into one list of candidates.

Scores under different protocols do not compare, so the name goes with every figure.
"""

from dataclasses import dataclass

from qk_iteration.core.user_error import UserError

PROTOCOL_NAMES = ("isc2021", "drivendata", "knn")
ISC2021_CANDIDATES = 500_000
DRIVENDATA_CANDIDATES_PER_QUERY = 10


@dataclass(frozen=True)
class ScoringProtocol:
    """How candidates are chosen before they are judged.

    Attributes:
        name: What the figure is reported under.
        num_candidates: Pairs kept; of all queries together, unless ``per_query``.
            None: ten times the number of queries, which only ``drivendata`` does.
        per_query: Whether each query has a list of its own.
        only_labelled_queries: Whether queries that the ground truth does not speak of
            are left out, instead of counting what they find as wrong.
    """

    name: str
    num_candidates: int | None
    per_query: bool = False
    only_labelled_queries: bool = False

    def candidates_for(self, num_queries: int) -> int:
        """Pairs kept, for so many queries."""
        return self.num_candidates or DRIVENDATA_CANDIDATES_PER_QUERY * num_queries


def protocol_named(name: str, *, top_k: int) -> ScoringProtocol:
    """One of the protocols.

    Args:
        name: ``isc2021``: the 500,000 best pairs of all queries together, however many
            queries there are. ``drivendata``: as many pairs as ten times the labelled
            queries, and those queries only. ``knn``: the ``top_k`` nearest references
            of each query, as SSCD reports; against the rules of the challenge, where a
            pair may not depend on other references.
        top_k: Of ``knn`` only; positive.

    Raises:
        UserError: If there is no such protocol, or ``top_k`` is not positive.
    """
    if name == "isc2021":
        return ScoringProtocol(name, num_candidates=ISC2021_CANDIDATES)
    if name == "drivendata":
        return ScoringProtocol(name, num_candidates=None, only_labelled_queries=True)
    if name == "knn":
        if top_k < 1:
            raise UserError(f"top_k must be positive; got {top_k}.")
        return ScoringProtocol(name, num_candidates=top_k, per_query=True)
    raise UserError(
        f"protocol must be one of {', '.join(PROTOCOL_NAMES)}; got '{name}'."
    )
