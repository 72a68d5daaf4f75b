"""Training images of noise."""

import pytest

from tests.core.learning.small_training import open_noise


@pytest.fixture(scope="session")
def images(tmp_path_factory):
    return open_noise(tmp_path_factory.mktemp("images"))
