"""The sections of the page, each a list of blocks; empty where nothing was measured.

Prose stands here; figures come from the results.
"""

import statistics
from collections.abc import Sequence

from study.comparison import Comparison, ratio_of
from study.defaults import StudyDefaults
from study.opening import opening
from study.page_layout import paragraph, picture
from study.results import StudyResults, TrialResult
from study.rows import RowsPoint
from study.spread import (
    Figure,
    Spread,
    chance_of_one_seed,
    of_abroad,
    raw_micro_ap,
    spread_of,
    validation_micro_ap,
)
from study.systems import METHODS, metrics_of_systems, title_of
from study.tables import (
    ablation_table,
    abroad_table,
    cost_table,
    headline_table,
    novelty_table,
    ratios_table,
    rows_table,
    steps_table,
    training_table,
    tuning_table,
)

SYSTEMS_PLOT = "comparison.png"
CURVES_PLOT = "validation_curves.png"
ROWS_PLOT = "rows.png"
ABLATION_PLOT = "ablation.png"
EDITS_PLOT = "edits.png"
"""Names of the pictures beside the page."""


def headline(results: StudyResults, comparison: Comparison | None) -> list[str]:
    """Which method is ahead, and the table of all systems."""
    blocks = opening(results, comparison)
    if metrics_of_systems(results):
        text = """All figures are of the test queries, on which no setting was chosen
        ([what was known when](#what-to-hold-against-these-figures)). Means over the
        seeds ± the standard deviation of one seed. Normalized: with score normalization
        by the training images ([scoring.md](scoring.md)). The floors are not trained
        and have no seeds."""
        blocks += [
            picture("micro-AP of each method", SYSTEMS_PLOT),
            paragraph(text),
            headline_table(results),
        ]
    if ratio_of(results, raw_micro_ap):
        text = """QK Iteration over SimCLR in every figure, means over the seeds that
        both have. Abroad is the second test set, see below."""
        blocks += [paragraph(text), ratios_table(results)]
    if comparison:
        text = """The bootstrap draws the queries with repetition, matched and unmatched
        alike, judges both methods on the same draw and averages over the seeds within
        it. It knows neither the chance of the training, which the seeds show, nor that
        several queries are edits of one picture."""
        blocks.append(paragraph(text))
    return blocks


def budget(results: StudyResults) -> list[str]:
    """What is counted, and what the headline trainings spent."""
    trials = {name: own for name in METHODS if (own := results.named(name))}
    if not trials:
        return []
    text = """Both methods have one budget, and the same images, edits, backbone,
    initial weights, optimizer and kind of schedule. An image once forward and backward
    through a backbone is one image pass; forward alone, as for a row of the bank, is a
    third of one. Every refresh of the bank is counted."""
    return [paragraph(text, _spent(trials)), training_table(results)]


def curves(results: StudyResults) -> list[str]:
    """Validation micro-AP while learning."""
    if not any(results.named(name) for name in METHODS):
        return []
    text = """Thin lines are seeds, thick ones their mean. Continued trainings stand
    after the image passes of those that they go on from; their mean is over the seeds
    that went on. They start from the best models, so that a line may begin above the
    end of the one before."""
    title = "micro-AP on the validation split against image passes"
    return [paragraph(text), picture(title, CURVES_PLOT)]


def steps(results: StudyResults) -> list[str]:
    """Longer trainings."""
    if not results.names_in("steps"):
        return []
    text = """Longer trainings go on from the best models of the finished ones of the
    same seed, with batches and edits of their own, and with a fresh optimizer and
    schedule, warm-up included. Their validation figure is the best since they went on,
    the start included: where nothing later is better, the models stay unchanged."""
    return [paragraph(text), steps_table(results)]


def rows_study(results: StudyResults, points: Sequence[RowsPoint]) -> list[str]:
    """More or fewer rows."""
    if not points:
        return []
    text = """How many rows of the bank a query is pushed away from. A step that draws
    rows has those of its own batch too. SimCLR has no bank and is a dashed line. The
    defaults stand here with the seeds of the others only."""
    title = "micro-AP against rows pushed against"
    noise = _noise(spread_of(results.named("qk"), validation_micro_ap))
    return [paragraph(text, noise), picture(title, ROWS_PLOT), rows_table(points)]


def ablation(results: StudyResults) -> list[str]:
    """One factor at a time."""
    if not results.names_in("ablation"):
        return []
    text = """QK Iteration with one factor changed at a time. A difference is to the
    default with the same seeds, of a SimCLR trial to SimCLR's; micro-AP is raw."""
    default = results.named("qk")
    blocks = [paragraph(text, _noise(spread_of(default, validation_micro_ap)))]
    if default:
        title = "difference of each variant to the default"
        blocks.append(picture(title, ABLATION_PLOT))
    return [*blocks, ablation_table(results)]


