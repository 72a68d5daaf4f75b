"""Benchmark folders that appear under their name when they are whole.

Each is built in a folder beside the target that takes the target's name at the end: a
build that was killed leaves nothing that looks like a benchmark, and is simply done
anew. What it replaces is moved aside before, since removing thousands of files takes
seconds, in which a kill would leave a part of them.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qk_iteration.builtin_benchmark.layout import MARKER
from qk_iteration.core.formats.folder_lock import locked
from qk_iteration.core.user_error import UserError


def has_mark(folder: Path, mark: str) -> bool:
    """Whether a folder was built whole, and with what this mark stands for."""
    marker = folder / MARKER
    return marker.is_file() and marker.read_text("utf-8") == mark


def check_replaceable(folder: Path) -> None:
    """Refuse to replace a person's own files.

    Raises:
        UserError: If ``folder`` holds anything that was not built here, or is a file.
    """
    is_ours = not folder.exists() or (folder / MARKER).is_file()
    if not is_ours and (folder.is_file() or any(folder.iterdir())):
        raise UserError(
            f"folder must be new, empty, or a benchmark that was built before; got "
            f"{folder}, which is or holds other files. Choose another folder or empty "
            "it."
        )


@contextmanager
def building_alone(folder: Path) -> Iterator[None]:
    """One process at a time; another that wants to build the folder waits."""
    folder = folder.resolve()  # A link may lead to a larger disk.
    with locked(folder.with_name(f".{folder.name}.building"), what="the benchmark"):
        _end_replacing(folder)
        yield


@contextmanager
def appearing_whole(folder: Path, mark: str) -> Iterator[Path]:
    """A new folder beside ``folder``, which it replaces when the block ends well.

    Args:
        folder: What is built; see `check_replaceable`.
        mark: Of all that decides the content; see `has_mark`.

    Yields:
        The folder to build in. It does not exist yet.

    Raises:
        UserError: If ``folder`` holds anything that was not built here.
    """
    folder = folder.resolve()
    _end_replacing(folder)
    check_replaceable(folder)
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    yield partial
    (partial / MARKER).write_text(mark, "utf-8")
    if folder.exists():
        folder.rename(_replaced(folder))
    partial.rename(folder)
    _end_replacing(folder)


def _end_replacing(folder: Path) -> None:
    """Remove what was moved aside, or bring it back where nothing took its name."""
    if _replaced(folder).exists() and not folder.exists():
        _replaced(folder).rename(folder)
    shutil.rmtree(_replaced(folder), ignore_errors=True)


def _replaced(folder: Path) -> Path:
    """Where the old one is while the new one takes its name."""
    return folder.with_name(f".{folder.name}.replaced")
