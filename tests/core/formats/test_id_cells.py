"""Cells are compared with what a person means by them."""

import json

import h5py
import numpy as np
import pytest

from qk_iteration.core.formats.descriptor_files import (
    as_descriptors,
    read_descriptors,
    write_descriptors,
)
from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.formats.ground_truth import (
    TrueMatches,
    as_true_matches,
    read_true_matches,
    write_true_matches,
)
from qk_iteration.core.formats.id_cells import foreign_ids
from qk_iteration.core.formats.predicted_matches import (
    PredictedMatches,
    read_predicted_matches,
    write_predicted_matches,
)

SUFFIXES = (".csv", ".json")
NOTHING = [
    "nan",
    "NaN",
    "None",
    "null",
    "NA",
    "N/A",
    "<NA>",
    "-1",
    "-",
    "[]",
    "no match",
    "#N/A",
    "unknown",
    "?",
    "-999",
    "False",
    "\u2205",
    "\u2013",
    "*",
    "---",
    "TBD",
    "-2",
    "True",
    "\\N",
    "no_reference",
    "distractor",
]
SEVERAL = [
    "R1 R2",
    "R1;R2",
    "R1|R2",
    "R1,R2",
    "R1, R10",
    "['R1', 'R2']",
    "a.jpg b.jpg",
    "refs/R1.jpg\trefs/R2.jpg",
    "beach;sunset",
    "R1/R2",
    "R1 + R2",
    "R1&R2",
    "R1 and R2",
    "R1\u3001R2",
]
NO_ID = ["12.0", "1.23457E+11", "# second", "#R1", "['R1']", "[R1]", "(R1)"]
NO_ID += ["'R1'", '"R1"', "b'R1'", "np.str_('R1')", "<<<<<<< HEAD", "=======", "./"]
ONE = [
    "nancy",
    "rock'n'roll",
    "5-2",
    "Bob's",
    "Paris, 2019",
    "my cat",
    "IMG 1",
    "2019-01-01 12.30.45",
    "holiday (1)",
    "none.jpg",
    "[R1] 2",
    "v1.0",
    "1e9",
    "salt and pepper",
    "2024:001",
    "./nan",
    "./R1 R2",
    "Unbenannt",
    "-1.jpg",
]
every_wrong = pytest.mark.parametrize("cell", NOTHING + SEVERAL + NO_ID)
WRONG = (
    r"stands for none|reads like|is in (brackets|quotes)|no letter and no digit|"
    r"names a folder|as Python shows it|of a merge"
)


def quoted(cell):
    return '"' + cell.replace('"', '""') + '"'


@every_wrong
@pytest.mark.parametrize("row", ["Q2,{}", "{},R2"])
def test_a_ground_truth_with_such_a_cell_is_refused_and_the_row_shown(
    tmp_path, cell, row
):
    text = "query_id,reference_id\nQ1,R1\n" + row.format(quoted(cell)) + "\n"
    (tmp_path / "truth.csv").write_text(text)
    with pytest.raises(FormatError, match=WRONG) as caught:
        read_true_matches(tmp_path / "truth.csv")
    assert f"row 2 is '{row.format(cell)}'" in str(caught.value)
    assert f"'./{cell}'" in str(caught.value)


@every_wrong
def test_predictions_with_such_a_cell_are_refused(tmp_path, cell):
    (tmp_path / "p.csv").write_text(f"Q1,R1,0.5\nQ2,{quoted(cell)},0.4\n")
    with pytest.raises(FormatError, match=f"row 2 is .*({WRONG})"):
        read_predicted_matches(tmp_path / "p.csv")
    with pytest.raises(FormatError, match=f"predicted references.*({WRONG})"):
        PredictedMatches.from_columns(["Q1", "Q2"], ["R1", cell], [0.5, 0.4])


@every_wrong
def test_descriptors_with_such_an_id_are_refused(tmp_path, cell):
    np.savez(tmp_path / "set.npz", vectors=np.ones((2, 3)), image_names=["R1", cell])
    with pytest.raises(FormatError, match=f"image_names .*row 1.*({WRONG})"):
        read_descriptors(tmp_path / "set.npz")
    with pytest.raises(FormatError, match=WRONG):
        as_descriptors((["R1", cell], np.ones((2, 3))))


