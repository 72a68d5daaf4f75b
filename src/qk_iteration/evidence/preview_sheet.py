"""The first pairs of a page as one picture, for where no page can be shown."""

import base64
import io
import json
from typing import Any

from PIL import Image, ImageDraw, ImageOps

from qk_iteration.evidence.page_content import PageContent, read_page

NUM_PAIRS = 12
COLUMNS = 3
SIDE = 120
"""Of a thumbnail, in pixels."""

_GAP = 8
_LINE = 16
_COLORS = {"right": "#14713d", "wrong": "#b3261e", "identical": "#14713d"}
_UNKNOWN = "#62666f"


def draw_preview_sheet(page: str) -> Image.Image:
    """The page's first pairs, query left and match right, with their scores.

    Args:
        page: What ``draw_evidence`` has drawn.
    """
    content = read_page(page)
    shown = content.pairs[:NUM_PAIRS]
    width, height = 2 * SIDE + 3 * _GAP, SIDE + _LINE + 2 * _GAP
    num_lines = max(1, -(-len(shown) // COLUMNS))
    sheet = Image.new("RGB", (COLUMNS * width, num_lines * height), "white")
    for number, row in enumerate(shown):
        down, across = divmod(number, COLUMNS)
        left, top = across * width + _GAP, down * height + _GAP
        for place, side in enumerate(("queryPicture", "matchPicture")):
            picture = _picture(content, row[side])
            sheet.paste(picture, (left + place * (SIDE + _GAP), top))
        draw = ImageDraw.Draw(sheet)
        color = _COLORS.get(row["truth"], _UNKNOWN)
        draw.text((left, top + SIDE + 2), _caption(row), fill=color)
    return sheet


def _picture(content: PageContent, number: int) -> Image.Image:
    """A thumbnail in the middle of a square; gray where there is no picture."""
    if number < 0:
        return Image.new("RGB", (SIDE, SIDE), "lightgray")
    block, place = divmod(number, content.pictures_per_block)
    text = json.loads(content.blocks[block])[place]
    with Image.open(io.BytesIO(base64.b64decode(text)), formats=["JPEG"]) as picture:
        return ImageOps.pad(picture.convert("RGB"), (SIDE, SIDE), color="#f6f6f4")


def _caption(row: dict[str, Any]) -> str:
    score = "" if row["score"] is None else f"score {row['score']:.3f}"
    return "  ".join(part for part in (row["truth"] or "", score) if part)
