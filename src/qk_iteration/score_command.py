"""``qk-score``: score descriptors or predicted matches of any system.

It starts without Kedro, MLflow and torch, so that a small case takes a second.
"""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from qk_iteration.core.formats.user_paths import user_path
from qk_iteration.core.scoring.protocols import PROTOCOL_NAMES
from qk_iteration.core.scoring.score_files import score_files
from qk_iteration.core.search.score_normalization import ScoreNormalization
from qk_iteration.core.standard_output import print_result
from qk_iteration.core.user_error import WANTS_TRACEBACK, UserError

DESCRIPTION = """\
Score descriptors, a descriptor submission or predicted matches against a ground truth.

  isc2021     the 500,000 best pairs of all queries; unlabelled queries count as wrong
  drivendata  as many pairs as ten times the labelled queries, and those queries only
  knn         the best references of each query, as SSCD reports; not the official rule
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: What was typed after the name; None for this process's own.

    Returns:
        The exit status: 0, or 2 after a sentence on what was wrong.
    """
    logging.basicConfig(format="qk-score: %(message)s")
    options = vars(_parser().parse_args(arguments))
    normalization = {
        name: options.pop(f"normalization_{name}")
        for name in ("first_neighbor", "last_neighbor", "reduction", "weight")
    }
    try:
        if options["training_descriptors"] and normalization["weight"] != 0:
            options["normalization"] = ScoreNormalization(**normalization)
        score = score_files(**options)
    except (UserError, OSError) as error:
        if os.environ.get(WANTS_TRACEBACK):
            raise
        sys.stderr.write(f"qk-score: error: {error}\n")
        return 2
    figures = score.metrics().items()
    lines = (
        f"{name:18} {'never reached' if v is None else v}\n" for name, v in figures
    )
    print_result("".join(lines))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="qk-score",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_inputs(parser.add_argument_group("what to score"))
    _add_rules(parser.add_argument_group("how to score"))
    _add_background(parser.add_argument_group("between description and search"))
    outputs = parser.add_argument_group("what to write")
    outputs.add_argument("--metrics-path", type=_path, help="the figures, as JSON")
    outputs.add_argument("--plot-path", type=_path, help="the precision-recall curve")
    outputs.add_argument("--predictions-path", type=_path, help="the judged pairs, CSV")
    return parser


def _add_inputs(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--query-descriptors", nargs="+", type=_path, metavar="FILE", help="HDF5 or npz"
    )
    group.add_argument("--reference-descriptors", nargs="+", type=_path, metavar="FILE")
    group.add_argument("--submission", type=_path, help="both in one HDF5 file")
    group.add_argument(
        "--predictions", type=_path, help="CSV of query_id,reference_id,score"
    )
    group.add_argument(
        "--ground-truth",
        nargs="+",
        type=_path,
        required=True,
        metavar="FILE",
        help="CSV or JSON",
    )


def _add_rules(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--protocol", choices=PROTOCOL_NAMES, required=True)
    group.add_argument("--metric", choices=("l2", "inner_product"), default="l2")
    group.add_argument("--top-k", type=int, default=10, help="for knn (default: 10)")
    group.add_argument("--device", default="cpu", help="cpu (default), cuda or cuda:1")


def _add_background(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--training-descriptors",
        nargs="+",
        type=_path,
        metavar="FILE",
        help="normalize scores by the nearest training images",
    )
    group.add_argument("--whitening-dim", type=int, help="numbers kept by whitening")
    prefix = "--normalization"
    group.add_argument(f"{prefix}-first-neighbor", type=int, default=0, metavar="RANK")
    group.add_argument(f"{prefix}-last-neighbor", type=int, default=2, metavar="RANK")
    group.add_argument(f"{prefix}-reduction", choices=("mean", "min"), default="mean")
    group.add_argument(
        f"{prefix}-weight",
        type=float,
        default=1.0,
        help="0 for whitening alone (default: 1.0, as SSCD)",
    )


def _path(text: str) -> Path:
    try:
        return user_path(text)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())
