"""Batches of any size for models that take only one picture at a time."""

from collections.abc import Callable

import torch
from torch import Tensor

from qk_iteration.core.user_error import UserError


class AnyBatch:
    """A foreign model, called with whole batches as long as it takes them.

    A model that was exported with one example may have its batch of one built in, with
    nothing in the file that says so. It is found when a batch is refused.

    Args:
        call: From a batch of pictures to descriptors (B, D); raises UserError for what
            it does not take.
    """

    def __init__(self, call: Callable[[Tensor], Tensor]) -> None:
        self._call = call
        self._takes_one = False

    def __call__(self, pixels: Tensor) -> Tensor:
        """Descriptors (B, D).

        Raises:
            UserError: If the model takes neither all pictures nor one.
        """
        if self._takes_one:
            return self._one_by_one(pixels)
        try:
            return self._call(pixels)
        except UserError as error:
            if len(pixels) == 1:
                raise
            try:
                rows = self._one_by_one(pixels)
            except UserError:
                raise error from error.__cause__
            self._takes_one = True
            return rows

    def _one_by_one(self, pixels: Tensor) -> Tensor:
        return torch.cat([self._call(picture) for picture in pixels.split(1)])
