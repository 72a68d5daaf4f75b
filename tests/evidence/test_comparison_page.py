"""The page of compared systems is compared with their figures, in a browser too."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from qk_iteration.evidence.comparison_page import (
    ComparedSystem,
    draw_comparison_page,
    plot_learning_of,
    plot_precision_recall_of,
)
from qk_iteration.evidence.draw_evidence import draw_evidence
from qk_iteration.evidence.page_content import read_page


def page_of(scores):
    rows = pd.DataFrame(
        {
            "query": ["a", "b", "c", "d"],
            "match": "r",
            "query_path": "",
            "match_path": "",
            "score": scores,
            "truth": ["right", "right", "right", "wrong"],
            "edits": ["crop", "crop flip_horizontal", "flip_horizontal", "crop"],
        }
    )
    curve = pd.DataFrame(
        {"threshold": [0.9, 0.5], "precision": [1.0, 0.9], "recall": [0.3, 0.6]}
    )
    text = draw_evidence(rows, title="Pairs", threshold=0.5, curve=curve)
    return read_page(text)


@pytest.fixture
def systems():
    metrics = {"protocol": "isc2021", "micro_ap": 0.5, "recall_at_p90": None}
    cost = {"image_passes": 12000, "seconds": 208.2, "sgd_steps": 142}
    trained = ComparedSystem(
        name="QK <Iteration>",
        run="QK Iteration · builtin · seed 0",
        metrics=metrics,
        cost=cost,
        validation=[(12000.0, 0.6), (0.0, 0.4)],
        page=page_of([0.9, 0.5, 0.4, 0.8]),
    )
    other = {**metrics, "micro_ap": 0.25}
    floor = ComparedSystem("untrained", "Floors", other, {}, [], None)
    return [trained, floor]


def test_recall_of_each_edit_is_counted_among_the_true_matches():
    assert page_of([0.9, 0.5, 0.4, 0.8]).recall_by_edit == {
        "crop": (1.0, 2),
        "flip_horizontal": (0.5, 2),
    }
    nothing = page_of([0.1, 0.1, np.nan, 0.8]).recall_by_edit
    assert nothing == {"crop": (0.0, 2), "flip_horizontal": (0.0, 2)}


def test_every_figure_stands_in_the_page_that_needs_nothing_else(systems):
    page = draw_comparison_page(systems)
    text = re.sub(r"\s+", " ", page)
    assert "<th>micro-AP</th><td>0.5000</td><td>0.2500</td>" in text
    assert "<th>recall at P90</th><td>-</td><td>-</td>" in text
    assert "<th>seconds</th><td>208</td></tr>" in text
    row = "<th>flip horizontal</th><td>2</td><td><b>0.50</b></td><td>-</td>"
    assert row in text
    assert "is kept with the run of untrained: its edits are not shown" in text
    assert "QK <Iteration>" not in page
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!data:)""", page)
    assert "<script" not in page


def test_a_page_of_an_earlier_version_is_said_to_lack_its_edits(systems):
    page = replace(systems[0].page, recall_by_edit=None)
    earlier = replace(systems[0], name="earlier", page=page)
    text = draw_comparison_page([earlier, systems[0]])
    assert "is kept with the run of earlier:" in text
    assert "<th>crop</th><td>2</td><td>-</td><td><b>1.00</b></td>" in text


def test_curves_are_those_of_the_systems_that_have_them(systems):
    (axes,) = plot_precision_recall_of(systems).axes
    curve = axes.lines[-1]
    assert list(curve.get_xdata()) == [0.3, 0.6]
    assert list(curve.get_ydata()) == [1.0, 0.9]
    (axes,) = plot_learning_of(systems).axes
    (learned,) = axes.lines
    assert list(learned.get_xdata()) == [0.0, 12000.0]
    assert list(learned.get_ydata()) == [0.4, 0.6]


def test_on_a_phone_only_tables_are_wider_than_the_window(systems, tmp_path, browse):
    path = tmp_path / "comparison.html"
    path.write_text(draw_comparison_page(systems * 4), encoding="utf-8")
    document = browse(path, "--dump-dom", "--window-size=390,844")
    assert "Runs compared" in document
    text = path.read_text().replace("default-src 'none'", "script-src 'unsafe-inline'")
    path.write_text(text, encoding="utf-8")
    width = "document.documentElement.scrollWidth"
    tell = f"parent.postMessage(`${{innerWidth}} ${{{width}}}`, '*')"
    document = browse(path, "--dump-dom", width=390, script=tell)
    assert re.search(r"<title>([^<]*)<", document)[1] == "390 390"
