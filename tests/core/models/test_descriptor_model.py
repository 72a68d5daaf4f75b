"""Models are compared with the definitions of their parts."""

import pytest
import torch

from qk_iteration.core.models import whitened_head
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.model_config import ModelConfig
from qk_iteration.core.models.pooling import GeMPooling
from qk_iteration.core.models.precision import autocast
from qk_iteration.core.models.whitened_head import whiten_head

CONFIG = ModelConfig(
    backbone="mobilenetv3_small_050",
    weights="random",
    image_size=32,
    pixel_mean=0.5,
    pixel_std=0.5,
    gem_power=3.0,
    embedding_dim=16,
    seed=0,
)


def random_pixels(num_images):
    generator = torch.Generator().manual_seed(0)
    shape = (num_images, 32, 32, 3)
    return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)


def test_embeddings_are_of_unit_length():
    embeddings = DescriptorModel(CONFIG).eval()(random_pixels(4))
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(4))


def test_lengths_stay_exact_where_the_backbone_is_imprecise():
    model = DescriptorModel(CONFIG).eval()
    with torch.inference_mode(), autocast(model, "bfloat16"):
        for vectors in (model(random_pixels(4)), model.plain(random_pixels(4))):
            assert vectors.dtype == torch.float32
            torch.testing.assert_close(vectors.norm(dim=1), torch.ones(4))


def test_gem_of_power_one_is_the_mean_and_of_a_large_power_the_maximum():
    feature_map = torch.rand(2, 3, 4, 5).double() + 0.5
    mean, largest = feature_map.mean(dim=(2, 3)), feature_map.amax(dim=(2, 3))
    torch.testing.assert_close(GeMPooling(1)(feature_map), mean)
    centered = feature_map - mean[:, :, None, None]  # Negative activations count.
    torch.testing.assert_close(GeMPooling(1)(centered), torch.zeros_like(mean))
    torch.testing.assert_close(GeMPooling(400)(feature_map), largest, rtol=0.01, atol=0)


@pytest.mark.parametrize("power", [3.0, 6.0, 8.0, 400.0])
@pytest.mark.parametrize("size", [0.0, 2e-6, 5e-3, 1.0, 300.0])
def test_gem_of_any_power_is_that_of_float64_and_has_its_gradient(power, size):
    feature_map = size * torch.rand(2, 3, 4, 5, dtype=torch.float64)
    feature_map.requires_grad_()
    exact = GeMPooling(power)(feature_map)
    (exact_grad,) = torch.autograd.grad(exact.sum(), feature_map)
    narrow = feature_map.detach().float().requires_grad_()
    pooled = GeMPooling(power)(narrow)
    (grad,) = torch.autograd.grad(pooled.sum(), narrow)
    torch.testing.assert_close(pooled.double(), exact, rtol=1e-4, atol=0)
    torch.testing.assert_close(grad.double(), exact_grad, rtol=1e-3, atol=1e-6)


def test_whitened_head_gives_uncorrelated_outputs_of_equal_variance():
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(12, 12, generator=generator).double()
    features = torch.randn(500, 12, generator=generator).double() @ mixing + 3
    head = torch.nn.Linear(12, 5).double()
    whiten_head(head, features)
    outputs = head(features).detach()
    torch.testing.assert_close(outputs.mean(dim=0), torch.zeros(5).double())
    expected = torch.eye(5).double()
    torch.testing.assert_close(outputs.T.cov(), expected, atol=0.02, rtol=0)


def test_whitened_head_does_not_depend_on_how_many_rows_are_read_at_a_time(monkeypatch):
    features = torch.rand(50, 7)
    heads = [torch.nn.Linear(7, 3) for _ in range(2)]
    whiten_head(heads[0], features)
    monkeypatch.setattr(whitened_head, "ROWS_AT_A_TIME", 9)
    whiten_head(heads[1], features)
    one, other = ((head.weight.T @ head.weight).detach() for head in heads)
    torch.testing.assert_close(one, other)  # The sign of a direction is arbitrary.


def test_whitened_head_refuses_more_directions_than_features():
    with pytest.raises(ValueError, match="Lower embedding_dim"):
        whiten_head(torch.nn.Linear(3, 5), torch.rand(9, 3))
