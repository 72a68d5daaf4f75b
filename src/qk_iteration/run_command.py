"""``kedro run``, with stops obeyed, errors in one sentence, and text kept as text."""

import copy
import os
from collections.abc import Mapping
from typing import Any, get_args

import click
from kedro import runner
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.project import pipelines
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from qk_iteration.block_errors import hint
from qk_iteration.config import BLOCKS
from qk_iteration.core.formats.user_paths import user_path
from qk_iteration.core.user_error import UserError, first_line
from qk_iteration.plain_errors import plain_endings
from qk_iteration.stop_signals import obeying_stop_signals

_NUMBERS = {"devices", "seconds_to_answer"}
"""Parameters outside of the blocks that are numbers; all others are text."""


def _run(**options: Any) -> Any:
    with obeying_stop_signals(), plain_endings():
        check_launcher(os.environ)
        _check_runner(options["runner"] or "SequentialRunner")
        asked = [*options["pipelines"], options["pipeline"]]
        names = [name for name in asked if name] or ["__default__"]
        _check_pipelines(names)
        _check_parts(options, names)
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


def _check_parts(options: Mapping[str, Any], names: list[str]) -> None:
    """Raise UserError, with the nearest name, for a tag or a dataset that is none."""
    nodes = [node for name in names for node in pipelines[name].nodes]
    tags = {tag for node in nodes for tag in node.tags}
    datasets = {data for node in nodes for data in (*node.inputs, *node.outputs)}
    asked = (("tags", tags), ("from_inputs", datasets), ("to_outputs", datasets))
    for option, known in asked:
        for name in set(options[option] or ()) - known:
            raise UserError(
                f"--{option.replace('_', '-')}: the pipeline has no '{name}'. "
                f"{hint(name, known)}".rstrip()
            )


def _check_runner(name: str) -> None:
    """Raise UserError, with the nearest name, for a runner that Kedro has not."""
    if "." not in name and name not in vars(runner):
        known = ("SequentialRunner", "ThreadRunner")
        raise UserError(f"No runner is called '{name}'. {hint(name, known)}")


def _read_params(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """What ``--params`` says, as Kedro reads it, but for text, which stays as typed.

    A folder may be called 2024, 007, #recycle or @home, which YAML reads as a number,
    as nothing or as an error. A name that is not inside a block is text, and inside a
    block its class tells. ``~`` is the home folder.
    """
    kedro_reads = _params_option.callback
    assert kedro_reads is not None, "the option has a callback"
    if not isinstance(value, str):  # From a file, where it has its quotes.
        return kedro_reads(ctx, param, value)
    with plain_endings():
        items = _items(value)
        others = ",".join(item for item in items if not _is_text(item))
        try:
            read = kedro_reads(ctx, param, others)
            for item in filter(_is_text, items):
                _put(read, *_halves(item))
        except (YAMLError, OmegaConfBaseException) as error:
            raise UserError(
                f"--params: '{others}' cannot be read: {first_line(error)}. A value "
                "must be a number, text, true, false or null."
            ) from error
    return read


def _items(params: str) -> list[str]:
    """``name=value`` each; a comma may belong to the name of a file that is there."""
    items: list[str] = []
    for piece in params.split(","):
        joined = f"{items[-1]},{piece}" if items else ""
        if "=" not in piece and joined and _is_text(joined) and _is_there(joined):
            items[-1] = joined
        elif piece.strip():
            items.append(piece)
    return items


def _is_there(item: str) -> bool:
    return user_path(_halves(item)[1]).exists()


def _halves(item: str) -> tuple[str, str]:
    name, _, typed = item.partition("=")
    return name.strip(), typed.strip()


def _is_text(item: str) -> bool:
    *blocks, name = _halves(item)[0].split(".")
    return "=" in item and bool(name) and _takes_text(blocks, name)


def _put(read: dict[str, Any], key: str, typed: str) -> None:
    *blocks, name = key.split(".")
    holder = read
    for block in blocks:
        holder = holder.setdefault(block, {})
        if not isinstance(holder, dict):
            raise UserError(f"--params: '{block}' cannot be a value and hold '{name}'.")
    is_quoted = len(typed) > 1 and typed[0] == typed[-1] and typed[0] in "'\""
    text = typed[1:-1] if is_quoted else typed
    if text.startswith("~"):
        text = str(user_path(text))
    holder[name] = None if typed in ("", "null") else text


def _takes_text(blocks: list[str], name: str) -> bool:
    if not blocks:  # `images` alone is the folder that own_benchmark takes.
        return name == "images" or (name not in BLOCKS and name not in _NUMBERS)
    model: Any = BLOCKS.get(blocks[0])
    for step in (*blocks[1:], name):
        field = getattr(model, "model_fields", {}).get(step)
        if field is None:
            return False
        model = field.annotation
    kinds = set(get_args(model) or (model,))
    return str in kinds and not kinds & {int, float, bool}


_params_option = next(option for option in kedro_run.params if option.name == "params")
_text_option = copy.copy(_params_option)
_text_option.callback = _read_params

run = copy.copy(kedro_run)
"""Kedro's command with all its options."""
run.callback = _run
run.params = [_text_option if o is _params_option else o for o in kedro_run.params]
