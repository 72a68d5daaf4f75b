"""What a page of pairs holds, read back from its text."""

import json
import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class PageContent:
    """The data of a page that ``draw_evidence`` drew.

    Attributes:
        pairs: By column what the page knows of each pair, in the order shown.
        curve: ``(threshold, precision, recall)``, best score first.
        recall_by_edit: Recall at the threshold of each edit's true matches, and their
            number, shown or not; None in a page of an earlier version.
        threshold: Score at which the page opens; None: above all.
        pictures_per_block: Thumbnails in each of the blocks.
        blocks: JSON lists of thumbnails, each the base64 of a JPEG.
    """

    pairs: list[dict[str, Any]]
    curve: list[tuple[float, float, float]]
    recall_by_edit: dict[str, tuple[float, int]] | None
    threshold: float | None
    pictures_per_block: int
    blocks: list[str]


def read_page(page: str) -> PageContent:
    """The data of a page.

    Args:
        page: What ``draw_evidence`` has drawn.
    """
    content = json.loads(_scripts(page, 'id="content"')[0])
    columns, recalls = content["columns"], content.get("recallByEdit")
    return PageContent(
        pairs=[dict(zip(columns, pair, strict=True)) for pair in content["pairs"]],
        curve=[(point[0], point[1], point[2]) for point in content["curve"]],
        recall_by_edit=recalls and {k: (v[0], v[1]) for k, v in recalls.items()},
        threshold=content["threshold"],
        pictures_per_block=content["picturesPerBlock"],
        blocks=_scripts(page, 'class="thumbnails"'),
    )


def _scripts(page: str, mark: str) -> list[str]:
    return re.findall(rf"<script [^>]*{mark}>(.*?)</script>", page, re.DOTALL)
