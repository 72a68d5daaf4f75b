"""Judges a query model by what it finds in an index that stays.

Shapes:
    Q: query images.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from qk_iteration.core.describing.describe import describe, frozen
from qk_iteration.core.describing.describing_config import DescriptionConfig
from qk_iteration.core.formats.descriptors import ROWS_PER_READ, Descriptors
from qk_iteration.core.formats.ground_truth import TrueMatches
from qk_iteration.core.images.image_cache import open_image_cache
from qk_iteration.core.images.views import TrainingImages, ViewRequest
from qk_iteration.core.learning.index_rows import without_lost_images
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.scoring.evaluate import evaluate_descriptors

MOST_OWN_QUERIES = 512
"""Edited training images that ask where no other queries have an index."""

_ODD_DRAW = 1  # The learner's draws are even: it never sees these edits.


@dataclass(frozen=True, kw_only=True)
class IndexValidation:
    """Micro-AP of a query model in an index.

    Attributes:
        query_ids: Length Q.
        draw: Gives the pixels of some of them, by their places. (rows, S, S, 3).
        references: The index.
        true_matches: Which row each query is a copy of.
        description: Batch size and precision.
        fingerprint: Changes with what is judged on, and the precision.
    """

    query_ids: list[str]
    draw: Callable[[range], Tensor]
    references: Descriptors
    true_matches: TrueMatches
    description: DescriptionConfig
    fingerprint: str

    def __call__(
        self, query_model: DescriptorModel, key_model: DescriptorModel
    ) -> dict[str, float]:
        """Score the query model; the key side is the index.

        Returns:
            ``micro_ap``, ``recall_at_p90``, ``recall_at_rank1``.
        """
        del key_model
        vectors = describe(
            self._batches(),
            frozen(query_model, precision=self.description.precision),
            num_images=len(self.query_ids),
            label=None,
        )
        score = evaluate_descriptors(
            Descriptors(np.array(self.query_ids), F.normalize(vectors, dim=1).numpy()),
            self.references,
            self.true_matches,
            protocol="isc2021",
            label="Validation queries",
        )
        names = ("micro_ap", "recall_at_p90", "recall_at_rank1")
        return {name: float(getattr(score, name)) for name in names}

    def _batches(self) -> Iterator[Tensor]:
        size, end = self.description.batch_size, len(self.query_ids)
        for start in range(0, end, size):
            yield self.draw(range(start, min(start + size, end)))


def validate_on_queries(
    queries: pd.DataFrame,
    references: Descriptors,
    true_matches: TrueMatches,
    folder: Path,
    *,
    image_size: int,
    max_pixels: int,
    description: DescriptionConfig,
) -> IndexValidation:
    """Validation queries, searched in the rows of the validation references.

    Args:
        queries: Table with ``image_id`` and ``path``.
        references: From `read_index_rows`.
        true_matches: Which reference each query is a copy of.
        folder: Where decoded images are kept.
        image_size: Side of the squares the query model sees, in pixels.
        max_pixels: Larger images are an error.
        description: Batch size and precision.
    """
    cache = open_image_cache(
        queries, folder / "validation_queries", size=image_size, max_pixels=max_pixels
    )

    def draw(rows: range) -> Tensor:
        return torch.from_numpy(np.array(cache.pixels[rows.start : rows.stop]))

    judged_on = cache.fingerprint, sorted(true_matches.references.items())
    return IndexValidation(
        query_ids=list(cache.image_ids),
        draw=draw,
        references=references,
        true_matches=true_matches,
        description=description,
        fingerprint=_digest(description, judged_on, references),
    )


def validate_on_training_images(
    images: TrainingImages, rows: Descriptors, *, description: DescriptionConfig
) -> IndexValidation:
    """Training images under edits that no step draws, searched among all rows.

    It tells a model that learns from one that does not, and no more: the images are
    known to it.

    Args:
        images: The training images.
        rows: Of the index for these images, in their order.
        description: Batch size and precision.
    """
    rows = without_lost_images(rows, images.cache.image_ids)
    number = min(len(images), MOST_OWN_QUERIES)
    names = [f"edited {one}" for one in rows.ids[:number].tolist()]
    pairs = dict(zip(names, ((one,) for one in rows.ids.tolist()), strict=False))

    def draw(places: range) -> Tensor:
        requests = [ViewRequest(row, "edited", _ODD_DRAW) for row in places]
        return torch.stack([images[request] for request in requests])

    return IndexValidation(
        query_ids=names,
        draw=draw,
        references=rows,
        true_matches=TrueMatches(pairs),
        description=description,
        # The rows decide what is learned, and are in its fingerprint already.
        fingerprint=_digest(description, (images.fingerprint, names), None),
    )


def _digest(
    description: DescriptionConfig, judged_on: object, rows: Descriptors | None
) -> str:
    digest = hashlib.sha256(f"{description.precision} {judged_on}".encode())
    for _, block in rows.blocks(ROWS_PER_READ) if rows is not None else ():
        digest.update(block.tobytes())
    return digest.hexdigest()[:16]
