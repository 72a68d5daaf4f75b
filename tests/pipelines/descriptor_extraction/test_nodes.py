"""What a user forgot to name is said before any image is read."""

from types import SimpleNamespace

import pytest

from qk_iteration.pipelines.descriptor_extraction.nodes import describe_folder


def test_a_folder_that_is_not_named_is_refused():
    with pytest.raises(ValueError, match="images_folder must be named"):
        describe_folder("", SimpleNamespace(), SimpleNamespace())


def test_a_model_that_is_not_there_is_refused_before_the_folder_is_read(tmp_path):
    external_model = SimpleNamespace(model_path=str(tmp_path / "none.pt"))
    with pytest.raises(ValueError, match="model_path must be a file"):
        describe_folder(str(tmp_path), external_model, SimpleNamespace())