@pytest.mark.parametrize(
    "source",
    [
        {"Q1": ["R1"], "Q2": ["nan"]},
        {"Q1": ["R1", "R2 R3"]},
        {"nan": ["R1"]},
        [("Q1", "R1"), ("Q2", "-1")],
        [("Q1", "R1"), ("Q2", float("nan"))],
        [("Q1", "R1"), ("Q2", -1)],
    ],
)
def test_python_objects_with_such_ids_are_refused(source):
    with pytest.raises(FormatError, match=rf"{WRONG}|reference id or None"):
        as_true_matches(source)


@pytest.mark.parametrize("cell", ONE)
def test_names_that_look_alike_are_taken_as_they_stand(tmp_path, cell):
    name = cell.removeprefix("./").removesuffix(".jpg")
    (tmp_path / "truth.csv").write_text(f"Q1,R1\nQ2,{quoted(cell)}\n")
    assert read_true_matches(tmp_path / "truth.csv").references["Q2"] == (name,)
    assert foreign_ids([cell], what="Ids").tolist() == [name]


@pytest.mark.parametrize("suffix", [".csv", ".json"])
@pytest.mark.parametrize("name", ["nan", "R1 R2", "10 11", "a;b", "-1", "12.0"])
def test_what_we_wrote_ourselves_is_never_doubted(tmp_path, suffix, name):
    truth = TrueMatches({name: (), "Q2": (name,)})
    write_true_matches(tmp_path / f"truth{suffix}", truth)
    assert read_true_matches(tmp_path / f"truth{suffix}") == truth
    rows = np.array([0])
    predicted = PredictedMatches(
        np.array([name]), np.array([name]), rows, rows, np.ones(1)
    )
    write_predicted_matches(tmp_path / "p.csv", predicted)
    assert read_predicted_matches(tmp_path / "p.csv").query_ids.tolist() == [name]
    for file in ("set.h5", "set.npz"):
        write_descriptors(tmp_path / file, Descriptors([name, "a"], np.ones((2, 3))))
        assert read_descriptors(tmp_path / file).ids.tolist() == [name, "a"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("R1\u00a0", "R1"),
        ("R1\u3000", "R1"),
        ("\u2003R1.jpg\u00a0", "R1"),
        (" R1 .png", "R1"),
        ("cafe\u0301.jpg", "caf\u00e9"),
        ("\u1112\u1161\u11ab", "\ud55c"),
        ("photo.png.jpg", "photo"),
        ("\u202aR1\u202c", "R1"),
        ("R\u200b1\ufeff", "R1"),
        ("R\u061c1\u180e", "R1"),
        ("\u3000R1\u00a0", "R1"),
        ("R\u00ad1.jpg", "R1"),
    ],
)
def test_a_name_is_the_same_id_in_every_kind_of_file(tmp_path, written, expected):
    (tmp_path / "truth.csv").write_text(f"Q1,{written}\n")
    (tmp_path / "truth.json").write_text(json.dumps({"Q1": [written]}))
    (tmp_path / "p.csv").write_text(f"Q1,{written},0.5\n")
    np.savez(tmp_path / "set.npz", vectors=np.ones((1, 3)), image_names=[written])
    with h5py.File(tmp_path / "set.h5", "w") as file:
        file["vectors"], file["image_names"] = np.ones((1, 3)), [written]
    ids = [
        *(read_true_matches(tmp_path / f"truth{end}").pairs[0][1] for end in SUFFIXES),
        read_predicted_matches(tmp_path / "p.csv").reference_ids[0],
        *(read_descriptors(tmp_path / name).ids[0] for name in ("set.npz", "set.h5")),
        as_descriptors(([written], np.ones((1, 3)))).ids[0],
        as_true_matches([("Q1", written)]).pairs[0][1],
    ]
    assert [str(one) for one in ids] == [expected] * 7
