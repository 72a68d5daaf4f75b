"""The trials of the study, as ``conf/study.yml`` lists them."""

import ast
import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from omegaconf import OmegaConf
from pydantic import BaseModel, ConfigDict, Field

from qk_iteration.core.formats.format_error import FormatError


class Trial(BaseModel):
    """One method under one group of settings, with one seed or several."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    part: Literal["tuning", "headline", "ablation", "rows", "steps"]
    method: Literal["qk", "simclr", "moco"]
    settings: dict[str, Any] = Field(default={}, description="as for --params")
    seeds: tuple[int, ...] = (0,)
    is_scored: bool = Field(default=False, description="on the test queries too")
    factor: str | None = Field(default=None, description="what is varied")
    value: str | None = Field(default=None, description="its value, as shown")
    continues: str | None = Field(default=None, description="trial to go on from")
    training_images: int | None = Field(default=None, description="null: as built")

    def folder_of(self, seed: int) -> str:
        """The name of the folder of one training."""
        return f"{self.name}-seed{seed}"

    @property
    def image_set(self) -> str:
        """The name of the training images."""
        if self.training_images is None:
            return "builtin"
        return f"grown_{self.training_images}"


def read_trials(path: Path) -> list[Trial]:
    """The trials of a YAML file, in its order.

    Raises:
        FormatError: If a name stands twice, or a trial goes on from one that does not
            stand before it with the same seeds.
        ValidationError: If a trial is malformed.
    """
    content: Any = OmegaConf.to_container(OmegaConf.load(path))
    trials = [Trial.model_validate(one) for one in content["trials"]]
    repeated = [n for n, c in Counter(trial.name for trial in trials).items() if c > 1]
    if repeated:
        raise FormatError(f"Names of trials must be unique; '{repeated[0]}' is not.")
    seeds: dict[str, set[int]] = {}
    for trial in trials:
        seeds[trial.name] = set(trial.seeds)
        before = trial.continues
        if before is not None and not set(trial.seeds) <= seeds.get(before, set()):
            raise FormatError(
                f"'{trial.name}' must go on from a trial above it that has its seeds; "
                f"got '{before}'."
            )
    return trials


def fingerprint(*parts: Mapping[str, Any] | str) -> str:
    """A short hash that changes with any of the parts."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def fingerprint_of_code(folders: Sequence[Path]) -> str:
    """Changes with what the code does, not with its comments or layout.

    Args:
        folders: Packages whose every module counts, and every table beside them.
    """
    files = sorted(path for folder in folders for path in folder.rglob("*.*"))
    modules = [_bare(path) for path in files if path.suffix == ".py"]
    tables = [path.read_text("utf-8") for path in files if path.suffix == ".csv"]
    return fingerprint(*modules, *tables)


def _bare(path: Path) -> str:
    """The syntax tree of a module without its docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [  # type: ignore[attr-defined]
                one
                for one in body
                if not (
                    isinstance(one, ast.Expr)
                    and isinstance(one.value, ast.Constant)
                    and isinstance(one.value.value, str)
                )
            ]
    return ast.dump(tree)
