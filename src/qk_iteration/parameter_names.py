"""Names of ``--env`` and ``--params`` against what the configuration holds."""

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from qk_iteration.block_errors import hint
from qk_iteration.core.user_error import UserError

NAME_READ = re.compile(r"\$\{runtime_params:\s*(\w+)")
BLOCK_DEFINED = re.compile(r"^(\w+):", re.MULTILINE)


def check_environment(loader: Any) -> None:
    """Raise UserError if ``--env`` names no folder of conf/, or there is no conf/."""
    folders = _folders_of(loader)
    if loader.base_env not in folders:
        raise UserError(
            f"No configuration in '{loader.conf_source}'. Run this in the project's "
            "folder, or name one: --conf-source=FOLDER or --conf-source=FILE.tar.gz."
        )
    environment = loader.env or loader.default_run_env
    if environment not in folders and environment != loader.default_run_env:
        known = sorted(folders - {"__pycache__"})
        raise UserError(
            f"--env must be a folder of '{loader.conf_source}'; got '{environment}'. "
            f"{hint(environment, known)}"
        )


def check_names(runtime_params: Mapping[str, Any], texts: Mapping[str, str]) -> None:
    """Raise UserError if a name is neither a block of the files nor read by them.

    Args:
        runtime_params: What ``--params`` gives.
        texts: By path below conf/, the text of its YAML files.
    """
    known = _known_names(texts)
    for name in runtime_params:
        if name not in known:
            raise UserError(
                f"--params: nothing here reads '{name}'. {hint(name, known)}"
            )


def _folders_of(loader: Any) -> set[str]:
    """Folders of conf/, be it a folder itself or a packed file."""
    source = Path(loader.conf_source)
    if source.is_dir():
        return {path.name for path in source.iterdir() if path.is_dir()}
    paths = [PurePosixPath(path) for path in texts_of_conf(loader)]
    return {path.parts[0] for path in paths if len(path.parts) > 1}


def texts_of_conf(loader: Any) -> dict[str, str]:
    """By path below conf/, the text of every YAML file of it."""
    source = Path(loader.conf_source)
    if source.is_dir():
        paths = (*source.rglob("*.yml"), *source.rglob("*.yaml"))
        return {
            path.relative_to(source).as_posix(): path.read_text(encoding="utf-8")
            for path in paths
        }
    # A packed file, as `kedro package` writes it, holds one folder with all of it.
    files = loader._fs.find("")
    return {
        "/".join(PurePosixPath(path).parts[1:]): loader._fs.cat_file(path).decode()
        for path in files
        if PurePosixPath(path).suffix in {".yml", ".yaml"}
    }


def _known_names(texts: Mapping[str, str]) -> list[str]:
    names: set[str] = set()
    for path, text in texts.items():
        names.update(NAME_READ.findall(text))
        # As Kedro finds them: parameters*, or anything in a folder parameters*.
        if any(part.startswith("parameters") for part in PurePosixPath(path).parts):
            names.update(BLOCK_DEFINED.findall(text))
    return sorted(names)
