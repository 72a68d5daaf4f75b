"""Which of a foreign model's outputs is the descriptor."""

from collections.abc import Sequence
from difflib import get_close_matches

from qk_iteration.core.user_error import UserError


def choose_output(names: Sequence[str], wanted: str | None) -> int:
    """The place of the output that holds the descriptors.

    Args:
        names: Of all outputs, in order.
        wanted: The name that the person gave, or its number from 0; None: the only one.

    Raises:
        UserError: If there is no such output, or several and none is named.
    """
    if wanted is None:
        if len(names) == 1:
            return 0
        raise UserError(
            f"The model gives {len(names)} outputs: {', '.join(names)}. Name the "
            "descriptor among them by --params=external_model.output=NAME; a search "
            "(qk-find, find_copies) takes it from the calibration that own_benchmark "
            "makes with it."
        )
    if wanted in names:
        return list(names).index(wanted)
    if wanted.isdecimal() and int(wanted) < len(names):
        return int(wanted)
    near = get_close_matches(wanted, names, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"It has {', '.join(names)}."
    raise UserError(
        f"external_model.output must be an output of the model; got '{wanted}'. {hint}"
    )
