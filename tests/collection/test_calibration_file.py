"""A calibration is compared with what its file gives back."""

import numpy as np
import pytest

from qk_iteration.collection.calibration_file import (
    calibration_from_json,
    calibration_to_json,
)
from qk_iteration.core.formats.format_error import FormatError
from tests.collection.made_calibration import made_of


def test_a_file_gives_back_what_it_was_written_from():
    told = made_of(np.array([0.25, 0.5]), np.array([0.1, 0.2, 0.3]))
    again = calibration_from_json(calibration_to_json(told))
    np.testing.assert_array_equal(again.right_scores, told.right_scores)
    np.testing.assert_array_equal(again.wrong_scores, told.wrong_scores)
    assert again.num_wrong_pairs == 3
    np.testing.assert_array_equal(again.background, told.background)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"right_scores": []}'])
def test_what_is_no_calibration_is_refused(text):
    with pytest.raises(FormatError, match="Make it again"):
        calibration_from_json(text)
