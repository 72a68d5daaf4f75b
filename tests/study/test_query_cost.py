"""Costs are counted by hand where that can be done."""

import pandas as pd

from study import query_cost


def test_cost_grows_with_the_pixels():
    # A 4-fold picture through convolutions of stride 2: about 4 times the work.
    small, large = (query_cost.multiply_adds("resnet10t", size) for size in (64, 128))
    assert 3.8 < large / small < 4.1
    assert 3e6 < small < 1e9


def test_a_row_for_each_size():
    table = query_cost.measure("resnet10t", [32, 64], batch_size=2, num_rounds=2)
    assert table["image_size"].tolist() == [32, 64]
    assert (table["milliseconds"] > 0).all()
    assert isinstance(table, pd.DataFrame)
