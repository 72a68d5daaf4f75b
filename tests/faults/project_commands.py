"""Six commands on one project's folder, small: what each keeps, and what it makes."""

from functools import cache
from pathlib import Path

from qk_iteration.collection.find import find_copies
from qk_iteration.core.describing.describe_images import describe_images
from qk_iteration.core.describing.describing_config import DescriptionConfig
from qk_iteration.core.describing.load_describer import load_describer
from qk_iteration.core.formats.descriptor_files import write_descriptors
from qk_iteration.pipelines.own_benchmark.nodes import make_own_benchmark
from tests.core.learning.small_training import MOCO, QK, SIMCLR
from tests.faults.small_runs import RECIPE, draw_pictures, learn_in, names_in
from tests.pipelines.own_benchmark.small_own_benchmark import (
    EXTERNAL,
    small_own_benchmark,
)

METHODS = {"train": QK, "simclr": SIMCLR, "moco": MOCO}
DESCRIPTION = DescriptionConfig(batch_size=4, num_workers=0, precision="float32")
COMMANDS = (*METHODS, "describe", "find_copies", "own_benchmark")

# What differs from run to run: seconds, and the folder's own name.
_DIFFERS = (".lock", "latest.pt", "previous.pt", "search.json", "files.sqlite")


def work_of(command, folder, pictures, model, **learning):
    """The work of a command, to be done by a process.

    Args:
        command: One of ``COMMANDS``.
        folder: Of the project.
        pictures: What ``draw_pictures`` returned.
        model: With a calibration beside it; for all that does not train.
        learning: As of ``learn_in``.
    """
    if command in METHODS:
        config = METHODS[command]
        return lambda tell: learn_in(
            folder, pictures, config, tell, name=command, **learning
        )
    if command == "own_benchmark":
        pictures = _more_pictures(Path(pictures["path"][0]).parent.with_name("many"))
    work = {
        "describe": _describe,
        "find_copies": _find,
        "own_benchmark": _make_own_benchmark,
    }[command]
    return lambda tell: work(folder, pictures, model)


@cache  # Drawn once: another process may be reading them.
def _more_pictures(folder):
    """What has a training, a validation and a test part is made of these."""
    return draw_pictures(folder, number=60)


def files_in(folder):
    """Every file and its bytes; None for what no two runs have in common."""
    return {
        name: None if Path(name).name in _DIFFERS else (folder / name).read_bytes()
        for name in names_in(folder)
    }


def _describe(folder, pictures, model):
    described = describe_images(
        pictures, load_describer(model), DESCRIPTION, max_pixels=10_000
    )
    write_descriptors(folder / "descriptors.hdf5", described)


def _find(folder, pictures, model):
    find_copies(
        Path(pictures["path"][0]).parent,
        output=folder / "found",
        model=model,
        num_workers=0,
        device="cpu",
    )


def _make_own_benchmark(folder, pictures, model):
    config = small_own_benchmark(folder / "own", model, queries_per_picture=2)
    images = str(Path(pictures["path"][0]).parent)
    make_own_benchmark(images, config, EXTERNAL, RECIPE, DESCRIPTION, "cpu")
