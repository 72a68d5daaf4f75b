"""The challenge's one-file submission of the descriptor track.

One file holds ``query`` (Q, D) and ``reference`` (R, D) in float32 and their
``query_ids`` and ``reference_ids``, each set sorted by id, with D at most 256.
"""

from pathlib import Path

import numpy as np

from qk_iteration.core.formats.descriptor_files import read_table, write_tables
from qk_iteration.core.formats.descriptors import Descriptors, check_values
from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.formats.user_paths import user_path

MAX_DIM = 256
QUERY_KEYS = ("query", "query_ids")
REFERENCE_KEYS = ("reference", "reference_ids")


def read_submission(path: str | Path) -> tuple[Descriptors, Descriptors]:
    """Query and reference descriptors of a submission.

    Neither the order nor the dimension is checked: any system may be scored.

    Raises:
        FormatError: If the file is not a submission.
        OSError: If it cannot be opened.
    """
    return read_table(user_path(path), *QUERY_KEYS), read_table(
        user_path(path), *REFERENCE_KEYS
    )


def write_submission(
    path: str | Path, queries: Descriptors, references: Descriptors
) -> None:
    """Write a legal submission, sorting both sets by id where they are not.

    Raises:
        FormatError: If there are more than 256 dimensions, the two sides differ in
            them, or a number is not finite.
    """
    if not queries.dim == references.dim <= MAX_DIM:
        raise FormatError(
            f"A submission must have one dimension of at most {MAX_DIM}; got "
            f"{queries.dim} for queries and {references.dim} for references. Project "
            "them first."
        )
    check_values(queries, what="Queries' descriptors")
    check_values(references, what="References' descriptors")
    write_tables(
        user_path(path),
        {QUERY_KEYS: _sorted(queries), REFERENCE_KEYS: _sorted(references)},
    )


def _sorted(descriptors: Descriptors) -> Descriptors:
    if (descriptors.ids[1:] > descriptors.ids[:-1]).all():
        return descriptors
    order = np.argsort(descriptors.ids)
    return Descriptors(descriptors.ids[order], descriptors.read()[order])
