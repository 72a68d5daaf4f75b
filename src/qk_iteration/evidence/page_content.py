"""What a page of pairs holds, read back from its text."""

import json
import re
from dataclasses import dataclass
from typing import Any

ROUNDED = 1e-6
"""Scores in a page have as many digits."""


@dataclass(frozen=True)
class PageContent:
    """The data of a page that ``draw_evidence`` drew.

    Attributes:
        pairs: By column what the page knows of each pair, in the order shown.
        curve: ``(threshold, precision, recall)``, best score first.
        threshold: Score at which the page opens; None: above all.
        pictures_per_block: Thumbnails in each of the blocks.
        blocks: JSON lists of thumbnails, each the base64 of a JPEG.
    """

    pairs: list[dict[str, Any]]
    curve: list[tuple[float, float, float]]
    threshold: float | None
    pictures_per_block: int
    blocks: list[str]

    def recall_by_edit(self) -> dict[str, tuple[float, int]]:
        """Recall at the threshold of each edit's true matches, and their number."""
        found: dict[str, list[bool]] = {}
        for pair in self.pairs:
            if pair["truth"] == "right":
                for edit in (pair["edits"] or "").split():
                    found.setdefault(edit, []).append(self._is_taken(pair["score"]))
        return {k: (sum(v) / len(v), len(v)) for k, v in sorted(found.items())}

    def _is_taken(self, score: float | None) -> bool:
        if score is None or self.threshold is None:
            return False
        return score >= self.threshold - ROUNDED


def read_page(page: str) -> PageContent:
    """The data of a page.

    Args:
        page: What ``draw_evidence`` has drawn.
    """
    content = json.loads(_scripts(page, 'id="content"')[0])
    columns = content["columns"]
    return PageContent(
        pairs=[dict(zip(columns, pair, strict=True)) for pair in content["pairs"]],
        curve=[(point[0], point[1], point[2]) for point in content["curve"]],
        threshold=content["threshold"],
        pictures_per_block=content["picturesPerBlock"],
        blocks=_scripts(page, 'class="thumbnails"'),
    )


def _scripts(page: str, mark: str) -> list[str]:
    return re.findall(rf"<script [^>]*{mark}>(.*?)</script>", page, re.DOTALL)
