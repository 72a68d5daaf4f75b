"""Groups: images that must never be taken for different pictures."""

from pathlib import Path

import pandas as pd

from qk_iteration.core.formats.image_ids import image_id
from qk_iteration.core.user_error import UserError


def read_groups(path: Path) -> "pd.Series[str]":
    """The group of each id, indexed by id, of a CSV with the columns of both.

    Raises:
        UserError: If a column is missing, or an image has several groups.
        OSError: If the file cannot be opened.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (ValueError, pd.errors.ParserError) as error:
        raise UserError(f"{path} must be a CSV file in UTF-8: {error}") from error
    if not {"image_id", "group"} <= set(table.columns):
        raise UserError(
            f"{path} must have the columns image_id and group; got "
            f"{', '.join(table.columns)}."
        )
    table["image_id"] = table["image_id"].map(image_id)
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
    """Running numbers, the same for images of one group; others stay alone."""
    if groups is None:
        return pd.Series(range(len(image_ids)), dtype="int64")
    named = "group " + image_ids.map(groups)
    alone = "image " + image_ids
    numbers, _ = pd.factorize(named.fillna(alone))
    return pd.Series(numbers, dtype="int64")
