"""Arrays in npy files, mapped; a damaged header is one kind of error, not six."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def map_npy(path: Path) -> NDArray[Any]:
    """The array of a file, memory-mapped, read-only.

    Raises:
        OSError: If the file cannot be opened.
        ValueError: If it is cut short, damaged or another kind of file.
    """
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # NumPy has Python's parser read the header.
        raise ValueError(f"'{path}' is damaged: {error}") from error
    return array
