"""The bank of one phase: what every SGD step of the learning side is pushed against.

Shapes:
    B: batch size.
    N: bank size, one row for each training image.
    F: channels of backbone features.
    D: embedding dimension.
"""

from dataclasses import dataclass, replace
from functools import cached_property

from torch import Tensor, nn
from torch.nn import functional as F

from qk_iteration.core.losses.info_nce import BankLoss, info_nce
from qk_iteration.core.losses.info_nce_through_head import info_nce_through_head
from qk_iteration.core.losses.loss_config import LossConfig
from qk_iteration.core.losses.repulsion import nearest_negative_repulsion
from qk_iteration.core.losses.row_pairs import GroupIndex, RowPairs


@dataclass(frozen=True, kw_only=True)
class FrozenRows:
    """Rows of the frozen side, and the loss against them.

    Attributes:
        rows: Backbone features (N, F) where ``head`` is given, else finished
            embeddings (N, D).
        head: The frozen side's head, which keeps learning through every row.
        groups: Rows of the positive's group are never negatives. Shape (N,), int64.
        count_same_group: Whether they are positives too, else they are left out.
        chunk_size: Rows compared at a time.
    """

    rows: Tensor
    head: nn.Linear | None
    groups: Tensor
    count_same_group: bool
    chunk_size: int

    def loss(
        self, embeddings: Tensor, positive_rows: Tensor, config: LossConfig
    ) -> BankLoss:
        """InfoNCE against every row, plus the weighted repulsion.

        Args:
            embeddings: Embeddings of the learning side. Shape (B, D).
            positive_rows: The row of the same image. Shape (B,), int64.
            config: Temperature and repulsion.

        Returns:
            The bank loss, its ``loss`` with the repulsion added.
        """
        result = self._contrast(embeddings, positive_rows, config.temperature)
        if config.repulsion == 0:
            return result
        has_negative = result.nearest_negative_rows >= 0
        nearest = self._keys(result.nearest_negative_rows.clamp(min=0))
        repulsion = nearest_negative_repulsion(embeddings, nearest, has_negative)
        return result._replace(loss=result.loss + config.repulsion * repulsion)

    def restricted_to(self, kept_rows: Tensor) -> "FrozenRows":
        """The same bank with some of its rows only. ``kept_rows``: (K,), int64."""
        return replace(
            self, rows=self.rows[kept_rows], groups=self.groups[kept_rows.cpu()]
        )

    @cached_property
    def _group_index(self) -> GroupIndex:
        return GroupIndex(self.groups)

    def _contrast(
        self, embeddings: Tensor, positive_rows: Tensor, temperature: float
    ) -> BankLoss:
        excluded: RowPairs = self._group_index.excluded(positive_rows)
        if self.head is None:
            return info_nce(
                embeddings,
                self.rows,
                positive_rows,
                temperature=temperature,
                chunk_size=self.chunk_size,
                excluded=excluded,
                count_excluded=self.count_same_group,
            )
        return info_nce_through_head(
            embeddings,
            self.rows,
            self.head,
            positive_rows,
            temperature=temperature,
            chunk_size=self.chunk_size,
            excluded=excluded,
            count_excluded=self.count_same_group,
        )

    def _keys(self, rows: Tensor) -> Tensor:
        keys = self.rows[rows].float()
        return keys if self.head is None else F.normalize(self.head(keys), dim=1)
