"""The checksum that an exported ONNX file carries in its own metadata.

onnxruntime takes numbers as they are. The SHA-256 is that of the file with zeros in its
own place, so that it can be compared without the package ``onnx``.
"""

import hashlib
import re

from qk_iteration.core.formats.checked_json import CHECKSUM

PLACEHOLDER = "0" * 64
_WRITTEN = re.compile(  # as the export writes it; another program's is none of ours
    rb'\{"image_size": \d+, "dim": \d+, "%s": "([0-9a-f]{64})"\}' % CHECKSUM.encode()
)


def sealed(content: bytes) -> bytes:
    """A file's content, its checksum in the place of ``PLACEHOLDER``."""
    place = _place(content)
    assert place is not None, "the export writes one"
    start, stop = place
    return content[:start] + _checksum(content, start, stop) + content[stop:]


def is_as_sealed(content: bytes) -> bool:
    """Whether it is as ``sealed`` gave it, or of another program."""
    place = _place(content)
    if place is None:
        return True
    return content[slice(*place)] == _checksum(content, *place)


def _place(content: bytes) -> tuple[int, int] | None:
    """Of the last checksum: metadata stand behind the weights."""
    place = None
    for found in _WRITTEN.finditer(content):
        place = found.span(1)
    return place


def _checksum(content: bytes, start: int, stop: int) -> bytes:
    digest = hashlib.sha256(memoryview(content)[:start])
    digest.update(PLACEHOLDER.encode())
    digest.update(memoryview(content)[stop:])
    return digest.hexdigest().encode()
