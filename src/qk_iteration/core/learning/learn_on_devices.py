"""A training on several devices of this machine, for the process that wants it."""

from dataclasses import replace
from pathlib import Path

from qk_iteration.core.distributed.launch import run_on_ranks
from qk_iteration.core.formats.folder_lock import locked
from qk_iteration.core.learning.learning_config import MethodConfig
from qk_iteration.core.learning.report_file import ReportFile
from qk_iteration.core.learning.training import TrainedPair, Training, learn
from qk_iteration.core.learning.training_job import REPORT

RANK_MODULE = "qk_iteration.launch"
"""What every rank runs; ``torchrun -m`` on several hosts runs the same."""
LAUNCHING = "launching"
"""Folder beside the job, of the one command that has started ranks for it."""


def learn_on_devices(
    training: Training, config: MethodConfig, job: Path, *, devices: int
) -> TrainedPair:
    """Learn a pair of models, on one device here or on several by as many processes.

    Ranks end with a finished checkpoint, from which this process takes the pair.
    Another command that learns the same is waited for before they are started: of ranks
    only the first could wait, and the others would take it for lost.

    Args:
        training: The training.
        config: The method's own parameters.
        job: The same training as ``write_job`` wrote it.
        devices: Processes; with one of them this process learns.

    Raises:
        UserError: With what the rank said that failed.
        StoppedError: If a stop was asked for.
    """
    if devices > 1:
        with locked(job.with_name(LAUNCHING), what="the same training"):
            with locked(job.parent, what="the same training"):
                pass  # Of one that learns by itself; the first rank takes it now.
            with ReportFile(job.with_name(REPORT)).told(training.report):
                run_on_ranks(RANK_MODULE, str(job), size=devices)
        # What ranks have just learned is not forgotten, where a training began anew.
        learning = training.learning.model_copy(update={"resume": True})
        training = replace(training, learning=learning)
    return learn(training, config)
