"""A reader that leaves early is no error of the command."""

import os
import sys

from qk_iteration.core.standard_output import print_result


def test_a_result_is_written_as_it_is(capsys):
    print_result("7 pairs\n")
    assert capsys.readouterr().out == "7 pairs\n"


def test_nobody_need_read_it(monkeypatch):
    read_end, write_end = os.pipe()
    os.close(read_end)
    with open(write_end, "w", encoding="utf-8") as output:
        monkeypatch.setattr(sys, "stdout", output)
        print_result("7 pairs\n")
        same = os.fstat(output.fileno())
        assert os.path.samestat(same, os.stat(os.devnull)), "the last flush goes there"
