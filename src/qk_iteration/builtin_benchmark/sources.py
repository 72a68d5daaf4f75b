"""Images inside installed packages: where they lie, and single frames of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from PIL import Image

from qk_iteration.core.extras import how_to_install
from qk_iteration.core.user_error import UserError


class MissingImagesError(UserError):
    """A package whose images are needed is absent or not the one that is meant."""


@dataclass(frozen=True)
class ImagePackage:
    """An installed package that holds images.

    Attributes:
        name: The Python distribution, or any name if ``folder`` is absolute.
        folder: Where its images lie, beside the installed modules; or absolute.
        licence: As the package states it.
        version: The version that the manifest was made from.
        install: The command that fetches it, where ``folder`` is absolute; otherwise
            no more than part of the benchmark's checksum.
    """

    name: str
    folder: str
    licence: str
    version: str
    install: str

    def locate(self) -> Path:
        """The folder of the images.

        Raises:
            MissingImagesError: If the package is not installed or has no such folder.
        """
        try:
            folder = self._folder()
        except PackageNotFoundError as error:
            raise MissingImagesError(
                f"The benchmark needs the images of the package {self.name}, which is "
                f"not installed. {self.cure()}"
            ) from error
        if not folder.is_dir():
            raise MissingImagesError(
                f"The package {self.name} must have the folder {folder}, as version "
                f"{self.version} has. {self.cure()}"
            )
        return folder

    def cure(self) -> str:
        """How to have its images, in a sentence."""
        if Path(self.folder).is_absolute():
            return f"Fetch it: {self.install}."
        return how_to_install("demo")

    def _folder(self) -> Path:
        if Path(self.folder).is_absolute():
            return Path(self.folder)
        return Path(str(distribution(self.name).locate_file(self.folder)))


def read_frames(path: Path, frames: Iterable[int]) -> Iterator[tuple[int, Image.Image]]:
    """Some frames of an image file, in the order of the file, each decoded once.

    Args:
        path: An animation, or a still image, whose only frame is 0.
        frames: Which ones.

    Yields:
        The number of the frame and the frame with its transparency, RGBA.

    Raises:
        OSError: If the file cannot be decoded.
        EOFError: If it has no such frame.
    """
    with Image.open(path) as image:
        for frame in sorted(frames):
            image.seek(frame)
            yield frame, image.convert("RGBA")


def on_white(image: Image.Image) -> Image.Image:
    """An RGBA image laid over white. RGB."""
    canvas = Image.new("RGBA", image.size, "white")
    canvas.alpha_composite(image)
    return canvas.convert("RGB")


def shrunk(image: Image.Image, *, max_side: int) -> Image.Image:
    """The image, its longer side at most ``max_side`` pixels; never enlarged."""
    scale = max_side / max(image.size)
    if scale >= 1:
        return image
    width, height = (max(1, round(scale * side)) for side in image.size)
    return image.resize((width, height), Image.Resampling.BICUBIC)
