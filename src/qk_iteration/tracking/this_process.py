"""Whether the process that kept a run is still there: a killed one cannot say so."""

import os
import socket
from pathlib import Path


def this_process() -> str:
    """This process, told from every other one on any machine: host, number, start."""
    return f"{socket.gethostname()}:{os.getpid()}:{_start_of(os.getpid())}"


def is_gone(process: str) -> bool:
    """Whether a process that ``this_process`` told of has ended, as far as is known.

    One of another machine may still be there, as far as this one can tell.
    """
    host, _, rest = process.rpartition(":")[0].rpartition(":")
    if not rest.isdigit() or host != socket.gethostname():
        return False
    return f"{host}:{rest}:{_start_of(int(rest))}" != process


def _start_of(number: int) -> str:
    """When a process began, in ticks since the machine did; empty if it is gone."""
    try:
        text = Path(f"/proc/{number}/stat").read_text(encoding="utf-8")
    except OSError:
        return ""
    # The name, in brackets, may hold blanks; the start is the 22nd field of all.
    state, *fields = text.rpartition(")")[2].split()
    return "" if state == "Z" else fields[18]
