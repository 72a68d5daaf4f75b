"""Trainings that are killed at random times are compared with one that was not.

A SIGKILL falls a random time after a random event of the run: its start, the cache, the
bank, each report, the models. The same run again must end with the same bytes, and with
no file more.
"""

import shutil
import time

import numpy as np
import pytest

from tests.core.learning.small_training import MOCO, QK, SIMCLR, changed
from tests.faults.figures import note_figure
from tests.faults.forked import Child, outcome_of
from tests.faults.small_runs import draw_pictures, learn_in, models_in, names_in

pytestmark = pytest.mark.slow

KILLS = 3  # of each setting
QK_SETTINGS = {
    f"{towers} frozen {frozen}": changed(QK, towers=towers, frozen=frozen)
    for towers in ("handed_over", "separate", "shared_head")
    for frozen in ("backbone", "model")
}
METHODS = QK_SETTINGS | {"simclr": SIMCLR, "moco": MOCO}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return draw_pictures(tmp_path_factory.mktemp("pictures") / "all")


@pytest.mark.parametrize("averaging", [0.0, 0.5])
@pytest.mark.parametrize("name", METHODS)
def test_a_killed_training_ends_as_if_it_were_not(tmp_path, pictures, name, averaging):
    def run_in(folder):
        return lambda tell: learn_in(
            folder, pictures, METHODS[name], tell, weight_averaging=averaging
        )

    started = time.monotonic()
    whole = Child(run_in(tmp_path / "whole"))
    assert whole.outcome().is_good
    gap = (time.monotonic() - started) / len(whole.told)  # seconds between two events
    expected = models_in(tmp_path / "whole")
    assert len(expected) == 4
    generator = np.random.default_rng([sorted(METHODS).index(name), averaging > 0])
    for number in range(KILLS):
        folder = tmp_path / str(number)
        after = int(generator.integers(len(whole.told) - 2))
        seconds = gap * generator.random()
        while not is_killed(run_in(folder), after, seconds):
            shutil.rmtree(folder)  # It ended before it was killed.
            seconds /= 2
        assert outcome_of(run_in(folder)).is_good
        assert models_in(folder) == expected, (after, number)
        assert names_in(folder) == names_in(tmp_path / "whole")
    note_figure("SIGKILL at random times, weights equal bit for bit", KILLS)


def is_killed(work, after, seconds):
    """Kill some work so long after its event of that number; whether it met it."""
    child = Child(work)
    assert child.wait_for_words(after + 1)
    time.sleep(seconds)
    child.kill()
    return child.outcome().was_killed
