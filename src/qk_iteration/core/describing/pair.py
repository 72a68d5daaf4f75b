"""A trained pair, for a program of one's own.

    from qk_iteration import load_pair

    pair = load_pair("data/06_models/qk")
    pair.score("suspect.jpg", "original.jpg")

Shapes:
    Q: pictures that are asked about.
    R: pictures that are searched.
    D: numbers of a descriptor.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from qk_iteration.core.describing.describer import Describer, Side, is_one_picture
from qk_iteration.core.describing.load_describer import (
    folder_of_side,
    load_describer,
)
from qk_iteration.core.describing.onnx_export import export_onnx
from qk_iteration.core.describing.pictures import Picture
from qk_iteration.core.formats.user_paths import user_path
from qk_iteration.core.models.model_file import load_model


@dataclass(frozen=True)
class Pair:
    """A query model and a key model that were trained together.

    Descriptors of the two sides are compared with each other: ``query`` describes the
    picture that may be a copy, ``key`` the originals.

    Attributes:
        query: ``pair.query.describe(pictures)`` gives (Q, D), of unit length.
        key: ``pair.key.describe(pictures)`` gives (R, D), of unit length.
        folder: Where the pair was read from.
    """

    query: Describer
    key: Describer
    folder: Path

    @overload  # An array of one picture's pixels is an iterable too.
    def score(  # type: ignore[overload-overlap]
        self, queries: Picture, references: Picture
    ) -> float: ...

    @overload
    def score(
        self,
        queries: Picture | Iterable[Picture],
        references: Picture | Iterable[Picture],
    ) -> NDArray[np.float32]: ...

    def score(
        self,
        queries: Picture | Iterable[Picture],
        references: Picture | Iterable[Picture],
    ) -> NDArray[np.float32] | float:
        """How likely each query is a copy of each reference, as a cosine in [-1, 1].

        A score has no meaning of its own: what is high depends on the model and on
        the pictures. Of one collection, the higher of two scores is the likelier copy.

        Args:
            queries: Paths, Pillow images or pixels; or one of them.
            references: Likewise.

        Returns:
            Shape (Q, R); a number for one picture and another.

        Raises:
            UserError: If a picture cannot be read.
        """
        scores: NDArray[np.float32] = (
            self.query.describe(queries) @ self.key.describe(references).T
        )
        if is_one_picture(queries) and is_one_picture(references):
            return float(scores[0, 0])
        return scores

    def export_onnx(self, side: Side, path: str | Path) -> None:
        """Write one side as an ONNX file, which runs without torch.

        The file takes RGB pixels (batch, S, S, 3), uint8, of pictures squashed to S x
        S, and gives descriptors (batch, D); docs/take_away.md shows how to use it.

        Args:
            side: ``query`` or ``key``.
            path: The file; replaced if it is there.

        Raises:
            UserError: If the packages of the extra ``onnx`` are missing.
        """
        export_onnx(load_model(folder_of_side(self.folder, side)), path)


def load_pair(folder: str | Path, *, device: str = "cpu") -> Pair:
    """The trained pair of a folder, ready to describe pictures.

    Args:
        folder: What a training left, such as ``data/06_models/qk``.
        device: ``cpu``, ``cuda``, such as ``cuda:1``, or ``auto``.

    Returns:
        ``pair.query.describe(pictures)``, ``pair.key.describe(pictures)`` and
        ``pair.score(queries, references)``.

    Raises:
        UserError: If the folder holds no pair, or a damaged one.
    """
    return Pair(
        query=load_describer(folder, side="query", device=device),
        key=load_describer(folder, side="key", device=device),
        folder=user_path(folder),
    )
