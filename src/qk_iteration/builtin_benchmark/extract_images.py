"""From the files of packages to the benchmark's image folders."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from qk_iteration.builtin_benchmark.layout import image_path
from qk_iteration.builtin_benchmark.manifest import Manifest, Role
from qk_iteration.builtin_benchmark.processes import map_in_processes
from qk_iteration.builtin_benchmark.sources import (
    ImagePackage,
    MissingImagesError,
    on_white,
    read_frames,
    shrunk,
)

_STICKER_SIDE = 128  # Pixels; stickers are shown small.


def extract_images(
    folder: Path,
    manifest: Manifest,
    *,
    jpeg_quality: int,
    max_side: int,
    num_workers: int,
) -> None:
    """Write every image of the manifest as a file of its own.

    Args:
        folder: The benchmark's folder.
        manifest: Which images.
        jpeg_quality: 1 to 95.
        max_side: Longer images are shrunk to this side, in pixels.
        num_workers: Processes; 0 for none but this one.

    Raises:
        MissingImagesError: If a package is not installed, or lacks a file.
    """
    jobs = _plan(folder, manifest, jpeg_quality, max_side)
    for path in {target.path.parent for job in jobs for target in job.targets.values()}:
        path.mkdir(parents=True, exist_ok=True)
    for _ in map_in_processes(
        _extract_file,
        jobs,
        num_workers=num_workers,
        description="Decoding images",
        num_images=len(manifest.images),
    ):
        pass


@dataclass(frozen=True)
class _Target:
    """The file to write a frame to."""

    path: Path
    role: Role


@dataclass(frozen=True)
class _Job:
    """One source file and what its frames become."""

    source: Path
    targets: dict[int, _Target]
    jpeg_quality: int
    max_side: int


def _plan(
    folder: Path, manifest: Manifest, jpeg_quality: int, max_side: int
) -> list[_Job]:
    """One job for each source file, the longest first; nothing is decoded yet."""
    targets: dict[tuple[str, str], dict[int, _Target]] = defaultdict(dict)
    for image in manifest.images:
        path = folder / image_path(image)
        targets[image.package, image.file][image.frame] = _Target(path, image.role)
    folders = {name: manifest.packages[name].locate() for name, _ in targets}
    jobs = [
        _Job(folders[package] / file, frames, jpeg_quality, max_side)
        for (package, file), frames in targets.items()
    ]
    for (package, _), job in zip(targets, jobs, strict=True):
        if not job.source.is_file():
            raise _missing(manifest.packages[package], job.source)
    return sorted(jobs, key=lambda job: -max(job.targets))


def _missing(package: ImagePackage, file: Path) -> MissingImagesError:
    return MissingImagesError(
        f"The package {package.name} must hold {file}, as version {package.version} "
        f"does. {package.cure()}"
    )


def _extract_file(job: _Job) -> list[Path]:
    """Write the wanted frames of one file; returns the files written."""
    for frame, image in read_frames(job.source, job.targets):
        target = job.targets[frame]
        if target.role is Role.STICKER:
            _save_sticker(image, target.path)
        else:
            picture = shrunk(on_white(image), max_side=job.max_side)
            picture.save(target.path, quality=job.jpeg_quality)
    return [target.path for target in job.targets.values()]


def _save_sticker(image: Image.Image, path: Path) -> None:
    visible = image.crop(image.getchannel("A").getbbox())
    shrunk(visible, max_side=_STICKER_SIDE).save(path)
