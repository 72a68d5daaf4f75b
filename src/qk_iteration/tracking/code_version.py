"""Which version of the code a run was made with."""

import subprocess
from pathlib import Path


def code_version(project: Path) -> dict[str, str]:
    """MLflow's tag of the commit, and whether it is all; none without a repository."""
    commit = _git(project, "rev-parse", "HEAD")
    if commit is None:
        return {}
    uncommitted = str(bool(_git(project, "status", "--porcelain")))
    return {"mlflow.source.git.commit": commit, "uncommitted_changes": uncommitted}


def _git(project: Path, *arguments: str) -> str | None:
    """What git prints, or None where there is no git or no repository."""
    try:
        command = ["git", "-C", str(project), *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
