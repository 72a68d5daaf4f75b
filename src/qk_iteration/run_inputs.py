"""What a run is to begin with is looked for before it begins."""

from collections.abc import Callable, Mapping
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.framework.project import pipelines
from kedro.pipeline import Pipeline

from qk_iteration.core.user_error import UserError

_EVALUATED = {"evaluated.query_model", "evaluated.key_model"}


class RunInputsHook:
    """Refuse to begin with nothing, or with a runner that cannot work."""

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        """Raise UserError for a project's folder that Kedro's catalog misreads."""
        check_folder(str(context.project_path))

    @hook_impl(tryfirst=True)
    def before_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: Any
    ) -> None:
        """Raise UserError with what to type instead."""
        check_runner(str(run_params.get("runner")))
        known = {name: line for name, line in pipelines.items() if line.nodes}
        asked = run_params.get("pipeline_names") or ["__default__"]
        whole = sum((known[name] for name in asked if name in known), Pipeline([]))
        check_inputs(pipeline, whole, known, catalog.exists)
        check_models(pipeline, catalog)


def check_folder(project: str) -> None:
    """Raise UserError if the project's path has braces in it."""
    if "{" in project or "}" in project:
        raise UserError(
            f"The project's folder must have no braces in its path; got '{project}'. "
            "Kedro's catalog reads them as placeholders. Rename or move the folder."
        )


def check_runner(runner: str) -> None:
    """Raise UserError for a runner of several processes."""
    if "ParallelRunner" in runner:
        raise UserError(
            "ParallelRunner cannot be used here: nodes hand each other models and open "
            "files, which stay in one process. Leave --runner out, or take "
            "ThreadRunner; nodes use further processes by themselves (num_workers)."
        )


def check_inputs(
    pipeline: Pipeline,
    whole: Pipeline,
    known: Mapping[str, Pipeline],
    exists: Callable[[str], bool],
) -> None:
    """Raise UserError if an input is not there that another node would have made.

    Args:
        pipeline: The nodes that are to run.
        whole: The same without ``--from-nodes`` and the like.
        known: Every pipeline by name.
        exists: Whether a dataset is there.
    """
    producers = {made: node for node in whole.nodes for made in node.outputs}
    for name in sorted(pipeline.inputs()):
        if name.startswith("params:") or name == "parameters":
            continue
        makers = [title for title, line in known.items() if name in line.all_outputs()]
        if not makers or exists(name):
            continue
        if name not in producers:
            raise UserError(
                f"'{name}' is not there yet. It is made by: "
                f"kedro run --pipelines={_simplest(makers, known)}"
            )
        begin = _nodes_to_begin_at(name, producers, exists)
        raise UserError(
            f"'{name}', which the run would begin with, is not there: it is made by "
            f"'{producers[name].name}'. Begin earlier: --from-nodes={','.join(begin)}"
        )


def check_models(pipeline: Pipeline, catalog: Any) -> None:
    """Raise UserError for a pair to evaluate that is not there, before its images."""
    evaluated = sorted(pipeline.inputs() & _EVALUATED)
    if evaluated:  # Only then torch is needed, which takes seconds.
        from qk_iteration.core.models.model_file import read_model_config

        for name in evaluated:
            read_model_config(catalog.get(name).path)


def _simplest(names: list[str], known: Mapping[str, Pipeline]) -> str:
    named = [name for name in names if name != "__default__"] or names
    return min(named, key=lambda name: (len(known[name].nodes), name))


def _nodes_to_begin_at(
    name: str, producers: Mapping[str, Any], exists: Callable[[str], bool]
) -> list[str]:
    """The latest nodes from which a dataset can be made of what is there."""
    node = producers[name]
    missing = [
        given for given in node.inputs if given in producers and not exists(given)
    ]
    if not missing:
        return [node.name]
    earlier = [_nodes_to_begin_at(given, producers, exists) for given in missing]
    return sorted({name for names in earlier for name in names})
