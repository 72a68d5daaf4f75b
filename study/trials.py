"""The trials of the study, as ``conf/study.yml`` lists them."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from omegaconf import OmegaConf
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from qk_iteration.core.user_error import UserError

_SHARED_BLOCKS = ("model.", "query_model.", "key_model.", "images.")
METHODS = ("simclr", "qk")
"""Names of the headline trials, which are also those of their methods."""


class Trial(BaseModel):
    """One method under one group of settings, with one seed or several."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    part: Literal[
        "tuning",
        "headline",
        "ablation",
        "rows",
        "steps",
        "batch",
        "card",
        "index",
        "unlike",
        "larger",
        "distractors",
    ]
    method: Literal["qk", "simclr", "moco", "fit_to_index"]
    settings: dict[str, Any] = Field(default={}, description="as for --params")
    seeds: tuple[int, ...] = (0,)
    is_scored: bool = Field(default=False, description="on the test queries too")
    factor: str | None = Field(default=None, description="what is varied")
    value: str | None = Field(default=None, description="its value, as shown")
    continues: str | None = Field(default=None, description="trial to go on from")
    training_images: int | None = Field(default=None, description="null: as built")
    distractors: int | None = Field(
        default=None, description="nothing is trained, but scored among so many"
    )

    def folder_of(self, seed: int) -> str:
        """The name of the folder of one training."""
        return f"{self.name}-seed{seed}"

    @property
    def image_set(self) -> str:
        """The name of the training images."""
        if self.training_images is None:
            return "builtin"
        return f"grown_{self.training_images}"

    @property
    def shared(self) -> str:
        """The folder of what comes from the images and the untrained pair alone."""
        own = (f"{name}_{one}" for name, one in sorted(self.shared_settings.items()))
        return "_".join([self.image_set, *own])

    @property
    def shared_settings(self) -> dict[str, Any]:
        """Those of the settings that images and the untrained pair are made by."""
        return {
            name: value
            for name, value in self.settings.items()
            if name.startswith(_SHARED_BLOCKS)
        }


def read_trials(path: Path) -> list[Trial]:
    """The trials of a YAML file, in its order.

    A trial with ``each: {setting: [values]}`` stands for one trial for each value.

    Raises:
        UserError: If a trial is malformed, a name stands twice, or a trial goes on from
            one that does not stand before it with the same seeds.
    """
    content: Any = OmegaConf.to_container(OmegaConf.load(path))
    trials = [_checked(one) for many in content["trials"] for one in _each(many)]
    repeated = [n for n, c in Counter(trial.name for trial in trials).items() if c > 1]
    if repeated:
        raise UserError(f"Names of trials must be unique; '{repeated[0]}' is not.")
    seeds: dict[str, set[int]] = {}
    for trial in trials:
        seeds[trial.name] = set(trial.seeds)
        before = trial.continues
        if before is not None and not set(trial.seeds) <= seeds.get(before, set()):
            raise UserError(
                f"'{trial.name}' must go on from a trial above it that has its seeds; "
                f"got '{before}'."
            )
    return trials


def _each(content: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One trial for each value of the setting under ``each``."""
    varied = content.pop("each", None)
    if varied is None:
        yield content
        return
    ((setting, values),) = varied.items()
    for value in values:
        settings = content.get("settings", {}) | {setting: value}
        name = f"{content['name']}_{value:g}"
        yield {"value": f"{value:g}"} | content | {"name": name, "settings": settings}


def _checked(content: dict[str, Any]) -> Trial:
    try:
        return Trial.model_validate(content)
    except ValidationError as error:
        found = "; ".join(
            f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()
        )
        raise UserError(
            f"The trial '{content.get('name')}' must have the fields of a trial: "
            f"{found}. Correct it in the list of trials."
        ) from error
