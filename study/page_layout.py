"""Markdown building blocks: paragraphs, tables, and numbers as text."""

import textwrap
from collections.abc import Sequence

from study.spread import Spread

NOT_MEASURED = "\N{EN DASH}"
"""Stands in a cell for what was not measured, so that no cell looks forgotten."""

_LINE_LENGTH = 100


def paragraph(*sentences: str) -> str:
    """Sentences, with lines as long as the page has them."""
    text = " ".join(" ".join(sentences).split())
    return textwrap.fill(
        text, _LINE_LENGTH, break_long_words=False, break_on_hyphens=False
    )


def table(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, num_texts: int
) -> str:
    """A table whose first ``num_texts`` columns are text, and the others numbers."""
    marks = ["---" if column < num_texts else "---:" for column in range(len(header))]
    lines = [header, marks, *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def picture(title: str, file_name: str) -> str:
    """A picture that lies beside the page."""
    return f"![{title}]({file_name})"


def share(spread: Spread | None) -> str:
    """Mean and spread of figures between 0 and 1; without spread for one seed."""
    if spread is None:
        return NOT_MEASURED
    if len(spread.values) == 1:
        return f"{spread.mean:.3f}"
    return f"{spread.mean:.3f} ± {spread.deviation:.3f}"


def signed(spread: Spread | None) -> str:
    """As :func:`share`, with the sign that a difference needs."""
    if spread is None:
        return NOT_MEASURED
    text = f"{spread.mean:+.3f}".replace("-", "\N{MINUS SIGN}")
    return text if len(spread.values) == 1 else f"{text} ± {spread.deviation:.3f}"


def count(spread: Spread | None) -> str:
    """Mean of a large number, without decimals."""
    return NOT_MEASURED if spread is None else f"{spread.mean:,.0f}"


def listing(items: Sequence[str]) -> str:
    """``a``, ``a and b``, or ``a, b and c``."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"
