"""``kedro run``, with stops obeyed, errors in one sentence, and text kept as text."""

import copy
import os
from collections.abc import Mapping
from typing import Any, get_args

import click
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.cli.utils import split_string
from kedro.framework.project import pipelines

from qk_iteration.block_errors import hint
from qk_iteration.config import BLOCKS
from qk_iteration.core.formats.user_paths import user_path
from qk_iteration.core.user_error import UserError
from qk_iteration.plain_errors import plain_endings
from qk_iteration.stop_signals import obeying_stop_signals

_NUMBERS = {"devices", "seconds_to_answer"}
"""Parameters outside of the blocks that are numbers; all others are text."""


def _run(**options: Any) -> Any:
    with obeying_stop_signals(), plain_endings():
        check_launcher(os.environ)
        _check_pipelines([*options["pipelines"], options["pipeline"] or "__default__"])
        assert kedro_run.callback is not None, "a command has a function"
        return kedro_run.callback(**options)


def check_launcher(environment: Mapping[str, str]) -> None:
    """Raise UserError under torchrun, where every rank would do the whole pipeline."""
    if int(environment.get("WORLD_SIZE", "1")) > 1 and "RANK" in environment:
        raise UserError(
            "kedro run starts its ranks by itself: --params=devices=2. On several "
            "hosts torchrun starts qk_iteration.launch; see docs/distributed.md."
        )


def _check_pipelines(names: list[str]) -> None:
    """Raise UserError, with the nearest name, for a pipeline that is none."""
    for name in names:
        if name not in pipelines:
            known = [known for known in pipelines if known != "__default__"]
            raise UserError(f"No pipeline is called '{name}'. {hint(name, known)}")


def _read_params(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """What ``--params`` says, as Kedro reads it, but for text that looks like a number.

    A folder may be called 2024 or 007: a name that is not inside a block is text, and
    inside a block its class tells. ``~`` is the home folder.
    """
    read = _params_option.callback(ctx, param, value)  # type: ignore[misc]
    if not isinstance(value, str):  # From a file, where it has its quotes.
        return read
    with plain_endings():
        for item in split_string(ctx, param, value):
            key, _, typed = item.partition("=")
            *blocks, name = key.strip().split(".")
            holder = read
            for block in blocks:
                holder = holder[block]
            if _takes_text(blocks, name) and holder[name] is not None:
                holder[name] = _as_text(typed.strip(), holder[name])
    return read


def _takes_text(blocks: list[str], name: str) -> bool:
    if not blocks:
        return name not in BLOCKS and name not in _NUMBERS
    model: Any = BLOCKS.get(blocks[0])
    for step in (*blocks[1:], name):
        field = getattr(model, "model_fields", {}).get(step)
        if field is None:
            return False
        model = field.annotation
    kinds = set(get_args(model) or (model,))
    return str in kinds and not kinds & {int, float, bool}


def _as_text(typed: str, read: Any) -> Any:
    text = read if isinstance(read, str) else typed
    return str(user_path(text)) if text.startswith("~") else text


_params_option = next(option for option in kedro_run.params if option.name == "params")
_text_option = copy.copy(_params_option)
_text_option.callback = _read_params

run = copy.copy(kedro_run)
"""Kedro's command with all its options."""
run.callback = _run
run.params = [_text_option if o is _params_option else o for o in kedro_run.params]
