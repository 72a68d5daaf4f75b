"""How far trainings of one and of two threads lie apart.

    python benchmarks/threads.py --json threads.json

Trainings of the same seed on drawn images, by one thread and by two, of 1, 10 and 70
SGD steps: the relative difference of all weights, the largest difference between two
descriptors of an image, and micro-AP of edited views sought among the clean ones.
"""

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from measuring import describe_machine, write_json
from numpy.typing import NDArray
from rich.console import Console
from step_parts import base_parameters, draw_images

from qk_iteration.core.images.recipe import EditRecipe
from qk_iteration.core.images.views import TrainingImages, ViewRequest, draw_views
from qk_iteration.core.learning.checkpoints import CheckpointStore
from qk_iteration.core.learning.learning_config import LearningConfig, SimCLRConfig
from qk_iteration.core.learning.side import Side
from qk_iteration.core.learning.training import Training, learn
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.model_config import ModelConfig
from qk_iteration.core.scoring.evaluate import evaluate_descriptors

_UNSEEN_DRAW = 1_000_000  # of the edits that no training step has drawn

_console = Console(width=110)


class Trained(NamedTuple):
    """What a training has led to."""

    weights: torch.Tensor
    """Of both sides, one after the other."""
    descriptors: NDArray[np.float32]
    """Of the clean images. Shape (N, D)."""
    micro_ap: float
    num_steps: int


def main() -> None:
    """Train as the command line asks; print the differences and write JSON."""
    arguments = _parse_arguments()
    machine = describe_machine(torch.device("cpu"))
    _console.print(machine)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        parameters = base_parameters()
        images = draw_images(
            Path(folder),
            EditRecipe.model_validate(parameters["training_edits"]),
            num_images=arguments.num_images,
            cache_size=arguments.image_size,
            image_size=arguments.image_size,
        )
        for num_steps in arguments.num_steps:
            one, two = (
                _train(images, parameters, arguments, num_steps, num_threads)
                for num_threads in (1, 2)
            )
            rows.append(_compared(one, two))
            _console.print(rows[-1])
    if arguments.json:
        write_json(arguments.json, {"machine": machine, "steps": rows})


def _compared(one: Trained, two: Trained) -> dict[str, float]:
    apart = (one.weights - two.weights).norm() / one.weights.norm()
    return {
        "num_steps": one.num_steps,
        "weights": float(apart),
        "descriptors": float(np.abs(one.descriptors - two.descriptors).max()),
        "micro_ap_1": one.micro_ap,
        "micro_ap_2": two.micro_ap,
    }


def _train(
    images: TrainingImages,
    parameters: Mapping[str, Any],
    arguments: argparse.Namespace,
    num_steps: int,
    num_threads: int,
) -> Trained:
    """The baseline of so many steps, which needs no bank."""
    torch.set_num_threads(num_threads)
    steps_done = 0

    def latest_is_best(query_model: Any, key_model: Any) -> dict[str, float]:
        return {"micro_ap": float(steps_done)}

    def report(passes: float, metrics: Mapping[str, float]) -> None:
        nonlocal steps_done
        steps_done += "train/loss" in metrics

    changes = {
        "backbone": arguments.backbone,
        "weights": "random",
        "image_size": arguments.image_size,
    }
    model = ModelConfig.model_validate(parameters["model"] | changes)
    learning = parameters["learning"] | {
        "image_passes": 2 * num_steps * arguments.batch_size,  # two views
        "images_per_step": arguments.batch_size,
        "num_validations": 1,
        "num_workers": 0,
        "steps_per_report": 1,
    }
    with tempfile.TemporaryDirectory() as folder:
        training = Training(
            initial_models=dict.fromkeys(Side, DescriptorModel(model)),
            initial_bank=None,
            images=images,
            learning=LearningConfig.model_validate(learning),
            checkpoints=CheckpointStore(Path(folder)),
            validate=latest_is_best,
            validation_fingerprint="none",
            report=report,
        )
        sides = learn(training, SimCLRConfig.model_validate(parameters["simclr"]))[:2]
    weights = [w.flatten().double() for s in sides for w in s.state_dict().values()]
    queries = _describe(sides[0], images, "edited")
    references = _describe(sides[1], images, "clean")
    return Trained(
        torch.cat(weights), references, _micro_ap(queries, references), steps_done
    )


def _describe(
    model: DescriptorModel, images: TrainingImages, kind: Any
) -> NDArray[np.float32]:
    requests = [ViewRequest(row, kind, _UNSEEN_DRAW) for row in range(len(images))]
    (pixels,) = draw_views(images, [requests], num_workers=0)
    with torch.no_grad():
        return model.eval()(pixels).float().numpy()


def _micro_ap(queries: NDArray[np.float32], references: NDArray[np.float32]) -> float:
    names = range(len(queries))
    return evaluate_descriptors(
        ([f"Q{row:05d}" for row in names], queries),
        ([f"R{row:05d}" for row in names], references),
        {f"Q{row:05d}": [f"R{row:05d}"] for row in names},
        protocol="isc2021",
    ).micro_ap


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--num-steps", type=int, nargs="+", default=[1, 10, 70])
    add("--backbone", default="mobilenetv3_small_050", help="timm name")
    add("--image-size", type=int, default=64, help="pixels")
    add("--batch-size", type=int, default=16, help="images of a step")
    add("--num-images", type=int, default=64)
    add("--json", type=Path, help="where to write the results")
    return parser.parse_args()


if __name__ == "__main__":
    main()
