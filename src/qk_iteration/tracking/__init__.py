"""What MLflow is told of a run, from its start or continuation to its end.

Importing this package imports no MLflow: that takes many seconds.
"""

from qk_iteration.tracking.live_run import report_to_mlflow

__all__ = ["report_to_mlflow"]
