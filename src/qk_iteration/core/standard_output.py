"""The result of a command on standard output, whoever reads it and for how long."""

import os
import sys


def print_result(text: str) -> None:
    """Write a text; that nobody reads on, as after ``| head``, is no error.

    Args:
        text: With its line ends.
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would flush once more at its end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
