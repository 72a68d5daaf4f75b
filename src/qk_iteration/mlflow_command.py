"""``kedro mlflow ui``: the runs in a browser, from anywhere within the project."""

import subprocess
import sys
from pathlib import Path

import click
from kedro.config import OmegaConfigLoader
from kedro.framework.project import settings
from kedro.framework.startup import ProjectMetadata

from qk_iteration.plain_errors import plain_endings
from qk_iteration.tracking.figures_page import figures_page
from qk_iteration.tracking.run_store import RunStore
from qk_iteration.tracking.tracking_config import TrackingConfig, read_tracking_config


@click.group()
def mlflow() -> None:
    """Look at the runs that MLflow keeps."""


@mlflow.command()
@click.option("--env", "-e", default=None, help="Environment of conf/.")
@click.option("--host", default="127.0.0.1", help="This machine only, by default.")
@click.option("--port", default="5000")
@click.pass_obj
def ui(metadata: ProjectMetadata, env: str | None, host: str, port: str) -> None:
    """Serve the runs of this project to a browser."""
    with plain_endings():
        config = _config(metadata.project_path, env)
        store = RunStore(config.server.mlflow_tracking_uri, metadata.project_path)
        page = figures_page(store.open(), config.tracking.experiment.name)
    if page is not None:
        click.echo(f"The runs with their figures: http://{host}:{port}/{page}")
    command = [sys.executable, "-m", "mlflow", "ui", "--host", host, "--port", port]
    command += ["--backend-store-uri", store.uri()]
    raise SystemExit(subprocess.run(command, check=False).returncode)


def _config(project: Path, env: str | None) -> TrackingConfig:
    loader = OmegaConfigLoader(
        conf_source=str(project / settings.CONF_SOURCE),
        env=env,
        **settings.CONFIG_LOADER_ARGS,
    )
    return read_tracking_config(loader["mlflow"])
