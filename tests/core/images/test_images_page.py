"""docs/images.md is compared with what the code does."""

import re
from pathlib import Path

from qk_iteration.core.images.image_formats import FORMATS
from qk_iteration.core.images.image_names import name_images
from qk_iteration.core.images.left_out import Why

PAGE = (Path(__file__).parents[3] / "docs" / "images.md").read_text("utf-8")


def test_ids_of_the_page_are_those_of_the_code():
    rows = re.findall(r"^\| (`.*`) \| (`.*`) \|$", PAGE, flags=re.MULTILINE)
    assert len(rows) == 3
    for files, ids in rows:
        assert name_images(re.findall(r"`(.+?)`", files)) == re.findall("`(.+?)`", ids)


def test_the_page_names_every_format_and_shows_kinds_there_are():
    names = {"JPEG2000": "JPEG 2000", "WEBP": "WebP", "HEIF": "HEIC", "JXL": "JPEG XL"}
    assert all(names.get(name, name) in PAGE for name in FORMATS)
    line = re.search(r'"8 of 13 files left out: (.+?)"', PAGE).group(1)
    assert {part.partition(" ")[2] for part in line.split(", ")} <= set(Why)
