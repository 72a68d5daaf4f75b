"""A file of which one bit is flipped, here and there; not a test itself."""

import numpy as np


def flip_bits(path, *, every, seed):
    """Leave a bit flipped in the file at one place after the other; yields the place.

    Args:
        path: A file, whose content is whole again afterwards.
        every: Bytes between two places; the first of them is drawn.
        seed: Of the first place and of the bits.
    """
    whole = path.read_bytes()
    generator = np.random.default_rng(seed)
    for place in range(int(generator.integers(every)), len(whole), every):
        content = bytearray(whole)
        content[place] ^= 1 << int(generator.integers(8))
        path.write_bytes(content)
        yield place
    path.write_bytes(whole)
