"""Groups: images that must never be taken for different pictures."""

import logging
import warnings
from pathlib import Path

import pandas as pd

from qk_iteration.core.formats.id_cells import stands_for_none
from qk_iteration.core.formats.image_ids import image_id
from qk_iteration.core.user_error import UserError

_logger = logging.getLogger(__name__)


def read_groups(path: Path) -> "pd.Series[str]":
    """The group of each id, indexed by id, of a CSV with the columns of both.

    An empty group leaves the image alone. What other programs write for "none", such
    as -1 for noise, would make one group of all strangers, and is refused.

    Raises:
        UserError: If it is no file, a column is missing, a group stands for none, or an
            image has several groups.
        OSError: If the file cannot be opened.
    """
    if path.exists() and not path.is_file():
        raise UserError(f"{path} must be a CSV file; it is none. Remove or replace it.")
    try:
        with warnings.catch_warnings():
            # Rows longer than the header: which cell is the id is then a guess.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(path, dtype=str, keep_default_na=False, index_col=False)
    except (ValueError, pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise UserError(f"{path} must be a CSV file in UTF-8: {error}") from error
    if not {"image_id", "group"} <= set(table.columns):
        raise UserError(
            f"{path} must have the columns image_id and group; got "
            f"{', '.join(table.columns)}."
        )
    table["image_id"] = table["image_id"].map(image_id)
    table["group"] = table["group"].str.strip()
    table = table[table["group"] != ""]
    unclear = table[table["group"].map(stands_for_none)]
    if len(unclear) > 0:
        raise UserError(
            f"{path}: the group '{unclear['group'].iloc[0]}' of "
            f"{unclear['image_id'].iloc[0]} stands for none in other programs. Leave "
            "the cell empty for an image that is alone, or name the group otherwise."
        )
    pairs = table[["image_id", "group"]].drop_duplicates()
    repeated = pairs["image_id"][pairs["image_id"].duplicated()]
    if len(repeated) > 0:
        raise UserError(
            f"{path} must give each image one group; got several for "
            f"{repeated.iloc[0]}. Keep one row for each image_id."
        )
    return pairs.set_index("image_id")["group"]


def number_groups(
    image_ids: "pd.Series[str]", groups: "pd.Series[str] | None"
) -> "pd.Series[int]":
    """Running numbers, the same for images of one group; others stay alone.

    Names of no image here are said: they may be misspelled, and images that belong
    together would then be pushed apart.
    """
    if groups is None:
        return pd.Series(range(len(image_ids)), dtype="int64")
    strangers = groups.index.difference(pd.Index(image_ids))
    if len(strangers):
        _logger.warning(
            "%d of %d names in the table of groups, first '%s', are of no image here.",
            *(len(strangers), len(groups), strangers[0]),
        )
    named = "group " + image_ids.map(groups)
    alone = "image " + image_ids
    numbers, _ = pd.factorize(named.fillna(alone))
    return pd.Series(numbers, dtype="int64")
