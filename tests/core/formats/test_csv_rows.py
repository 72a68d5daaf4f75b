"""CSV rows are compared with what stands in the text."""

import pytest

from qk_iteration.core.formats.csv_rows import read_csv_rows, write_csv_rows
from qk_iteration.core.formats.format_error import FormatError

HEADER = ("query_id", "reference_id")
ROWS = [["Q1", "R1"], ["Q2", ""]]


@pytest.mark.parametrize(
    "text",
    [
        "query_id,reference_id\nQ1,R1\nQ2,\n",
        "Q1,R1\nQ2,\n",
        "query_id,reference_id\r\nQ1,R1\r\nQ2,\r\n",
        "\ufeffquery_id,reference_id\nQ1,R1\nQ2,\n",
        'query_id,reference_id\n"Q1","R1"\n"Q2",""\n\n\n',
        "Q1,R1\n\nQ2,",
    ],
)
def test_header_line_ends_and_blank_lines_may_vary(tmp_path, text):
    (tmp_path / "rows.csv").write_bytes(text.encode())
    assert read_csv_rows(tmp_path / "rows.csv", HEADER) == ROWS


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"query_id,reference_id\nQ1,R1,0.5\n", "row 1 has 3: 'Q1,R1,0.5'"),
        (b"Q1,R1\nQ2\n", "row 2 has 1: 'Q2'"),
        (b"query_id, reference_id\nQ1,R1\n", "letter by letter"),
        (b"Query_ID,reference_id\nQ1,R1\n", "letter by letter"),
        (b"query,reference\nQ1,R1\n", "header must be 'query_id,reference_id'"),
        (b"Q1,R1\n\xff\xfe,R2\n", "not UTF-8"),
        (b'Q1,"R1\nQ2,R2\n', "not CSV"),
    ],
)
def test_malformed_rows_are_refused(tmp_path, content, complaint):
    (tmp_path / "rows.csv").write_bytes(content)
    with pytest.raises(FormatError, match=complaint):
        read_csv_rows(tmp_path / "rows.csv", HEADER)


def test_a_missing_line_end_is_said(tmp_path, caplog):
    (tmp_path / "rows.csv").write_text("Q1,R1\nQ2,R0")
    read_csv_rows(tmp_path / "rows.csv", HEADER)
    assert "may be cut short" in caplog.text


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf", b" \n"])
def test_nothing_at_all_is_refused(tmp_path, content):
    (tmp_path / "rows.csv").write_bytes(content)
    with pytest.raises(FormatError, match="it is empty"):
        read_csv_rows(tmp_path / "rows.csv", HEADER)


def test_a_header_alone_is_no_rows(tmp_path):
    (tmp_path / "rows.csv").write_text("query_id,reference_id\n")
    assert read_csv_rows(tmp_path / "rows.csv", HEADER) == []


@pytest.mark.parametrize(
    "text",
    [
        "copy,original\nbeach,sunset\n",
        "query_image,db_image\nQ1,R1\n",
        "ImageID,RefID\nQ1,R1\n",
        "image1,image2\nQ1,R1\n",
        "0,1\nQ1,R1\nQ2,R2\n",
        "requete,cible\nQ1,R1\n",
        "foo,bar\nIMG_1.jpg,a.jpg\nDSC 02.png,x.jpg\n",
        "reference_id,query_id\nR1,Q1\n",
        "# made by hand,\nQ1,R1\n",
        "original,copies\n",
    ],
)
def test_any_other_header_is_refused_and_shown(tmp_path, text):
    (tmp_path / "rows.csv").write_text(text)
    with pytest.raises(FormatError) as caught:
        read_csv_rows(tmp_path / "rows.csv", HEADER)
    assert f"'{text.splitlines()[0]}' reads like a header" in str(caught.value)
    (tmp_path / "rows.csv").write_text("query_id,reference_id\n" + text)
    assert len(read_csv_rows(tmp_path / "rows.csv", HEADER)) == text.count("\n")


@pytest.mark.parametrize(
    "text",
    [
        "beach,sunset\ncat,dog\n",
        "image_1,image_2\nimage_3,image_4\n",
        "1,2\n3,4\n",
        "original.jpg,copy.jpg\nb.jpg,c.jpg\n",
        "queries/Q1.jpg,refs/R5.png\nQ2,\nQ3,R7\n",
        "Q1,R1\nQ2,R2x\nQ3,R3\n",
        "a1,b\n99,c\n",
        "Q1,\nQ2,R2\nQ3,R3\n",
    ],
)
def test_a_first_pair_without_header_is_a_pair(tmp_path, text):
    (tmp_path / "rows.csv").write_text(text)
    assert len(read_csv_rows(tmp_path / "rows.csv", HEADER)) == text.count("\n")


def test_what_was_written_is_read(tmp_path):
    write_csv_rows(tmp_path / "new" / "rows.csv", HEADER, ROWS)
    assert read_csv_rows(tmp_path / "new" / "rows.csv", HEADER) == ROWS
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["rows.csv"]


@pytest.mark.parametrize(
    "text", ["a,b\n1,2\na,b\n3,4\n", "a,b\n1,2\na,b\n", "sep=,\na,b\n1,2\n"]
)
def test_a_header_that_is_not_the_first_line_is_refused(tmp_path, text):
    (tmp_path / "f.csv").write_text(text)
    with pytest.raises(FormatError, match="its header stands inside, in row 2"):
        read_csv_rows(tmp_path / "f.csv", ("a", "b"))


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le"])
def test_zero_bytes_are_said_to_be_another_encoding(tmp_path, encoding):
    (tmp_path / "f.csv").write_bytes("a,b\n1,2\n".encode(encoding))
    with pytest.raises(FormatError, match="zero bytes: it is of another encoding"):
        read_csv_rows(tmp_path / "f.csv", ("a", "b"))
