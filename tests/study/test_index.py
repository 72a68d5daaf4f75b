"""The rows of the study's index are compared with the folders they are made of."""

from pathlib import Path

from study import index


def test_each_test_set_is_searched_in_rows_of_its_own_references():
    test, other = index.rows_of("test"), index.rows_of("out_of_domain")
    assert {name for name in test if test[name] != other[name]} == {
        "reference_descriptors"
    }
    assert Path(other["reference_descriptors"]).stem == "out_of_domain_reference"


def test_folders_are_described_once_and_only_where_they_are(tmp_path, monkeypatch):
    monkeypatch.setattr(index, "FILES", tmp_path / "rows")
    builtin = tmp_path / "builtin"
    folders = ["training_images", "reference_images", "validation/reference_images"]
    for folder in folders:
        (builtin / folder).mkdir(parents=True)
    asked = []

    def describe(params):
        path = Path(params["descriptors_path"])
        path.parent.mkdir(exist_ok=True)
        path.touch()
        folder = Path(params["images_folder"]).relative_to(builtin)
        asked.append((folder.as_posix(), path.stem))

    for _ in range(2):  # The second time, all is there.
        index.describe_index(builtin, tmp_path / "nowhere", describe)
    assert sorted(asked) == [
        ("reference_images", "reference"),
        ("training_images", "training"),
        ("validation/reference_images", "validation_reference"),
    ]
    named = {Path(path).stem for path in index.rows_of("test").values()}
    assert named == {name for _, name in asked}
