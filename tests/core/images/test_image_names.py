"""name_images is compared with names worked out by hand, and with what readers make."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qk_iteration.core.formats.image_ids import image_id
from qk_iteration.core.images.image_names import name_images


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("R000001.jpg", "R000001"),
        ("deep/folder/T1.PNG", "T1"),
        ("no_suffix", "no_suffix"),
        ("odd.dat", "odd"),
        ("frame.001", "frame.001"),
        ("frame.001.png", "frame.001"),
        ("Dr. Who", "Dr. Who"),
        ("a .jpg", "a"),
        ("photo.png.jpg", "photo"),
        ("cafe\u0301.jpg", "caf\u00e9"),
        ("back\\slash.png", "slash"),
    ],
)
def test_one_image_has_its_stem_for_a_name(path, name):
    assert name_images([path]) == [name]


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (
            ["100CANON/IMG_1.jpg", "101CANON/IMG_1.jpg"],
            ["100CANON:IMG_1", "101CANON:IMG_1"],
        ),
        (["IMG_1.jpg", "IMG_1.png"], ["IMG_1:jpg", "IMG_1:png"]),
        (["IMG_1.jpg", "edited/IMG_1.jpg"], ["IMG_1:jpg", "edited:IMG_1"]),
        (["photo.png", "photo.png.jpg"], ["photo:png", "photo.png:jpg"]),
        (["a.jpg", "a .jpg", "b.jpg"], ["a:jpg", "a :jpg", "b"]),
        # Marks that nobody sees are no part of a name.
        (["\u202aa\u202c.jpg", "b\ufeff.jpg"], ["a", "b"]),
        (["a.jpg", "a\u200b.jpg"], ["a:jpg", ""]),
        (["x/a.jpg", "x/a.png", "y/a.jpg"], ["x:a:jpg", "x:a:png", "y:a"]),
        # A file that is called as another's longer name.
        (["x/a.jpg", "y/a.jpg", "x:a.jpg"], ["x:a:jpg", "y:a", "x:a"]),
        # No form tells these two apart: composed and decomposed letters.
        (["caf\u00e9.jpg", "cafe\u0301.jpg"], ["caf\u00e9:jpg", ""]),
    ],
)
def test_images_of_one_name_keep_folder_and_suffix(paths, names):
    assert name_images(paths) == names


PART = st.text(st.sampled_from("aA1. :\\\u0301\u00e9-"), min_size=1, max_size=4)
SUFFIX = st.sampled_from(["", ".jpg", ".png", ".gif.jpg", ".dat"])
PATH = st.tuples(st.lists(PART, min_size=1, max_size=3), SUFFIX).map(
    lambda parts: "/".join(parts[0]) + parts[1]
)


@given(st.lists(PATH, max_size=12, unique=True))
def test_names_are_unique_and_every_reader_keeps_them(paths):
    names = [name for name in name_images(paths) if name]
    assert len(set(names)) == len(names)
    assert [image_id(name) for name in names] == names
