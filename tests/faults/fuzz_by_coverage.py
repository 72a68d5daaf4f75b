"""Inputs that reach new code are sought for one reader, by hand, with atheris.

    pip install atheris
    python -m tests.faults.fuzz_by_coverage WHAT SECONDS FOLDER

WHAT is ``pictures`` or a file of ``test_fuzz_readers.WRITERS``, such as ``plain.h5``.
FOLDER keeps the inputs found, and any that ended in something but a success or an error
of ours. Not a part of CI: a search by chance has no end.
"""

import contextlib
import importlib
import logging
import sys
from pathlib import Path

from qk_iteration.core.user_error import UserError


def main(what, seconds, folder):
    """Search for so many seconds; atheris ends the process, with 0 if all was well."""
    atheris = importlib.import_module("atheris")
    logging.disable(logging.CRITICAL)
    inputs = Path(folder) / "inputs"
    inputs.mkdir(parents=True, exist_ok=True)
    with atheris.instrument_imports(include=["qk_iteration.core", "PIL"]):
        take = pictures(inputs) if what == "pictures" else reader_of(what, inputs)
    options = (
        f"-max_total_time={seconds}",
        "-timeout=30",
        f"-artifact_prefix={folder}/",
    )
    atheris.Setup([sys.argv[0], str(inputs), *options, "-print_final_stats=1"], take)
    atheris.Fuzz()


def pictures(inputs):
    """What is called with each input; files of every format to begin with."""
    images = importlib.import_module("tests.faults.test_fuzz_images")
    for name in images.FORMATS:
        for number, content in enumerate(images.seeds_of(name)):
            (inputs / f"{name}{number}").write_bytes(content)

    def take(content):
        path = inputs.with_name("picture")
        path.write_bytes(content)
        assert images.outcome_of(path) in ("pictures", "errors")

    return take


def reader_of(name, inputs):
    """What is called with each input; a sound file to begin with."""
    readers = importlib.import_module("tests.faults.test_fuzz_readers")
    read = readers.READERS.get(name, readers.read_all)
    readers.WRITERS[name](inputs.with_name(name))
    (inputs / "sound").write_bytes(inputs.with_name(name).read_bytes())

    def take(content):
        path = inputs.with_name(name)
        path.write_bytes(content)
        with contextlib.suppress(UserError):
            read(path)

    return take


if __name__ == "__main__":
    main(*sys.argv[1:])
