"""Paths as people name them, on a command line, in parameters or from Python."""

import os
from pathlib import Path

from qk_iteration.core.user_error import UserError


def user_path(text: object) -> Path:
    """The path that a person means.

    ``~`` and ``~name`` at its start are expanded, as a shell does where it sees them;
    it does not in ``--metrics-path=~/m.json``. A name of digits is a name; what read
    it as a number has dropped its leading zeros already.

    Args:
        text: Text, a path, or a whole number.

    Raises:
        UserError: If it is empty, no path at all, or ``~name`` is nobody's.
    """
    if isinstance(text, bool) or not isinstance(text, (str, int, os.PathLike)):
        raise UserError(f"A path must be text; got {text!r}.")
    path = os.fsdecode(text) if isinstance(text, os.PathLike) else str(text)
    if not path.strip() or "\0" in path:
        raise UserError(f"A path must be the name of a file or folder; got {path!r}.")
    expanded = os.path.expanduser(path)
    if expanded == path and path.startswith("~"):
        raise UserError(
            f"'{path}' begins with the home folder of somebody unknown here. Write "
            f"./{path} if a folder is called so."
        )
    return Path(expanded)
