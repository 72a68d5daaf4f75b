"""Other programs, run to their end; not a test itself."""

import os
import subprocess


def output_of(command, *, place=None, **variables):
    """What a command prints; it must end well.

    Args:
        command: The program and its arguments.
        place: The folder it is run in; None is the present one.
        variables: Of the environment, beside what it holds.
    """
    done = subprocess.run(
        command,
        cwd=place,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
