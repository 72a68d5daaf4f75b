"""Descriptors: one row of numbers for each image, and the image's id.

The rows may lie in memory or in a file that is read a block at a time
(:mod:`~qk_iteration.core.formats.descriptor_files`), so that a million references
cost no more memory than one block.

Shapes:
    N: images of the set.
    D: descriptor dimension.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.formats.id_rows import hash_rows
from qk_iteration.core.formats.image_ids import check_unique, image_ids
from qk_iteration.core.stopping import stop_if_requested
from qk_iteration.core.user_error import first_line

ROWS_PER_READ = 16_384  # 16 MiB of 256-d float32
_LEAST_SQUARED_LENGTH = 2.0**-100  # float32 squares differences down to 2**-149
_LARGEST_SQUARED_LENGTH = 2.0**120  # a squared distance is at most four times as much
_FEW_EQUAL_ROWS, _FEW_EQUAL_SHARE = 10, 0.05  # as many pictures may well be one

_logger = logging.getLogger(__name__)


class Vectors(Protocol):
    """What holds descriptors: an array, a memory map, or rows in files. (N, D)."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The two sizes (N, D)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """A floating-point type."""

    def __getitem__(self, rows: slice, /) -> Any:
        """A block of consecutive rows, as an array."""


@dataclass(frozen=True, eq=False)
class Descriptors:
    """The descriptors of one set of images.

    Attributes:
        ids: Image ids, each once. Shape (N,), text; folders and extensions are cut
            off on the way in.
        vectors: Floating-point numbers; anything that is sliced like an array.
            Shape (N, D).

    Raises:
        FormatError: If there is no row, the shapes disagree, an id is repeated, or
            the numbers are not floating-point.
    """

    ids: NDArray[np.str_]
    vectors: Vectors

    def __post_init__(self) -> None:
        object.__setattr__(self, "vectors", _as_vectors(self.vectors))
        ids = image_ids(self.ids, what="The descriptors' ids")
        object.__setattr__(self, "ids", ids)
        _check_vectors(self.vectors, len(ids))
        check_unique(ids, what="The descriptors' ids")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def dim(self) -> int:
        """Numbers per descriptor, D."""
        return int(self.vectors.shape[1])

    def read(self, rows: slice = slice(None)) -> NDArray[np.float32]:
        """Some consecutive rows, as float32 in memory. Shape (rows, D)."""
        with np.errstate(over="ignore"):  # what becomes infinite is refused by a check
            return np.ascontiguousarray(self.vectors[rows], dtype=np.float32)

    @property
    def has_random_access(self) -> bool:
        """Whether chosen rows cost no more than themselves; not in compressed files."""
        return has_random_access(self.vectors)

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Chosen rows, as float32 in memory, where there is random access.

        Args:
            rows: In any order, also repeated. Shape (P,), values in [0, N).

        Returns:
            Shape (P, D).
        """
        with np.errstate(over="ignore"):
            chosen = self.vectors.take(rows, axis=0)  # type: ignore[attr-defined]
            return np.ascontiguousarray(chosen, dtype=np.float32)

    def blocks(self, block_size: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Go over all rows: each time the first row's number and a block (rows, D).

        Raises:
            StoppedError: If a stop is asked for meanwhile.
        """
        for start in range(0, len(self), block_size):
            stop_if_requested()
            yield start, self.read(slice(start, start + block_size))

    def select(self, is_kept: NDArray[np.bool_]) -> "Descriptors":
        """The rows where ``is_kept`` is true, read into memory. Shape (N,)."""
        return Descriptors(self.ids[is_kept], self.read()[is_kept])


def has_random_access(vectors: Vectors) -> bool:
    """Whether chosen rows can be taken and cost no more than themselves."""
    is_array = isinstance(vectors, np.ndarray)
    return is_array or bool(getattr(vectors, "has_random_access", False))


def check_values(descriptors: Descriptors, *, what: str) -> None:
    """Refuse numbers that no search could rank; read every row once.

    A NaN would make its image vanish from every list of candidates without a word; a
    row of zeros is as near to everything, and stands where a file was half written.
    Where a great many rows are equal, which a filled-up file or a collapsed model
    brings, a line in the log says so.

    Raises:
        FormatError: If descriptors hold NaN, infinity or a number too large to be
            squared in float32, or are zero, or so small that their squares are. Says
            how many, and which is the first.
    """
    broken, zero, hashes = [], [], []
    for start, block in descriptors.blocks(ROWS_PER_READ):
        with np.errstate(over="ignore", invalid="ignore"):
            squared_lengths = np.einsum("nd,nd->n", block, block)
        is_rankable = squared_lengths <= _LARGEST_SQUARED_LENGTH  # False for NaN
        broken.append(start + np.flatnonzero(~is_rankable))
        zero.append(start + np.flatnonzero(squared_lengths < _LEAST_SQUARED_LENGTH))
        hashes.append(hash_rows(block.view(np.uint32)))
    _refuse_rows(
        descriptors,
        np.concatenate(broken),
        f"{what} must be finite float32 numbers",
        "hold NaN, infinity or a number too large to be squared",
    )
    _refuse_rows(
        descriptors,
        np.concatenate(zero),
        f"{what} must not be zero",
        "are, or are so small that their squares are; a file that was half written "
        "holds such",
    )
    _say_equal_rows(np.concatenate(hashes), what)


def _say_equal_rows(hashes: NDArray[np.uint64], what: str) -> None:
    """Log a row that stands too often to be a picture's copy. Shape (N,)."""
    most = int(np.unique(hashes, return_counts=True)[1].max())
    if 1 < most == len(hashes):
        _logger.warning(
            "%s have collapsed: all %d are equal, and tell no image from another.",
            what,
            most,
        )
    elif most >= max(_FEW_EQUAL_ROWS, _FEW_EQUAL_SHARE * len(hashes)):
        _logger.warning(
            "%s: %d of %d are equal, as in a file that was filled up or of a model "
            "that has collapsed.",
            what,
            most,
            len(hashes),
        )


def _refuse_rows(
    descriptors: Descriptors, rows: NDArray[np.int64], rule: str, fault: str
) -> None:
    if len(rows):
        raise FormatError(
            f"{rule}; {len(rows)} of {len(descriptors)} {fault}. The first is the "
            f"descriptor of '{descriptors.ids[rows[0]]}' (row {rows[0]}). Describe "
            "such images again or leave them out."
        )


def _as_vectors(given: Any) -> Vectors:
    """What holds descriptors; tables and tensors of other libraries as arrays."""
    if isinstance(given, np.ma.MaskedArray) and np.ma.is_masked(given):
        raise FormatError(
            "Descriptors must have no masked numbers; "
            f"{np.count_nonzero(np.ma.getmaskarray(given))} of {given.size} are. Leave "
            "such images out."
        )
    if hasattr(given, "toarray"):  # SciPy's sparse matrices
        given = given.toarray()
    if isinstance(getattr(given, "dtype", None), np.dtype) and hasattr(given, "shape"):
        return given  # type: ignore[no-any-return]
    try:
        return np.asarray(given)
    except (TypeError, ValueError, RuntimeError) as error:
        raise FormatError(
            f"Descriptors must be an array of numbers; got {type(given).__name__}: "
            f"{first_line(error)}"
        ) from error


def _check_vectors(vectors: Vectors, num_ids: int) -> None:
    if len(vectors.shape) != 2 or 0 in vectors.shape:
        raise FormatError(
            "Descriptors must be a table of at least one row and one column; got "
            f"shape {vectors.shape}."
        )
    if np.dtype(vectors.dtype).kind != "f":
        raise FormatError(
            f"Descriptors must be floating-point numbers; got {vectors.dtype}. "
            "Convert them to float32."
        )
    if vectors.shape[0] != num_ids:
        raise FormatError(
            f"There must be one id for each descriptor; got {num_ids} ids and "
            f"{vectors.shape[0]} descriptors."
        )
