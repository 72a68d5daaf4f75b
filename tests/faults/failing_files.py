"""File operations below a folder that fail, or end the process, at a chosen number.

The C of ``failing_files.c`` is compiled when it is asked for and loaded before the C
library, so that a process must be started with it; it is armed in a forked one.
"""

import ctypes
import os
import shutil
import subprocess
from enum import IntEnum
from pathlib import Path

import pytest

_SOURCE = Path(__file__).with_suffix(".c")


class What(IntEnum):
    """What happens at the operation, as the C names it."""

    COUNTED = 0
    FULL = 1
    BROKEN = 2
    KILLED = 3
    READ_ONLY = 4


def environment_of_failures(folder):
    """The environment of a process in which file operations can fail.

    Args:
        folder: Where the compiled library is put.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("No C compiler (cc), of which the failing file operations are made")
    library = folder / "failing_files.so"
    options = ("-O1", "-Wall", "-Werror", "-shared", "-fPIC")
    subprocess.run(
        [compiler, *options, "-o", library, _SOURCE, "-ldl"],
        check=True,
        capture_output=True,
    )
    return os.environ | {"LD_PRELOAD": str(library)}


def arm(folder, *, at, what):
    """Let operations below the folder fail in this process from now on."""
    _library().ff_arm(os.fsencode(folder), at, int(what))


def operations():
    """Operations below the folder since ``arm``."""
    return _library().ff_count()


def _library():
    library = ctypes.CDLL(None)
    library.ff_arm.argtypes = (ctypes.c_char_p, ctypes.c_long, ctypes.c_int)
    library.ff_count.restype = ctypes.c_long
    return library
