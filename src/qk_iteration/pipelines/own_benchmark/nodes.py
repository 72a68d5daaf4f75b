"""Nodes that make a benchmark of a person's own pictures, and calibrate on it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qk_iteration.config import (
    DescriptionConfig,
    EditRecipe,
    ExternalModelConfig,
    OwnBenchmarkConfig,
)
from qk_iteration.core.formats.user_paths import user_path
from qk_iteration.core.user_error import UserError
from qk_iteration.pipelines.data import DataFrame

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from qk_iteration.collection.folder_index import FolderIndex
    from qk_iteration.collection.model_sides import ModelSides


def make_own_benchmark(
    images: Any,
    own_benchmark: OwnBenchmarkConfig,
    external_model: ExternalModelConfig,
    evaluation_edits: EditRecipe,
    description: DescriptionConfig,
    device: str,
) -> tuple[str, DataFrame]:
    """A benchmark made of the pictures of ``--params=images=FOLDER``, and what is not.

    Returns:
        Its folder, and the table of files that are left out.
    """
    import pandas as pd

    from qk_iteration.builtin_benchmark.own_pictures import (
        build_own_benchmark,
        deal_out,
        dealt_to_training,
    )
    from qk_iteration.builtin_benchmark.whole_folder import (
        building_alone,
        check_replaceable,
    )
    from qk_iteration.collection.model_sides import say_float32_only

    if not isinstance(images, (str, int)):  # The block of the other pipelines.
        raise UserError("Name a folder of pictures: --params=images=FOLDER.")
    say_float32_only(description)
    target = user_path(own_benchmark.folder).absolute()
    seed = own_benchmark.seed
    with building_alone(target):
        check_replaceable(target)  # Before minutes of describing.
        index, files, groups = _find_near_copies(
            user_path(images),
            target,
            _load_sides(own_benchmark, external_model, device),
            own_benchmark,
            description,
        )
        manifest = deal_out(
            index.folder,
            files,
            groups,
            queries_per_picture=own_benchmark.queries_per_picture,
            seed=seed,
            learned_from=dealt_to_training(target),
        )
        lost = build_own_benchmark(
            target,
            manifest,
            evaluation_edits,
            seed=seed,
            jpeg_quality=own_benchmark.jpeg_quality,
            max_pixels=own_benchmark.max_pixels,
            max_side=own_benchmark.max_side,
            num_workers=own_benchmark.num_workers,
        )
    left_out = pd.concat([index.left_out_table, lost])
    return str(target), left_out.sort_values("path", ignore_index=True)


def _find_near_copies(
    images: Path,
    target: Path,
    sides: "ModelSides",
    own_benchmark: OwnBenchmarkConfig,
    description: DescriptionConfig,
) -> "tuple[FolderIndex, Sequence[str], NDArray[np.int64]]":
    """The folder of pictures, its files, and the same number for near copies."""
    from qk_iteration.collection.calibrated_model import builtin_calibration
    from qk_iteration.collection.content_groups import group_near_copies
    from qk_iteration.collection.folder_index import index_folder
    from qk_iteration.core.formats.folder_lock import locked

    keep = target.with_name(f"{target.name}_descriptors")
    with locked(keep, what="the descriptors"):
        index = index_folder(
            images,
            keep,
            sides.both(),
            description,
            what="images",
            has_halves=not sides.is_one,
            max_pixels=own_benchmark.max_pixels,
            min_side=own_benchmark.min_side,
        )
        files, groups = group_near_copies(
            index,
            min_similarity=own_benchmark.near_copy_similarity,
            told=builtin_calibration(sides),
        )
    return index, files, groups


def calibrate_on_own(
    benchmark: str,
    own_benchmark: OwnBenchmarkConfig,
    external_model: ExternalModelConfig,
    description: DescriptionConfig,
    images: Any,
    device: str,
) -> dict[str, Any]:
    """What scores promise on the own pictures; also kept beside the model."""
    from qk_iteration.builtin_benchmark.whole_folder import building_alone
    from qk_iteration.collection.calibrate import calibrate_on_benchmark

    sides = _load_sides(own_benchmark, external_model, device)
    with building_alone(Path(benchmark)):
        return calibrate_on_benchmark(
            sides,
            Path(benchmark),
            description,
            max_pixels=own_benchmark.max_pixels,
            min_side=own_benchmark.min_side,
            source=f"your own pictures ({images})",
        )


def _load_sides(
    own_benchmark: OwnBenchmarkConfig, external_model: ExternalModelConfig, device: str
) -> "ModelSides":
    from qk_iteration.collection.model_sides import load_sides
    from qk_iteration.core.describing.preprocessing import preprocessing_of

    return load_sides(
        own_benchmark.model_path,
        device=device,
        preprocessing=preprocessing_of(external_model),
        output=external_model.output,
    )
