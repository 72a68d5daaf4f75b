"""SGD steps of a Q-phase against a million rows: seconds, loss and peak memory.

    python benchmarks/million_rows.py --json million_rows.json

For those who have fewer images than they want to know the cost of. The bank of a few
drawn images is padded with synthetic rows; each step draws edits, runs them forward
and backward through the backbone, pushes the embeddings away from all rows and lets
the optimizer step. The model that learns is thrown away: it is no result.
"""

import argparse
import resource
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from measuring import describe_machine, write_json
from step_parts import StepParts


@dataclass(frozen=True)
class Steps:
    """What SGD steps against one bank cost."""

    bank_size: int
    median_s: float
    """Seconds of one step, the first left out."""
    images_per_second: float
    first_loss: float
    """In nats; chance level is the logarithm of the bank's size."""
    last_loss: float
    bank_gib: float
    peak_gib: float
    """Of resident memory on a CPU, of the card's own memory on a GPU."""


def main() -> None:
    """Take the steps, print what they cost and write JSON."""
    arguments = _parse_arguments()
    device = torch.device(arguments.device)
    machine = describe_machine(device)
    print(machine)
    with tempfile.TemporaryDirectory() as folder:
        parts = StepParts(
            Path(folder),
            backbone=arguments.backbone,
            image_size=arguments.image_size,
            batch_size=arguments.batch_size,
            device=device,
        )
        steps = _take_steps(parts, arguments, device)
    print(
        f"{steps.bank_size:,} rows ({steps.bank_gib:.2f} GiB): "
        f"{1e3 * steps.median_s:,.1f} ms a step, "
        f"{steps.images_per_second:,.1f} images/s, peak {steps.peak_gib:.2f} GiB, "
        f"loss {steps.first_loss:.3f} to {steps.last_loss:.3f}"
    )
    if arguments.json:
        settings = ("batch_size", "backbone", "image_size", "frozen", "bank_dtype")
        content = {
            "machine": machine,
            "settings": {name: getattr(arguments, name) for name in settings},
            "steps": asdict(steps),
        }
        write_json(arguments.json, content)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--bank-size", type=int, default=1_000_000)
    add("--bank-dtype", default="bfloat16")
    add("--frozen", choices=["model", "backbone"], default="model")
    add("--num-steps", type=int, default=10)
    add("--batch-size", type=int, default=64, help="images a step")
    add("--backbone", default="tf_efficientnet_lite0", help="timm name")
    add("--image-size", type=int, default=96, help="pixels")
    add("--device", default="cpu")
    add("--json", type=Path, help="where to write the results")
    arguments = parser.parse_args()
    if arguments.num_steps < 2:
        parser.error(
            "--num-steps must be at least 2, the first step warms up; got "
            f"{arguments.num_steps}."
        )
    return arguments


def _take_steps(
    parts: StepParts, arguments: argparse.Namespace, device: torch.device
) -> Steps:
    bank = parts.padded_bank(
        arguments.frozen, arguments.bank_dtype, arguments.bank_size
    )
    step = parts.whole_step(bank)
    seconds, losses = [], []
    for number in range(arguments.num_steps):
        start = time.perf_counter()
        losses.append(step(number))  # Reading the loss waits for a GPU.
        seconds.append(time.perf_counter() - start)
    median = statistics.median(seconds[1:])
    return Steps(
        bank_size=len(bank.rows),
        median_s=median,
        images_per_second=arguments.batch_size / median,
        first_loss=losses[0],
        last_loss=losses[-1],
        bank_gib=bank.rows.nbytes / 2**30,
        peak_gib=_peak_bytes(device) / 2**30,
    )


def _peak_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
