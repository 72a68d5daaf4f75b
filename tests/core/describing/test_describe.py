"""The loop is compared with one call on all images; it stops between two batches."""

import signal

import pytest
import torch

from qk_iteration.core.describing.describe import describe, describe_in_parts, frozen
from qk_iteration.core.stopping import StoppedError, request_stop, withdraw_stop

IMAGES = torch.arange(14.0).reshape(7, 2)


def represent(batch):
    return batch**2


@pytest.mark.parametrize("batch_size", [1, 3, 7, 10])
@pytest.mark.parametrize("label", [None, "describing"])
def test_rows_equal_those_of_one_call_in_order(batch_size, label):
    batches = IMAGES.split(batch_size)
    rows = describe(batches, represent, num_images=7, label=label)
    assert torch.equal(rows, IMAGES**2)


def test_rows_are_kept_in_the_dtype_asked_for():
    rows = describe([IMAGES], represent, num_images=7, label=None, dtype=torch.bfloat16)
    assert torch.equal(rows, (IMAGES**2).bfloat16())


@pytest.mark.parametrize("num_images", [6, 8])
def test_another_number_of_images_than_was_said_is_refused(num_images):
    with pytest.raises(ValueError, match=f"must hold {num_images} images; got 7"):
        describe(IMAGES.split(3), represent, num_images=num_images, label=None)


def test_batches_are_read_one_at_a_time():
    read = []

    def batches():
        for number in range(1000):
            read.append(number)
            yield torch.zeros(1, 2)

    parts = describe_in_parts(batches(), represent, num_images=1000, label=None)
    next(parts)
    assert read == [0]


def test_a_stop_is_obeyed_before_the_next_batch():
    described = []

    def represent_and_be_stopped(batch):
        described.append(len(batch))
        request_stop(signal.SIGTERM)
        return batch

    try:
        with pytest.raises(StoppedError):
            describe(
                IMAGES.split(2), represent_and_be_stopped, num_images=7, label=None
            )
    finally:
        withdraw_stop()
    assert described == [2]


def test_gradients_are_off_for_the_model_and_on_for_the_caller():
    model = torch.nn.Linear(2, 3)
    parts = describe_in_parts([IMAGES], model, num_images=7, label=None)
    rows = next(parts)
    assert not rows.requires_grad
    assert torch.is_grad_enabled()


def test_a_frozen_model_is_in_eval_mode_and_in_its_precision():
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Dropout(0.5)).train()
    rows = describe(
        [IMAGES], frozen(model, precision="float32"), num_images=7, label=None
    )
    assert torch.equal(rows, model[0](IMAGES).detach())
    part = next(
        describe_in_parts(
            [IMAGES], frozen(model, precision="bfloat16"), num_images=7, label=None
        )
    )
    assert part.dtype == torch.bfloat16
