"""Saves that fail or are killed in the middle are compared with none: the old file."""

import os
import resource
import signal

import matplotlib.figure
import pandas as pd
import pytest
import yaml

from qk_iteration.datasets import CSVDataset, FigureDataset, JSONDataset, TextDataset
from tests.test_run import PROJECT

ROOM = 4096  # bytes of a file, fewer than any content below takes


def figure_with(number):
    figure = matplotlib.figure.Figure()
    figure.subplots().plot(range(number))
    return figure


CONTENTS = {
    JSONDataset: lambda number: {f"metric_{row}": row + number for row in range(999)},
    TextDataset: lambda number: f"{number} " * 9999,
    CSVDataset: lambda number: pd.DataFrame({"a": range(number, number + 9999)}),
    FigureDataset: figure_with,
}


def saved_with_little_room(dataset, content, *, is_killed):
    """The exit of a process whose file may not grow beyond ``ROOM`` bytes."""
    child = os.fork()
    if child == 0:
        try:
            action = signal.SIG_DFL if is_killed else signal.SIG_IGN
            signal.signal(signal.SIGXFSZ, action)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM))
            dataset.save(content)
            os._exit(0)
        except BaseException as error:
            os._exit(7 if "File too large" in str(error) else 1)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


@pytest.mark.parametrize("kind", CONTENTS)
def test_what_is_saved_is_what_kedro_saves(tmp_path, kind):
    content = CONTENTS[kind](3)
    paths = [tmp_path / name / "file" for name in ("ours", "kedros")]
    kind(filepath=str(paths[0])).save(content)
    (base,) = [one for one in kind.__mro__ if one.__module__.startswith("kedro_data")]
    base(filepath=str(paths[1])).save(content)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert len(paths[0].read_bytes()) > ROOM


@pytest.mark.parametrize(("is_killed", "ending"), [(True, -signal.SIGXFSZ), (False, 7)])
@pytest.mark.parametrize("kind", CONTENTS)
def test_a_save_that_ends_in_the_middle_leaves_the_old_file(
    tmp_path, kind, is_killed, ending
):
    path = tmp_path / "file"
    dataset = kind(filepath=str(path))
    dataset.save(CONTENTS[kind](1))
    old = path.read_bytes()
    new = CONTENTS[kind](5)
    assert saved_with_little_room(dataset, new, is_killed=is_killed) == ending
    assert path.read_bytes() == old
    dataset.save(new)
    assert path.read_bytes() != old
    assert os.listdir(tmp_path) == ["file"]  # What the killed one left is gone too.


def test_every_entry_of_the_catalog_is_written_whole():
    catalog = yaml.safe_load((PROJECT / "conf/base/catalog.yml").read_text())
    kinds = {entry["type"] for entry in catalog.values()}
    ours = {kind.rpartition(".")[2] for kind in kinds if "qk_iteration" in kind}
    assert kinds - {f"qk_iteration.datasets.{name}" for name in ours} == {
        "MemoryDataset"
    }
    assert {kind.__name__ for kind in CONTENTS} <= ours
