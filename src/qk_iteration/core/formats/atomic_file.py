"""The one place that opens outputs: files that are either whole or not there."""

import errno
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from qk_iteration.core.formats.full_disk import saying_full_disk
from qk_iteration.core.formats.partial_file import partial_file
from qk_iteration.core.formats.user_paths import user_path

_MAX_LINKS = 40  # as many as the kernel follows
_PRIVATE = stat.S_IRUSR | stat.S_IWUSR  # nobody else reads it meanwhile


@contextmanager
def replacing(path: str | Path, *, is_durable: bool = False) -> Iterator[Path]:
    """A temporary file to write to; it takes the name when all went well.

    A reader never sees half a file, and a failed write leaves the old file as it was.
    Links are followed, mode, owner and attributes of the old file are kept, ``~`` is
    expanded, and folders that are missing are made. A pipe, a device, ``/dev/stdout``,
    ``>(...)`` of a shell, a file of two names, of another owner or in a folder that may
    not be written gets the whole content in the end instead of being replaced. What a
    killed process left is removed by the next that writes the same file.

    Args:
        path: The file to be written.
        is_durable: Whether the file must survive a loss of power once its name is
            there, because other files rely on it. It is replaced even where it has a
            second name or another owner: half of it must never be seen.

    Raises:
        FullDiskError: If there is no room.
        OSError: If the file cannot be written.
    """
    target = user_path(path)
    descriptor, final = _resolved(target)
    old = _state_of(final) if descriptor is None else None
    has_names = old is not None and old.st_nlink > 1 and not is_durable
    if descriptor is not None or (old is not None and _is_straight(final)) or has_names:
        with partial_file(Path(tempfile.gettempdir()), target) as partial:
            partial.chmod(_PRIVATE)
            yield partial
            _copy(partial, final, descriptor)
        return
    with saying_full_disk(final):
        final.parent.mkdir(parents=True, exist_ok=True)
    with partial_file(final.parent, final) as partial:
        if old is not None:
            partial.chmod(_PRIVATE)
        yield partial
        if old is not None and not _inherits(partial, final, old) and not is_durable:
            _copy(partial, final, None)
            return
        if is_durable:
            _sync(partial)
        _take_name(partial, final)
        if is_durable:
            _sync(final.parent)


def _resolved(target: Path) -> tuple[int | None, Path]:
    """The open descriptor of this process that is meant, if any, and the real path."""
    path = str(target)
    for _ in range(_MAX_LINKS):
        folder = os.path.realpath(os.path.dirname(path) or ".")
        path = os.path.join(folder, os.path.basename(path))
        name = os.path.basename(path)
        if folder in (f"/proc/{os.getpid()}/fd", "/dev/fd") and name.isdigit():
            os.fstat(int(name))
            return int(name), Path(path)
        if not os.path.islink(path):
            return None, Path(path)
        path = os.path.join(folder, os.readlink(path))
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(target))


def _state_of(path: Path) -> os.stat_result | None:
    """What the file is; None where there is none.

    Raises:
        OSError: If it is a folder, or may not be written.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    return found


def _is_straight(path: Path) -> bool:
    """Whether an existing file cannot be replaced by another."""
    return not path.is_file() or not os.access(path.parent, os.W_OK)


def _inherits(partial: Path, final: Path, old: os.stat_result) -> bool:
    """Give the new file mode, attributes and, if one may, the owner of the old one."""
    new, is_owner_kept = partial.stat(), True
    if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
        try:
            os.chown(partial, old.st_uid, old.st_gid)
        except PermissionError:
            is_owner_kept = False
            with suppress(PermissionError):  # of a group that one is no member of
                os.chown(partial, -1, old.st_gid)
    with suppress(OSError):  # a file system without attributes
        for name in os.listxattr(final):
            with suppress(OSError):  # the system's own
                os.setxattr(partial, name, os.getxattr(final, name))
    partial.chmod(stat.S_IMODE(old.st_mode))
    return is_owner_kept


def _take_name(partial: Path, final: Path) -> None:
    try:
        os.replace(partial, final)
    except OSError as error:
        if error.errno != errno.EBUSY:  # a file that is mounted by itself
            raise
        _copy(partial, final, None)


def _copy(partial: Path, final: Path, descriptor: int | None) -> None:
    """Write the content into what is there already, to its end."""
    if descriptor is None:
        sink = os.open(final, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
    else:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()  # what was said before comes before
        sink = os.dup(descriptor)
    with (
        saying_full_disk(final),
        partial.open("rb") as source,
        os.fdopen(sink, "wb") as output,
    ):
        shutil.copyfileobj(source, output)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
