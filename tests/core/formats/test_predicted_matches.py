"""Predicted matches are compared with the rows that were written."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.formats.predicted_matches import (
    PredictedMatches,
    as_predicted_matches,
    read_predicted_matches,
    write_predicted_matches,
)

HEADER = "query_id,reference_id,score\n"
ROWS = [("Q1", "R5", 0.25), ("Q2", "R5", -1.0), ("Q1", "R6", 1e-30)]


def rows_of(predicted):
    return list(zip(*(part.tolist() for part in predicted.columns()), strict=True))


def columns(rows):
    return tuple(zip(*rows, strict=True))


def test_columns_are_kept_in_order():
    predicted = PredictedMatches.from_columns(*columns(ROWS))
    assert rows_of(predicted) == ROWS
    assert len(predicted) == 3


@pytest.mark.parametrize("header", ["", HEADER])
def test_csv_is_read_with_and_without_header(tmp_path, header):
    path = tmp_path / "predictions.csv"
    path.write_text(header + "q/Q1.jpg,R5,0.25\nQ2,R5.png,-1\nQ1,R6,1e-30\n")
    assert rows_of(read_predicted_matches(path)) == ROWS
    assert rows_of(as_predicted_matches(str(path))) == ROWS


@settings(max_examples=50, deadline=None)
@given(
    st.floats(allow_nan=False, allow_infinity=False)
    | st.floats(width=32, allow_nan=False, allow_infinity=False).map(np.float32)
)
def test_every_digit_of_a_score_is_written(tmp_path_factory, score):
    path = tmp_path_factory.mktemp("scores") / "predictions.csv"
    scores = np.array([score])
    write_predicted_matches(path, PredictedMatches.from_columns(["Q1"], ["R1"], scores))
    assert read_predicted_matches(path).scores[0] == scores[0]


def test_scores_that_six_digits_would_make_equal_stay_apart(tmp_path):
    scores = np.array([0.5, np.nextafter(np.float32(0.5), np.float32(1))], np.float32)
    predicted = PredictedMatches.from_columns(["Q1", "Q2"], ["R1", "R2"], scores)
    write_predicted_matches(tmp_path / "predictions.csv", predicted)
    read = read_predicted_matches(tmp_path / "predictions.csv")
    assert read.scores[0] < read.scores[1]


def test_no_rows_are_no_predictions(tmp_path):
    (tmp_path / "predictions.csv").write_text(HEADER)
    assert len(read_predicted_matches(tmp_path / "predictions.csv")) == 0
    assert len(PredictedMatches.from_columns([], [], [])) == 0


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("Q1,R1,nan\n", r"\(Q1, R1\) has nan"),
        ("Q1,R1,0.5\nQ2,R2,inf\n", r"\(Q2, R2\) has inf"),
        ("Q1,R1,1\nQ1.jpg,R1,2\n", r"\(Q1, R1\) stands there again"),
        ("Q1,R1,high\n", "third column must be numbers"),
        ("Q1,R1,\n", "third column must be numbers"),
        ("Q1,R1,1_0\n", "row 1 has '1_0'"),
        ("Q1,R1\n", "3 cells"),
        ("query_id, reference_id, score\nQ1,R1,1\n", "letter by letter"),
        (",R1,1\n", "id is empty"),
    ],
)
def test_malformed_files_are_refused_by_name(tmp_path, text, complaint):
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(FormatError, match=f"p.csv' holds no.*{complaint}"):
        read_predicted_matches(tmp_path / "p.csv")


@pytest.mark.parametrize(
    ("query_ids", "reference_ids", "scores", "complaint"),
    [
        (["Q1"], ["R1", "R2"], [1.0], "got 1, 2 and 1"),
        (["Q1"], ["R1"], ["high"], "one column of numbers"),
        (["Q1"], ["R1"], [[1.0]], "one column of numbers"),
        (["Q1"], [1], [1.0], "must be text"),
        (["Q1"], ["R1"], [np.nan], "must be finite"),
    ],
)
def test_malformed_columns_are_refused(query_ids, reference_ids, scores, complaint):
    with pytest.raises(FormatError, match=complaint):
        PredictedMatches.from_columns(query_ids, reference_ids, scores)


def test_something_else_than_three_columns_is_refused():
    with pytest.raises(FormatError, match=r"three columns.*got 2"):
        as_predicted_matches((["Q1"], ["R1"]))


@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(content=st.binary(max_size=40) | st.text('Q1R,".e-\n', max_size=15))
def test_any_bytes_are_an_error_or_what_they_say(tmp_path, content):
    content = content if isinstance(content, bytes) else content.encode()
    (tmp_path / "p.csv").write_bytes(content)
    try:
        read = read_predicted_matches(tmp_path / "p.csv")
    except FormatError:
        return
    lines = [line for line in content.decode("utf-8-sig").splitlines() if line]
    assert len(read) in {len(lines), len(lines) - 1}
    assert np.isfinite(read.scores).all()
