"""What a user did wrong is said in one sentence, not in a traceback of 300 lines."""

import os
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.io import DatasetError
from kedro.validation.exceptions import ParameterValidationError

Excepthook = Callable[
    [type[BaseException], BaseException, TracebackType | None], object
]

WANTS_TRACEBACK = "QK_TRACEBACK"
"""Environment variable; with it every error comes with its traceback."""

# What our checks raise, and what a missing file or a full disk does. Of anything else
# the place matters more than the sentence.
_PLAIN = (ValueError, OSError, DatasetError, ParameterValidationError)


class PlainErrorsHook:
    """Ends a command that fails over bad input with the error's own sentence."""

    @hook_impl(tryfirst=True)  # Other hooks check the input.
    def after_context_created(self, context: Any) -> None:
        """Show errors in our way, and in Kedro's what is not the user's doing."""
        is_ours = isinstance(sys.excepthook, PlainExcepthook)
        if not is_ours and not os.environ.get(WANTS_TRACEBACK):
            sys.excepthook = PlainExcepthook(otherwise=sys.excepthook)


class PlainExcepthook:
    """Writes one sentence on standard error for bad input.

    Args:
        otherwise: Shows every other error.
    """

    def __init__(self, otherwise: Excepthook) -> None:
        self._otherwise = otherwise

    def __call__(
        self,
        kind: type[BaseException],
        error: BaseException,
        trace: TracebackType | None,
    ) -> None:
        """Show an error that nobody caught; as ``sys.excepthook``."""
        if not isinstance(error, _PLAIN):
            self._otherwise(kind, error, trace)
            return
        sys.stderr.write(
            f"error: {error}\nTo see where it was raised, set {WANTS_TRACEBACK}=1.\n"
        )
