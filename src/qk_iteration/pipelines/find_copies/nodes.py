"""Nodes of the search of a person's own folders."""

import logging

from qk_iteration.config import (
    DescriptionConfig,
    FindCopiesConfig,
    ImagesConfig,
    SearchConfig,
)
from qk_iteration.core.user_error import UserError
from qk_iteration.pipelines.data import DataFrame

_logger = logging.getLogger(__name__)


def find_copies_in_folders(
    find_copies: FindCopiesConfig,
    description: DescriptionConfig,
    images: ImagesConfig,
    search: SearchConfig,
    device: str,
) -> tuple[DataFrame, DataFrame, DataFrame, str, str]:
    """Matches, groups, files left out, their line, and the page; also in the output.

    Raises:
        UserError: If no folder is named.
    """
    from qk_iteration.collection.find import find_copies as find
    from qk_iteration.collection.model_sides import say_float32_only
    from qk_iteration.collection.summary import summarize
    from qk_iteration.collection.write_found import PAGE

    if not find_copies.collection:
        raise UserError("Name a folder: --params=collection=FOLDER[,queries=FOLDER].")
    say_float32_only(description)
    found = find(
        **find_copies.model_dump(),
        search=search,
        device=device,
        batch_size=description.batch_size,
        num_workers=description.num_workers,
        max_pixels=images.max_pixels,
        min_side=images.min_side,
    )
    _logger.info("%s", summarize(found).rstrip())
    page = (found.output / PAGE).read_text(encoding="utf-8")
    return found.matches, found.groups, found.left_out, found.left_out_line, page
