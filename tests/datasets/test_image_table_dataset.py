"""Kept tables are compared with those saved, in place and after the project moved."""

import shutil

import pandas as pd
import pytest
from kedro.io import DatasetError

from qk_iteration.datasets import ImageTableDataset, ProjectPathDataset


@pytest.fixture
def project(tmp_path):
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


def table_in(project):
    return pd.DataFrame(
        {
            "image_id": ["a", "b", "c"],
            "path": [
                str(project / "data" / "a.png"),
                str(project.parent / "elsewhere" / "b.png"),
                str(project) + "-2/c.png",  # A sibling whose name begins alike.
            ],
            "width": [1, 2, 3],
        }
    )


def table_dataset(project, suffix="parquet"):
    path = project / "tables" / f"images.{suffix}"
    return ImageTableDataset(filepath=str(path), root=str(project))


def test_a_table_is_loaded_as_it_was_saved(project):
    table = table_in(project)
    dataset = table_dataset(project)
    assert not dataset.exists()
    dataset.save(table)
    assert dataset.exists()
    pd.testing.assert_frame_equal(dataset.load(), table)


def test_paths_below_the_project_are_kept_relative(project):
    table_dataset(project).save(table_in(project))
    kept = pd.read_parquet(project / "tables" / "images.parquet")["path"].tolist()
    assert kept == ["data/a.png", *table_in(project)["path"][1:]]


def test_a_moved_project_finds_its_images(project):
    table_dataset(project).save(table_in(project))
    folder = ProjectPathDataset(filepath=str(project / "folder.txt"), root=str(project))
    folder.save(str(project / "data"))
    moved = project.parent / "moved"
    shutil.move(project, moved)
    paths = table_dataset(moved).load()["path"].tolist()
    assert paths == [str(moved / "data" / "a.png"), *table_in(project)["path"][1:]]
    folder = ProjectPathDataset(filepath=str(moved / "folder.txt"), root=str(moved))
    assert folder.load() == str(moved / "data")


def test_what_was_left_out_is_a_csv_that_a_line_names(project, caplog):
    left_out = pd.DataFrame(
        {
            "path": [str(project / "a,b\n.jpg")],
            "why": ["unreadable"],
            "reason": ["It is empty; got 'nothing'."],
        }
    )
    dataset = table_dataset(project, "csv")
    dataset.save(left_out.iloc[:0])
    assert caplog.text == ""
    assert len(dataset.load()) == 0
    dataset.save(left_out)
    pd.testing.assert_frame_equal(dataset.load(), left_out)
    assert str(project / "tables" / "images.csv") in caplog.text


@pytest.mark.parametrize(
    "path", ["/elsewhere/data", "/elsewhere/data ", "data", "data/../data"]
)
def test_a_folder_is_kept_as_it_is_meant(project, path, monkeypatch):
    monkeypatch.chdir(project)
    dataset = ProjectPathDataset(filepath=str(project / "a.txt"), root=str(project))
    dataset.save(path)
    expected = path if path.startswith("/") else str(project / "data")
    assert dataset.load() == expected


def test_a_preview_shows_the_first_rows(project):
    dataset = table_dataset(project)
    dataset.save(table_in(project))
    preview = dataset.preview(nrows=2)
    assert preview["columns"] == ["image_id", "path", "width"]
    assert preview["data"][0] == ["a", "data/a.png", 1]
    assert len(preview["data"]) == 2


def test_a_flipped_byte_of_the_rows_is_found(tmp_path, project):
    path = tmp_path / "images.parquet"
    dataset = ImageTableDataset(filepath=str(path), root=str(project))
    names = [f"T{number:06d}" for number in range(200)]
    table = pd.DataFrame({"image_id": names, "path": [f"/p/{n}.png" for n in names]})
    dataset.save(table)
    whole = path.read_bytes()
    num_rows_bytes = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    refused = 0
    for place in range(4, num_rows_bytes, 29):
        content = bytearray(whole)
        content[place] ^= 4
        path.write_bytes(content)
        try:
            pd.testing.assert_frame_equal(dataset.load(), table)
        except DatasetError as error:
            refused += f"'{path}' is damaged" in str(error.__cause__)
    assert refused > 20
