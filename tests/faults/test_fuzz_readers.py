"""Thousands of damaged files are read: each is refused by our own error, or read.

Every file is read in a process of its own, so that a loop inside a library is seen as
one, and a crash ends a reader and not the test.
"""

import json
import os
import signal
import time

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qk_iteration.core.formats.descriptor_files import (
    read_descriptors,
    write_descriptors,
)
from qk_iteration.core.formats.descriptors import Descriptors, check_values
from qk_iteration.core.formats.ground_truth import read_true_matches
from qk_iteration.core.formats.predicted_matches import read_predicted_matches
from qk_iteration.core.formats.submission import read_submission, write_submission
from qk_iteration.core.user_error import UserError
from tests.faults.whole_set import IS_WHOLE_SET

pytestmark = pytest.mark.slow

NUM_EXAMPLES = 1000 if IS_WHOLE_SET else 250
SECONDS = 300  # that a reader may take on a busy machine
READ, REFUSED = 0, 1
NAMES = [f"R{row:06d}" for row in range(50)]
VECTORS = np.random.default_rng(0).standard_normal((50, 8)).astype("f4")


def write_hdf5(path, *, names, **settings):
    with h5py.File(path, "w") as file:
        file.create_dataset("vectors", data=VECTORS, **settings)
        file["image_names"] = names


def write_csv(path, header, rows):
    path.write_text("\n".join([header, *rows]) + "\n")


def read_all(path):
    """Everything that scoring reads of a descriptor file."""
    check_values(read_descriptors(path), what="Descriptors")


WRITERS = {
    "plain.h5": lambda path: write_hdf5(path, names=np.array(NAMES, "S")),
    "chunked.h5": lambda path: write_hdf5(
        path, names=np.array(NAMES, "S"), chunks=(7, 8), compression="gzip"
    ),
    "heap.h5": lambda path: write_hdf5(path, names=NAMES),
    "plain.npz": lambda path: write_descriptors(path, Descriptors(NAMES, VECTORS)),
    "small.npz": lambda path: np.savez_compressed(
        path, vectors=VECTORS, image_names=np.array(NAMES)
    ),
    "submission.h5": lambda path: write_submission(
        path, Descriptors(["Q1", "Q2"], VECTORS[:2]), Descriptors(NAMES, VECTORS)
    ),
    "truth.csv": lambda path: write_csv(
        path, "query_id,reference_id", [f"Q{row},R{row}" for row in range(40)]
    ),
    "predictions.csv": lambda path: write_csv(
        path, "query_id,reference_id,score", [f"Q{n},R{n},{n / 7}" for n in range(40)]
    ),
    "truth.json": lambda path: path.write_text(
        json.dumps({f"Q{row}": [f"R{row}"] for row in range(40)})
    ),
}
READERS = {
    "submission.h5": read_submission,
    "truth.csv": read_true_matches,
    "predictions.csv": read_predicted_matches,
    "truth.json": read_true_matches,
}

MUTATION = st.tuples(
    st.sampled_from(["bytes", "zeros", "copy", "cut", "insert", "drop"]),
    st.floats(0, 1),  # where, of the file's length
    st.floats(0, 1),  # from where, for copies
    st.integers(1, 300),  # how many bytes
    st.binary(min_size=1, max_size=12),
)


def mutate(content, mutations):
    for kind, place, source, length, new in mutations:
        start = int(place**3 * len(content))  # headers more often than rows
        stop = min(start + length, len(content))
        other = int(source * len(content))
        content = {
            "bytes": content[:start] + new + content[start + len(new) :],
            "zeros": content[:start] + bytes(stop - start) + content[stop:],
            "copy": content[:start] + content[other : other + length] + content[stop:],
            "cut": content[: len(content) - length],
            "insert": content[:start] + new + content[start:],
            "drop": content[:start] + content[stop:],
        }[kind]
    return content


def outcome_of(read, path):
    """``READ``, ``REFUSED``, or what went wrong, from a process of its own."""
    reader = os.fork()
    if reader == 0:
        os._exit(_attempt(read, path))
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        ended, status = os.waitpid(reader, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            return code if code in (READ, REFUSED) else f"ended with {code}"
        time.sleep(0.001)
    os.kill(reader, signal.SIGKILL)
    os.waitpid(reader, 0)
    return "does not end"


def _attempt(read, path):
    try:
        read(path)
    except UserError as error:
        return REFUSED if path.name in str(error) or "must" in str(error) else 3
    except BaseException:
        import traceback

        traceback.print_exc()
        return 2
    return READ


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_damaged_files_are_refused_or_read(tmp_path, name):
    WRITERS[name](tmp_path / name)
    read = READERS.get(name, read_all)
    whole = (tmp_path / name).read_bytes()
    assert outcome_of(read, tmp_path / name) == READ
    outcomes = []

    # Names in a heap are read by another process, half a second each.
    @settings(
        max_examples=60 if name == "heap.h5" else NUM_EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(mutations=st.lists(MUTATION, min_size=1, max_size=4))
    def attempt(mutations):
        (tmp_path / name).write_bytes(mutate(whole, mutations))
        outcomes.append(outcome_of(read, tmp_path / name))
        assert outcomes[-1] in (READ, REFUSED)

    attempt()
    assert REFUSED in outcomes


@pytest.mark.parametrize("name", ["plain.h5", "plain.npz", "truth.csv", "truth.json"])
def test_a_file_cut_anywhere_is_refused_or_a_csv(tmp_path, name, caplog):
    WRITERS[name](tmp_path / name)
    read = READERS.get(name, read_all)
    whole = (tmp_path / name).read_bytes()
    for length in range(0, len(whole), max(len(whole) // 300, 1)):
        (tmp_path / name).write_bytes(whole[:length])
        if name != "truth.csv":
            assert outcome_of(read, tmp_path / name) == REFUSED, length
            continue
        caplog.clear()
        try:
            read(tmp_path / name)
        except UserError:
            continue
        ends_whole = whole[:length].endswith(b"\n")
        assert ends_whole or "may be cut short" in caplog.text, length
