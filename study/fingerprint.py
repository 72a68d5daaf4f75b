"""What can change a result: the code and the parameters that a trial runs.

The code is every module of this project that can be reached by imports from the nodes
that a trial runs, without comments and docstrings, and without what only shows. Of the
nodes' own modules only the functions that run count, so that one method's code is not
in the fingerprint of another's.
"""

import ast
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import qk_iteration
import study
from qk_iteration.builtin_benchmark.manifest import BUILTIN_MANIFEST

ROOTS = {module.__name__: Path(module.__path__[0]) for module in (qk_iteration, study)}
DISPLAY = (
    "qk_iteration.core.images.contact_sheet",
    "qk_iteration.core.images.edit_sheet",
    "qk_iteration.core.progress_bar",
    "qk_iteration.core.scoring.precision_recall_plot",
    "qk_iteration.datasets.picture_dataset",
    "qk_iteration.evidence",
    "qk_iteration.tracking",
)
"""Modules that show what was measured, and change none of it."""

OPERATIONAL = (
    "benchmark",
    "validation_benchmark",
    "builtin_benchmark.folder",
    "builtin_benchmark.num_workers",
    "description.num_workers",
    "device",
    "devices",
    "learning.images_at_a_time",
    "learning.num_workers",
    "learning.resume",
    "learning.seed",
    "learning.start_from",
    "learning.steps_per_checkpoint",
    "learning.steps_per_report",
    "seconds_to_answer",
)
"""Parameters that say where and how to run. A seed stands beside the fingerprint, and
the trial that another goes on from has one of its own."""


def fingerprint(*parts: object) -> str:
    """A short hash that changes with any of the parts."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def fingerprint_of_code(
    functions: Iterable[Callable[..., Any]], modules: Iterable[str] = ()
) -> str:
    """Changes with what the code does that can be reached from here.

    Args:
        functions: Such as those of the nodes that are run. Of their modules only what
            they use counts, of all others the whole.
        modules: Where else to start.
    """
    code = reached_code(functions, modules)
    # The built-in benchmark is made from these tables.
    tables = [path.read_text("utf-8") for path in sorted(BUILTIN_MANIFEST.glob("*"))]
    return fingerprint(sorted(code.items()), tables)


def reached_code(
    functions: Iterable[Callable[..., Any]], modules: Iterable[str] = ()
) -> dict[str, str]:
    """The syntax trees of all modules that can be reached, by module name."""
    used: dict[str, set[str]] = {}
    for function in functions:
        # One that another function made counts as that function.
        name = function.__qualname__.partition(".")[0]
        used.setdefault(function.__module__, set()).add(name)
    code: dict[str, str] = {}
    missing = [*used, *modules]
    while missing:
        name = missing.pop()
        path = _path_of(name)
        if path is None or name in code or _only_shows(name):
            continue
        tree = _bare(ast.parse(path.read_text("utf-8")))
        if name in used:
            _keep_only(tree, used[name])
        code[name] = ast.dump(tree)
        missing += _imported(tree, name, is_package=path.name == "__init__.py")
    return code


def _only_shows(module: str) -> bool:
    return any(module == one or module.startswith(f"{one}.") for one in DISPLAY)


def parameters_that_count(blocks: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters without those that only say where and how to run.

    Numbers become one spelling each: a trial's 3.0e-4 is the defaults' 0.0003.
    """
    return {
        name: _one_spelling(value)
        for name, value in _flat(blocks, "")
        if name not in OPERATIONAL
    }


def _flat(blocks: Mapping[str, Any], prefix: str) -> Iterable[tuple[str, Any]]:
    for name, value in blocks.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _one_spelling(value: Any) -> str:
    try:
        return str(float(value))
    except (TypeError, ValueError):
        return json.dumps(value, sort_keys=True, default=str)


def _path_of(module: str) -> Path | None:
    """The file of a module of this project; None for any other name."""
    root, *parts = module.split(".")
    if root not in ROOTS:
        return None
    path = ROOTS[root].joinpath(*parts)
    for file in (path / "__init__.py", path.with_suffix(".py")):
        if file.is_file():
            return file
    return None


def _imported(tree: ast.Module, module: str, *, is_package: bool) -> Iterable[str]:
    """Names that may be modules, and the packages around them."""
    package = module if is_package else module.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *filter(None, [base])])
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names = [node.value]  # a module that is imported by its name
        else:
            continue
        for name in names:
            yield name
            if _path_of(name):
                parts = name.split(".")
                yield from (".".join(parts[:i]) for i in range(1, len(parts)))


def _keep_only(tree: ast.Module, names: set[str]) -> None:
    """Drop the functions and classes that those of these names do not use."""
    kinds = (ast.FunctionDef, ast.ClassDef)
    defined = {node.name: node for node in tree.body if isinstance(node, kinds)}
    others = [node for node in tree.body if not isinstance(node, kinds)]
    found: set[str] = set()
    missing = [*names, *_names_in(others)]
    while missing:
        name = missing.pop()
        if name in defined and name not in found:
            found.add(name)
            missing += _names_in([defined[name]])
    tree.body = [
        node for node in tree.body if not isinstance(node, kinds) or node.name in found
    ]


def _names_in(nodes: Iterable[ast.AST]) -> list[str]:
    return [
        node.id for one in nodes for node in ast.walk(one) if isinstance(node, ast.Name)
    ]


def _bare(tree: ast.Module) -> ast.Module:
    """Without docstrings, and without imports that only the type checker makes."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [kept for one in body for kept in _run(one)]  # type: ignore[attr-defined]
    return tree


def _run(node: ast.stmt) -> list[ast.stmt]:
    """The statement, or what is left of it when the program runs."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return node.orelse
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return []
    return [node]
