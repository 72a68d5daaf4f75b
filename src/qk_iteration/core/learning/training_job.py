"""A training on disk, for the processes that are started to do it together.

Decoded images and the bank stay where they are; the file holds their places, the
models and the settings. It is read by the package that wrote it, and by nobody else:
like a program, it is to be trusted.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from qk_iteration.core.bank.negative_bank import open_bank
from qk_iteration.core.distributed.lost_ranks import naming_lost_ranks
from qk_iteration.core.distributed.ranks import (
    device_of_rank,
    join_ranks,
    leave_ranks,
    present_ranks,
)
from qk_iteration.core.formats.atomic_file import replacing
from qk_iteration.core.formats.torch_file import write_torch
from qk_iteration.core.learning.first_bank import fingerprint_of_bank
from qk_iteration.core.learning.learning_config import MethodConfig
from qk_iteration.core.learning.learning_curve import say_nothing
from qk_iteration.core.learning.report_file import ReportFile
from qk_iteration.core.learning.side import Side
from qk_iteration.core.learning.training import Training, learn
from qk_iteration.core.user_error import UserError

_logger = logging.getLogger(__name__)

JOB, REPORT = "training_job.pt", "report.jsonl"


@dataclass(frozen=True)
class TrainingJob:
    """What every rank is given.

    Attributes:
        training: Without its first bank and its listener.
        config: The method's own parameters.
        bank_folder: Where the first bank lies, if the training begins with it.
        device: As in ``choose_device``.
        timeout_s: Seconds after which a silent rank counts as lost.
    """

    training: Training
    config: MethodConfig
    bank_folder: Path | None
    device: str
    timeout_s: float


def write_job(
    training: Training,
    config: MethodConfig,
    *,
    bank_folder: Path,
    devices: int,
    device: str,
    timeout_s: float,
) -> Path:
    """Write a training for ranks, and return the file: it lies by its checkpoints.

    Of one device nothing is written: this process learns by itself. What is not to be
    resumed is forgotten here, once: ranks that are started again go on.

    Args:
        training: The training.
        config: The method's own parameters.
        bank_folder: Where its first bank lies.
        devices: Ranks.
        device: As in ``choose_device``.
        timeout_s: Seconds after which a silent rank counts as lost.
    """
    folder = training.checkpoints.folder.absolute()
    fingerprint = training.fingerprint(config)
    path = folder / fingerprint / JOB
    if devices == 1:
        return path
    learning = training.learning
    with training.checkpoints.of_training(fingerprint, resume=learning.resume):
        learning = learning.model_copy(update={"resume": True})
    begins_with_bank = training.initial_bank is not None
    job = TrainingJob(
        replace(training, initial_bank=None, report=say_nothing, learning=learning),
        config,
        bank_folder.absolute() if begins_with_bank else None,
        device,
        timeout_s,
    )
    with replacing(path) as partial:
        write_torch(partial, job)
    _logger.info("What ranks are given to train is '%s'.", path)
    return path


def train_on_this_rank(path: Path) -> None:
    """Do this rank's part of a training; the first one tells of it beside the file.

    Raises:
        UserError: If there is no such file, it is not of this folder's training, or
            as ``learn``.
    """
    if not path.is_file():
        raise UserError(
            f"There is no training at '{path}'. Write one: kedro run --pipelines=train "
            "--to-nodes=qk.prepare_ranks --params=devices=2"
        )
    # Code of this package is among what is read; see above.
    job: TrainingJob = torch.load(path, map_location="cpu", weights_only=False)
    if job.training.fingerprint(job.config) != path.absolute().parent.name:
        raise UserError(
            f"'{path}' must hold the training of its folder, written by this version; "
            "it holds another. Write it again by the command that wrote it."
        )
    device = device_of_rank(job.device)
    with _joined(device, job.timeout_s):
        for model in job.training.initial_models.values():
            model.to(device)
        report = say_nothing
        if present_ranks().is_first:
            report = ReportFile(path.with_name(REPORT)).write
        training = replace(job.training, initial_bank=_bank_of(job), report=report)
        learn(training, job.config)


def _bank_of(job: TrainingJob) -> Tensor | None:
    """The rows of the first bank, unless it was filled anew for another training."""
    if job.bank_folder is None:
        return None
    training = job.training
    fingerprint = fingerprint_of_bank(
        training.initial_models[Side.KEY], training.images, training.learning
    )
    return open_bank(job.bank_folder, fingerprint=fingerprint).rows


@contextmanager
def _joined(device: torch.device, timeout_s: float) -> Iterator[None]:
    with naming_lost_ranks(timeout_s):
        join_ranks(device, timeout_s=timeout_s)
        yield
        leave_ranks()  # Not after an error: it would wait for ranks that still work.
