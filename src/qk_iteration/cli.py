"""This project's commands beside Kedro's own; Kedro finds this file by its name."""

from typing import Any

import click
from kedro.framework.cli.utils import LazyGroup


@click.group(
    name="QK Iteration",
    cls=LazyGroup,
    lazy_subcommands={
        "mlflow": "qk_iteration.mlflow_command.mlflow",
        "run": "qk_iteration.run_command.run",
    },
)
def cli() -> None:
    """Run pipelines, and look at the runs."""


def __getattr__(name: str) -> Any:
    """The command ``run``, which Kedro asks this module for in an installed package."""
    if name != "run":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from qk_iteration.run_command import run

    return run
