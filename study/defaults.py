"""What a trial has where its settings do not say otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from qk_iteration.builtin_benchmark.manifest import (
    BUILTIN_MANIFEST,
    Role,
    read_manifest,
)


@dataclass(frozen=True)
class StudyDefaults:
    """The defaults of training.

    Attributes:
        parameters: The blocks of ``parameters_training.yml``.
        training_images: How many the built-in benchmark has.
    """

    parameters: DictConfig
    training_images: int

    @classmethod
    def read(cls, parameters: str | Path) -> "StudyDefaults":
        """Read ``parameters_training.yml`` and the built-in manifest.

        Raises:
            OSError: If the file cannot be opened.
        """
        blocks = OmegaConf.load(parameters)
        assert isinstance(blocks, DictConfig)  # A YAML file of blocks is a mapping.
        images = read_manifest(BUILTIN_MANIFEST).images
        return cls(blocks, sum(image.role is Role.TRAINING for image in images))

    def value(self, settings: Mapping[str, Any], name: str) -> Any:
        """A parameter under a trial's settings, by its name with dots."""
        if name in settings:
            return settings[name]
        return OmegaConf.select(self.parameters, name)

    def hold(self, settings: Mapping[str, Any]) -> bool:
        """Whether settings say nothing else than the defaults."""
        return all(self.value({}, name) == value for name, value in settings.items())
