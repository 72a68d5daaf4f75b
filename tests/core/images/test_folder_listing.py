"""list_folder is compared with folders whose content is known."""

import os

from qk_iteration.core.images.folder_listing import list_folder
from qk_iteration.core.images.left_out import Why


def write(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"content")
    return str(path)


def test_files_of_all_folders_are_sorted_by_path(tmp_path):
    names = ["b/z.jpg", "a/y.jpg", "c.jpg", "a/deep/x.txt", "a b/w.jpg"]
    paths = [write(tmp_path / name) for name in names]
    listing = list_folder(tmp_path)
    assert listing.files == sorted(paths)
    assert listing.left_out == []


def test_what_two_paths_lead_to_is_listed_under_its_own(tmp_path):
    own = write(tmp_path / "z" / "a.jpg")
    (tmp_path / "a_link").symlink_to(tmp_path / "z")
    listing = list_folder(tmp_path)
    assert listing.files == [own]
    assert [(path, why) for path, why, _ in listing.left_out] == [
        (str(tmp_path / "a_link"), Why.SEEN_BEFORE)
    ]


def test_a_link_to_elsewhere_is_followed_once(tmp_path):
    write(tmp_path / "far" / "a.jpg")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "one").symlink_to(tmp_path / "far")
    (folder / "two").symlink_to(tmp_path / "far")
    listing = list_folder(folder)
    assert listing.files == [str(folder / "one" / "a.jpg")]
    assert [path for path, _, _ in listing.left_out] == [str(folder / "two")]
    assert listing.links == set(), "the file behind a link is none itself"


def test_linked_files_are_named_as_such(tmp_path):
    own, link = write(tmp_path / "b.jpg"), tmp_path / "a.jpg"
    link.symlink_to(own)
    listing = list_folder(tmp_path)
    assert listing.files == [str(link), own]
    assert listing.links == {str(link)}


def test_the_folder_itself_may_be_hidden_or_a_link(tmp_path):
    path = write(tmp_path / ".hidden" / "a.jpg")
    assert list_folder(tmp_path / ".hidden").files == [path]
    (tmp_path / "link").symlink_to(tmp_path / ".hidden")
    assert list_folder(tmp_path / "link").files == [str(tmp_path / "link" / "a.jpg")]


def test_folders_deeper_than_a_path_may_be_long_are_named(tmp_path):
    """A path has at most 4,096 bytes; a folder can be deeper."""
    path = write(tmp_path / "a.jpg")
    name = "d" * 250
    start = os.getcwd()
    os.chdir(tmp_path)
    try:
        for _ in range(17):
            os.mkdir(name)
            os.chdir(name)
    finally:
        os.chdir(start)
    listing = list_folder(tmp_path)
    assert listing.files == [path]
    assert "File name too long" in listing.left_out[0][2]


def test_thumbnails_of_any_system_are_left_out_as_folders(tmp_path):
    folders = [
        *("@eaDir", "@eadir", "__MACOSX", "$RECYCLE.BIN", ".thumbnails", "#recycle"),
        *("@Recycle", "@Recently-Snapshot", "System Volume Information", "RECYCLER"),
        *("Catalog Previews.lrdata", ".picasaoriginals", "Temporary Items"),
        *("Mine.photoslibrary/resources", "Mine.aplibrary/Thumbnails"),
    ]
    for folder in folders:
        write(tmp_path / "photos" / folder / "a.jpg")
    taken = ["Mine.photoslibrary/originals", "eaDir", "lrdata", "resources"]
    own = [write(tmp_path / "photos" / folder / "a.jpg") for folder in taken]
    listing = list_folder(tmp_path)
    assert listing.files == own
    assert [why for _, why, _ in listing.left_out] == [Why.HIDDEN] * len(folders)


def test_a_file_that_vanishes_while_it_is_listed_is_named(tmp_path, monkeypatch):
    write(tmp_path / "a.jpg")
    stat = os.stat

    def vanish(path, **settings):
        if str(path).endswith("a.jpg"):
            raise FileNotFoundError(2, "No such file or directory", str(path))
        return stat(path, **settings)

    monkeypatch.setattr(os, "stat", vanish)
    (row,) = list_folder(tmp_path).left_out
    assert row[1] is Why.GONE
