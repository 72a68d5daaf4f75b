"""The rows of a scoring's page are compared with its predictions and true matches."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from qk_iteration.core.formats.ground_truth import TrueMatches
from qk_iteration.core.formats.predicted_matches import PredictedMatches
from qk_iteration.evidence import scored_pairs


@pytest.fixture
def tables(tmp_path):
    folders = {}
    for name, letter in (("query_images", "Q"), ("reference_images", "R")):
        (tmp_path / name).mkdir()
        ids = [f"{letter}{row}" for row in range(4)]
        paths = [str(tmp_path / name / f"{one}.png") for one in ids]
        for path in paths:
            Image.new("RGB", (20, 20), "teal").save(path)
        folders[name] = pd.DataFrame({"image_id": ids, "path": paths})
    (tmp_path / "query_edits.csv").write_text("query_id,edits\nQ0,crop blur\nQ1,meme\n")
    return folders["query_images"], folders["reference_images"]


def content_of(page):
    text = re.search(r'id="content">(.*?)</script>', page)[1]
    content = json.loads(text)
    names = content["columns"]
    return content, [dict(zip(names, row, strict=True)) for row in content["pairs"]]


def test_true_matches_are_shown_and_wrong_pairs_up_to_a_number(tables, monkeypatch):
    monkeypatch.setattr(scored_pairs, "WRONG_PAIRS", 1)
    predicted = PredictedMatches.from_columns(
        ["Q0", "Q1", "Q2", "Q3"],
        ["R0", "R3", "R2", "R1"],
        np.array([0.9, 0.8, 0.7, 0.6]),
    )
    truth = TrueMatches({"Q0": ("R0",), "Q1": ("R1",), "Q2": ("R2",), "Q3": ()})
    page = scored_pairs.draw_scored_pairs(predicted, truth, *tables, title="Scored")
    content, rows = content_of(page)
    told = [(r["query"], r["match"], r["truth"], r["rank"]) for r in rows]
    assert told == [
        ("Q0", "R0", "right", 1),
        ("Q1", "R3", "wrong", 2),
        ("Q2", "R2", "right", 3),
        ("Q1", "R1", "right", None),
    ]
    assert [r["edits"] for r in rows] == ["crop blur", "meme", None, "meme"]
    assert content["threshold"] == pytest.approx(0.9)
    assert content["curve"][1] == pytest.approx([0.7, 2 / 3, 2 / 3])
    assert min(r["queryPicture"] for r in rows) >= 0
