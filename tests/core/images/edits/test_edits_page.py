"""The table of docs/edits.md is compared with the YAML and the code."""

import re
from pathlib import Path

import yaml

from qk_iteration.core.images.edits import EDITS

PROJECT = Path(__file__).parents[4]
RECIPES = yaml.safe_load((PROJECT / "conf/base/parameters_edits.yml").read_text())
PAGE = (PROJECT / "docs/edits.md").read_text()


def ranges_of(recipe_name):
    """For each edit of a recipe its ranges, as the page prints them."""
    return {
        step["edit"]: "<br>".join(
            f"{name} {low} to {high}"
            for name, (low, high) in step["parameters"].items()
        )
        or "no range"
        for stage in RECIPES[recipe_name]["stages"]
        for step in stage["steps"]
    }


def expected_rows():
    trained, evaluated = ranges_of("training_edits"), ranges_of("evaluation_edits")
    return [
        f"| `{edit}` | {trained.get(edit, '')} | {evaluated[edit]} | "
        f"{'' if edit in trained else 'unseen'} |"
        for edit in EDITS
    ]


def test_the_table_of_ranges_is_the_yaml():
    rows = re.findall(r"^\| `\w+` \|.*\| \w* ?\|$", PAGE, flags=re.MULTILINE)
    expected = expected_rows()
    assert rows == expected, "Replace the rows by:\n" + "\n".join(expected)
