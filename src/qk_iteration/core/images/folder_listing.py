"""What lies in a folder and its sub-folders: regular files, and all else with a reason.

Nothing is opened here. A named pipe would keep whoever opens it waiting for ever; a
folder that cannot be listed, or a link in a circle, must not vanish without a word.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from qk_iteration.core.images.left_out import Why, shown

SYSTEM_FOLDERS = frozenset(
    [
        *("@eadir", "@tmp", "@sharebin", "#recycle", "#snapshot", "@snapshot"),  # NAS
        *("@__thumb", ".@__thumb", "@recycle", "@recently-snapshot"),
        *("__macosx", "network trash folder", "temporary items"),  # macOS
        *("$recycle.bin", "recycler", "recycled", "system volume information"),
    ]
)
"""Folders, in small letters, that systems fill beside a person's own pictures."""

_PREVIEWS = ".lrdata"  # of Lightroom's catalogs
_LIBRARIES = (".photoslibrary", ".photolibrary", ".aplibrary", ".migratedphotolibrary")
_LIBRARY_PREVIEWS = {"resources", "thumbnails", "previews", "private", "scopes"}

_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISDIR, "a folder"),
)


@dataclass
class Listing:
    """What a folder holds.

    Attributes:
        files: Absolute paths of the regular files, links to such included.
        links: Those of them that are links themselves.
        left_out: Path, kind and reason of everything else.
    """

    files: list[str] = field(default_factory=list)
    links: set[str] = field(default_factory=set)
    left_out: list[tuple[str, Why, str]] = field(default_factory=list)

    def leave_out(self, path: str, why: Why, reason: str) -> None:
        """Add a row to what is left out."""
        self.left_out.append((shown(path), why, reason))


def list_folder(folder: Path) -> Listing:
    """All that a folder and its sub-folders hold; links are followed, each folder once.

    Own folders come before linked ones: what can be reached both ways is listed under
    its own path. Hidden files and folders, and those of thumbnails, are left out whole.

    Args:
        folder: An existing folder.
    """
    listing = Listing()
    links: list[str] = []
    seen: set[str] = set()
    pending = [str(folder.absolute())]
    while pending or links:
        parent = pending.pop() if pending else links.pop(0)
        real_parent = os.path.realpath(parent)
        if real_parent in seen:
            reason = f"It leads to {shown(real_parent)}, which was looked at before."
            listing.leave_out(parent, Why.SEEN_BEFORE, reason)
            continue
        seen.add(real_parent)
        for entry in _entries(parent, listing):
            if _is_folder(entry):
                (links if entry.is_symlink() else pending).append(entry.path)
            else:
                _add_file(entry, listing)
    listing.files.sort()
    return listing


def kind_of(mode: int) -> str:
    """What a file is that is not a regular one; empty for a regular file."""
    if stat.S_ISREG(mode):
        return ""
    return next((kind for is_kind, kind in _KINDS if is_kind(mode)), "no regular file")


def _entries(parent: str, listing: Listing) -> Iterator["os.DirEntry[str]"]:
    """What lies directly in a folder, hidden entries aside, in the order of names."""
    try:
        with os.scandir(parent) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        reason = f"The folder cannot be listed: {error.strerror}."
        listing.leave_out(parent, Why.UNLISTABLE, reason)
        return
    for entry in found:
        if _is_of_a_system(parent, entry.name):
            reason = "Hidden files, and folders of thumbnails, are not looked at."
            listing.leave_out(entry.path, Why.HIDDEN, reason)
        else:
            yield entry


def _is_of_a_system(parent: str, name: str) -> bool:
    """Whether a name is hidden, or of a folder that a system or a program fills."""
    small = name.lower()
    if small.startswith(".") or small in SYSTEM_FOLDERS or small.endswith(_PREVIEWS):
        return True
    return small in _LIBRARY_PREVIEWS and parent.lower().endswith(_LIBRARIES)


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # Links in a circle: what they are is asked again below.
        return False


def _add_file(entry: "os.DirEntry[str]", listing: Listing) -> None:
    path = entry.path
    try:
        kind = kind_of(os.stat(path).st_mode)
    except FileNotFoundError:
        reason = "It does not exist, or is a link that leads nowhere."
        listing.leave_out(path, Why.GONE, reason)
        return
    except OSError as error:
        listing.leave_out(path, Why.UNREADABLE, f"It cannot be read: {error.strerror}.")
        return
    if kind:
        listing.leave_out(path, Why.NOT_A_FILE, f"It is {kind}; pictures are files.")
    elif shown(path) != path:
        reason = "Its path must be UTF-8 text; odd bytes are shown as \\x… Rename it."
        listing.leave_out(path, Why.NOT_UTF8, reason)
    else:
        listing.files.append(path)
        if entry.is_symlink():
            listing.links.add(path)
