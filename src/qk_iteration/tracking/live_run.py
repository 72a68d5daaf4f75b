"""The run that is under way in this process, for what reports while it works."""

from collections.abc import Mapping
from typing import Protocol


class Listener(Protocol):
    """Takes live figures."""

    def report(self, step: int, metrics: Mapping[str, float]) -> None:
        """Metrics by name, at a step."""


_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """Give live figures to this run, and to no other, from now on."""
    _listeners[:] = [listener]


def stop_listening() -> None:
    """Give them to nobody."""
    _listeners.clear()


def report_to_mlflow(step: int, metrics: dict[str, float]) -> None:
    """Log metrics to the run that is under way; without one, do nothing.

    Args:
        step: Image passes so far, so that curves of all methods line up.
        metrics: Names and values.
    """
    for listener in _listeners:
        listener.report(step, metrics)
