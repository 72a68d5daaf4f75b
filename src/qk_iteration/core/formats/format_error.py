"""What is raised when a file or table is not what its format says."""

from qk_iteration.core.user_error import UserError


class FormatError(UserError):
    """A malformed file or table; the message says where, and what to do."""
