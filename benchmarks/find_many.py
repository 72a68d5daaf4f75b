"""Rate and peak memory of a search of very many files.

    python -m benchmarks.find_many FOLDER --num-files 100000

The files are small JPEGs of random blocks, one in a thousand a smaller copy of another.
The model is next to none (a thumbnail of 192 numbers): measured is all the rest,
listing, hashing, decoding, the store of descriptors, and the search of all pairs. What
a backbone needs per picture comes on top; it needs no more memory for more files.
"""

import argparse
import resource
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.measuring import resident_mib
from qk_iteration.collection import find_copies
from qk_iteration.collection.calibration_file import (
    CALIBRATION,
    calibration_path,
    calibration_to_json,
)
from qk_iteration.collection.choose_index import EXACT_UP_TO
from qk_iteration.collection.match_calibration import MatchCalibration
from qk_iteration.collection.model_sides import load_sides

FILES_PER_FOLDER = 1000
FILES_PER_COPY = 1000
NUM_NEW = 20
SIDE, CELL = 32, 4
"""Pixels of what the model takes, and of what it makes one number of."""


class ThumbnailModel(torch.nn.Module):
    """The picture shrunk to 8 x 8 pixels, less its mean."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Descriptors, not yet of unit length. (B, S, S, 3) to (B, 192)."""
        channels = pixels.permute(0, 3, 1, 2).float()
        small = torch.nn.functional.avg_pool2d(channels, CELL).flatten(1)
        return small - small.mean(dim=1, keepdim=True)


def main() -> None:
    """Draw the files, search them thrice, print seconds, rate and memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="new, or of an earlier run")
    parser.add_argument("--num-files", type=int, default=100_000)
    parser.add_argument("--num-workers", type=int, default=2)
    parser.add_argument("--exact-up-to", type=int, default=EXACT_UP_TO)
    parser.add_argument("--only", help="one search, with this name", metavar="NAME")
    asked = parser.parse_args()
    if asked.only:
        search(asked, asked.only)
        return
    photos = asked.folder / "photos"
    draw_files(photos, 0, asked.num_files)
    make_model(asked.folder / "thumbnail.onnx")
    for what in ("first search", "second search", f"{NUM_NEW} files added"):
        if what.endswith("added"):
            draw_files(photos, asked.num_files, asked.num_files + NUM_NEW)
        # Where no earlier work counts among the memory that was needed.
        subprocess.run([sys.executable, *sys.orig_argv[1:], "--only", what], check=True)


def search(asked: argparse.Namespace, what: str) -> None:
    """Search once; print seconds, rate and memory."""
    before = resident_mib("VmRSS")
    start, used = time.perf_counter(), cpu_seconds()
    found = find_copies(
        asked.folder / "photos",
        output=asked.folder / "found",
        model=asked.folder / "thumbnail.onnx",
        num_workers=asked.num_workers,
        exact_up_to=asked.exact_up_to,
    )
    seconds, used = time.perf_counter() - start, cpu_seconds() - used
    print(
        f"{what}: {found.num_pictures} files, {found.num_described} described, "
        f"{len(found.matches)} matches, {seconds:.0f} s, {used:.0f} s of processor "
        f"time ({1e3 * used / found.num_pictures:.2f} ms a file); memory "
        f"{before:.0f} MiB before, {peak_mib(resource.RUSAGE_SELF):.0f} at most, of "
        f"the largest worker {peak_mib(resource.RUSAGE_CHILDREN):.0f}",
        flush=True,
    )


def draw_files(folder: Path, first: int, stop: int) -> None:
    """Small JPEGs of these numbers in sub-folders; those that are there are kept."""
    for number in range(first, stop):
        path = folder / f"{number // FILES_PER_FOLDER:03d}" / f"{number:06d}.jpg"
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        is_copy = number % FILES_PER_COPY == FILES_PER_COPY - 1
        generator = np.random.default_rng(number - 1 if is_copy else number)
        blocks = generator.integers(0, 256, (6, 8, 3), np.uint8)
        size = (64, 48) if is_copy else (96, 72)
        image = Image.fromarray(blocks).resize(size, Image.Resampling.BICUBIC)
        image.save(path, quality=80)


def make_model(path: Path) -> None:
    """An ONNX file with a calibration beside it that lets copies pass."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            ThumbnailModel().eval(),
            (torch.zeros(2, SIDE, SIDE, 3, dtype=torch.uint8),),
            path,
            input_names=["pixels"],
            dynamic_shapes={"pixels": {0: torch.export.Dim("batch")}},
            dynamo=True,
            verbose=False,
        )
    laws = {"wrong": np.linspace(0.5, 0.4, 100), "clean": np.linspace(0.5, 0.4, 100)}
    told = MatchCalibration(
        right_scores=np.linspace(0.9, 0.6, 100),
        wrong_scores=laws["wrong"],
        num_wrong_pairs=10**10,
        clean_scores=laws["clean"],
        num_clean_pairs=10**10,
        background=np.eye(192, dtype=np.float32),
        source="drawn pictures",
        fingerprint=load_sides(path, device="cpu").fingerprint,
    )
    calibration_path(path, CALIBRATION).write_text(calibration_to_json(told))


def cpu_seconds() -> float:
    """Processor time of this process and of workers that have ended."""
    both = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    uses = [resource.getrusage(who) for who in both]
    return sum(use.ru_utime + use.ru_stime for use in uses)


def peak_mib(who: int) -> float:
    """Of this process, or of the largest of its children."""
    return resource.getrusage(who).ru_maxrss / 1024


if __name__ == "__main__":
    main()
