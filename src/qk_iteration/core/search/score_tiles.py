"""Scores of some queries with some references, computed and thinned out in one place.

A tile holds every score of a block of queries with a block of references. Only the
few that can still enter the list of candidates leave it. Both classes do the same,
one with NumPy on the CPU, one with torch where the tile lies on a GPU.

Shapes:
    Q: queries.
    q: queries of one tile.
    r: references of one tile.
    D: length of the vectors whose products are scores.
    c: scores that leave a tile.
"""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from qk_iteration.core.user_error import UserError

Floors = float | NDArray[np.float32]


class ScoreTiles(Protocol):
    """Where tiles are computed."""

    query_block_size: int
    reference_block_size: int

    def set_references(self, references: NDArray[np.float32]) -> None:
        """Take the next block of references, of shape (r, D)."""

    def at_least(
        self, rows: slice, floors: Floors
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Positions in the flat tile, and scores, of pairs that reach the floor.

        Args:
            rows: The queries of the tile.
            floors: One for all, or one for each query, of shape (q, 1).

        Returns:
            Two vectors of shape (c,).
        """


class CpuTiles:
    """Tiles in main memory, small enough to be thinned out while still in a cache."""

    query_block_size = 1024
    reference_block_size = 4096

    def __init__(self, queries: NDArray[np.float32]) -> None:
        self._queries = queries
        size = min(len(queries), self.query_block_size) * self.reference_block_size
        self._scores = np.empty(size, np.float32)
        self._is_kept = np.empty(size, np.bool_)

    def set_references(self, references: NDArray[np.float32]) -> None:
        """Take the next block of references, of shape (r, D)."""
        self._references = references.T

    def at_least(
        self, rows: slice, floors: Floors
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Positions in the flat tile, and scores, of pairs that reach the floor."""
        queries = self._queries[rows]
        shape = len(queries), self._references.shape[1]
        size = shape[0] * shape[1]
        scores, is_kept = self._scores[:size], self._is_kept[:size]
        np.matmul(queries, self._references, out=scores.reshape(shape))
        np.greater_equal(scores.reshape(shape), floors, out=is_kept.reshape(shape))
        positions = np.flatnonzero(is_kept)
        return positions, scores[positions]


class TorchTiles:
    """Tiles on a torch device, in full float32 precision.

    Raises:
        UserError: If there is no such device here.
    """

    query_block_size = 8192
    reference_block_size = 16_384

    def __init__(self, queries: NDArray[np.float32], device: str) -> None:
        import torch  # only who asks for a GPU waits for it

        self._torch = torch
        try:
            self._queries = torch.tensor(queries, device=device)
        except (RuntimeError, AssertionError) as error:
            raise UserError(
                f"device must be cpu or a torch device of this machine; got '{device}'."
                f" {str(error).splitlines()[0]}"
            ) from error

    def set_references(self, references: NDArray[np.float32]) -> None:
        """Take the next block of references, of shape (r, D)."""
        self._references = self._torch.tensor(references, device=self._queries.device).T

    def at_least(
        self, rows: slice, floors: Floors
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Positions in the flat tile, and scores, of pairs that reach the floor."""
        tile = self._exact_product(self._queries[rows])
        limits = self._torch.as_tensor(floors, dtype=tile.dtype, device=tile.device)
        positions = (tile >= limits).flatten().nonzero().squeeze(1)
        return positions.cpu().numpy(), tile.flatten()[positions].cpu().numpy()

    def _exact_product(self, queries: Any) -> Any:
        # TensorFloat-32 keeps three digits of a score, which would reorder candidates.
        precision = self._torch.get_float32_matmul_precision()
        self._torch.set_float32_matmul_precision("highest")
        try:
            return queries @ self._references
        finally:
            self._torch.set_float32_matmul_precision(precision)
