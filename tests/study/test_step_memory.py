"""What a step keeps is counted by what must hold of it."""

import pytest

from study import step_memory


def test_memory_grows_with_the_images_and_their_pixels():
    one = step_memory.bytes_kept("resnet10t", 32, 1)
    assert step_memory.bytes_kept("resnet10t", 32, 4) == pytest.approx(4 * one, rel=0.1)
    assert step_memory.bytes_kept("resnet10t", 64, 1) == pytest.approx(4 * one, rel=0.1)


def test_pixels_and_what_layers_give_are_kept_and_weights_are_not():
    # The first layer gives 24 channels of half the side: twice as many numbers.
    pixels = 4 * 3 * 64 * 64
    assert step_memory.bytes_kept("resnet10t", 64, 1) > pixels + 2 * pixels
    assert step_memory.bytes_kept("resnet10t", 64, 1) < 5_000_000  # 20 MB of weights


def test_a_row_for_each_size_and_number_of_images():
    table = step_memory.measure("resnet10t", [1, 2], [32, 64])
    assert table["image_size"].tolist() == [32, 32, 64, 64]
    assert table["images_a_step"].tolist() == [1, 2, 1, 2]
    assert table["megabytes"].is_monotonic_increasing
