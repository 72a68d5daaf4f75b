"""Tables in Parquet files that carry a checksum over all they say.

Parquet's own cover the pages of the rows, not the footer: another name of a column, or
another number of rows, would go unseen.
"""

import hashlib
import json
from pathlib import Path

import pandas as pd

from qk_iteration.core.user_error import UserError, first_line

_KEY = b"qk_iteration_sha256"


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    """Write a table without its index.

    Args:
        table: Of numbers and text.
        path: To be replaced by who calls.

    Raises:
        OSError: If the file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    content = pa.Table.from_pandas(table, preserve_index=False)
    about = {**(content.schema.metadata or {}), _KEY: _checksum(table).encode()}
    with path.open("wb") as file:
        pq.write_table(
            content.replace_schema_metadata(about), file, write_page_checksum=True
        )


def read_parquet(path: Path) -> pd.DataFrame:
    """The table of a file.

    Raises:
        UserError: If it is not as it was written.
        OSError: If it cannot be opened.
    """
    import pyarrow.parquet as pq

    with path.open("rb") as file:
        try:
            content = pq.read_table(file, page_checksum_verification=True)
            table: pd.DataFrame = content.to_pandas()
            wanted = (content.schema.metadata or {}).get(_KEY)
            is_whole = wanted is None or wanted.decode() == _checksum(table)
        except Exception as error:  # Damage raises errors of many kinds.
            raise _damaged(path, first_line(error)) from error
    if not is_whole:
        raise _damaged(path, "It does not have the checksum that it was written with.")
    return table


def _checksum(table: pd.DataFrame) -> str:
    """SHA-256 of names, kinds and values; half a second for a million rows."""
    names = [(str(name), table[name].dtype.kind) for name in table]
    digest = hashlib.sha256(json.dumps([len(table), names]).encode())
    digest.update(pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes())
    return digest.hexdigest()


def _damaged(path: Path, why: str) -> UserError:
    return UserError(
        f"'{path}' is damaged: {why} Remove it and run the same pipeline from its "
        "beginning, which makes it again."
    )
