"""The random draws of the edits and the ranges, from the YAML, that they draw from."""

import math
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, FiniteFloat

Color = tuple[int, int, int]


def _check_order(bounds: tuple[float, float]) -> tuple[float, float]:
    if not bounds[0] <= bounds[1]:
        raise ValueError(f"must be [lowest, highest]; got {list(bounds)}")
    return bounds


def _check_positive(bounds: tuple[float, float]) -> tuple[float, float]:
    if not bounds[0] > 0:
        raise ValueError(f"must be above 0; got {list(bounds)}")
    return bounds


def within(lowest: float, highest: float) -> AfterValidator:
    """Refuses ranges that leave the given one, both ends included."""

    def check(bounds: tuple[float, float]) -> tuple[float, float]:
        if not lowest <= bounds[0] <= bounds[1] <= highest:
            raise ValueError(
                f"must lie within {lowest} and {highest}; got {list(bounds)}"
            )
        return bounds

    return AfterValidator(check)


Range = Annotated[tuple[FiniteFloat, FiniteFloat], AfterValidator(_check_order)]
"""Lowest and highest value, drawn uniformly."""

Share = Annotated[Range, within(0, 1)]
"""A range within 0 and 1: a part of a side, of an area, of full opacity."""

Ratio = Annotated[Range, AfterValidator(_check_positive)]
"""A range of factors above 0, drawn so that 1/2 and 2 are equally likely."""

Count = Annotated[
    tuple[int, int], AfterValidator(_check_order), AfterValidator(_check_positive)
]
"""Lowest and highest whole number, both included."""


def draw_uniform(generator: np.random.Generator, bounds: Range) -> float:
    """A number within the bounds."""
    return float(generator.uniform(*bounds))


def draw_ratio(generator: np.random.Generator, bounds: Ratio) -> float:
    """A factor within the bounds, uniform in its logarithm."""
    return math.exp(generator.uniform(math.log(bounds[0]), math.log(bounds[1])))


def draw_count(generator: np.random.Generator, bounds: Count) -> int:
    """A whole number within the bounds, both included."""
    return int(generator.integers(bounds[0], bounds[1] + 1))


def draw_index(generator: np.random.Generator, length: int) -> int:
    """A position in a sequence of that length."""
    return int(generator.integers(length))


def draw_sign(generator: np.random.Generator) -> int:
    """Plus or minus one."""
    return 1 if generator.random() < 0.5 else -1


def draw_color(generator: np.random.Generator) -> Color:
    """Black, white, or any color; a third each, as frames and captions mostly are."""
    red, green, blue = (int(value) for value in generator.integers(0, 256, size=3))
    return ((0, 0, 0), (255, 255, 255), (red, green, blue))[draw_index(generator, 3)]


def pixels_of(share: float, side: int) -> int:
    """A share of a side in whole pixels, at least one."""
    return max(1, round(share * side))
