"""QK Iteration.

from qk_iteration import load_pair

pair = load_pair("data/06_models/qk")
pair.query.describe(["suspect.jpg"])
pair.score("suspect.jpg", "original.jpg")
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qk_iteration.core.describing.pair import Pair, load_pair

__all__ = ["Pair", "load_pair"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import the pair when it is asked for: torch takes seconds, the package none."""
    if name in __all__:
        from qk_iteration.core.describing import pair

        return getattr(pair, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
