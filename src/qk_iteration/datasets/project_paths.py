"""Paths as they are kept in files: relative to the project, so that it can be moved.

What lies outside the project stays absolute: it does not move along.
"""

import os
from pathlib import Path


def to_kept(path: str, root: Path) -> str:
    """The path relative to the project's folder, if it lies below it."""
    absolute = os.path.abspath(path)
    below = f"{os.path.abspath(root).rstrip('/')}/"
    return absolute.removeprefix(below)


def from_kept(path: str, root: Path) -> str:
    """The absolute path of what `to_kept` gave, wherever the project is now."""
    return os.path.join(os.path.abspath(root), path)
