"""The first paragraphs of the page: which method is ahead, by how much, how surely.

Every sentence is chosen by the figures; none claims more than they hold.
"""

from qk_iteration.core.scoring.bootstrap import BootstrapComparison
from qk_iteration.pipelines.reporting.comparison import PAPER_RATIO
from study.comparison import Comparison, Ratio, ratio_of
from study.page_layout import listing, paragraph
from study.results import StudyResults
from study.spread import (
    normalized_micro_ap,
    raw_micro_ap,
    validation_micro_ap,
)

AIM_RATIO = 1.3
"""Raw micro-AP over SimCLR's that this project set itself to reach."""


def opening(results: StudyResults, comparison: Comparison | None) -> list[str]:
    """Paragraphs: raw micro-AP and the aim; then with score normalization."""
    raw = ratio_of(results, raw_micro_ap)
    if raw is None:
        return [
            "The test queries have not been scored with both methods yet: which one is "
            "ahead is not known."
        ]
    bootstrap = comparison.raw if comparison else None
    paragraphs = [
        paragraph(
            _who_is_ahead(raw, bootstrap),
            _seed_by_seed(raw),
            _interval(bootstrap),
            f"The paper reports {PAPER_RATIO:.2f} times, on DISC21.",
            _aim(raw.of_means, bootstrap),
        )
    ]
    others = _other_figures(results, comparison)
    return paragraphs + ([others] if others else [])


def _who_is_ahead(ratio: Ratio, bootstrap: BootstrapComparison | None) -> str:
    if ratio.of_means == 1:
        return f"QK Iteration and SimCLR have the same raw micro-AP: {ratio.qk:.3f}."
    if bootstrap and bootstrap.difference.low <= 0 <= bootstrap.difference.high:
        return (
            "**QK Iteration and SimCLR cannot be told apart: their raw micro-AP on "
            f"the test queries is {ratio.qk:.3f} and {ratio.simclr:.3f}**, a ratio of "
            f"{ratio.of_means:.3f}, means over the seeds."
        )
    word = "ahead of" if ratio.of_means > 1 else "behind"
    return (
        f"**QK Iteration is {word} SimCLR: its raw micro-AP on the test queries is "
        f"{ratio.of_means:.3f} times SimCLR's**, {ratio.qk:.3f} against "
        f"{ratio.simclr:.3f}, means over the seeds."
    )


def _seed_by_seed(ratio: Ratio) -> str:
    ratios = [f"{ratio.by_seed[seed]:.3f}" for seed in sorted(ratio.by_seed)]
    if len(ratios) < 2:
        return "This is one seed: another may turn out otherwise."
    return (
        f"Seed by seed the ratio is {listing(ratios)}: QK Iteration is ahead with "
        f"{ratio.num_ahead} of {len(ratios)} seeds."
    )


def _interval(bootstrap: BootstrapComparison | None) -> str:
    if bootstrap is None:
        return ""
    ratio, difference = bootstrap.ratio, bootstrap.difference
    text = (
        "A bootstrap over the queries gives a 95 % interval of "
        f"{ratio.low:.3f} to {ratio.high:.3f} for the ratio and "
        f"{difference.low:.3f} to {difference.high:.3f} for the difference"
    )
    text += f"; QK Iteration is ahead in {bootstrap.share_ahead:.0%} of the draws"
    if difference.low <= 0 <= difference.high:
        return f"{text}: which method is ahead may be chance of the queries."
    return f"{text}."


def _aim(ratio: float, bootstrap: BootstrapComparison | None) -> str:
    aim = f"The aim of at least {AIM_RATIO} times"
    is_reached = ratio >= AIM_RATIO
    verdict = f"{aim} is {'' if is_reached else 'not '}reached"
    if bootstrap is None:
        return f"{verdict}."
    if is_reached:
        is_sure = bootstrap.ratio.low >= AIM_RATIO
        rest = "lies above it" if is_sure else "holds smaller ratios too"
    else:
        is_open = bootstrap.ratio.high >= AIM_RATIO
        rest = "does hold it" if is_open else "lies below it"
    return f"{verdict}; the interval {rest}."


def _other_figures(results: StudyResults, comparison: Comparison | None) -> str:
    sentences = []
    if normalized := ratio_of(results, normalized_micro_ap):
        interval = ""
        if comparison:
            bounds = comparison.normalized.ratio
            interval = f", 95 % interval {bounds.low:.3f} to {bounds.high:.3f}"
        sentences.append(
            f"With score normalization the ratio is {normalized.of_means:.3f}{interval}"
            f" ({normalized.qk:.3f} against {normalized.simclr:.3f})."
        )
    if validation := ratio_of(results, validation_micro_ap):
        sentences.append(
            f"On the validation split it is {validation.of_means:.3f} "
            f"({validation.qk:.3f} against {validation.simclr:.3f})."
        )
    return paragraph(*sentences)
