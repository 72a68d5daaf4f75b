"""Runs the project's pipelines: ``python -m qk_iteration``, ``qk-iteration``."""

import sys
from pathlib import Path
from typing import Any

from kedro.framework.cli.utils import find_run_command
from kedro.framework.project import configure_project


def main(*args: Any, **kwargs: Any) -> Any:
    """Run a pipeline with the arguments of ``kedro run``."""
    package_name = Path(__file__).parent.name
    configure_project(package_name)
    is_interactive = hasattr(sys, "ps1")
    kwargs["standalone_mode"] = not is_interactive
    return find_run_command(package_name)(*args, **kwargs)


if __name__ == "__main__":
    main()
