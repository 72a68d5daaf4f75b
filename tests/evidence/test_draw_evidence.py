"""The page is compared with its pairs, in a browser without a window."""

import re
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from qk_iteration.evidence.draw_evidence import (
    MAX_PAIRS,
    draw_evidence,
)
from qk_iteration.evidence.page_content import read_page


@pytest.fixture
def judged(tmp_path):
    """Six judged pairs: three right, two wrong, one never found."""
    for number in range(4):
        color = (60 * number, 200, 90)
        Image.new("RGB", (60, 40), color).save(tmp_path / f"{number}.png")
    paths = [str(tmp_path / f"{number}.png") for number in range(4)]
    return pd.DataFrame(
        {
            "query": ["a", "b</script><b>", "c", "d", "e", "f"],
            "match": ["r"] * 6,
            "query_path": [*paths, paths[0], ""],
            "match_path": [paths[3]] * 6,
            "score": [0.9, 0.8, 0.7, 0.6, 0.5, np.nan],
            "rank": [1, 2, 3, 4, 5, np.nan],
            "truth": ["right", "wrong", "right", "right", "wrong", "right"],
            "edits": ["crop", "blur", "crop blur", "", "crop", "blur"],
        }
    )


CURVE = pd.DataFrame(
    {
        "threshold": [0.9, 0.7, 0.6],
        "precision": [1.0, 2 / 3, 0.75],
        "recall": [0.25, 0.5, 0.75],
    }
)


def page_of(rows, tmp_path, **options):
    path = tmp_path / "evidence.html"
    path.write_text(draw_evidence(rows, title="Judged pairs", **options), "utf-8")
    return path


def text_of(document, name):
    return re.search(f'id="{name}"[^>]*>([^<]*)<', document)[1]


def counts_of(document):
    return dict(
        re.findall(r'data-outcome="([a-z ]+)"[^>]*>[a-z ]+ (\d+)</button>', document)
    )


