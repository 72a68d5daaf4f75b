"""What was written is read; a changed byte is refused, or changes nothing."""

import pytest

from qk_iteration.core.formats.checked_json import from_checked_json, to_checked_json
from qk_iteration.core.formats.format_error import FormatError

CONTENT = {"scores": [0.1, 1 / 3], "name": "ä", "none": None, "nested": {"a": (1, 2)}}
READ = CONTENT | {"nested": {"a": [1, 2]}}


def test_every_digit_comes_back():
    assert from_checked_json(to_checked_json(CONTENT)) == READ


def test_a_flipped_bit_is_refused_wherever_it_is():
    whole = to_checked_json(CONTENT).encode()
    for place in range(len(whole)):
        for bit in range(7):  # the eighth is no ASCII, which no reader of text takes
            content = bytearray(whole)
            content[place] ^= 1 << bit
            try:
                assert from_checked_json(content.decode()) == READ
            except FormatError:
                continue


@pytest.mark.parametrize("text", ["", "{}", "[1]", '"text"', '{"sha256": "0"}', "{"])
def test_what_carries_no_checksum_is_refused(text):
    with pytest.raises(FormatError, match="damaged"):
        from_checked_json(text)
