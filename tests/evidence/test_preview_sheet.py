"""The sheet for kedro viz is compared with the pictures of the page's pairs."""

import base64
import io

import numpy as np
import pandas as pd
from PIL import Image

from qk_iteration.datasets import EvidenceDataset
from qk_iteration.evidence.draw_evidence import draw_evidence
from qk_iteration.evidence.preview_sheet import SIDE, draw_preview_sheet


def page_of(tmp_path, number):
    rows = []
    for row in range(number):
        paths = [str(tmp_path / f"{side}{row}.png") for side in "qm"]
        for path, color in zip(paths, ["red", "blue"], strict=True):
            Image.new("RGB", (60, 60), color).save(path)
        rows.append(("a", "b", *paths, 0.5 if row else np.nan, "right"))
    columns = ["query", "match", "query_path", "match_path", "score", "truth"]
    return draw_evidence(pd.DataFrame(rows, columns=columns), title="Pairs")


def test_the_first_pairs_stand_side_by_side(tmp_path):
    sheet = draw_preview_sheet(page_of(tmp_path, 60))
    red, blue = (sheet.getpixel((x, SIDE // 2)) for x in (SIDE // 2, 3 * SIDE // 2))
    assert red[0] > 200
    assert red[2] < 60
    assert blue[2] > 200
    assert blue[0] < 60
    assert sheet.height == 4 * draw_preview_sheet(page_of(tmp_path, 1)).height


def test_a_page_is_kept_and_previewed(tmp_path):
    dataset = EvidenceDataset(filepath=str(tmp_path / "pages" / "evidence.html"))
    assert not dataset.exists()
    dataset.save(page_of(tmp_path, 0))
    assert "Pairs" in dataset.load()
    png = base64.b64decode(dataset.preview())
    assert Image.open(io.BytesIO(png)).format == "PNG"
