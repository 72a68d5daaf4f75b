"""The bank of one phase: what every SGD step of the learning side is pushed against.

Shapes:
    B: batch size.
    N: bank size, one row for each training image.
    F: channels of backbone features.
    D: embedding dimension.
"""

from dataclasses import dataclass, replace
from functools import cached_property, partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from qk_iteration.core.distributed.collectives import (
    gather_for_partial_loss,
    sum_of_parts,
)
from qk_iteration.core.losses.bank_shard import BankShard
from qk_iteration.core.losses.info_nce import BankLoss, info_nce
from qk_iteration.core.losses.info_nce_through_head import info_nce_through_head
from qk_iteration.core.losses.loss_config import LossConfig
from qk_iteration.core.losses.repulsion import nearest_negative_repulsion
from qk_iteration.core.losses.row_pairs import GroupIndex


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
        shard: Which rows of the whole bank these are, where it is divided over ranks;
            None: all of them. ``groups`` are always those of the whole bank.
    """

    rows: Tensor
    head: nn.Linear | None
    groups: Tensor
    count_same_group: bool
    chunk_size: int
    shard: BankShard | None = None

    @property
    def num_rows(self) -> int:
        """N, of all ranks together."""
        return len(self.groups)

    def loss(
        self, embeddings: Tensor, positive_rows: Tensor, config: LossConfig
    ) -> BankLoss:
        """InfoNCE against every row, plus the weighted repulsion.

        Args:
            embeddings: Embeddings of the learning side, this rank's share of them.
                Shape (B, D) of all ranks together.
            positive_rows: The row of the same image. Shape (B,), int64.
            config: Temperature and repulsion.

        Returns:
            The bank loss, its ``loss`` with the repulsion added; of the whole batch.
        """
        embeddings = gather_for_partial_loss(embeddings, len(positive_rows))
        result = self._contrast(embeddings, positive_rows, config.temperature)
        if config.repulsion == 0:
            return result
        repulsion = self._repulsion(embeddings, result.nearest_negative_rows)
        return result._replace(loss=result.loss + config.repulsion * repulsion)

    def restricted_to(self, kept_rows: Tensor) -> "FrozenRows":
        """The same bank with some of its rows only.

        Args:
            kept_rows: By rising number, on the CPU. Shape (K,), int64.
        """
        first, num_rows = self._own
        edges = torch.tensor([first, first + num_rows])
        begin, end = torch.searchsorted(kept_rows, edges).tolist()
        kept_here = kept_rows[begin:end] - first
        return replace(
            self,
            rows=self.rows[kept_here.to(self.rows.device, non_blocking=True)],
            groups=self.groups[kept_rows],
            shard=BankShard(begin, end - begin),
        )

    @property
    def _own(self) -> BankShard:
        return self.shard or BankShard(0, len(self.rows))

    @cached_property
    def _group_index(self) -> GroupIndex:
        return GroupIndex(self.groups)

    def _contrast(
        self, embeddings: Tensor, positive_rows: Tensor, temperature: float
    ) -> BankLoss:
        loss = info_nce
        if self.head is not None:
            loss = partial(info_nce_through_head, head=self.head)
        return loss(
            embeddings,
            self.rows,
            positive_rows=positive_rows,
            temperature=temperature,
            chunk_size=self.chunk_size,
            excluded=self._group_index.excluded(positive_rows),
            count_excluded=self.count_same_group,
            shard=self._own,
        )

    def _repulsion(self, embeddings: Tensor, nearest_rows: Tensor) -> Tensor:
        """The repulsion; each rank counts the nearest rows that it holds."""
        first, num_rows = self._own
        if num_rows == 0:
            return sum_of_parts(embeddings.sum() * 0)
        rows = nearest_rows - first
        repulsion = nearest_negative_repulsion(
            embeddings,
            self._keys(rows.clamp(0, num_rows - 1)),
            nearest_rows >= 0,
            is_counted=(rows >= 0) & (rows < num_rows),
        )
        return sum_of_parts(repulsion)

    def _keys(self, rows: Tensor) -> Tensor:
        keys = self.rows[rows].float()
        return keys if self.head is None else F.normalize(self.head(keys), dim=1)
