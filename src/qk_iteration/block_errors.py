"""What a parameter block refuses, said in one sentence with the nearest right name."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from qk_iteration.config import BLOCKS
from qk_iteration.core.user_error import UserError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


def check_blocks(parameters: Mapping[str, Any]) -> None:
    """Build every parameter block that is there.

    Args:
        parameters: All of an environment, with what ``--params`` gives.

    Raises:
        UserError: For the first value or name that its block refuses.
    """
    for name, block in BLOCKS.items():
        if name in parameters and not _is_own_folder(name, parameters[name]):
            try:
                block.model_validate(parameters[name])
            except ValidationError as error:
                raise UserError(_sentence(name, error)) from None


def _is_own_folder(name: str, value: object) -> bool:
    """Whether ``images`` is not the block, but the folder that own_benchmark takes."""
    return name == "images" and isinstance(value, (str, int))


def sentence_of_kedro(told: str) -> str:
    """What Kedro says of a block that ``check_blocks`` lets pass, said plainly.

    Args:
        told: Kedro's own words.
    """
    if "Parameter 'images': Failed" not in told:
        return told
    return (
        "images=FOLDER is for own_benchmark alone; here `images` is a block of "
        "settings. Did you mean collection=FOLDER (find_copies), "
        "images_folder=FOLDER (describe) or benchmark=FOLDER (the others)?"
    )


def hint(name: str, known: Iterable[str]) -> str:
    """The nearest of the known names, or all of them; empty where there are none."""
    known = sorted(known)
    nearest = get_close_matches(name, known, n=1)
    if nearest:
        return f"Did you mean {nearest[0]}?"
    return f"Known: {', '.join(known)}." if known else ""


def _sentence(block: str, error: ValidationError) -> str:
    """The first complaint, without the library's own words and address."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in (block, *first["loc"]))
    kind, message = first["type"], first["msg"]
    if kind == "extra_forbidden":
        known = _names_beside(block, first)
        return f"{where} is no parameter. {hint(str(first['loc'][-1]), known)}".rstrip()
    if kind == "missing":
        return f"{where} is missing in conf/; the code has no defaults."
    if kind == "value_error":  # Of our own checks.
        return f"{where}: {message.removeprefix('Value error, ')}"
    rule = message.removeprefix("Input should be ").removeprefix("Input ")
    return f"{where} must be {rule}; got {first['input']!r}."


def _names_beside(block: str, error: "ErrorDetails") -> list[str]:
    """Names that stand where an unknown one was found."""
    model: Any = BLOCKS[block]
    for part in error["loc"][:-1]:
        field = getattr(model, "model_fields", {}).get(part)
        if field is None:
            return []
        model = field.annotation
    return list(getattr(model, "model_fields", {}))
