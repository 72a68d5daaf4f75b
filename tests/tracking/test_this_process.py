"""What is known of a process is compared with whether it is there."""

import socket
import subprocess
import sys

from qk_iteration.tracking.this_process import is_gone, this_process


def told_by_another(*, wait):
    code = (
        "import sys; from qk_iteration.tracking.this_process import this_process\n"
        "print(this_process(), flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": ":".join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    told = process.stdout.readline().strip()
    if wait:
        process.communicate()
    return process, told


def test_a_process_is_there_until_it_ends():
    process, told = told_by_another(wait=False)
    assert not is_gone(told)
    process.communicate()
    assert is_gone(told)


def test_this_one_is_there_and_its_number_given_again_is_another():
    assert not is_gone(this_process())
    host, number, start = this_process().split(":")
    assert is_gone(f"{host}:{number}:{int(start) - 1}")


def test_of_another_machine_and_of_nonsense_nothing_is_known():
    assert not is_gone(f"not-{socket.gethostname()}:1:1")
    assert not is_gone("")
