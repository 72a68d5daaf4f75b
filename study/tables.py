"""The tables of the page, each as Markdown; empty text where nothing was measured."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from study.budgets import budget_levels
from study.comparison import Comparison, ratio_of
from study.defaults import StudyDefaults
from study.page_layout import (
    NOT_MEASURED,
    count,
    share,
    signed,
    table,
)
from study.results import StudyResults, TrialResult
from study.rows import RowsPoint
from study.spread import (
    Figure,
    Spread,
    normalized_micro_ap,
    of_abroad,
    of_test,
    raw_micro_ap,
    spread_of,
    total_image_passes,
    validation_micro_ap,
)
from study.systems import (
    METHODS,
    metrics_of_systems,
    spread_of_metrics,
    title_of,
)
from study.variants import ablation_variants

_TEST_COLUMNS = {
    "micro_ap": "micro-AP",
    "micro_ap_normalized": "normalized",
    "recall_at_p90": "recall at P90",
    "recall_at_p90_normalized": "normalized",
    "recall_at_rank1": "recall at rank 1",
}

_RATIO_ROWS: dict[str, Figure] = {
    "micro-AP": of_test("micro_ap"),
    "micro-AP, normalized": of_test("micro_ap_normalized"),
    "recall at P90": of_test("recall_at_p90"),
    "recall at P90, normalized": of_test("recall_at_p90_normalized"),
    "recall at rank 1": of_test("recall_at_rank1"),
    "micro-AP, validation": validation_micro_ap,
    "micro-AP, abroad": of_abroad("micro_ap"),
    "micro-AP, abroad, normalized": of_abroad("micro_ap_normalized"),
}
_BASELINES = {"simclr": "SimCLR", "simclr_half_batch": "SimCLR of 32 pairs"}


def headline_table(results: StudyResults) -> str:
    """Floors and methods on the test queries."""
    rows = [
        [title_of(name), str(len(metrics))]
        + [share(spread_of_metrics(metrics, attrgetter(key))) for key in _TEST_COLUMNS]
        for name, metrics in metrics_of_systems(results).items()
    ]
    return _table(["method", "seeds", *_TEST_COLUMNS.values()], rows, num_texts=1)


def ratios_table(results: StudyResults) -> str:
    """QK Iteration over SimCLR in every figure, and with how many seeds it is ahead."""
    baselines = {
        title: name for name, title in _BASELINES.items() if results.named(name)
    }
    rows = []
    for title, figure in _RATIO_ROWS.items():
        cells = []
        for name in baselines.values():
            ratio = ratio_of(results, figure, baseline=name)
            cells += (
                [f"{ratio.of_means:.3f}", f"{ratio.num_ahead} of {len(ratio.by_seed)}"]
                if ratio
                else [NOT_MEASURED, NOT_MEASURED]
            )
        rows.append([title, *cells])
    header = ["figure"]
    for title in baselines:
        header += [f"over {title}", "seeds ahead"]
    return _table(header, rows, num_texts=1)


def training_table(results: StudyResults) -> str:
    """What the headline trainings reached on the validation split, and their cost."""
    rows = [
        [
            title_of(name),
            str(len(trials)),
            share(spread_of(trials, validation_micro_ap)),
            _image_passes(trials),
            count(spread_of(trials, attrgetter("summary.seconds"))),
        ]
        for name in METHODS
        if (trials := results.named(name))
    ]
    header = ["method", "seeds", "micro-AP, validation", "image passes", "seconds"]
    return _table(header, rows, num_texts=1)


def abroad_table(results: StudyResults) -> str:
    """Floors and methods on the second test set."""
    rows = [
        [title_of(name), str(len(metrics))]
        + [
            share(spread_of_metrics(metrics, attrgetter(key)))
            for key in ("micro_ap", "micro_ap_normalized")
        ]
        for name, metrics in metrics_of_systems(results, is_abroad=True).items()
    ]
    return _table(["method", "seeds", "micro-AP", "normalized"], rows, num_texts=1)


def steps_table(results: StudyResults) -> str:
    """One, two and four budgets of both methods; QK over SimCLR at each."""
    levels = budget_levels(results)
    if not results.names_in("steps"):
        return ""
    simclr = {
        level.title: spread_of(level.trials, raw_micro_ap)
        for level in levels
        if level.method == "simclr"
    }
    rows = []
    for level in levels:
        raw = spread_of(level.trials, raw_micro_ap)
        other = simclr.get(level.title) if level.method == "qk" else None
        passes = Spread(tuple(map(total_image_passes, level.chains)))
        rows.append(
            [
                title_of(level.method),
                level.title,
                str(len(level.trials)),
                count(passes),
                NOT_MEASURED if level.is_first else str(level.num_unchanged),
                share(spread_of(level.trials, validation_micro_ap)),
                share(raw),
                share(spread_of(level.trials, normalized_micro_ap)),
                f"{raw.mean / other.mean:.3f}" if raw and other else NOT_MEASURED,
            ]
        )
    header = ["method", "budget", "seeds", "image passes in all", "unchanged"]
    header += ["validation", "test", "test, normalized", "QK over SimCLR, test"]
    return _table(header, rows, num_texts=2)


def rows_table(points: Sequence[RowsPoint]) -> str:
    """Rows pushed against, for each number of training images."""
    rows = [
        [
            title_of(point.method),
            f"{point.training_images:,}",
            _rows_text(point),
            _image_passes(point.trials),
            *_scores(point.trials),
        ]
        for point in points
    ]
    header = ["method", "training images", "rows", "image passes", "seeds"]
    scores = ["validation", "test", "test, normalized"]
    return _table([*header, *scores], rows, num_texts=1)


def _image_passes(trials: Sequence[TrialResult]) -> str:
    return count(spread_of(trials, attrgetter("summary.image_passes")))


def ablation_table(results: StudyResults) -> str:
    """One factor at a time: validation, test, and the difference to the default."""
    rows = []
    if default := results.named("qk"):
        seeds, on_validation, on_test, _ = _scores(default)
        rows.append(["**default**", "", seeds, on_validation, "", on_test, ""])
    for variant in ablation_variants(results):
        seeds, on_validation, on_test, _ = _scores(variant.trials)
        rows.append(
            [
                variant.factor,
                variant.value,
                seeds,
                on_validation,
                signed(variant.on_validation),
                on_test,
                signed(variant.on_test),
            ]
        )
    header = ["factor", "value", "seeds", "validation", "difference", "test"]
    return _table([*header, "difference"], rows, num_texts=2)


def tuning_table(results: StudyResults, defaults: StudyDefaults) -> str:
    """Every trial of the tuning, best first and in bold; which became the default."""
    rows = []
    for method in METHODS:
        trials = [
            own
            for name in results.names_in("tuning")
            if (own := results.named(name))[0].method == method
        ]
        trials.sort(key=_validation_mean, reverse=True)
        for rank, own in enumerate(trials):
            figure = share(spread_of(own, validation_micro_ap))
            rows.append(
                [
                    title_of(method),
                    own[0].value or own[0].name,
                    settings_text(own[0].settings),
                    str(len(own)),
                    f"**{figure}**" if rank == 0 else figure,
                    "default" if defaults.hold(own[0].settings) else "",
                ]
            )
    header = ["method", "trial", "settings", "seeds", "validation", "became"]
    return _table(header, rows, num_texts=3)


def novelty_table(comparison: Comparison | None) -> str:
    """Seen against unseen kinds of edit."""
    if comparison is None:
        return ""
    titles = {"seen": "every edit is of a seen kind", "unseen": "an edit is unseen"}
    rows = []
    for name, subset in comparison.by_novelty.items():
        ratio = comparison.novelty_bootstrap[name].ratio
        rows.append(
            [
                titles[name],
                f"{subset.num_matched:,}",
                f"{subset.simclr:.3f}",
                f"{subset.qk:.3f}",
                f"{subset.qk / subset.simclr:.3f}" if subset.simclr else NOT_MEASURED,
                f"{ratio.low:.3f} to {ratio.high:.3f}",
            ]
        )
    header = ["matched queries of which", "queries", "SimCLR", "QK Iteration", "ratio"]
    return _table([*header, "95 % interval"], rows, num_texts=1)


def cost_table(results: StudyResults) -> str:
    """What each part of the study cost."""
    parts: dict[str, list[TrialResult]] = {}
    for trial in results.trials:
        parts.setdefault(trial.part, []).append(trial)
    rows = [_cost(part, trials) for part, trials in parts.items()]
    if rows:
        rows.append(_cost("**in all**", results.trials))
    header = ["part", "trials", "trainings", "image passes", "hours"]
    return _table(header, rows, num_texts=1)


def settings_text(settings: dict[str, Any]) -> str:
    """Settings as code, for a cell."""
    texts = [f"`{name}` {value}" for name, value in sorted(settings.items())]
    return "<br>".join(texts) or "the defaults"


def _scores(trials: Sequence[TrialResult]) -> list[str]:
    """Seeds, validation, test raw and normalized."""
    return [
        str(len(trials)),
        share(spread_of(trials, validation_micro_ap)),
        share(spread_of(trials, raw_micro_ap)),
        share(spread_of(trials, normalized_micro_ap)),
    ]


def _rows_text(point: RowsPoint) -> str:
    if point.num_rows is None:
        return NOT_MEASURED
    return f"{point.num_rows:,}{' (batch only)' if point.is_batch_only else ''}"


def _validation_mean(trials: Sequence[TrialResult]) -> float:
    spread = spread_of(trials, validation_micro_ap)
    return spread.mean if spread else 0.0


def _cost(title: str, trials: Sequence[TrialResult]) -> list[str]:
    return [
        title,
        f"{len({trial.name for trial in trials}):,}",
        f"{len(trials):,}",
        f"{sum(trial.summary.image_passes for trial in trials):,.0f}",
        f"{sum(trial.summary.seconds for trial in trials) / 3600:.1f}",
    ]


def _table(header: list[str], rows: list[list[str]], *, num_texts: int) -> str:
    return table(header, rows, num_texts=num_texts) if rows else ""
