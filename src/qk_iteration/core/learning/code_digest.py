"""Tells whether the code that goes on with something is the code that began it."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

ROOMS_OF_TRAINING = (
    *("bank", "describing", "distributed"),
    *("images", "learning", "losses", "models"),
)
"""Of the core: what they say decides what is learned."""
ROOMS_OF_FEATURES = ("describing", "images", "models")
"""What they say decides which features an image has."""


def code_digest(rooms: Sequence[str]) -> str:
    """A digest of the files of these rooms, names and comments included."""
    core = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for room in rooms:
        for path in sorted((core / room).rglob("*.py")):
            digest.update(f"{path.relative_to(core)}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
