"""Ridge regression is compared with its definition and with a map that is known."""

import pytest
import torch

from qk_iteration.core.models.adapted_head import AdaptedHead
from qk_iteration.core.models.ridge_regression import ridge_regression


@pytest.fixture
def rows():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(50, 5, generator=generator, dtype=torch.float64) + 3


def test_a_linear_map_is_found_again(rows):
    weight = torch.arange(15.0, dtype=torch.float64).reshape(3, 5) / 10
    bias = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    found = ridge_regression(rows, rows @ weight.T + bias, ridge=0.0)
    torch.testing.assert_close(found.weight, weight.float())
    torch.testing.assert_close(found.bias, bias.float(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("ridge", [0.01, 1.0])
def test_it_is_the_definition_on_centered_rows(rows, ridge):
    wanted = rows[:, :2].square()
    x, y = rows - rows.mean(0), wanted - wanted.mean(0)
    added = ridge * (x.T @ x).trace() / 5
    expected = torch.linalg.solve(x.T @ x + added * torch.eye(5), x.T @ y).T
    found = ridge_regression(rows, wanted, ridge=ridge)
    torch.testing.assert_close(found.weight, expected.float())
    torch.testing.assert_close(
        rows.mean(0).float() @ found.weight.T + found.bias, wanted.mean(0).float()
    )


def test_a_map_through_the_origin_has_no_bias(rows):
    found = ridge_regression(rows, 2 * rows, ridge=0.0, has_bias=False)
    torch.testing.assert_close(found.weight, 2 * torch.eye(5), atol=1e-5, rtol=1e-5)
    assert found.bias.tolist() == [0.0] * 5


def test_an_adapted_head_folds_into_one_that_gives_the_same():
    torch.manual_seed(0)
    adapted = AdaptedHead(torch.nn.Linear(7, 4), torch.randn(3, 4))
    assert [name for name, _ in adapted.named_parameters()] == ["weight"]
    features = torch.randn(5, 7)
    torch.testing.assert_close(adapted.folded()(features), adapted(features))
