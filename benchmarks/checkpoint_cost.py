"""What checkpoints cost: their share of the time of a training at the default settings.

    python benchmarks/checkpoint_cost.py --json checkpoint_cost.json

A short training by QK Iteration is run as `kedro run` runs it, on drawn images. Every
checkpoint is timed, up to the synced file, and every SGD step without the checkpoint
after it. The share is that of a Q-phase and a K-phase of the default lengths, which
save each `steps_per_checkpoint` and at their ends; banks and validations are left out,
whose time would make it smaller.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from measuring import describe_machine, write_json
from rich.console import Console
from step_parts import base_parameters, draw_images

from qk_iteration.core.images.recipe import EditRecipe
from qk_iteration.core.learning.checkpoints import Checkpoints, CheckpointStore
from qk_iteration.core.learning.learning_config import (
    FORWARD_COST,
    LearningConfig,
    QKConfig,
)
from qk_iteration.core.learning.side import Side
from qk_iteration.core.learning.training import Training, learn
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.model_config import ModelConfig

_console = Console(width=110)


class TimedCheckpoints(Checkpoints):
    """Checkpoints that say when each began and ended."""

    def __init__(self, folder: Path, spans: list[tuple[float, float]]) -> None:
        super().__init__(folder)
        self._spans = spans

    def save(self, content: dict[str, Any]) -> None:
        """Save as ever."""
        started = time.perf_counter()
        super().save(content)
        self._spans.append((started, time.perf_counter()))


class TimedStore(CheckpointStore):
    """A store of such checkpoints.

    Attributes:
        spans: Start and end of each checkpoint, in seconds.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.spans: list[tuple[float, float]] = []

    @contextmanager
    def of_training(self, fingerprint: str, *, resume: bool) -> Iterator[Checkpoints]:
        """The checkpoints of a training, timed."""
        with super().of_training(fingerprint, resume=resume) as checkpoints:
            yield TimedCheckpoints(checkpoints.folder, self.spans)


def main() -> None:
    """Train as the command line asks; print the share and write JSON."""
    arguments = _parse_arguments()
    device = torch.device(arguments.device)
    machine = describe_machine(device)
    _console.print(machine)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        content = _measure(Path(folder), arguments, device)
    _console.print(
        f"A checkpoint of {content['mib']:.0f} MiB takes {content['checkpoint_s']:.3f} "
        f"s, a step {content['step_s']:.3f} s. {content['num_checkpoints']:.1f} "
        f"checkpoints in {content['num_steps']} steps: {content['share']:.2%}."
    )
    if arguments.json:
        write_json(arguments.json, {"machine": machine} | content)


def _measure(
    folder: Path, arguments: argparse.Namespace, device: torch.device
) -> dict[str, Any]:
    """What a step and a checkpoint take, and the share of a cycle of phases."""
    parameters = base_parameters()
    default = QKConfig.model_validate(parameters["qk"])
    short = {"query_steps": arguments.num_steps, "key_steps": arguments.num_steps}
    store, ends = TimedStore(folder / "checkpoints"), list[float]()
    training = _training(folder, store, parameters, ends, arguments, device)
    learn(training, default.model_copy(update=short))
    (latest,) = store.folder.glob("*/latest.pt")
    interval = parameters["learning"]["steps_per_checkpoint"]
    num_steps = default.query_steps + default.key_steps
    num_checkpoints = num_steps / interval + 2
    step = statistics.median(_seconds_of_steps(ends, store.spans, arguments.num_steps))
    checkpoint = statistics.median(end - start for start, end in store.spans)
    whole = num_checkpoints * checkpoint + num_steps * step
    return {
        "backbone": training.initial_models[Side.QUERY].config.backbone,
        "images_per_step": training.learning.images_per_step,
        "num_steps": num_steps,
        "num_checkpoints": num_checkpoints,
        "mib": latest.stat().st_size / 2**20,
        "step_s": step,
        "checkpoint_s": checkpoint,
        "share": num_checkpoints * checkpoint / whole,
    }


def _seconds_of_steps(
    ends: list[float], checkpoints: list[tuple[float, float]], num_steps: int
) -> Iterator[float]:
    """Between the ends of two steps of one phase, the checkpoints within left out."""
    for number, (before, after) in enumerate(pairwise(ends), start=1):
        if number % num_steps:
            saved = sum(e - s for s, e in checkpoints if before < s < after)
            yield after - before - saved


def _training(
    folder: Path,
    store: CheckpointStore,
    parameters: dict[str, Any],
    ends: list[float],
    arguments: argparse.Namespace,
    device: torch.device,
) -> Training:
    """A training of two short phases at the settings of conf/base.

    Args:
        folder: Of the images.
        store: Of the checkpoints.
        parameters: The blocks of conf/base.
        ends: Takes the time at which each step ends.
        arguments: Of the command line.
        device: Of the models.
    """
    changes = {"weights": "random"}
    if arguments.backbone:
        changes |= {"backbone": arguments.backbone, "image_size": arguments.image_size}
    model = ModelConfig.model_validate(parameters["model"] | changes)
    settings = parameters["learning"] | {
        "num_workers": arguments.num_workers,
        "steps_per_report": 1,
    }
    if arguments.batch_size:
        settings["images_per_step"] = arguments.batch_size
    images_per_step = settings["images_per_step"]
    num_images = 4 * images_per_step
    passes = 2 * (arguments.num_steps * images_per_step + num_images * FORWARD_COST)
    settings["image_passes"] = round(passes)

    def report(passes: float, metrics: Mapping[str, float]) -> None:
        if "train/loss" in metrics:
            ends.append(time.perf_counter())

    return Training(
        initial_models=dict.fromkeys(Side, DescriptorModel(model).to(device)),
        initial_bank=None,
        images=draw_images(
            folder,
            EditRecipe.model_validate(parameters["training_edits"]),
            num_images=num_images,
            cache_size=max(model.image_size, parameters["images"]["cache_size"]),
            image_size=model.image_size,
        ),
        learning=LearningConfig.model_validate(settings),
        checkpoints=store,
        validate=lambda query_model, key_model: {"micro_ap": 0.0},
        validation_fingerprint="none",
        report=report,
    )


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--num-steps", type=int, default=6, help="of each of two phases")
    add("--backbone", help="timm name; by default that of conf/base")
    add("--image-size", type=int, default=96, help="pixels, of another backbone")
    add("--batch-size", type=int, help="images of a step; by default as conf/base")
    add("--num-workers", type=int, default=0, help="processes that draw views")
    add("--device", default="cpu")
    add("--folder", type=Path, help="on the disk that is to be measured")
    add("--json", type=Path, help="where to write the results")
    return parser.parse_args()


if __name__ == "__main__":
    main()
