"""Print how much of each core module the tests run; refuse one that has too little.

The line coverage is read from the JSON report of coverage.py.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

SMALLEST_PERCENT = 90.0

RUN_BY_OTHER_PROCESSES = (
    "core/distributed/collectives.py",
    "core/distributed/ranks.py",
    "core/losses/bank_shard.py",
    "core/bank/frozen_rows.py",
    "core/learning/training_job.py",
)
"""Tests run these on several ranks, in processes that the report does not see."""


def percent_of_modules(report: Mapping[str, Mapping[str, object]]) -> dict[str, float]:
    """Percent of lines that were run, by file.

    Args:
        report: What ``coverage json`` writes.
    """
    percents: dict[str, float] = {}
    for name, file in report["files"].items():
        assert isinstance(file, dict)
        percents[name] = float(file["summary"]["percent_covered"])
    return percents


def main() -> None:
    """Exit with 1 where a module is covered too little."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path)
    report = json.loads(parser.parse_args().report.read_text(encoding="utf-8"))
    percents = percent_of_modules(report)
    for name, percent in sorted(percents.items(), key=lambda item: item[1]):
        print(f"{percent:5.1f} %  {name}")
    total = report["totals"]["percent_covered"]
    print(f"{total:5.1f} %  all lines of the core")
    too_little = [
        name
        for name, percent in percents.items()
        if percent < SMALLEST_PERCENT and not name.endswith(RUN_BY_OTHER_PROCESSES)
    ]
    if too_little:
        sys.exit(
            f"Tests must run {SMALLEST_PERCENT:.0f} % of the lines of every core "
            f"module; less of {', '.join(sorted(too_little))}. Add tests."
        )


if __name__ == "__main__":
    main()
