"""What a run tells MLflow while it is under way."""

import mlflow


def report_to_mlflow(step: int, metrics: dict[str, float]) -> None:
    """Log metrics to the active MLflow run; without one, do nothing.

    Args:
        step: Image passes so far, so that curves of both methods line up.
        metrics: Names and values.
    """
    # log_metrics would start a stray run if none were active.
    if mlflow.active_run() is not None:
        mlflow.log_metrics(metrics, step=step)
