"""What a million negatives cost: a whole SGD step against a bank, and without one.

    python benchmarks/training_step.py --json training_step.json

A step of a Q-phase draws edited views, runs them forward and backward through a
backbone, pushes the embeddings away from a bank of synthetic rows, and lets the
optimizer step. The SimCLR-style step has as many views in its backbone, of half as
many images, and finds its negatives among them. Each part is measured by itself in
interleaved rounds, and once if both have it; a step is the sum of its parts. Edits
are drawn in this process: in a training, workers draw them beside the rest.
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from measuring import describe_machine, interleaved_medians, write_json
from rich.console import Console
from rich.table import Table
from step_parts import StepParts

_BANK_SIZES = {"model": 1_000_000, "backbone": 100_000}
"""Features are several times as long as embeddings."""
_BASELINE = "SimCLR, in the batch"
_console = Console(width=110)


@dataclass(frozen=True)
class Bank:
    """What a Q-phase's step is pushed against."""

    dtype: str
    size: int

    def __str__(self) -> str:
        return f"QK, {self.size:,} {self.dtype} rows"


@dataclass(frozen=True)
class Seconds:
    """Of the parts of a step, one after the other."""

    edits: float
    backbone: float
    loss: float
    optimizer: float

    @property
    def step(self) -> float:
        """Of the whole step."""
        return self.edits + self.backbone + self.loss + self.optimizer


def main() -> None:
    """Measure what the command line asks for; print a table and write JSON."""
    arguments = _parse_arguments()
    device = torch.device(arguments.device)
    if arguments.cpu_time:
        torch.set_num_threads(1)
    machine = describe_machine(device) | {"in_cpu_time": arguments.cpu_time}
    _console.print(machine)
    banks = [
        Bank(dtype, size)
        for size in arguments.bank_sizes or [_BANK_SIZES[arguments.frozen]]
        for dtype in arguments.bank_dtypes
    ]
    baseline, steps = _measure(banks, arguments, device)
    _print_table(baseline, steps, arguments)
    if arguments.json:
        settings = ("batch_size", "backbone", "image_size", "frozen", "num_rounds")
        content = {
            "machine": machine,
            "settings": {name: getattr(arguments, name) for name in settings},
            "results": list(_results(baseline, steps, arguments.batch_size)),
        }
        write_json(arguments.json, content)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--bank-sizes", type=int, nargs="+", help="all are held at once")
    add("--bank-dtypes", nargs="+", default=["float32", "bfloat16"])
    add("--frozen", choices=_BANK_SIZES, default="model", help="backbone: head learns")
    add("--batch-size", type=int, default=64, help="images through the backbone, even")
    add("--backbone", default="tf_efficientnet_lite0", help="timm name")
    add("--image-size", type=int, default=96, help="pixels")
    add("--num-rounds", type=int, default=5)
    add("--device", default="cpu")
    add("--cpu-time", action="store_true", help="of one thread: on a busy machine")
    add("--json", type=Path, help="where to write the results")
    arguments = parser.parse_args()
    if arguments.batch_size < 2 or arguments.batch_size % 2:
        parser.error(
            "--batch-size must be even and at least 2, SimCLR takes pairs of views; "
            f"got {arguments.batch_size}."
        )
    return arguments


def _measure(
    banks: list[Bank], arguments: argparse.Namespace, device: torch.device
) -> tuple[Seconds, dict[Bank, Seconds]]:
    """Return the baseline's seconds, and those of the step against each bank."""
    with tempfile.TemporaryDirectory() as folder:
        parts = StepParts(
            Path(folder),
            backbone=arguments.backbone,
            image_size=arguments.image_size,
            batch_size=arguments.batch_size,
            device=device,
        )
        # In this order: the optimizer needs the gradients that the backbone leaves.
        steps = {
            "edits": parts.edits(),
            "edits of pairs": parts.edits_of_pairs(),
            "backbone": parts.backbone(),
            "in-batch loss": parts.in_batch_loss(),
            "optimizer": parts.optimizer(),
        } | {str(b): parts.bank_loss(arguments.frozen, b.dtype, b.size) for b in banks}
        medians = interleaved_medians(
            steps, arguments.num_rounds, device, in_cpu_time=arguments.cpu_time
        )
    backbone, optimizer = medians["backbone"], medians["optimizer"]
    baseline = Seconds(
        medians["edits of pairs"], backbone, medians["in-batch loss"], optimizer
    )
    return baseline, {
        bank: Seconds(medians["edits"], backbone, medians[str(bank)], optimizer)
        for bank in banks
    }


def _print_table(
    baseline: Seconds, steps: dict[Bank, Seconds], arguments: argparse.Namespace
) -> None:
    """Print milliseconds and share of each part, and the whole beside the baseline."""
    title = (
        f"SGD step of {arguments.batch_size} images of {arguments.image_size} pixels, "
        f"{arguments.backbone}, frozen: {arguments.frozen} (ms and share)"
    )
    table = Table("step", title=title)
    for name in (*asdict(baseline), "whole", "images/s", "x SimCLR"):
        table.add_column(name, justify="right")
    named = {_BASELINE: baseline} | {str(b): seconds for b, seconds in steps.items()}
    for name, seconds in named.items():
        table.add_row(
            name,
            *(f"{1e3 * s:,.1f} {s / seconds.step:4.0%}" for s in _parts(seconds)),
            f"{1e3 * seconds.step:,.1f}",
            f"{arguments.batch_size / seconds.step:,.1f}",
            f"{seconds.step / baseline.step:.2f}",
        )
    _console.print(table)


def _results(
    baseline: Seconds, steps: dict[Bank, Seconds], batch_size: int
) -> Iterator[dict[str, object]]:
    """Yield what the table says of each step; the baseline has no bank."""
    for bank, seconds in [(None, baseline), *steps.items()]:
        yield {
            "method": "simclr" if bank is None else "qk",
            "bank_dtype": None if bank is None else bank.dtype,
            "bank_size": 0 if bank is None else bank.size,
            "seconds": asdict(seconds),
            "step_s": seconds.step,
            "images_per_second": batch_size / seconds.step,
            "ratio_to_simclr": seconds.step / baseline.step,
        }


def _parts(seconds: Seconds) -> list[float]:
    return list(asdict(seconds).values())


if __name__ == "__main__":
    main()
