"""What checkpoints cost: their share of the time of a training at the default settings.

    python benchmarks/checkpoint_cost.py --json checkpoint_cost.json

A training by QK Iteration is run as `kedro run` runs it, on drawn images and without
validations, whose time would make the share smaller. Every checkpoint is timed, from
the copy of the weights to the synced file. The first, before the first SGD step that
costs anything, is counted too.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
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
    """Checkpoints that say how long each took."""

    def __init__(self, folder: Path, seconds: list[float]) -> None:
        super().__init__(folder)
        self._seconds_of_each = seconds

    def save(self, content: dict[str, Any]) -> None:
        """Save as ever."""
        started = time.perf_counter()
        super().save(content)
        self._seconds_of_each.append(time.perf_counter() - started)


class TimedStore(CheckpointStore):
    """A store of such checkpoints.

    Attributes:
        seconds: Of each checkpoint.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.seconds: list[float] = []

    @contextmanager
    def of_training(self, fingerprint: str, *, resume: bool) -> Iterator[Checkpoints]:
        """The checkpoints of a training, timed."""
        with super().of_training(fingerprint, resume=resume) as checkpoints:
            yield TimedCheckpoints(checkpoints.folder, self.seconds)


def main() -> None:
    """Train as the command line asks; print the share and write JSON."""
    arguments = _parse_arguments()
    device = torch.device(arguments.device)
    machine = describe_machine(device)
    _console.print(machine)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        content = _measure(Path(folder), arguments, device)
    _console.print(
        f"{content['num_checkpoints']} checkpoints of {content['mib']:.1f} MiB in "
        f"{content['num_steps']} SGD steps: {content['checkpoint_s']:.2f} of "
        f"{content['whole_s']:.1f} s, {content['share']:.2%}."
    )
    if arguments.json:
        write_json(arguments.json, {"machine": machine} | content)


def _measure(
    folder: Path, arguments: argparse.Namespace, device: torch.device
) -> dict[str, Any]:
    """What a training costs, and its checkpoints."""
    parameters = base_parameters()
    config = QKConfig.model_validate(parameters["qk"])
    store = TimedStore(folder / "checkpoints")
    training = _training(folder, store, parameters, config, arguments, device)
    started = time.perf_counter()
    summary = learn(training, config)[2]
    whole = time.perf_counter() - started
    (latest,) = store.folder.glob("*/latest.pt")
    spent = sum(store.seconds)
    return {
        "backbone": training.initial_models[Side.QUERY].config.backbone,
        "steps_per_checkpoint": training.learning.steps_per_checkpoint,
        "num_steps": summary["sgd_steps"],
        "num_checkpoints": len(store.seconds),
        "mib": latest.stat().st_size / 2**20,
        "checkpoint_s": spent,
        "whole_s": whole,
        "share": spent / whole,
    }


def _training(
    folder: Path,
    store: CheckpointStore,
    parameters: dict[str, Any],
    config: QKConfig,
    arguments: argparse.Namespace,
    device: torch.device,
) -> Training:
    """A training at the settings of conf/base, as long as some cycles of phases."""
    changes = {"weights": "random"}
    if arguments.backbone:
        changes |= {"backbone": arguments.backbone, "image_size": arguments.image_size}
    model = ModelConfig.model_validate(parameters["model"] | changes)
    settings = parameters["learning"] | {"num_workers": arguments.num_workers}
    if arguments.batch_size:
        settings["images_per_step"] = arguments.batch_size
    images_per_step = settings["images_per_step"]
    num_images = 4 * images_per_step
    of_cycle = (config.query_steps + config.key_steps) * images_per_step
    of_cycle += 2 * num_images * FORWARD_COST
    settings["image_passes"] = round(arguments.num_cycles * of_cycle)
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
        report=lambda passes, metrics: None,
    )


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--num-cycles", type=int, default=1, help="of a Q-phase and a K-phase")
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
