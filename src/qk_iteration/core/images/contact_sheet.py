"""Many small pictures on one page, a label before each row, to be looked at."""

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

_GAP = 6
_PAPER = (244, 244, 246)
_INK = (30, 30, 36)


def draw_contact_sheet(
    rows: Sequence[tuple[str, Sequence[Image.Image]]], *, cell_size: int
) -> Image.Image:
    """A page with one row for each label and its pictures, shrunk to cells.

    Args:
        rows: Label and RGB pictures of each row; rows may differ in length. A label may
            have several lines.
        cell_size: Side of the square each picture is fitted into, whole and in its own
            shape, in pixels.

    Returns:
        An RGB image, as wide as its longest row.

    Raises:
        ValueError: If there are no rows.
    """
    if not rows:
        raise ValueError("rows must not be empty; got 0 rows.")
    font = ImageFont.load_default(size=max(10, cell_size // 8))
    label_width = _widest_label([label for label, _ in rows], font) + 2 * _GAP
    num_columns = max(len(pictures) for _, pictures in rows)
    step = cell_size + _GAP
    page_size = (label_width + num_columns * step, len(rows) * step + _GAP)
    page = Image.new("RGB", page_size, _PAPER)
    draw = ImageDraw.Draw(page)
    for row, (label, pictures) in enumerate(rows):
        top = _GAP + row * step
        middle = (_GAP, top + cell_size / 2)
        draw.multiline_text(middle, label, fill=_INK, font=font, anchor="lm")
        for column, picture in enumerate(pictures):
            left = label_width + column * step
            _paste_fitted(page, picture, (left, top), cell_size)
    return page


def _paste_fitted(
    page: Image.Image, picture: Image.Image, corner: tuple[int, int], cell_size: int
) -> None:
    """The whole picture, in its own shape, in the middle of its cell."""
    scale = cell_size / max(picture.size)
    width = max(1, round(scale * picture.width))
    height = max(1, round(scale * picture.height))
    left = corner[0] + (cell_size - width) // 2
    top = corner[1] + (cell_size - height) // 2
    page.paste(picture.resize((width, height)), (left, top))


def _widest_label(
    labels: Sequence[str], font: ImageFont.FreeTypeFont | ImageFont.ImageFont
) -> int:
    lines = [line for label in labels for line in label.splitlines()]
    return round(max((font.getlength(line) for line in lines), default=0))
