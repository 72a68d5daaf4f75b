"""QK Iteration."""

__version__ = "0.1.0"
