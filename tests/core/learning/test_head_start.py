"""The start in an index is compared with rows in memory; its tensors are counted."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from qk_iteration.core.learning.head_start import start_in_index
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.head_outputs import HeadOutputs
from qk_iteration.core.models.ridge_regression import ROWS_AT_A_TIME
from tests.core.learning.small_training import MODEL, changed
from tests.core.learning.test_loss_memory import LargestTensor

DIM = 4


@pytest.fixture
def model():
    return DescriptorModel(changed(MODEL, embedding_dim=DIM)).eval()


def draw(num_rows, num_columns):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(num_rows, num_columns, generator=generator)


def test_rows_that_are_computed_when_read_start_the_same_head(model):
    features, head = draw(50, model.head.in_features), nn.Linear(9, DIM)
    with torch.no_grad():
        rows = F.normalize(head(draw(50, 9)), dim=1)
    given = {"learns": "model", "ridge": 0.1}
    expected = start_in_index(model, features, rows, **given).head
    found = start_in_index(model, features, HeadOutputs(head, draw(50, 9)), **given)
    assert torch.equal(found.head.weight, expected.weight)
    assert torch.equal(found.head.bias, expected.bias)


@pytest.mark.parametrize("learns", ["model", "adapter"])
def test_no_tensor_of_all_rows_is_made(model, learns):
    num_columns = model.head.in_features
    # One storage for what is given, which is not counted.
    features = draw(3 * ROWS_AT_A_TIME, num_columns)
    rows = HeadOutputs(nn.Linear(num_columns, DIM), features)
    with LargestTensor(features) as largest:
        start_in_index(model, features, rows, learns=learns, ridge=0.1)
    block = 8 * ROWS_AT_A_TIME * num_columns  # float64
    assert largest.num_bytes <= block
