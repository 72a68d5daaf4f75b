"""What an SGD step and a refresh of the bank cost as the bank grows.

    python benchmarks/scaling.py --plot scaling.png --json scaling.json

The loss of one step, forward and backward, is measured at every bank size: rows in
memory and rows in the memory-mapped file of a bank. A refresh is measured up to
``--max-refresh`` images through the backbone and the bank's writer, and is dashed
beyond: it costs the same for each image. Slopes are those of log cost over log size,
from 64,000 rows on where so many are measured: 1 is proportional.
"""

import argparse
import math
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from loss_variants import EMBEDDING_DIM, TEMPERATURE, Problem, draw_problem
from matplotlib.axes import Axes
from measuring import Clock, Step, describe_machine, interleaved_medians, write_json
from torch import Tensor

from qk_iteration.core.bank.negative_bank import fill_bank
from qk_iteration.core.losses.info_nce import info_nce
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.model_config import ModelConfig

RowsOfImages = Callable[[range], Tensor]

_FIRST_SIZE_OF_SLOPE = 64_000
_ROWS_PER_RANGE = 2048
_IMAGES_PER_BATCH = 128


@dataclass(frozen=True)
class Point:
    """The cost of one thing at one bank size."""

    what: str
    bank_size: int
    seconds: float
    is_measured: bool = True


def main() -> None:
    """Measure, print the slopes, and write the plot and the JSON."""
    arguments = _parse_arguments()
    if arguments.cpu_time:
        torch.set_num_threads(1)
    points = [*_step_costs(arguments), *_refresh_costs(arguments)]
    slopes = {what: _slope(points, what) for what in _names(points)}
    for what, slope in slopes.items():
        largest = max((p for p in points if p.what == what), key=lambda p: p.bank_size)
        print(
            f"{what}: {largest.seconds:.3g} s at {largest.bank_size:,} rows, "
            f"slope {slope:.2f}"
        )
    if arguments.plot:
        _plot(points, slopes, arguments.plot)
    if arguments.json:
        content = {
            "machine": describe_machine(torch.device("cpu")),
            "slopes": slopes,
            "points": [asdict(point) for point in points],
        }
        write_json(arguments.json, content)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    sizes = [1_000, 4_000, 16_000, 64_000, 256_000, 1_000_000]
    add("--bank-sizes", type=int, nargs="+", default=sizes)
    add("--batch-size", type=int, default=64)
    add("--chunk-size", type=int, default=16_384, help="bank rows at a time")
    add("--num-rounds", type=int, default=7)
    add("--max-refresh", type=int, default=4_000, help="images of a measured refresh")
    add("--backbone", default="tf_efficientnet_lite0", help="timm model name")
    add("--image-size", type=int, default=128, help="pixels")
    add("--cpu-time", action="store_true", help="of one thread: on a busy machine")
    add("--plot", type=Path, help="PNG to write")
    add("--json", type=Path, help="where to write the figures")
    return parser.parse_args()


def _step_costs(arguments: argparse.Namespace) -> Iterator[Point]:
    """Yield the loss's cost at each size, in three places of the rows."""
    for bank_size in arguments.bank_sizes:
        problem = draw_problem(
            arguments.batch_size,
            bank_size,
            EMBEDDING_DIM,
            dtype=torch.float32,
            chunk_size=arguments.chunk_size,
            device=torch.device("cpu"),
        )
        narrow = problem.rows.bfloat16()
        with tempfile.TemporaryDirectory() as folder:
            mapped = _stored(narrow, Path(folder))
            banks = {
                "step, float32 rows": problem.rows,
                "step, bfloat16 rows": narrow,
                "step, bfloat16 rows, memory map": mapped,
            }
            steps = {what: _step(problem, rows) for what, rows in banks.items()}
            cpu = torch.device("cpu")
            medians = interleaved_medians(
                steps, arguments.num_rounds, cpu, in_cpu_time=arguments.cpu_time
            )
        for what, seconds in medians.items():
            yield Point(what, bank_size, seconds)


def _step(problem: Problem, rows: Tensor) -> Step:
    def step() -> None:
        info_nce(
            problem.embeddings,
            rows,
            problem.positive_rows,
            temperature=TEMPERATURE,
            chunk_size=problem.chunk_size,
        ).loss.backward()

    return step


