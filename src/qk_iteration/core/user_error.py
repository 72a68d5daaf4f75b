"""The one error of this project that is a person's to mend, not a programmer's."""


class UserError(ValueError):
    """Bad input or settings, said in one sentence: what, what was got, what to do.

    Commands show the sentence without a traceback. Any other exception, a ValueError of
    NumPy or torch included, keeps its traceback: it may be a bug of ours.
    """
