"""Descriptors of more images than memory holds, a shard of files at a time.

Shapes:
    N: images of a shard.
    D: descriptor dimension.
"""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from qk_iteration.core.describing.describe_images import (
    MAX_VANISHED_SHARE,
    DescribedFiles,
    describe_files,
)
from qk_iteration.core.describing.describer import Describer
from qk_iteration.core.describing.describing_config import (
    DescriptionConfig,
    ShardsConfig,
)
from qk_iteration.core.formats.atomic_file import replacing
from qk_iteration.core.formats.descriptor_files import write_descriptors
from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.formats.folder_lock import locked
from qk_iteration.core.formats.parquet_file import read_parquet, write_parquet
from qk_iteration.core.formats.shard_folder import (
    HEADER,
    LeftOut,
    ShardFolder,
    begin_shards,
)
from qk_iteration.core.images.image_table import list_images
from qk_iteration.core.images.images_config import ImagesConfig
from qk_iteration.core.images.left_out import (
    Why,
    line_of_left_out,
    say_left_out,
    table_of_left_out,
)
from qk_iteration.core.user_error import UserError

IMAGES_FILE, LEFT_OUT_FILE = "images.parquet", "left_out.parquet"

_logger = logging.getLogger(__name__)


def describe_in_shards(
    images_folder: Path,
    describer: Describer,
    target: Path,
    *,
    description: DescriptionConfig,
    shards: ShardsConfig,
    images: ImagesConfig,
) -> pd.DataFrame:
    """Fill one part of a folder of shards; what is done already stays as it is.

    The list of images is made once, by the process that comes first, and kept in the
    folder; images that are added later are not seen. Read the descriptors by
    ``read_descriptors`` of the folder, when every part is done.

    Args:
        images_folder: Sub-folders included.
        describer: What describes them.
        target: The folder of shards; made if it is missing.
        description: Batches and workers.
        shards: Images of a shard, and which part of the shards is this process's.
        images: Larger and smaller images are left out.

    Returns:
        What was left out so far, by all parts: ``path``, ``why``, ``reason``.

    Raises:
        StoppedError: If a stop was asked for; the shard at hand is lost.
        UserError: If the folder holds something else, there are no images, they vanish
            meanwhile, or a descriptor is not finite or all zero.
    """
    made_from = {
        "images_folder": str(images_folder),
        "model": describer.fingerprint,
        "max_pixels": str(images.max_pixels),
        "min_side": str(images.min_side),
    }
    with locked(target, what="the list of images"):
        table, unusable = _list_once(images_folder, target)
        folder = begin_shards(
            target,
            num_images=len(table),
            images_per_shard=shards.images,
            made_from=made_from,
        )
    missing = folder.missing(shards.part, shards.num_parts)
    _logger.info(
        "Part %d of %d: %d of %d shards to describe.",
        *(shards.part, shards.num_parts, len(missing), folder.num_shards),
    )
    for shard in missing:
        places = folder.images_of(shard)
        own = table.iloc[places.start : places.stop]
        parts = describe_files(
            list(own["path"]),
            describer,
            description,
            max_pixels=images.max_pixels,
            label=f"describing shard {shard + 1} of {folder.num_shards}",
        )
        _fill(folder, shard, own, parts, min_side=images.min_side)
    left_out = table_of_left_out(
        (path, Why(why), reason)
        for path, why, reason in (*unusable, *folder.left_out())
    )
    num_taken = len(table) + len(unusable) - len(left_out)
    say_left_out(images_folder, line_of_left_out(left_out, num_taken=num_taken))
    return left_out


def _list_once(images_folder: Path, target: Path) -> tuple[pd.DataFrame, list[LeftOut]]:
    """The images to describe, and files that are none, as they were listed first.

    A list that no header follows may be of another folder: it is made again.
    """
    if not (target / HEADER).is_file():
        tables = list_images(images_folder)
        for name, table in (
            (LEFT_OUT_FILE, tables.quarantined),
            (IMAGES_FILE, tables.images[["image_id", "path"]]),
        ):
            with replacing(target / name, is_durable=True) as partial:
                write_parquet(table, partial)
    images, unusable = (
        _kept_list(target / name) for name in (IMAGES_FILE, LEFT_OUT_FILE)
    )
    return images, list(unusable.itertuples(index=False, name=None))


def _kept_list(path: Path) -> pd.DataFrame:
    """A list that shards are made from; another would not fit those that are done."""
    try:
        return read_parquet(path)
    except (UserError, FileNotFoundError) as error:
        raise UserError(
            f"'{path}', the list that the shards are made from, is damaged or gone. "
            "Remove its folder, or name another."
        ) from error


def _fill(
    folder: ShardFolder,
    shard: int,
    table: pd.DataFrame,
    parts: Iterator[DescribedFiles],
    *,
    min_side: int,
) -> None:
    """Describe the images of one shard and write it."""
    paths = list(table["path"])
    vectors, is_kept, left_out = _gather(parts, paths, min_side)
    _check_vanished(left_out, paths)
    if is_kept.any():
        ids = table["image_id"].to_numpy(np.str_)[is_kept]
        described = Descriptors(ids, vectors[is_kept])
        write_descriptors(folder.file_of(shard), described, is_durable=True)
    folder.finish(shard, num_described=int(is_kept.sum()), left_out=left_out)


def _gather(
    parts: Iterator[DescribedFiles], paths: list[str], min_side: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_], list[LeftOut]]:
    """Rows (N, D), which of them count (N,), and the files of the others."""
    vectors = np.empty((len(paths), 0), np.float32)
    is_kept = np.zeros(len(paths), np.bool_)
    left_out: list[LeftOut] = []
    for part in parts:
        if part.rows and not vectors.size:
            vectors = np.empty((len(paths), part.vectors.shape[1]), np.float32)
        if part.rows:
            vectors[part.rows] = part.vectors
        is_kept[part.rows] = [min(size) >= min_side for size in part.sizes]
        left_out += _left_out_of(part, paths, min_side)
    return vectors, is_kept, left_out


def _left_out_of(
    part: DescribedFiles, paths: list[str], min_side: int
) -> list[LeftOut]:
    small = f"Both sides must have at least {min_side} pixels; got "
    return [
        *(
            (paths[row], Why.TOO_SMALL.value, f"{small}{size[0]} x {size[1]}.")
            for row, size in zip(part.rows, part.sizes, strict=True)
            if min(size) < min_side
        ),
        *(
            (paths[row], error.why.value, error.reason)
            for row, error in part.unreadable.items()
        ),
    ]


def _check_vanished(left_out: list[LeftOut], paths: list[str]) -> None:
    """Refuse to call a shard done because a disk was unplugged."""
    gone = [path for path, why, _ in left_out if why == Why.GONE]
    if len(gone) > MAX_VANISHED_SHARE * len(paths):
        raise UserError(
            f"{len(gone)} of {len(paths)} images of a shard are gone since they were "
            f"listed, first {gone[0]}. Bring them back, or name another descriptors' "
            "folder; finished shards stay."
        )
