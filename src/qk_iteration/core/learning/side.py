"""The two sides of a pair of models."""

from enum import StrEnum

PAIR, ALONE = "query model against key model", "one model on both sides"
"""What scores, as logs say it."""


class Side(StrEnum):
    """Which of the two models: the query side sees edited images, the key side not."""

    QUERY = "query"
    KEY = "key"

    @property
    def other(self) -> "Side":
        """The opposite side."""
        return Side.KEY if self is Side.QUERY else Side.QUERY
