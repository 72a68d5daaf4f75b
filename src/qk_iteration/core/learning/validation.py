"""Judges a pair of models during training, on images that are held in memory."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from qk_iteration.core.describing.describe import describe, frozen
from qk_iteration.core.describing.describing_config import DescriptionConfig
from qk_iteration.core.distributed.collectives import gather_for_common_loss
from qk_iteration.core.distributed.ranks import present_ranks
from qk_iteration.core.distributed.stop_together import stopping_together
from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.formats.ground_truth import TrueMatches
from qk_iteration.core.images.image_cache import ImageCache, open_image_caches
from qk_iteration.core.learning.side import ALONE, PAIR, Side
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.model_config import Precision
from qk_iteration.core.scoring.evaluate import evaluate_descriptors


def open_validation(
    queries: pd.DataFrame,
    references: pd.DataFrame,
    true_matches: TrueMatches,
    folder: Path,
    *,
    image_sizes: Mapping[Side, int],
    max_pixels: int,
    description: DescriptionConfig,
) -> "Validation":
    """The validation set, its images decoded once and kept under ``folder``.

    Args:
        queries: Table with ``image_id`` and ``path``.
        references: Likewise.
        true_matches: Which reference each query is a copy of.
        folder: Where decoded images are kept.
        image_sizes: Side of the squares each side's model sees, in pixels.
        max_pixels: Larger images are an error.
        description: Batch size and precision.
    """
    query_size, key_size = (image_sizes[side] for side in (Side.QUERY, Side.KEY))
    (query_cache,) = open_image_caches(
        queries,
        folder / "validation_queries",
        sizes=[query_size],
        max_pixels=max_pixels,
    )
    reference_cache, seen_by_query_model = open_image_caches(
        references,
        folder / "validation_references",
        sizes=[key_size, query_size],
        max_pixels=max_pixels,
    )
    return Validation(
        queries=query_cache,
        references=reference_cache,
        references_as_queries=seen_by_query_model,
        true_matches=true_matches,
        batch_size=description.batch_size,
        precision=description.precision,
    )


@dataclass(frozen=True, kw_only=True)
class Validation:
    """Micro-AP of a pair of models on a validation set.

    Attributes:
        queries: Decoded query images.
        references: Decoded reference images.
        references_as_queries: The same as the query model sees them.
        true_matches: Which reference each query is a copy of.
        batch_size: Images described at a time.
        precision: Of the backbone.
    """

    queries: ImageCache
    references: ImageCache
    references_as_queries: ImageCache
    true_matches: TrueMatches
    batch_size: int
    precision: Precision

    @property
    def fingerprint(self) -> str:
        """Changes with any image, true match, or the precision."""
        content = [
            self.queries.fingerprint,
            self.references.fingerprint,
            sorted(self.true_matches.references.items()),
            self.precision,
        ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]

    def __call__(
        self, query_model: DescriptorModel, key_model: DescriptorModel
    ) -> dict[str, float]:
        """Score the query model on queries and the key model on references.

        Returns:
            ``micro_ap``, ``recall_at_p90``, ``recall_at_rank1``, and ``model_cosine``:
            the mean cosine of both models' embeddings of one clean image, which falls
            when the two drift apart.
        """
        references = self._describe(self.references, key_model)
        queries = self._describe(self.queries, query_model)
        what = ALONE if query_model is key_model else PAIR
        with stopping_together():
            score = evaluate_descriptors(
                Descriptors(np.array(self.queries.image_ids), queries),
                Descriptors(np.array(self.references.image_ids), references),
                self.true_matches,
                protocol="isc2021",
                label=f"Validation queries, {what}",
            )
        cosine = 1.0
        if query_model is not key_model:
            by_query_model = self._describe(self.references_as_queries, query_model)
            cosine = float((by_query_model * references).sum(axis=1).mean())
        return {
            "micro_ap": score.micro_ap,
            "recall_at_p90": score.recall_at_p90,
            "recall_at_rank1": score.recall_at_rank1,
            "model_cosine": cosine,
        }

    def _describe(
        self, images: ImageCache, model: DescriptorModel
    ) -> NDArray[np.float32]:
        """Each rank describes its share of the images; all get all of them."""
        own = present_ranks().share(len(images))
        size = self.batch_size
        batches = (
            torch.from_numpy(
                np.array(images.pixels[start : min(start + size, own.stop)])
            )
            for start in range(own.start, own.stop, size)
        )
        vectors = torch.empty(0, model.head.out_features)
        with stopping_together():
            if own:  # A rank may have no share of a few images.
                vectors = describe(
                    batches,
                    frozen(model, precision=self.precision),
                    num_images=len(own),
                    label=None,
                )
        vectors = gather_for_common_loss(vectors, len(images))
        # Mixed precision rounds lengths; the search expects unit length.
        rows: NDArray[np.float32] = F.normalize(vectors, dim=1).numpy()
        return rows
