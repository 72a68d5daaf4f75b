"""The one error for a file or array that is not what the format demands."""


class FormatError(ValueError):
    """A file or array is malformed; the message says where and what to do."""
