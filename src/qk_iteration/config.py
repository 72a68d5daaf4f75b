"""The parameter blocks of this project, one class for each block of the YAML files.

A block that a core function takes is defined beside that function; this module lists
them all and adds those of the pipelines. Kedro builds and checks them before anything
runs; see ``ParameterBlock`` for the rules.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from qk_iteration.core.describing.describing_config import (
    DescriptionConfig,
    ExternalModelConfig,
    ShardsConfig,
)
from qk_iteration.core.images.images_config import ImagesConfig
from qk_iteration.core.images.recipe import EditRecipe
from qk_iteration.core.learning.learning_config import (
    FitConfig,
    LearningConfig,
    MoCoConfig,
    NegativeBankConfig,
    QKConfig,
    SimCLRConfig,
)
from qk_iteration.core.models.model_config import ModelConfig, SideModelConfig
from qk_iteration.core.parameter_block import ParameterBlock
from qk_iteration.core.search.search_config import SearchConfig

__all__ = [
    "BLOCKS",
    "BuiltinBenchmarkConfig",
    "ComparedRunsConfig",
    "DescriptionConfig",
    "EditRecipe",
    "ExternalModelConfig",
    "FindCopiesConfig",
    "FitConfig",
    "ImagesConfig",
    "LearningConfig",
    "MoCoConfig",
    "ModelConfig",
    "NegativeBankConfig",
    "OwnBenchmarkConfig",
    "QKConfig",
    "ScoredFilesConfig",
    "ScoringConfig",
    "SearchConfig",
    "ShardsConfig",
    "SideModelConfig",
    "SimCLRConfig",
]


class BuiltinBenchmarkConfig(ParameterBlock):
    """The benchmark that is made from installed packages."""

    folder: str = Field(description="made when it is asked for and missing")
    seed: int = Field(ge=0, description="of the query edits")
    jpeg_quality: int = Field(ge=1, le=95)
    max_side: int = Field(ge=16, description="longer images are shrunk; pixels")
    num_workers: int = Field(ge=1, description="processes that decode and edit")


class ScoredFilesConfig(ParameterBlock):
    """The files of any system that ``--pipelines=score`` reads; see docs/scoring.md.

    Either both descriptor sets, or a submission, or predictions, and a ground truth.
    """

    protocol: str | None = Field(description="must be named; null: refused")
    ground_truth: str | list[str]
    query_descriptors: str | list[str] | None
    reference_descriptors: str | list[str] | None
    submission: str | None
    predictions: str | None
    training_descriptors: str | list[str] | None = Field(
        description="scores are normalized with them"
    )
    metrics_path: str | None


class NormalizationConfig(ParameterBlock):
    """Score normalization with training images; see docs/scoring.md."""

    first_neighbor: int = Field(ge=0, description="0 is the nearest training image")
    last_neighbor: int = Field(ge=0, description="included")
    reduction: Literal["mean", "min"]
    weight: float = Field(ge=0)


class ScoringConfig(ParameterBlock):
    """How descriptors are searched and scored."""

    protocol: Literal["isc2021", "drivendata", "knn"]
    metric: Literal["l2", "inner_product"]
    top_k: int = Field(ge=1, description="of protocol knn only")
    whitening_dim: int | None = Field(
        description="numbers kept by PCA whitening before normalization; null: none"
    )
    normalization: NormalizationConfig


class FindCopiesConfig(ParameterBlock):
    """A person's own folders, and what is promised of the matches found there."""

    model_config = ConfigDict(coerce_numbers_to_str=True)  # A folder may be named 2024.

    collection: str = Field(description="folder that is searched")
    queries: str | None = Field(description="folder that asks; null: collection itself")
    output: str = Field(description="folder of the tables and the page")
    model: str | None = Field(description="null: the pair in data/06_models/qk")
    precision: float = Field(gt=0, lt=1, description="promised share of right pairs")
    calibration: str | None = Field(description="null: the one beside the model")
    cache: str | None = Field(description="of the descriptors; null: in the output")
    exact_up_to: int = Field(ge=1, description="pictures; beyond, ivf for exact")


class ComparedRunsConfig(ParameterBlock):
    """Runs that are set side by side."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    runs: str | None = Field(description="names or ids; null: the newest of each name")
    experiment: str = Field(description="the list that they stand in")
    tracking_uri: str | None = Field(description="null: mlflow.db of the project")
    project: str = Field(description="the project's folder")


class OwnBenchmarkConfig(ParameterBlock):
    """A benchmark of a person's own pictures."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    folder: str = Field(description="made, or made anew")
    model_path: str | None = Field(description="null: the pair in data/06_models/qk")
    near_copy_similarity: float = Field(gt=0, le=1, description="joins pictures")
    queries_per_picture: int = Field(ge=1)
    max_pixels: int = Field(ge=1, description="larger pictures are left out")
    min_side: int = Field(ge=1, description="smaller pictures are left out; pixels")
    max_side: int = Field(ge=16, description="longer images are shrunk; pixels")
    jpeg_quality: int = Field(ge=1, le=95)
    seed: int = Field(ge=0)
    num_workers: int = Field(ge=0, description="processes that decode and edit")


BLOCKS: dict[str, type[BaseModel]] = {
    "builtin_benchmark": BuiltinBenchmarkConfig,
    "compared_runs": ComparedRunsConfig,
    "description": DescriptionConfig,
    "description_shards": ShardsConfig,
    "evaluation_edits": EditRecipe,
    "external_model": ExternalModelConfig,
    "find_copies": FindCopiesConfig,
    "fit_to_index": FitConfig,
    "images": ImagesConfig,
    "key_model": SideModelConfig,
    "learning": LearningConfig,
    "moco": MoCoConfig,
    "model": ModelConfig,
    "negative_bank": NegativeBankConfig,
    "own_benchmark": OwnBenchmarkConfig,
    "qk": QKConfig,
    "query_model": SideModelConfig,
    "scored_files": ScoredFilesConfig,
    "scoring": ScoringConfig,
    "search": SearchConfig,
    "simclr": SimCLRConfig,
    "training_edits": EditRecipe,
}
"""By its name in the YAML files, the class of every block."""
