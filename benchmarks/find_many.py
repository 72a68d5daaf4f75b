"""Rate and peak memory of a search of very many files.

    python -m benchmarks.find_many FOLDER --num-files 100000

The files are small JPEGs of random blocks, one in a thousand a smaller copy of another.
The model is next to none (a thumbnail of 243 numbers): measured is all the rest,
listing, hashing, decoding, the store of descriptors, and the search of all pairs. What
a backbone needs per picture comes on top; it needs no more memory for more files.
"""

import argparse
import resource
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from qk_iteration.collection import find_copies
from qk_iteration.collection.choose_index import EXACT_UP_TO
from qk_iteration.collection.match_calibration import MatchCalibration
from qk_iteration.collection.model_sides import (
    CALIBRATION,
    calibration_path,
    load_sides,
)

FILES_PER_FOLDER = 1000
FILES_PER_COPY = 1000


class ThumbnailModel(torch.nn.Module):
    """The picture shrunk to 9 x 9 pixels, less its mean."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Descriptors, not yet of unit length. (B, 3, H, W) to (B, 243)."""
        small = torch.nn.functional.adaptive_avg_pool2d(pixels, 9).flatten(1)
        return small - small.mean(dim=1, keepdim=True)


def main() -> None:
    """Draw the files, search them twice, print seconds, rate and memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="new, or of an earlier run")
    parser.add_argument("--num-files", type=int, default=100_000)
    parser.add_argument("--num-workers", type=int, default=2)
    parser.add_argument("--exact-up-to", type=int, default=EXACT_UP_TO)
    asked = parser.parse_args()
    photos = asked.folder / "photos"
    draw_files(photos, asked.num_files)
    model = make_model(asked.folder / "thumbnail.pt")
    for what in ("first search", "second search"):
        start, used = time.perf_counter(), cpu_seconds()
        found = find_copies(
            photos,
            output=asked.folder / "found",
            model=model,
            num_workers=asked.num_workers,
            exact_up_to=asked.exact_up_to,
        )
        seconds, used = time.perf_counter() - start, cpu_seconds() - used
        print(
            f"{what}: {found.num_pictures} files, {found.num_described} described, "
            f"{len(found.matches)} matches, {seconds:.0f} s ({used:.0f} s of processor "
            f"time), {found.num_pictures / seconds:.0f} files/s; peak memory "
            f"{peak_mib(resource.RUSAGE_SELF):.0f} MiB, of the largest worker "
            f"{peak_mib(resource.RUSAGE_CHILDREN):.0f} MiB",
            flush=True,
        )


def draw_files(folder: Path, num_files: int) -> None:
    """Small JPEGs in sub-folders; those that are there are kept."""
    for number in range(num_files):
        path = folder / f"{number // FILES_PER_FOLDER:03d}" / f"{number:06d}.jpg"
        if number % FILES_PER_FOLDER == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            continue
        is_copy = number % FILES_PER_COPY == FILES_PER_COPY - 1
        generator = np.random.default_rng(number - 1 if is_copy else number)
        blocks = generator.integers(0, 256, (6, 8, 3), np.uint8)
        size = (64, 48) if is_copy else (96, 72)
        image = Image.fromarray(blocks).resize(size, Image.Resampling.BICUBIC)
        image.save(path, quality=80)


def make_model(path: Path) -> Path:
    """A TorchScript file with a calibration beside it that lets copies pass."""
    torch.jit.script(ThumbnailModel()).save(str(path))  # type: ignore[no-untyped-call]
    laws = {"wrong": np.linspace(0.5, 0.4, 100), "clean": np.linspace(0.5, 0.4, 100)}
    told = MatchCalibration(
        right_scores=np.linspace(0.9, 0.6, 100),
        wrong_scores=laws["wrong"],
        num_wrong_pairs=10**10,
        clean_scores=laws["clean"],
        num_clean_pairs=10**10,
        usual_bias=0.3,
        is_normalized=True,
        source="drawn pictures",
        fingerprint=load_sides(path, device="cpu").fingerprint,
    )
    calibration_path(path, CALIBRATION).write_text(told.to_json())
    return path


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
