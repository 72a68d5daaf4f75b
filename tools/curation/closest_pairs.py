"""Contact sheets of the closest pairs of images that are taken for different ones."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from qk_iteration.builtin_benchmark.manifest import Role
from qk_iteration.core.images.contact_sheet import draw_contact_sheet
from tools.curation.selection import Grouped

_PAIRS_ON_SHEET = 60
_PAIRS_IN_ROW = 4
_CELL_SIZE = 120


def draw_closest_pairs(images: Sequence[Grouped], folder: Path) -> None:
    """Draw the closest pairs of judged images, and of judged and training images.

    Args:
        images: The images that are used, each with its part.
        folder: Where the two sheets are written.
    """
    judged = [image for image in images if image.part[1] is not Role.TRAINING]
    trained = [image for image in images if image.part[1] is Role.TRAINING]
    folder.mkdir(parents=True, exist_ok=True)
    _draw(judged, judged, folder / "judged_and_judged.png")
    _draw(judged, trained, folder / "judged_and_training.png")


def _draw(left: Sequence[Grouped], right: Sequence[Grouped], path: Path) -> None:
    pairs = _closest(left, right)
    rows = [
        (_label(pairs[start : start + _PAIRS_IN_ROW]), _looks(pairs[start:]))
        for start in range(0, len(pairs), _PAIRS_IN_ROW)
    ]
    draw_contact_sheet(rows, cell_size=_CELL_SIZE).save(path)


def _closest(
    left: Sequence[Grouped], right: Sequence[Grouped]
) -> list[tuple[Grouped, Grouped]]:
    cosines = (
        np.stack([image.feature for image in left])
        @ np.stack([image.feature for image in right]).T
    )
    same = np.equal.outer([one.group for one in left], [one.group for one in right])
    cosines[same] = -1
    if left is right:
        cosines = np.triu(cosines, 1)
    best = np.argsort(-cosines, axis=None)[:_PAIRS_ON_SHEET]
    rows, columns = np.unravel_index(best, cosines.shape)
    return [(left[i], right[j]) for i, j in zip(rows, columns, strict=True)]


def _label(pairs: Sequence[tuple[Grouped, Grouped]]) -> str:
    return "\n".join(
        f"{one.feature @ other.feature:.2f} {one.usable.file[-24:]} "
        f"{other.usable.file[-24:]}"
        for one, other in pairs
    )


def _looks(pairs: Sequence[tuple[Grouped, Grouped]]) -> list[Image.Image]:
    return [
        Image.fromarray(image.usable.look)
        for pair in pairs[:_PAIRS_IN_ROW]
        for image in pair
    ]
