"""A person's own pictures: which of them are copies, of which others.

    from qk_iteration.collection import find_copies, open_collection

    find_copies("Pictures", output="found")
    open_collection("found").is_copy("new.jpg")

Nothing here deletes, moves or changes a picture.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qk_iteration.collection.ask import Match, open_collection
    from qk_iteration.collection.find import find_copies
    from qk_iteration.collection.found_copies import FoundCopies

__all__ = ["FoundCopies", "Match", "find_copies", "open_collection"]

_MODULES = {
    "FoundCopies": "found_copies",
    "Match": "ask",
    "find_copies": "find",
    "open_collection": "ask",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for: torch takes seconds."""
    from importlib import import_module

    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
