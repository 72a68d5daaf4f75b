"""What describing one picture costs, by backbone and image size.

``python -m study.query_cost tf_efficientnet_lite0 48 96 128`` from the project's folder
writes ``docs/study_query_cost.csv``, which the page reads. Weights are random: they
change no cost. Milliseconds are processor time of one thread of this machine, in
batches; sizes take turns, so that their ratio holds where others use it too.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import process_time

import pandas as pd
import timm
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from study.costs import QUERY_TABLE
from study.results import write_table

TABLE = Path("docs") / QUERY_TABLE


def multiply_adds(backbone: str, image_size: int) -> int:
    """Of one picture through the backbone, in all."""
    with torch.device("meta"):
        model = _backbone(backbone)
        pixels = torch.empty(1, 3, image_size, image_size)
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        model(pixels)
    return int(counter.get_total_flops()) // 2  # A multiplication and an addition.


def measure(
    backbone: str, sizes: Sequence[int], *, batch_size: int, num_rounds: int
) -> pd.DataFrame:
    """One row for each size: multiply-adds, and the median milliseconds of a picture.

    Args:
        backbone: A timm name.
        sizes: Sides of the squares, in pixels.
        batch_size: Pictures at a time.
        num_rounds: Batches of each size; one more goes before them.
    """
    torch.set_num_threads(1)
    model = _backbone(backbone)
    times: dict[int, list[float]] = {size: [] for size in sizes}
    with torch.inference_mode():
        for number in range(num_rounds + 1):
            for size in sizes:
                pixels = torch.rand(batch_size, 3, size, size)
                start = process_time()
                model(pixels)
                if number:
                    times[size].append(process_time() - start)
    return pd.DataFrame(
        {
            "backbone": backbone,
            "image_size": size,
            "multiply_adds": multiply_adds(backbone, size),
            "milliseconds": round(1000 * median(own) / batch_size, 2),
        }
        for size, own in times.items()
    )


def _backbone(name: str) -> nn.Module:
    model: nn.Module = timm.create_model(name, num_classes=0)
    return model.eval()


def main() -> None:
    """Measure, write the table and show it."""
    parser = argparse.ArgumentParser(description="Cost of describing one picture.")
    parser.add_argument("backbone")
    parser.add_argument("sizes", type=int, nargs="+")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--num-rounds", type=int, default=20)
    table = measure(**vars(parser.parse_args()))
    write_table(table, TABLE)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
