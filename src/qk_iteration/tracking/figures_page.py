"""The runs in MLflow's page with their figures as columns, best first.

Of itself the page shows when runs were made and none of their figures. Which columns
to show it keeps as named views, each a tag of the experiment; an address opens one.
"""

import json
import time
from typing import TYPE_CHECKING

from qk_iteration.core.scoring.figures import FIGURES

if TYPE_CHECKING:
    from mlflow import MlflowClient

NAME = "Figures"
"""As the page's menu of views has it."""

_KEY = "figures"
_TAG = f"mlflow.sharedViewState.{_KEY}"
_RUN_NAME = "attributes.`Run Name`"
_PIXELS = 8  # for a letter of a heading, so that none is cut off


def figures_view() -> dict[str, str]:
    """The view as a tag of an experiment, in the form of MLflow's own page."""
    columns = {f"metrics.`test/{key}`": len(f"test/{key}") for key in FIGURES}
    letters = {_RUN_NAME: 32} | columns
    state = {
        "selectedColumns": list(columns),
        "columnOrder": list(letters),
        "columnWidths": {name: _PIXELS * (n + 5) for name, n in letters.items()},
        "orderByKey": next(iter(columns)),
        "orderByAsc": False,
    }
    now = int(time.time() * 1000)
    view = {"name": NAME, "createdAt": now, "state": json.dumps(state)}
    return {_TAG: json.dumps(view)}


def figures_page(client: "MlflowClient", experiment: str) -> str | None:
    """Where the page shows the runs of an experiment with their figures.

    An experiment that was made without the view is given it.

    Args:
        client: Of the store.
        experiment: Its name.

    Returns:
        The address below the server's; None if there is no such experiment yet.
    """
    found = client.get_experiment_by_name(experiment)
    if found is None or found.lifecycle_stage == "deleted":
        return None
    if _TAG not in found.tags:
        client.set_experiment_tag(found.experiment_id, _TAG, figures_view()[_TAG])
    return (
        f"#/experiments/{found.experiment_id}/runs"
        f"?workflowType=machine_learning&viewStateShareKey={_KEY}"
    )
