"""A command is run again and again, another of its file operations failing each time.

    LD_PRELOAD=failing_files.so python -m tests.faults.try_every_operation \
        COMMAND FOLDER MODEL EVERY WHAT...

writes a line of JSON into FOLDER/tries.jsonl for each failure: what the run that met it
ended with, and whether the same command afterwards made the bytes, and the files, of a
run that met none. EVERY is 7 for every seventh operation, or 1/20 for twenty of them.
"""

import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

from qk_iteration.core.user_error import UserError
from qk_iteration.plain_errors import plain_sentence
from tests.faults.failing_files import What, arm, operations
from tests.faults.forked import Child, outcome_of
from tests.faults.project_commands import files_in, work_of
from tests.faults.small_runs import draw_pictures


def armed(work, folder, *, at, what):
    """The work, with failing files, and with errors as a command would show them."""

    def run(tell):
        arm(folder, at=at, what=what)
        try:
            work(tell)
        except Exception as error:
            sentence = plain_sentence(error)
            if sentence is None:
                raise
            raise UserError(sentence) from error
        tell(f"operations {operations()}")

    return run


def chosen(number, every):
    """Numbers of operations, from 1 on, at equal distances."""
    if every.startswith("1/"):
        size = int(every.removeprefix("1/"))
        return sorted({1 + number * place // size for place in range(size)})
    return range(1, number + 1, int(every))


def main(command, folder, model, every, *failures):
    """Write down what became of each try."""
    folder = Path(folder)
    pictures = draw_pictures(folder / "pictures")

    def work_in(place):
        return work_of(command, place, pictures, Path(model), image_passes=16)

    def attempt(what, at):
        place = folder / f"{what.name}-{at}"
        place.mkdir()
        work = work_in(place)
        met = outcome_of(armed(work, place, at=at, what=what))
        left = files_in(place)
        again = outcome_of(work)
        return {
            "what": what.name,
            "at": at,
            "of": number,
            "met": asdict(met),
            "was_right": left == expected,
            "again": asdict(again),
            "is_right": files_in(place) == expected,
            "more": sorted(files_in(place).keys() - expected.keys()),
        }

    whole = folder / "whole"
    whole.mkdir()
    child = Child(armed(work_in(whole), whole, at=0, what=What.COUNTED))
    outcome = child.outcome()
    assert outcome.is_good, outcome.text
    expected = files_in(whole)
    number = int(child.told[-1].split()[1])
    with (folder / "tries.jsonl").open("w", buffering=1) as file:
        for what in map(What.__getitem__, failures):
            for at in [1] if what == What.READ_ONLY else chosen(number, every):
                file.write(json.dumps(attempt(what, at)) + "\n")
                shutil.rmtree(folder / f"{what.name}-{at}")


if __name__ == "__main__":
    main(*sys.argv[1:])
