"""The rates that the sizing table is computed from, measured on this machine.

    OMP_NUM_THREADS=1 python benchmarks/sizing_rates.py --json rates.json

Of one rank: one thread on a CPU, in seconds of the processor, or one card. Images are
JPEG files of 640 x 480 pixels, smooth noise of quality 90, about as compressible as a
photograph; the model is that of conf/base, in its precision, the bank bfloat16.
Decoding and edits are those of one process, also where the model is on a card.
"""

import argparse
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from edits import smooth_picture
from loss_variants import EMBEDDING_DIM
from measuring import Step, describe_machine, interleaved_medians, write_json
from sizing import Rates, sizing_table
from step_parts import StepParts

from qk_iteration.core.images.decode import decode_image, squash

_NUM_FILES = 24


def main() -> None:
    """Measure, print the rates and the table, and write JSON."""
    arguments = _parse_arguments()
    device = torch.device(arguments.device)
    if device.type == "cpu":
        torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        rates = _measure(Path(folder), arguments, device)
    print(rates)
    print(sizing_table(rates))
    if arguments.json:
        settings = ("backbone", "batch_size", "bank_size")
        content = {
            "machine": describe_machine(device),
            "settings": {name: getattr(arguments, name) for name in settings},
            "rates": asdict(rates),
        }
        write_json(arguments.json, content)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--device", default="cpu")
    add("--backbone", default="tf_efficientnet_lite0")
    add("--batch-size", type=int, default=64, help="images of a step")
    add("--bank-size", type=int, default=131_072, help="rows of the measured loss")
    add("--num-rounds", type=int, default=5)
    add("--json", type=Path, help="where to write the rates")
    return parser.parse_args()


def _measure(
    folder: Path, arguments: argparse.Namespace, device: torch.device
) -> Rates:
    batch_size, bank_size = arguments.batch_size, arguments.bank_size
    parts = StepParts(
        folder,
        backbone=arguments.backbone,
        image_size=96,
        batch_size=batch_size,
        device=device,
    )
    steps: dict[str, Step] = {
        "decode": _decoding(folder),
        "refresh": parts.refresh(),
        "edits": parts.edits(),
        "backbone": parts.backbone(),
        "optimizer": parts.optimizer(),
        "loss": parts.bank_loss("model", "bfloat16", bank_size),
    }
    seconds = interleaved_medians(
        steps, arguments.num_rounds, device, in_cpu_time=device.type == "cpu"
    )
    # Beside a card, workers draw the edits; on a processor one after the other.
    learning = seconds["backbone"] + seconds["optimizer"]
    if device.type == "cpu":
        learning += seconds["edits"]
    return Rates(
        images_decoded=_NUM_FILES / seconds["decode"],
        images_refreshed=batch_size / seconds["refresh"],
        images_learned=batch_size / learning,
        products=batch_size * bank_size * EMBEDDING_DIM / seconds["loss"],
    )


def _decoding(folder: Path) -> Step:
    """A step that decodes files to the squares of 128 and of 96 pixels."""
    generator = np.random.default_rng(0)
    paths = [folder / f"{number}.jpg" for number in range(_NUM_FILES)]
    for path in paths:
        smooth_picture(generator, 640).resize((640, 480)).save(path, quality=90)

    def step() -> None:
        for path in paths:
            image = decode_image(path, max_pixels=10**8)
            for side in (128, 96):
                squash(image, side)

    return step


if __name__ == "__main__":
    main()
