"""PDQ, a perceptual hash, as descriptors: the floor that needs no network.

References:
    Facebook, 2019, "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing
    Algorithm" (the hash, and the Hamming distance as its measure).
"""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from qk_iteration.core.describing.describe import describe
from qk_iteration.core.extras import how_to_install
from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.images.decode import decode_image
from qk_iteration.core.user_error import UserError

BITS = 256
BATCH_SIZE = 256


def hash_images(images: pd.DataFrame, *, max_pixels: int) -> Descriptors:
    """PDQ hashes as vectors of unit length.

    Bits become +1 and -1 over sqrt(256), so that the squared L2 distance is the Hamming
    distance over 64 and any search ranks by it.

    Args:
        images: Table with the columns ``image_id`` and ``path``.
        max_pixels: Larger images are an error.

    Returns:
        Vectors of shape (N, 256).

    Raises:
        UserError: If the package ``pdqhash`` is not installed, or an image cannot be
            read.
    """
    try:
        from pdqhash import compute
    except ImportError as error:
        raise UserError(
            "Perceptual hashes come from the package pdqhash, which is not installed. "
            f"{how_to_install('demo')}"
        ) from error

    def hash_file(path: str) -> NDArray[np.float32]:
        pixels = np.asarray(decode_image(Path(path), max_pixels=max_pixels))
        bits, _ = compute(pixels)
        signs = 2 * bits.astype(np.float32) - 1
        vector: NDArray[np.float32] = (signs / np.sqrt(BITS)).astype(np.float32)
        return vector

    paths = list(images["path"])
    batches = (paths[i : i + BATCH_SIZE] for i in range(0, len(paths), BATCH_SIZE))
    # Threads are enough: Pillow decodes outside Python's interpreter lock.
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as executor:
        vectors = describe(
            batches,
            lambda batch: torch.from_numpy(np.stack([*executor.map(hash_file, batch)])),
            num_images=len(paths),
            label="hashing",
        )
    return Descriptors(images["image_id"].to_numpy(np.str_), vectors.numpy())
