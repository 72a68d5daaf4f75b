"""JSON that carries a checksum, for what no other file could show to be damaged."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from qk_iteration.core.formats.format_error import FormatError

CHECKSUM = "sha256"


def to_checked_json(content: Mapping[str, Any]) -> str:
    """An object as JSON, with every digit, and the SHA-256 of all of it."""
    return json.dumps({**content, CHECKSUM: _checksum(content)})


def from_checked_json(text: str) -> dict[str, Any]:
    """What ``to_checked_json`` was given.

    Raises:
        FormatError: If it is not that any more.
    """
    try:
        content = json.loads(text)
        checksum = content.pop(CHECKSUM)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormatError("it is damaged, or of an older version.") from error
    if checksum != _checksum(content):
        raise FormatError("it is damaged: it is not as it was written.")
    return dict(content)


def _checksum(content: Mapping[str, Any]) -> str:
    # By way of text, so that lists and tuples are the same.
    text = json.dumps(json.loads(json.dumps(content)), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
