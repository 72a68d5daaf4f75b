"""Writes the page of results, its plots and study.csv, from the results alone.

``python -m study.report`` from the project's folder: from what is kept with the
repository, and from what is new under ``data/08_reporting/study``. Plots that need more
than what is kept are drawn where it is there, and otherwise stay as they are.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from qk_iteration.builtin_benchmark.manifest import (
    BUILTIN_MANIFEST,
    Split,
    read_manifest,
)
from qk_iteration.core.formats.atomic_file import replacing
from qk_iteration.core.user_error import UserError
from study.comparison import (
    JudgedQueries,
    compare_headline,
    has_matches,
    read_queries,
)
from study.costs import Costs
from study.derived import Defaults, trainings
from study.figures import RAW, ratio
from study.page import write_page
from study.plots import PLOTS
from study.plots.style import save
from study.results import read_kept, read_results, write_table
from study.situations import (
    COLUMNS,
    compare_situations,
    read_situations,
    situations_table,
)

RESULTS = Path("data/08_reporting/study")
DOCS = Path("docs")
TABLE = "study.csv"
INTERVALS = "study_intervals.csv"
SITUATIONS = "study_situations.csv"
TRIALS = Path("conf/study.yml")
TRUE_MATCHES = Path("data/02_intermediate/study/builtin/true_matches.csv")
QUERY_EDITS = Path("data/01_raw/builtin/query_edits.csv")
PARAMETERS = Path("conf/base")
_TOLERANCE = 1e-3  # kept with the digits of the page
_PAGE, _NOTES = "results.md", "results_notes.md"


def write_report(
    results: Path,
    docs: Path,
    *,
    true_matches: Path = TRUE_MATCHES,
    query_edits: Path = QUERY_EDITS,
    parameters: Path = PARAMETERS,
    trials: Path = TRIALS,
) -> None:
    """Write results.md, the tables that are kept, and the plots into ``docs``.

    ``results_notes.md`` there is appended to the page, if it exists.

    Args:
        results: A folder for each new training and floor.
        docs: Where the page lies, and what is kept of earlier results.
        true_matches: Ground truth of the test queries.
        query_edits: Their edits, as the benchmark's maker writes them.
        parameters: Folder of the files of parameters.
        trials: Lists the situations that the page opens with.

    Raises:
        FormatError: If a result, the ground truth or the edits are malformed.
    """
    table = read_results(results, docs / TABLE)
    queries = _queries(true_matches, query_edits, parameters)
    intervals = _intervals(table, results, docs, queries)
    situations = read_situations(trials)
    kept = read_kept(docs / SITUATIONS, COLUMNS)
    compared = compare_situations(situations, table, results, queries, kept)
    defaults = Defaults.read(parameters)
    write_table(table, docs / TABLE)
    write_table(intervals, docs / INTERVALS)
    write_table(compared, docs / SITUATIONS)
    trained = trainings(table, defaults)
    costs = Costs.read(docs)
    for name, plot in PLOTS.items():
        figure = plot(table=table, trained=trained, intervals=intervals, costs=costs)
        if figure is not None:
            save(figure, docs / name)
    notes = docs / _NOTES
    hand_written = notes.read_text("utf-8") if notes.exists() else ""
    with replacing(docs / _PAGE) as partial:
        opening = situations_table(situations, compared, table)
        page = write_page(table, intervals, defaults, hand_written, opening, costs)
        partial.write_text(page, "utf-8")
    print(f"Wrote {docs / _PAGE} from {len(trained)} trainings.")


def _queries(
    true_matches: Path, query_edits: Path, parameters: Path
) -> JudgedQueries | None:
    """The test queries; None where the benchmark is not here."""
    if not true_matches.is_file():
        return None
    recipe = parameters / "parameters_edits.yml"
    return read_queries(true_matches, query_edits, recipe, _sources_of_test_queries())


def _sources_of_test_queries() -> dict[str, str]:
    """What each is an edit of; images that show practically the same are one."""
    manifest = read_manifest(BUILTIN_MANIFEST)
    groups = {image.image_id: image.group for image in manifest.images}
    return {
        query.query_id: f"group {groups[query.source_id]}"
        for query in manifest.queries
        if query.split is Split.TEST
    }


def _intervals(
    table: pd.DataFrame, results: Path, docs: Path, queries: JudgedQueries | None
) -> pd.DataFrame:
    """From the predicted matches where all are there, else those that are kept."""
    if queries is not None and has_matches(table, results):
        return compare_headline(table, results, queries)
    columns = ("queries", "kind", "figure", "is_seen", "simclr", "qk", "ratio")
    kept = read_kept(docs / INTERVALS, columns)
    whole = kept[(kept["kind"] == "whole") & (kept["figure"] == "raw")]
    found = ratio(table, RAW)
    if found is None:
        return kept.iloc[:0]
    # Intervals of other trainings say nothing of these, though the ratio be the same.
    ours = [found.baseline, found.qk, found.of_means]
    fits = (whole[["simclr", "qk", "ratio"]] - ours).abs().lt(_TOLERANCE).all(axis=1)
    return kept if fits.any() else kept.iloc[:0]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: What was typed after the name; None for this process's own.

    Returns:
        The exit status: 0, or 2 after a sentence on what was wrong.
    """
    parser = argparse.ArgumentParser(description="Write the page of results.")
    parser.add_argument("results", type=Path, nargs="?", default=RESULTS)
    parser.add_argument("docs", type=Path, nargs="?", default=DOCS)
    parser.add_argument("--true-matches", type=Path, default=TRUE_MATCHES)
    parser.add_argument("--query-edits", type=Path, default=QUERY_EDITS)
    parser.add_argument("--parameters", type=Path, default=PARAMETERS)
    parser.add_argument("--trials", type=Path, default=TRIALS)
    try:
        write_report(**vars(parser.parse_args(arguments)))
    except (UserError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
