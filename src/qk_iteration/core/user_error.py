"""The one error of this project that is a person's to mend, not a programmer's."""

WANTS_TRACEBACK = "QK_TRACEBACK"
"""Environment variable; with it every error comes with its traceback."""


class UserError(ValueError):
    """Bad input or settings, said in one sentence: what, what was got, what to do.

    Commands show the sentence without a traceback. Any other exception, a ValueError of
    NumPy or torch included, keeps its traceback: it may be a bug of ours.
    """


def first_line(error: BaseException) -> str:
    """What an error of another library says, in one line; its kind if it is silent."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
