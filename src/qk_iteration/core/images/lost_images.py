"""Images that could be read when they were tabulated and cannot be read any more.

A file deleted meanwhile must not end the work on thousands, and a disk that went away
must not end in a model of what was left: few are counted and said, more stop the run.
"""

import logging

from qk_iteration.core.images.opened_image import UnreadableImageError
from qk_iteration.core.user_error import UserError

MAX_LOST_SHARE = 0.01
"""Of the images; if more are lost, something is wrong with the folder."""

_logger = logging.getLogger(__name__)


class LostImages:
    """Counts the images that are lost.

    Args:
        num_images: Of the whole table.
        may_lose: So many may be lost, whatever their share.
    """

    def __init__(self, num_images: int, *, may_lose: int = 0) -> None:
        self._num_images = num_images
        self._most = max(may_lose, MAX_LOST_SHARE * num_images)
        self._first: UnreadableImageError | None = None
        self.image_ids: list[str] = []

    def add(self, image_id: str, error: UnreadableImageError) -> None:
        """One more is lost.

        Raises:
            UserError: If these are more than ``MAX_LOST_SHARE`` and ``may_lose``.
        """
        self._first = self._first or error
        self.image_ids.append(image_id)
        if len(self.image_ids) > self._most:
            raise UserError(
                f"{self._text()}, more than {MAX_LOST_SHARE:.0%}. Look for what "
                f"happens to the folder. The first: {self._first}"
            ) from error

    def report(self) -> None:
        """Say on the screen how many were left out, if any were."""
        if self.image_ids:
            _logger.warning(
                "%s; they are left out. The first: %s", self._text(), self._first
            )

    def _text(self) -> str:
        return (
            f"{len(self.image_ids)} of {self._num_images} images could be read when "
            "they were tabulated and cannot be read now"
        )
