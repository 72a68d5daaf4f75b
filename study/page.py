"""The page of results, docs/results.md, from the results alone."""

from collections.abc import Sequence

from study import sections
from study.comparison import Comparison
from study.defaults import StudyDefaults
from study.page_layout import paragraph
from study.results import StudyResults
from study.rows import RowsPoint

_PREFACE = """Made by `make study`; every number comes from the results, which
[study.csv](study.csv) lists. The pictures are mostly AI-generated: the figures do not
compare with DISC21's ([builtin_benchmark.md](builtin_benchmark.md))."""

_COMMANDS = """\
```
make study      # the trials of conf/study.yml, then this page; goes on where it stopped
python -m study.report data/08_reporting/study docs    # this page alone
```"""


def write_page(
    results: StudyResults,
    comparison: Comparison | None,
    rows: Sequence[RowsPoint],
    defaults: StudyDefaults,
    notes: str,
) -> str:
    """The whole page as Markdown; a line stands for each section without results.

    Args:
        results: All that has been measured.
        comparison: From the predicted matches; None if there are none.
        rows: The rows study; may be empty.
        defaults: What a trial has where its settings do not say otherwise.
        notes: Markdown written by hand, appended as it is.
    """
    content = {
        "The budget": sections.budget(results),
        "While learning": sections.curves(results),
        "More steps": sections.steps(results),
        "Rows pushed against": sections.rows_study(results, rows),
        "What makes the difference": sections.ablation(results),
        "Edit by edit": sections.edits(comparison),
        "Abroad": sections.abroad(results),
        "How the settings were found": sections.tuning(results, defaults),
        "What it cost": sections.cost(results),
        "How to repeat it": [_COMMANDS],
    }
    blocks = ["# Results on the built-in benchmark", paragraph(_PREFACE)]
    blocks += sections.headline(results, comparison)
    for title, own in content.items():
        shown = [block for block in own if block]
        blocks += [f"## {title}", *(shown or ["No results of this part yet."])]
    return "\n\n".join(blocks) + "\n" + (f"\n{notes}" if notes else "")