def edits(comparison: Comparison | None) -> list[str]:
    """Each edit, and seen against unseen kinds."""
    if comparison is None:
        return []
    text = """Raw micro-AP of the matched queries that went through an edit (their
    number in brackets), among all unmatched queries. A query has several edits and
    counts for each. As fewer queries match, the figures are lower than the whole's:
    they compare the methods, not the edits. Where few queries match, a difference may
    be chance. A kind is seen if training draws it ([edits.md](edits.md))."""
    title = "micro-AP of both methods, edit by edit"
    return [paragraph(text), picture(title, EDITS_PLOT), novelty_table(comparison)]


def abroad(results: StudyResults) -> list[str]:
    """The second test set."""
    shown = abroad_table(results)
    if not shown:
        return []
    text = """A second test set, of other packages and other kinds of edit, on which
    nothing was chosen."""
    sentences = [*_over_simclr_abroad(results), *_against_untrained(results)]
    return [paragraph(text, *sentences), shown]


def tuning(results: StudyResults, defaults: StudyDefaults) -> list[str]:
    """How learning rate and the rest were found."""
    names = results.names_in("tuning")
    if not names:
        return []
    methods = [results.named(name)[0].method for name in names]
    simclr, qk = (methods.count(method) for method in METHODS)
    number = f"Each method had {qk} trials."
    if simclr != qk:
        number = f"QK Iteration had {qk} trials, SimCLR {simclr}: not the same number."
    text = """Learning rate, temperature and regularization were chosen on the
    validation split alone. The default is the best trial of its method, or one within
    .005 of it that was the default before."""
    return [paragraph(text, number), tuning_table(results, defaults)]


def cost(results: StudyResults) -> list[str]:
    """Hours and trials, and whether one version of the code made all."""
    if not results.trials:
        return []
    hours = sum(trial.summary.seconds for trial in results.trials) / 3600
    num_trials = len({trial.name for trial in results.trials})
    num_versions = len({trial.code for trial in results.trials})
    code = "All of them ran with the same code."
    if num_versions > 1:
        code = f"""They ran with {num_versions} versions of the code; study.csv says
        which with which."""
    text = f"""{len(results.trials):,} trainings of {num_trials:,} trials took
    {hours:.1f} hours in all."""
    return [paragraph(text, code), cost_table(results)]


def _spent(trials: dict[str, list[TrialResult]]) -> str:
    if len(trials) < len(METHODS):
        return ""
    simclr, qk = (
        statistics.fmean(trial.summary.image_passes for trial in trials[name])
        for name in METHODS
    )
    more = qk / simclr - 1
    word = "more" if more > 0 else "fewer"
    return f"QK Iteration spent {abs(more):.1%} {word} image passes than SimCLR."


def _noise(default: Spread | None) -> str:
    chance = chance_of_one_seed(default)
    if default is None or chance is None:
        return ""
    return f"""On validation the default varies from seed to seed by
    {default.deviation:.3f} (standard deviation), and two single trainings by chance
    alone differ by up to {chance:.3f}, 19 times in 20: a smaller difference of one seed
    shows nothing."""


def _over_simclr_abroad(results: StudyResults) -> list[str]:
    """Which method is ahead there, whatever it is at home."""
    figures: dict[str, Figure] = {
        "raw": of_abroad("micro_ap"),
        "normalized": of_abroad("micro_ap_normalized"),
    }
    return [
        f"{name.capitalize()}, QK Iteration has {ratio.of_means:.3f} times SimCLR's "
        f"micro-AP, ahead with {ratio.num_ahead} of {len(ratio.by_seed)} seeds."
        for name, figure in figures.items()
        if (ratio := ratio_of(results, figure))
    ]


def _against_untrained(results: StudyResults) -> list[str]:
    """Whether training on few pictures cost generality, method by method."""
    metrics = metrics_of_systems(results, is_abroad=True)
    if "untrained" not in metrics:
        return []
    floor = metrics["untrained"][0].micro_ap
    sentences = []
    for name in METHODS:
        if name in metrics:
            mean = Spread(tuple(one.micro_ap for one in metrics[name])).mean
            word = "above" if mean > floor else "below"
            sentences.append(
                f"{title_of(name)} is {abs(mean - floor):.3f} {word} the untrained "
                "backbone with whitening in raw micro-AP."
            )
    return sentences
