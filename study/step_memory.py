"""What one SGD step keeps for its gradient, by the images that go through it.

``python -m study.step_memory tf_efficientnet_lite0 4 8 128 --image-sizes 96 160`` from
the project's folder writes ``docs/study_step_memory.csv``, which the page reads.
Counted are the bytes that the network holds from its forward to its backward pass. They
decide what fits a device and are the same on each, whereas the peak of a process also
has what its allocator holds back. Rows pushed against come on top: QK Iteration walks
over them in chunks.
"""

import argparse
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import pandas as pd
import timm
import torch
from torch import Tensor

from study.costs import STEP_TABLE
from study.results import write_table

TABLE = Path("docs") / STEP_TABLE


def bytes_kept(backbone: str, image_size: int, num_images: int) -> int:
    """Bytes of the distinct tensors that the backward pass will read, weights aside.

    Args:
        backbone: A timm name.
        image_size: Side of the squares, in pixels.
        num_images: Through the backbone at once, its statistics frozen.
    """
    model = timm.create_model(backbone, num_classes=0).eval()
    weights = {one.untyped_storage().data_ptr() for one in model.state_dict().values()}
    kept: dict[int, int] = {}

    def count(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    pixels = torch.zeros(num_images, 3, image_size, image_size)
    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        output = model(pixels)
    assert output.requires_grad  # Until here its graph keeps all that was counted.
    return sum(kept.values())


def measure(
    backbone: str, image_counts: Sequence[int], image_sizes: Sequence[int]
) -> pd.DataFrame:
    """One row for each size and number of images, with its bytes in millions."""
    return pd.DataFrame(
        {
            "backbone": backbone,
            "image_size": size,
            "images_a_step": number,
            "megabytes": round(bytes_kept(backbone, size, number) / 1e6, 1),
        }
        for size, number in product(image_sizes, image_counts)
    )


def main() -> None:
    """Measure, write the table and show it."""
    parser = argparse.ArgumentParser(description="Memory of one SGD step.")
    parser.add_argument("backbone")
    parser.add_argument("image_counts", type=int, nargs="+")
    parser.add_argument("--image-sizes", type=int, nargs="+", default=[96])
    table = measure(**vars(parser.parse_args()))
    write_table(table, TABLE)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
