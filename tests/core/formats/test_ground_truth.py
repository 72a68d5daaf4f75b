"""Ground truth in every dialect is compared with the same pairs written by hand."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.formats.ground_truth import (
    TrueMatches,
    as_true_matches,
    read_true_matches,
    write_true_matches,
)

MATCHES = {"Q1": ("R5",), "Q2": (), "Q3": ("R7", "R8")}
HEADER = "query_id,reference_id\n"
ROWS = "Q1,R5\nQ2,\nQ3,R7\nQ3,R8\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("truth.csv", HEADER + ROWS),
        ("truth.csv", ROWS),
        ("truth.csv", "queries/Q1.jpg,refs/R5.png\nQ2,\nQ3,R7\nQ3,R8\n"),
        ("truth.json", '{"Q1": ["R5"], "Q2": [], "Q3": ["R7", "R8"]}'),
    ],
)
def test_every_dialect_is_read(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert read_true_matches(tmp_path / name).references == MATCHES


def test_a_file_of_matches_alone_labels_no_other_query(tmp_path):
    (tmp_path / "truth.csv").write_text(HEADER + "Q1,R5\n")
    assert read_true_matches(tmp_path / "truth.csv").references == {"Q1": ("R5",)}


@pytest.mark.parametrize("name", ["truth.csv", "truth.json"])
def test_what_was_written_is_read(tmp_path, name):
    write_true_matches(tmp_path / name, TrueMatches(MATCHES))
    assert read_true_matches(tmp_path / name).references == MATCHES


@pytest.mark.parametrize(
    "source",
    [
        {"Q1": ["R5"], "Q2": [], "Q3": ["R7", "R8"]},
        [("Q1", "R5"), ("Q2", None), ("Q3", "R7"), ("Q3", "R8.jpg")],
        [["Q1", "R5"], ["Q2", ""], ["Q3", "R7"], ["Q3", "R8"]],
        TrueMatches(MATCHES),
    ],
)
def test_python_objects_are_taken_alike(source):
    assert as_true_matches(source).references == MATCHES


def test_files_of_different_queries_are_joined(tmp_path):
    (tmp_path / "one.csv").write_text("Q1,R5\nQ2,\n")
    (tmp_path / "two.json").write_text('{"Q3": ["R7", "R8"]}')
    paths = [tmp_path / "one.csv", tmp_path / "two.json"]
    assert read_true_matches(paths).references == MATCHES
    assert as_true_matches(paths).references == MATCHES
    with pytest.raises(FormatError, match="share no query; 'Q1' stands in"):
        read_true_matches([*paths, tmp_path / "one.csv"])


def test_one_of_several_files_may_hold_unmatched_queries_alone(tmp_path):
    texts = {
        "matched.json": '{"Q1": ["R5"], "Q3": ["R7", "R8"]}',
        "unmatched.csv": "Q2,\n",
        "others.csv": "Q4,\n",
        "none.csv": HEADER,
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    matched, unmatched, others, none = (tmp_path / name for name in texts)
    assert read_true_matches([matched, unmatched]).references == MATCHES
    with pytest.raises(FormatError, match=r"unmatched\.csv with .*others.csv' is"):
        read_true_matches([unmatched, others])
    with pytest.raises(FormatError, match=r"none\.csv' is not .* names no query"):
        read_true_matches([matched, none])


def test_rows_of_something_else_are_refused():
    with pytest.raises(FormatError, match="a query id and a reference id or None"):
        as_true_matches([("Q1", "R1", 0.5)])


def test_pairs_are_every_match():
    assert TrueMatches(MATCHES).pairs == [("Q1", "R5"), ("Q3", "R7"), ("Q3", "R8")]


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("truth.csv", HEADER, "at least one true match; it holds 0"),
        ("truth.csv", "Q1,\nQ2,\n", "it holds 2 queries and no reference"),
        ("truth.csv", "Q1,R1\nQ1,R1\n", "name a pair once; query 'Q1'"),
        ("truth.csv", "Q1,R1\nQ1,\n", "'Q1' must either match nothing"),
        ("truth.csv", "Q1,\nQ1,\nQ2,R2\n", "'Q1' must either match nothing"),
        ("truth.csv", "Q1,R1\n,R2\n", "id is empty"),
        ("truth.csv", "Q1,R1,1\n", "2 cells"),
        ("truth.json", "[1, 2]", "it must be"),
        ("truth.json", '{"Q1": "R1"}', "list of reference ids"),
        ("truth.json", '{"Q1": [1]}', "list of reference ids"),
        ("truth.json", '{"Q1": ["R1"], "Q1": ["R2"]}', "more than once"),
        ("truth.json", '{"Q1": ["R1"], "Q1.jpg": ["R2"]}', "'Q1' stands there twice"),
        ("truth.json", '{"query_id": ["Q1"], "reference_id": ["R1"]}', "holds columns"),
        ("truth.json", '{"Q1": ["R1\\u0000"]}', "a zero byte"),
        ("truth.json", '{"Q1": ["R1"', "not JSON"),
        ("truth.json", "[" * 100_000, "not JSON"),
    ],
)
def test_malformed_files_are_refused_by_name(tmp_path, name, text, complaint):
    (tmp_path / name).write_text(text)
    with pytest.raises(FormatError, match=f"{name}' is not a ground.*{complaint}"):
        read_true_matches(tmp_path / name)


def fuzz(max_examples):
    """Settings of a test whose examples overwrite one file."""
    return settings(
        max_examples=max_examples,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )


@pytest.mark.parametrize("name", ["truth.csv", "truth.json"])
@fuzz(50)
@given(content=st.binary(max_size=40) | st.text('Q1R,"[]{}:\n', max_size=12))
def test_any_bytes_are_an_error_or_what_they_say(tmp_path, name, content):
    content = content if isinstance(content, bytes) else content.encode()
    (tmp_path / name).write_bytes(content)
    try:
        read = read_true_matches(tmp_path / name)
    except FormatError:
        return
    for query, reference in read.pairs:
        assert query in content.decode("utf-8-sig")
        assert reference in content.decode("utf-8-sig")


@fuzz(30)
@given(length=st.integers(0, len(HEADER + ROWS) - 1))
def test_a_csv_that_is_cut_short_never_gains_a_match(tmp_path, length):
    (tmp_path / "truth.csv").write_text((HEADER + ROWS)[:length])
    try:
        read = read_true_matches(tmp_path / "truth.csv")
    except FormatError:
        return
    whole_rows = (HEADER + ROWS)[:length].rpartition("\n")[0]
    known = set(TrueMatches(MATCHES).pairs)
    # The last row may be cut inside an id: then the log has said so.
    assert len(set(read.pairs) - known) <= 1
    assert len(read.pairs) >= whole_rows.count(",R")


def test_json_is_an_ordinary_one(tmp_path):
    write_true_matches(tmp_path / "truth.json", TrueMatches(MATCHES))
    content = json.loads((tmp_path / "truth.json").read_text())
    assert content == {"Q1": ["R5"], "Q2": [], "Q3": ["R7", "R8"]}
