"""Differences of variants are compared with the figures that the trials were given."""

import pytest

from study.results import read_results
from study.variants import ablation_variants


def test_each_variant_is_compared_with_the_default_of_its_method(study):
    study.add_trial("qk", 3)
    study.add_trial("simclr", 2, method="simclr")
    for method, strength in (("qk", 4), ("moco", 1), ("simclr", 5)):
        study.add_trial(
            f"{method}_varied", strength, method=method, part="ablation", factor=method
        )
    differences = {
        variant.factor: variant.on_validation.mean
        for variant in ablation_variants(read_results(study.results))
    }
    # A made-up trial has a tenth of its strength, the noise of one seed being one.
    assert differences == pytest.approx({"qk": 0.1, "moco": -0.2, "simclr": 0.3})