def test_the_page_needs_nothing_from_outside(judged, tmp_path):
    text = page_of(judged, tmp_path).read_text()
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!data:)""", text)
    assert "://" not in text
    assert "default-src 'none'" in text
    assert "b</script>" not in text


def test_outcomes_and_figures_follow_the_slider(judged, tmp_path, browse):
    page = page_of(judged, tmp_path, threshold=0.7, curve=CURVE)
    document = browse(page, "--dump-dom")
    assert counts_of(document) == {
        **{"found": "2", "false alarm": "1"},
        **{"missed": "2", "rejected": "1"},
    }
    assert text_of(document, "threshold") == "0.700"
    assert text_of(document, "figures") == "precision 0.667 · recall 0.500"
    assert document.count("<article>") == 5

    move = "slider.value = 1; slider.dispatchEvent(new Event('input'));"
    document = browse(page, "--dump-dom", script=move)
    assert text_of(document, "threshold") == "0.900"
    assert text_of(document, "figures") == "precision 1.000 · recall 0.250"
    assert counts_of(document)["found"] == "1"
    assert counts_of(document)["missed"] == "3"

    move = "slider.value = 0; slider.dispatchEvent(new Event('input'));"
    document = browse(page, "--dump-dom", script=move)
    assert text_of(document, "figures") == "Nothing is taken."
    assert counts_of(document)["found"] == "0"


def test_pairs_are_filtered_by_outcome_and_by_edit(judged, tmp_path, browse):
    page = page_of(judged, tmp_path, threshold=0.7, curve=CURVE)
    only = (
        "document.querySelector('[data-outcome=\"found\"]').click();"
        "document.querySelector('[data-outcome=\"missed\"]').click();"
    )
    document = browse(page, "--dump-dom", script=only)
    assert document.count("<article>") == 1
    assert 'outcome bad">false alarm' in document

    choose = "edit.value = 'blur'; edit.dispatchEvent(new Event('change'));"
    document = browse(page, "--dump-dom", script=choose)
    assert counts_of(document) == {
        **{"found": "1", "false alarm": "1"},
        **{"missed": "1", "rejected": "0"},
    }


def test_a_page_of_most_pairs_makes_cards_as_one_scrolls(tmp_path, browse):
    path = tmp_path / "one.png"
    Image.new("RGB", (60, 40), "teal").save(path)
    number = MAX_PAIRS + 10
    rows = pd.DataFrame(
        {
            "query": [f"photo {row}" for row in range(number)],
            "match": "original",
            "query_path": str(path),
            "match_path": str(path),
            "score": np.linspace(1, 0, number),
        }
    )
    page = page_of(rows, tmp_path, threshold=0.5)
    document = browse(page, "--dump-dom", "--window-size=1280,900")
    assert 40 <= document.count("<article>") < 400
    assert f"too many: 5 of {number // 2:,} below threshold, 5 of" in document
    assert text_of(document, "count") == "2,500 of 5,000 pairs"
    scroll = (
        "scrollTo(0, document.body.scrollHeight); dispatchEvent(new Event('scroll'));"
    )
    further = browse(page, "--dump-dom", "--window-size=1280,900", script=scroll)
    assert further.count("<article>") > document.count("<article>")


def test_a_page_of_too_many_pairs_keeps_some_of_each_kind_and_counts_the_rest():
    rows = pd.DataFrame(
        {
            "query": [f"query {row}" for row in range(MAX_PAIRS + 1300)],
            **{"match": "original", "query_path": "", "match_path": ""},
            "score": [1.0] * MAX_PAIRS + [0.7] * 1200 + [0.2] * 100,
            "truth": ["identical"] * MAX_PAIRS + [""] * 1300,
        }
    )
    text = draw_evidence(rows, title="Copies", threshold=0.5, all_in="All lie there.")
    kinds = Counter((pair["truth"], pair["score"]) for pair in read_page(text).pairs)
    assert kinds == {("identical", 1.0): 3700, ("", 0.7): 1200, ("", 0.2): 100}
    assert "too many: 1,300 of 5,000 identical. All lie there." in text


def test_recall_of_an_edit_is_that_of_all_true_matches_not_of_those_shown():
    number = MAX_PAIRS + 1000
    rows = pd.DataFrame(
        {
            "query": [f"query {row}" for row in range(number)],
            **{"match": "original", "query_path": "", "match_path": ""},
            "score": [0.9] * 4000 + [0.1] * 1000 + [np.nan] * 1000,
            **{"truth": "right", "edits": "crop"},
        }
    )
    page = draw_evidence(rows, title="Scored", threshold=0.5)
    assert read_page(page).recall_by_edit == {"crop": (4000 / 6000, 6000)}
    assert "too many: 1,000 of 4,000 found." in page
    scores = [pair["score"] for pair in read_page(page).pairs]
    assert scores.count(None) == 1000


def test_a_page_of_most_pairs_follows_the_slider_at_once(tmp_path, browse):
    """Every pair is judged again, and only those near the window are drawn."""
    path = tmp_path / "one.png"
    Image.new("RGB", (60, 40), "teal").save(path)
    rows = pd.DataFrame(
        {
            "query": [f"query {row}" for row in range(MAX_PAIRS)],
            "match": "original",
            "query_path": str(path),
            "match_path": str(path),
            "score": np.linspace(1, 0, MAX_PAIRS),
            "truth": np.where(np.arange(MAX_PAIRS) % 3, "right", "wrong"),
        }
    )
    page = page_of(rows, tmp_path, threshold=0.5, curve=CURVE)
    measure = """
    const times = [];
    let most = 0;
    for (let step = 1; step <= 20; step++) {
      const start = performance.now();
      state.step = step * 240;
      show();
      document.body.offsetHeight;
      times.push(performance.now() - start);
      most = Math.max(most, document.querySelectorAll("article").length);
    }
    times.sort((a, b) => a - b);
    document.title = `median ${times[10].toFixed(1)} ms, at most ${most} cards`;
    """
    document = browse(page, "--dump-dom", script=measure, budget=None)
    median, most = re.search(
        r"<title>median (\S+) ms, at most (\d+) cards", document
    ).groups()
    assert 40 <= int(most) < 400
    assert 0 < float(median) < 3000, "150 where nothing else runs"


def test_on_a_phone_nothing_is_wider_than_the_window(judged, tmp_path, browse):
    judged.loc[0, "query"] = "a_very_long_name_of_a_file_" * 8
    page = page_of(judged, tmp_path, threshold=0.7, curve=CURVE)
    width = "document.documentElement.scrollWidth"
    tell = f"parent.postMessage(`${{innerWidth}} ${{{width}}}`, '*')"
    document = browse(page, "--dump-dom", width=390, script=tell)
    assert re.search(r"<title>([^<]*)<", document)[1] == "390 390"


def test_pictures_stand_in_the_page_once(judged, tmp_path):
    text = page_of(judged, tmp_path).read_text()
    assert len(re.findall(r'"/9j/', text)) == 4


def test_a_picture_that_is_gone_does_not_stop_the_page(judged, tmp_path):
    judged.loc[0, "query_path"] = str(tmp_path / "gone.png")
    assert "Judged pairs" in draw_evidence(judged, title="Judged pairs")
