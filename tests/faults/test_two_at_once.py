"""Two commands on one project's folder are compared with each of them alone.

Every pair of ``train``, ``simclr``, ``moco``, ``describe``, ``find_copies`` and
``own_benchmark``, a command with itself too, started at most a second apart, where
nothing has been made yet and where all has. They share cache, bank and descriptors;
both must end with the bytes that they make alone, and leave no file that neither makes.

    FAULT_EVERY=1 pytest -m slow tests/faults/test_two_at_once.py

starts each pair eight times in both folders, not once in one of them.
"""

import shutil
import time
from itertools import combinations_with_replacement

import numpy as np
import pytest

from tests.collection.conftest import model as calibrated_model
from tests.faults.figures import note_figure
from tests.faults.forked import Child, outcome_of
from tests.faults.project_commands import COMMANDS, files_in, work_of
from tests.faults.small_runs import draw_pictures
from tests.faults.whole_set import IS_WHOLE_SET

__all__ = ["calibrated_model"]
pytestmark = pytest.mark.slow

PAIRS = list(combinations_with_replacement(COMMANDS, 2))
DELAYS = 8 if IS_WHOLE_SET else 1


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return draw_pictures(tmp_path_factory.mktemp("pictures") / "all")


@pytest.fixture(scope="module")
def work_in(pictures, calibrated_model):
    """Gives the work of a command in a folder."""

    return lambda command, folder: work_of(command, folder, pictures, calibrated_model)


@pytest.fixture(scope="module")
def alone(tmp_path_factory, work_in):
    """What each command makes in a folder of its own, by name."""
    made = {}
    for command in COMMANDS:
        folder = tmp_path_factory.mktemp(command)
        outcome = outcome_of(work_in(command, folder))
        assert outcome.is_good, outcome.text
        made[command] = files_in(folder)
    return made


@pytest.fixture(scope="module")
def filled(tmp_path_factory, work_in):
    """A folder in which every command has been run."""
    folder = tmp_path_factory.mktemp("filled")
    for command in COMMANDS:
        assert outcome_of(work_in(command, folder)).is_good
    return folder


def cases():
    """Pairs, and whether the folder is filled; a sample where not all are asked for."""
    generator = np.random.default_rng(0)
    for one, other in PAIRS:
        drawn = bool(generator.integers(2))
        for is_filled in [False, True] if IS_WHOLE_SET else [drawn]:
            state = "filled" if is_filled else "empty"
            yield pytest.param(one, other, is_filled, id=f"{one}-{other}-{state}")


@pytest.mark.parametrize(("one", "other", "is_filled"), list(cases()))
def test_both_end_as_if_alone(tmp_path, work_in, alone, filled, one, other, is_filled):
    generator = np.random.default_rng([PAIRS.index((one, other)), is_filled])
    expected = alone[one] | alone[other]
    for number in range(DELAYS):
        folder = tmp_path / str(number)
        if is_filled:
            expected = files_in(filled)
            shutil.copytree(filled, folder)
        first, second = generator.permutation([one, other]).tolist()
        children = [Child(work_in(first, folder))]
        time.sleep(generator.random())
        children.append(Child(work_in(second, folder)))
        for child in children:
            outcome = child.outcome()
            assert outcome.is_good, outcome.text
        assert files_in(folder) == expected
        shutil.rmtree(folder)
    note_figure("two commands at once, both ended as if alone", DELAYS)
