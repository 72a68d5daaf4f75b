"""torchvision's edits of a picture, for those that it does as well as we could.

On pictures (not tensors) they are Pillow's own operations: the same bytes on every
machine. The import takes seconds and is only made where an edit is applied.
"""

from functools import cache
from typing import Any

from PIL import Image


def by_torchvision(name: str, image: Image.Image, **settings: Any) -> Image.Image:
    """The image after ``torchvision.transforms.v2.functional.{name}``.

    Args:
        name: Of the function.
        image: RGB; it stays as it is, and may be the result where nothing changes.
        settings: The function's other arguments.
    """
    edited: Image.Image = getattr(load_torchvision(), name)(image, **settings)
    return edited


@cache
def load_torchvision() -> Any:
    """The module; called before worker processes are forked, none imports it again."""
    from torchvision.transforms.v2 import functional

    return functional
