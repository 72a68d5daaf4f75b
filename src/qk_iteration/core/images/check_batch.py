"""A batch is of distinct images; nothing here is heavy to import."""

from qk_iteration.core.user_error import UserError


def check_batch(images_per_step: int, *, num_images: int) -> None:
    """Refuse a batch of more images than there are.

    Raises:
        UserError: With both numbers.
    """
    if images_per_step > num_images:
        raise UserError(
            f"images_per_step asks for {images_per_step} distinct images; got "
            f"{num_images} training images. Add images or lower images_per_step."
        )
