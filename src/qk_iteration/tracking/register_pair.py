"""A trained pair among MLflow's registered models."""

import io
import logging
import os
import warnings
from contextlib import redirect_stderr
from pathlib import Path

ALIAS = "newest"

_logger = logging.getLogger(__name__)


def register_pair(folder: Path, name: str) -> None:
    """Log the pair in the active run and register it as the newest of its name.

    The pair is in its folder already, so a store that does not take it is no reason for
    the run to fail: a line says so.
    """
    from qk_iteration.serving.log_pair import log_pair

    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    try:
        # MLflow advises on signatures, and prints what is said below.
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            address = log_pair(folder, registered_name=name, alias=ALIAS)
    except Exception as error:
        _logger.warning(
            "MLflow does not take the pair of '%s': %s", folder, str(error)[:200]
        )
    else:
        _logger.info("Registered in MLflow: %s", address)
