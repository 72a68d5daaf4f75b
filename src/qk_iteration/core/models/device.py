"""Where the models live."""

import torch

from qk_iteration.core.user_error import UserError

DEVICES = ("auto", "cpu", "cuda")


def choose_device(name: str) -> torch.device:
    """The device of a name; ``auto`` is the GPU where there is one.

    Raises:
        UserError: If the name is unknown, or of a GPU that this machine has not.
    """
    if name.partition(":")[0] not in DEVICES:
        raise UserError(f"device must be one of {', '.join(DEVICES)}; got '{name}'.")
    has_gpu = torch.cuda.is_available()
    if name.startswith("cuda") and not has_gpu:
        raise UserError(
            f"device is '{name}', but this machine has no usable GPU. Use auto or cpu."
        )
    if name == "auto":
        return torch.device("cuda" if has_gpu else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UserError(
            f"device must be one of {', '.join(DEVICES)}, or such as cuda:1; got "
            f"'{name}'."
        ) from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UserError(
            f"device must be a GPU of this machine, up to "
            f"cuda:{torch.cuda.device_count() - 1}; got '{name}'."
        )
    return device
