"""Files that are damaged or locked are said to be, by name and in one sentence."""

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.user_error import UserError


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn what the libraries raise on a damaged file into one error with its name.

    Raises:
        FormatError: If the file is damaged, or not what it should be.
        UserError: If another program has locked it.
        OSError: If it cannot be opened at all.
    """
    try:
        yield
    except FormatError as error:
        raise FormatError(f"'{path}' is not a descriptor file: {error}") from error
    except UserError:
        raise
    except (FileNotFoundError, IsADirectoryError, PermissionError):
        raise
    except BlockingIOError as error:
        raise UserError(
            f"'{path}' is locked: another program is writing it. Wait until it is done "
            "and try again."
        ) from error
    except (
        OSError,
        RuntimeError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        EOFError,
        MemoryError,
        NotImplementedError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise FormatError(
            f"'{path}' is not a readable descriptor file: {error}. It may be cut "
            "short or of another format: write it again."
        ) from error


def check_keys(keys: Sequence[str], *wanted: str) -> None:
    """Refuse a file without the tables wanted.

    Raises:
        FormatError: Says which there are.
    """
    missing = [key for key in wanted if key not in keys]
    if missing:
        raise FormatError(
            f"it must hold {' and '.join(missing)}; it holds "
            f"{', '.join(keys[:8]) if keys else 'nothing'}."
        )


def check_length(what: str, *, announced: int, stored: int, factor: int) -> None:
    """Refuse a table that announces more bytes than can be there, before it is read.

    Args:
        what: Names the table.
        announced: Bytes by its shape and type.
        stored: Bytes in the file.
        factor: What compression can gain at most; 1 without any.

    Raises:
        FormatError: If they cannot agree.
    """
    if announced > stored * factor:
        raise FormatError(
            f"{what} announces {announced:,} bytes, and {stored:,} are there: it is "
            "cut short or was never written whole. Write it again."
        )
