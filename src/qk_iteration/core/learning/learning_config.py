"""Parameters of training: what all methods share, and what is each one's own.

The budget is counted in *image passes*: an image once forward and backward through a
backbone is one pass, an image forward only (a bank row) is a third of one. All
methods stop when the same budget is spent, bank refreshes included.
"""

from fractions import Fraction
from typing import Annotated, Literal

from pydantic import Field

from qk_iteration.core.losses.loss_config import LossConfig
from qk_iteration.core.models.model_config import Precision
from qk_iteration.core.parameter_block import ParameterBlock

FORWARD_COST = Fraction(1, 3)
"""Image passes that a forward pass alone costs; the backward pass costs the rest."""

Passes = int | float | Fraction


BankDtype = Literal["float32", "bfloat16", "float16"]


class NegativeBankConfig(ParameterBlock):
    """The bank before any training, which whitens the head of every method."""

    dtype: BankDtype = Field(description="of the stored rows")
    ridge: float = Field(
        ge=0,
        description="of the regression that another query model's head starts from",
    )


class LearningConfig(ParameterBlock):
    """What all methods have in common."""

    image_passes: int = Field(ge=1, description="the budget, in image passes")
    images_per_step: int = Field(
        ge=2, description="in an SGD step; SimCLR learns from two views of each"
    )
    images_at_a_time: Annotated[int, Field(ge=1)] | None = Field(
        description="views that one device learns from at once; null: all of its step"
    )
    weight_decay: float = Field(ge=0, description="of AdamW")
    warmup_fraction: float = Field(ge=0, lt=1, description="of the SGD steps")
    gradient_clip: float = Field(gt=0, description="largest norm of the gradient")
    weight_averaging: float = Field(
        ge=0, lt=1, description="decay per SGD step of averaged weights; 0 turns it off"
    )
    frozen_stages: int = Field(
        ge=0, description="first stages of the backbone that keep their weights"
    )
    frozen_statistics: bool = Field(
        description="batch normalization keeps the pretrained mean and variance"
    )
    precision: Precision = Field(description="of the backbone")
    near_copy_similarity: float | None = Field(
        gt=0,
        le=1,
        description="cosine of centered features that makes two images one group",
    )
    num_validations: int = Field(
        ge=1,
        description="evenly over the budget; of QK Iteration at the end of a phase",
    )
    steps_per_checkpoint: int = Field(ge=1, description="SGD steps, inside a phase")
    steps_per_report: int = Field(ge=1, description="SGD steps averaged in a metric")
    num_workers: int = Field(ge=0, description="processes that draw views")
    resume: bool = Field(description="continue what the same settings left behind")
    start_from: str | None = Field(
        description="folder of finished models to go on from; null: the untrained pair"
    )
    seed: int = Field(ge=0)


class QKConfig(ParameterBlock):
    """QK Iteration's own parameters. One iteration is a Q-phase, then a K-phase."""

    learning_rate: float = Field(gt=0, description="peak, after the warm-up")
    loss: LossConfig
    query_steps: int = Field(ge=0, description="SGD steps of a Q-phase; 0: no Q-phases")
    key_steps: int = Field(ge=0, description="SGD steps of a K-phase; 0: no K-phases")
    frozen: Literal["backbone", "model"] = Field(
        description="what stands still on the other side; backbone: its head learns"
    )
    towers: Literal["separate", "shared_head", "handed_over"] = Field(
        description="how the two models stay together"
    )
    key_view: Literal["clean", "edited"] = Field(
        description="what the key side sees of a training image"
    )
    negative_rows: Annotated[int, Field(ge=1)] | Literal["all", "batch"] = Field(
        description="bank rows that a step is pushed against; a number: drawn each step"
    )
    same_group: Literal["left_out", "positive"] = Field(
        description="what other rows of the positive's group are; never negatives"
    )
    bank_dtype: BankDtype = Field(description="of a phase's rows")
    chunk_size: int = Field(ge=1, description="bank rows at a time; memory only")


class SimCLRConfig(ParameterBlock):
    """The baseline's own parameters: negatives come from the batch only."""

    learning_rate: float = Field(gt=0, description="peak, after the warm-up")
    loss: LossConfig
    key_view: Literal["clean", "edited"] = Field(
        description="the second view of a training image"
    )


class MoCoConfig(ParameterBlock):
    """Momentum contrast's own parameters: negatives wait in a queue."""

    learning_rate: float = Field(gt=0, description="peak, after the warm-up")
    loss: LossConfig
    momentum: float = Field(ge=0, lt=1, description="of the model that makes the keys")
    queue_rows: int = Field(ge=1, description="keys kept for later steps")
    key_view: Literal["clean", "edited"] = Field(
        description="what the key side sees of a training image"
    )


class FitConfig(ParameterBlock):
    """Fitting a query model to an index that stays; see docs/fit_to_index.md."""

    training_descriptors: str | list[str] = Field(
        description="rows of the index for the training images"
    )
    reference_descriptors: str | list[str] | None = Field(
        description="rows of the index for the references, where it is scored"
    )
    validation_reference_descriptors: str | list[str] | None = Field(
        description="the same for the validation; null: it asks with training images"
    )
    start_from: str | None = Field(
        description="folder of a finished query model; null: query_model's backbone"
    )
    learns: Literal["model", "adapter"] = Field(
        description="adapter: a linear map of start_from's descriptor alone"
    )
    ridge: float = Field(ge=0, description="of the head start, of the mean variance")
    learning_rate: float = Field(gt=0, description="peak, after the warm-up")
    loss: LossConfig
    same_group: Literal["left_out", "positive"] = Field(
        description="what other rows of the positive's group are; never negatives"
    )
    bank_dtype: BankDtype = Field(description="of the rows that steps walk over")
    chunk_size: int = Field(ge=1, description="rows at a time; memory only")


MethodConfig = QKConfig | SimCLRConfig | MoCoConfig
METHODS: dict[str, type[MethodConfig]] = {
    "qk": QKConfig,
    "simclr": SimCLRConfig,
    "moco": MoCoConfig,
}
"""By the name of its block, the parameters of each method."""
