"""What a run is called, which settings and figures of it MLflow is told, and how."""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from qk_iteration.core.scoring.figures import FIGURES

METHODS = {"qk": "QK Iteration", "simclr": "SimCLR", "moco": "MoCo"}
FLOORS = {
    "perceptual_hash": "perceptual hash (PDQ)",
    "plain": "untrained",
    "untrained": "untrained, whitened",
}
PIPELINES = {
    "evaluate": "Evaluation",
    "evaluate_in_index": "Evaluation in an index",
    "find_copies": "Copies",
    "fit_to_index": "Fit to an index",
    "floors": "Floors",
    "score": "Scored files",
}

LONGEST_PARAMETER = 200
"""Characters; a longer value, such as a whole edit recipe, is told as a digest."""

_BUILTIN = "builtin_benchmark"
# How to run, not what: a run that was stopped goes on with others of these.
_HOW = (
    "num_workers",
    "steps_per_checkpoint",
    "steps_per_report",
    "resume",
    "device",
    "devices",
    "seconds_to_answer",
    "images_at_a_time",
)


def run_parameters(
    blocks: Mapping[str, Any], methods: Collection[str], project: Path
) -> dict[str, str]:
    """Every setting that the run uses, by its name in the YAML files.

    One run is one method, so that its own block is ``method``: ``method.key_view`` of a
    QK run stands beside that of a SimCLR run. What is null asks for nothing: left out.

    Args:
        blocks: By name, what the run's nodes are given.
        methods: Names of the methods that learn or are scored.
        project: Paths within it are told from here, so that it can be moved.
    """
    values: dict[str, str] = {}
    for name, block in blocks.items():
        if name == _BUILTIN and not _is_builtin(blocks):
            continue
        if name in METHODS and name not in methods:
            continue  # Of a shared part that looks into a method's block.
        plain = block.model_dump() if isinstance(block, BaseModel) else block
        title = "method" if list(methods) == [name] else name
        for key, value in _flat(title, plain):
            if value is not None:
                values[key] = _short(str(value).replace(f"{project}/", ""))
    return values


def settings_key(pipelines: Iterable[str], parameters: Mapping[str, str]) -> str:
    """The same for two commands of which the second goes on where the first stopped."""
    what = {k: v for k, v in parameters.items() if k.rpartition(".")[2] not in _HOW}
    text = json.dumps([sorted(pipelines), what], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def run_name(
    pipelines: Iterable[str], methods: Collection[str], blocks: Mapping[str, Any]
) -> str:
    """Such as "QK Iteration · builtin · seed 0"."""
    titles = [METHODS[name] for name in methods]
    names = [PIPELINES.get(name, name) for name in pipelines]
    parts = [" and ".join(titles or names)]
    if "benchmark" in blocks:
        parts.append(Path(str(blocks["benchmark"])).name)
    if "find_copies" in blocks:
        parts.append(Path(str(blocks["find_copies"].collection)).name)
    learning = blocks.get("learning")
    if methods and learning is not None:
        parts.append(f"seed {learning.seed}")
    return " · ".join(parts)


def run_metrics(method: str, metrics: Mapping[str, Any]) -> dict[str, float]:
    """The few figures by which runs are compared, as ``test/…`` of any method.

    Those of a floor have its name too: it has no run of its own. MLflow draws sections
    by the alphabet, those of the methods first.
    """
    section = f"test/{method}" if method in FLOORS else "test"
    return {
        f"{section}/{key}": float(metrics[key])
        for key in FIGURES
        if isinstance(metrics.get(key), int | float)
    }


def note(methods: Mapping[str, Mapping[str, Any]]) -> str:
    """The description of a run: its figures as a table.

    Args:
        methods: By name, the metrics of each.
    """
    titles = METHODS | FLOORS
    heading = "| | " + " | ".join(FIGURES.values()) + " |"
    lines = [heading, "|---" * (1 + len(FIGURES)) + "|"]
    for method, metrics in methods.items():
        cells = [
            f"{metrics[key]:.4f}" if isinstance(metrics.get(key), int | float) else ""
            for key in FIGURES
        ]
        lines.append(f"| {titles.get(method, method)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _is_builtin(blocks: Mapping[str, Any]) -> bool:
    folder = Path(blocks[_BUILTIN].folder).resolve()
    return folder == Path(str(blocks.get("benchmark", ""))).resolve()


def _flat(name: str, value: Any) -> Iterable[tuple[str, Any]]:
    if not isinstance(value, Mapping):
        yield name, value
        return
    for key, inner in value.items():
        yield from _flat(f"{name}.{key}", inner)


def _short(text: str) -> str:
    if len(text) <= LONGEST_PARAMETER:
        return text
    return f"sha256 {hashlib.sha256(text.encode()).hexdigest()[:12]}"