def _stored(rows: Tensor, folder: Path) -> Tensor:
    """Return the rows from a bank on disk."""
    return fill_bank(
        folder,
        [str(row) for row in range(len(rows))],
        lambda ranges: (rows[images.start : images.stop] for images in ranges),
        num_columns=rows.shape[1],
        dtype="bfloat16",
        fingerprint={},
        range_size=65_536,
        show_progress=False,
    ).rows


def _refresh_costs(arguments: argparse.Namespace) -> Iterator[Point]:
    """Yield the cost of filling a bank, with a backbone and without."""
    clock = time.process_time if arguments.cpu_time else time.perf_counter
    features = _features_of_images(arguments)
    cost_per_image = None
    for bank_size in sorted(arguments.bank_sizes):
        yield Point(
            "writing rows", bank_size, _fill_seconds(bank_size, _equal_rows, clock)
        )
        what = f"refresh, {arguments.backbone} at {arguments.image_size} pixels"
        if bank_size <= arguments.max_refresh:
            seconds = _fill_seconds(bank_size, features, clock)
            cost_per_image = seconds / bank_size
            yield Point(what, bank_size, seconds)
        elif cost_per_image is not None:
            yield Point(what, bank_size, cost_per_image * bank_size, is_measured=False)


def _fill_seconds(bank_size: int, rows_of_images: RowsOfImages, clock: Clock) -> float:
    with tempfile.TemporaryDirectory() as folder:
        start = clock()
        fill_bank(
            Path(folder),
            [str(row) for row in range(bank_size)],
            partial(map, rows_of_images),
            num_columns=rows_of_images(range(1)).shape[1],
            dtype="bfloat16",
            fingerprint={},
            range_size=_ROWS_PER_RANGE,
            show_progress=False,
        )
        return clock() - start


def _equal_rows(images: range) -> Tensor:
    return torch.full((len(images), EMBEDDING_DIM), 0.0625)


def _features_of_images(arguments: argparse.Namespace) -> RowsOfImages:
    """Return a function that describes noise; its time is that of any images."""
    config = ModelConfig(
        backbone=arguments.backbone,
        weights="random",
        image_size=arguments.image_size,
        pixel_mean=0.5,
        pixel_std=0.5,
        gem_power=3.0,
        embedding_dim=EMBEDDING_DIM,
        seed=0,
    )
    model = DescriptorModel(config).eval()
    side = arguments.image_size
    pixels = torch.randint(256, (_IMAGES_PER_BATCH, side, side, 3), dtype=torch.uint8)

    @torch.no_grad()
    def features_of_images(images: range) -> Tensor:
        batches = torch.arange(len(images)).split(_IMAGES_PER_BATCH)
        return torch.cat([model(pixels[: len(batch)]) for batch in batches])

    return features_of_images


def _names(points: list[Point]) -> list[str]:
    return list(dict.fromkeys(point.what for point in points))


def _slope(points: list[Point], what: str) -> float:
    """Return the slope of log cost over log size; NaN where one size was measured."""
    chosen = [p for p in points if p.what == what and p.is_measured]
    large = [p for p in chosen if p.bank_size >= _FIRST_SIZE_OF_SLOPE]
    large = large if len(large) > 1 else chosen
    if len(large) < 2:
        return math.nan
    sizes, seconds = zip(*((p.bank_size, p.seconds) for p in large), strict=True)
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def _plot(points: list[Point], slopes: dict[str, float], path: Path) -> None:
    figure, axes = plt.subplots(figsize=(8, 5.5), layout="constrained")
    for number, (what, slope) in enumerate(slopes.items()):
        measured = [p for p in points if p.what == what and p.is_measured]
        beyond = [p for p in points if p.what == what and not p.is_measured]
        label = f"{what} (slope {slope:.2f})"
        _draw(axes, measured, color=f"C{number}", marker="o", label=label)
        _draw(axes, measured[-1:] + beyond, color=f"C{number}", linestyle="--")
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="bank rows N",
        ylabel="seconds",
        title="Cost of a step's loss and of a refresh as the bank grows",
    )
    axes.grid(which="both", alpha=0.2)
    axes.legend()
    figure.savefig(path, dpi=150)


def _draw(axes: Axes, points: list[Point], **style: Any) -> None:
    axes.plot([p.bank_size for p in points], [p.seconds for p in points], **style)


if __name__ == "__main__":
    main()
