"""What ``conf/*/mlflow.yml`` says."""

from typing import Any

from pydantic import Field, ValidationError

from qk_iteration.core.parameter_block import ParameterBlock
from qk_iteration.core.user_error import UserError


class ServerConfig(ParameterBlock):
    """Where runs are kept."""

    mlflow_tracking_uri: str | None = Field(
        description="of a server or a database; null: mlflow.db beside the project"
    )


class ExperimentConfig(ParameterBlock):
    """The list that runs stand in."""

    name: str


class RunConfig(ParameterBlock):
    """One run."""

    id: str | None = Field(description="of a run to go on with; null: found by itself")
    name: str | None = Field(description="null: method, benchmark and seed")


class RunsConfig(ParameterBlock):
    """Which runs there are."""

    experiment: ExperimentConfig
    run: RunConfig
    registered_model: str | None = Field(
        description="trained pairs are registered as this and the method; null: not"
    )


class TrackingConfig(ParameterBlock):
    """All of it."""

    server: ServerConfig
    tracking: RunsConfig


def read_tracking_config(content: Any) -> TrackingConfig:
    """The checked content of mlflow.yml.

    Raises:
        UserError: If it has an unknown or lacks a known key.
    """
    try:
        return TrackingConfig.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(f"conf/, mlflow.yml: {where}: {first['msg']}.") from None
