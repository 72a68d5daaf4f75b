"""What torch saves, through a file of Python's, which tells why a write has failed."""

from pathlib import Path
from typing import Any

import torch


def write_torch(path: Path, content: Any) -> None:
    """Write a file as ``torch.save`` does.

    Raises:
        OSError: If it cannot be written, and why; torch alone says that a position is
            unexpected.
    """
    try:
        with path.open("wb") as file:
            torch.save(content, file)
    except RuntimeError as error:
        if isinstance(error.__context__, OSError):
            raise error.__context__ from None
        raise
