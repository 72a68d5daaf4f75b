"""Writes the page of results, its plots and study.csv, from the results alone.

``python -m study.report data/08_reporting/study docs``
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from qk_iteration.core.formats.atomic_file import replacing
from study.comparison import compare_headline
from study.defaults import StudyDefaults
from study.judged_queries import JudgedQueries, read_training_edits
from study.page import write_page
from study.plots.ablation import plot_ablation
from study.plots.curves import plot_curves
from study.plots.edits import plot_edits
from study.plots.rows import plot_rows
from study.plots.style import save
from study.plots.systems import plot_systems
from study.results import read_results, table_of_results
from study.rows import rows_points
from study.sections import (
    ABLATION_PLOT,
    CURVES_PLOT,
    EDITS_PLOT,
    ROWS_PLOT,
    SYSTEMS_PLOT,
)

PAGE = "results.md"
TABLE = "study.csv"
NOTES = "results_notes.md"
TRUE_MATCHES = Path("data/02_intermediate/study/builtin/true_matches.csv")
QUERY_EDITS = Path("data/01_raw/builtin/query_edits.csv")
PARAMETERS = Path("conf/base")

logger = logging.getLogger(__name__)


def write_report(
    results_folder: str | Path,
    docs_folder: str | Path,
    *,
    true_matches: str | Path = TRUE_MATCHES,
    query_edits: str | Path = QUERY_EDITS,
    parameters: str | Path = PARAMETERS,
) -> None:
    """Write results.md, study.csv and the plots into ``docs_folder``.

    ``results_notes.md`` there is appended to the page, if it exists. Plots of which
    there is nothing to show are removed.

    Args:
        results_folder: One folder for each trial and seed, and for each floor.
        docs_folder: Where the page lies.
        true_matches: Ground truth of the test queries.
        query_edits: Their edits, as the benchmark's maker writes them.
        parameters: Folder of ``parameters_training.yml`` and ``parameters_edits.yml``.

    Raises:
        FormatError: If a result, the ground truth or the edits are malformed.
        OSError: If a file cannot be opened.
    """
    docs, conf = Path(docs_folder), Path(parameters)
    results = read_results(results_folder)
    comparison = compare_headline(
        results,
        JudgedQueries.read(true_matches, query_edits),
        read_training_edits(conf / "parameters_edits.yml"),
    )
    defaults = StudyDefaults.read(conf / "parameters_training.yml")
    rows = rows_points(results, defaults)
    figures = {
        SYSTEMS_PLOT: plot_systems(results),
        CURVES_PLOT: plot_curves(results),
        ROWS_PLOT: plot_rows(rows),
        ABLATION_PLOT: plot_ablation(results),
        EDITS_PLOT: plot_edits(comparison),
    }
    for name, figure in figures.items():
        _write_plot(docs / name, figure)
    with replacing(docs / TABLE) as partial:
        table_of_results(results).to_csv(partial, index=False)
    notes = docs / NOTES
    hand_written = notes.read_text("utf-8") if notes.exists() else ""
    with replacing(docs / PAGE) as partial:
        page = write_page(results, comparison, rows, defaults, hand_written)
        partial.write_text(page, "utf-8")
    logger.info("Wrote %s from %d trainings.", docs / PAGE, len(results.trials))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: What was typed after the name; None for this process's own.

    Returns:
        The exit status: 0, or 2 after a sentence on what was wrong.
    """
    parser = argparse.ArgumentParser(description="Write the page of results.")
    parser.add_argument("results_folder", type=Path)
    parser.add_argument("docs_folder", type=Path)
    parser.add_argument("--true-matches", type=Path, default=TRUE_MATCHES)
    parser.add_argument("--query-edits", type=Path, default=QUERY_EDITS)
    parser.add_argument("--parameters", type=Path, default=PARAMETERS)
    try:
        write_report(**vars(parser.parse_args(arguments)))
    except (ValueError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


def _write_plot(path: Path, figure: Figure | None) -> None:
    if figure is None:
        path.unlink(missing_ok=True)
    else:
        save(figure, path)


if __name__ == "__main__":
    sys.exit(main())
