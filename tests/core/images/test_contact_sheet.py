"""draw_contact_sheet is checked by where its colors lie."""

import pytest
from PIL import Image

from qk_iteration.core.images.contact_sheet import draw_contact_sheet

RED, BLUE = (255, 0, 0), (0, 0, 255)


def test_rows_run_down_and_pictures_run_right():
    red, blue = Image.new("RGB", (30, 30), RED), Image.new("RGB", (90, 90), BLUE)
    page = draw_contact_sheet(
        [("first", [red, blue]), ("second", [blue])], cell_size=40
    )
    right, step = page.width - 46, 46
    assert page.getpixel((right - step + 20, 6 + 20)) == RED
    assert page.getpixel((right + 20, 6 + 20)) == BLUE
    assert page.getpixel((right - step + 20, 6 + step + 20)) == BLUE
    assert page.getpixel((right + 20, 6 + step + 20)) not in (RED, BLUE)


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (300, 100)])
def test_any_shape_fits_its_cell(size):
    page = draw_contact_sheet([("one", [Image.new("RGB", size, RED)])], cell_size=40)
    assert page.height == 52
    assert RED in {color for _, color in page.getcolors(100_000)}


def test_nothing_to_show_is_refused():
    with pytest.raises(ValueError, match="rows must not be empty"):
        draw_contact_sheet([], cell_size=40)
