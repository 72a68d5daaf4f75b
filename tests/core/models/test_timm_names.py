"""The names read from timm's files are compared with those that timm lists."""

import timm

from qk_iteration.core.models.timm_names import timm_names


def test_names_are_all_that_timm_knows():
    assert timm_names() == set(timm.list_models())
