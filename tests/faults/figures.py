"""What the tests of this folder have tried, counted, for docs/reliability.md.

    FAULT_FIGURES=figures.txt make faults

appends a line for each count to that file: how many, and of what.
"""

import os


def note_figure(what: str, count: int) -> None:
    """Say that so many were tried, and all of them were as they must be."""
    path = os.environ.get("FAULT_FIGURES")
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.write(f"{count}\t{what}\n")
