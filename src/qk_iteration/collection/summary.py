"""What a search has found, in a few lines for the screen."""

from qk_iteration.collection.found_copies import FoundCopies


def summarize(found: FoundCopies) -> str:
    """What was found, what is promised by which calibration, and where to look."""
    groups = found.groups["group"].nunique()
    near = len(found.matches) - found.num_identical
    lines = [
        f"{found.num_pictures:,} pictures, {found.num_described:,} of them described "
        "now.",
        f"{found.num_identical:,} pairs of identical files, {near:,} pairs of copies, "
        f"in {groups:,} groups.",
        _promise(found),
        *([f"{found.more_line}."] if found.more_line else []),
        f"Look at {found.output / 'evidence.html'}; tables: matches.csv, groups.csv, "
        "left_out.csv beside it.",
    ]
    return "\n".join(lines) + "\n"


def _promise(found: FoundCopies) -> str:
    if found.threshold is None:
        return (
            f"No score keeps a precision of {found.asked_precision:g} here: too many "
            "pictures are alike for this model. Look at the page, ask for less, or "
            f"train further. Calibrated on {found.source}."
        )
    return (
        f"From score {found.threshold.score:.3f} on, a precision of "
        f"{found.threshold.precision:.3f} is expected ({found.asked_precision:g} was "
        f"asked for); {found.threshold.recall:.0%} of the copies score as high. "
        f"Calibrated on {found.source}."
    )
