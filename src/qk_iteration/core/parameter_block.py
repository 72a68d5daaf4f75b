"""The base of every parameter block: frozen, and strict about names."""

from pydantic import BaseModel, ConfigDict


class ParameterBlock(BaseModel):
    """Checked parameters. Unknown and missing keys are errors; nothing has a default.

    The YAML files under ``conf/`` are the whole truth; a typo must not train for a day.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
