"""A folder of shards is read as one set when it is whole."""

import numpy as np
import pytest

from qk_iteration.core.formats.descriptor_files import (
    read_descriptors,
    write_descriptors,
)
from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.formats.shard_folder import begin_shards, open_shards
from qk_iteration.core.user_error import UserError

GONE = ("photos/b.jpg", "unreadable", "It is cut off.")


def begin(path, **changes):
    settings = {"num_images": 10, "images_per_shard": 4, "made_from": {"model": "m"}}
    return begin_shards(path, **settings | changes)


def rows_of(images):
    ids = [f"R{place:02d}" for place in images]
    return Descriptors(ids, np.array([[place, 1] for place in images], np.float32))


def fill(folder, shard):
    described = rows_of(folder.images_of(shard))
    write_descriptors(folder.file_of(shard), described, is_durable=True)
    folder.finish(shard, num_described=len(described), left_out=[])


def test_shards_of_all_parts_are_one_set_in_the_order_of_the_images(tmp_path):
    folder = begin(tmp_path)
    assert [folder.missing(part, 2) for part in (1, 2)] == [[0, 2], [1]]
    for shard in (2, 0, 1):
        fill(folder, shard)
    assert folder.missing() == []
    found = read_descriptors(tmp_path)
    expected = rows_of(range(10))
    assert found.ids.tolist() == expected.ids.tolist()
    for rows in (slice(None), slice(3, 9), slice(4, 8), slice(9, 30), slice(5, 5)):
        np.testing.assert_array_equal(found.read(rows), expected.read(rows))
    chosen = np.array([9, 0, 4, 4, 7, 3])
    assert found.has_random_access
    np.testing.assert_array_equal(found.take(chosen), expected.read()[chosen])


def test_several_folders_and_files_are_one_set(tmp_path):
    for name, first in (("a", 0), ("b", 3)):
        folder = begin(tmp_path / name, num_images=3)
        described = rows_of(range(first, first + 3))
        write_descriptors(folder.file_of(0), described)
        folder.finish(0, num_described=3, left_out=[])
    write_descriptors(tmp_path / "c.npz", rows_of(range(6, 8)))
    named = [tmp_path / name for name in ("a", "b", "c.npz")]
    found = read_descriptors(named)
    assert found.has_random_access
    np.testing.assert_array_equal(found.read(), rows_of(range(8)).read())
    np.testing.assert_array_equal(
        found.take(np.array([7, 0, 4])), rows_of([7, 0, 4]).read()
    )


def test_a_folder_that_is_not_filled_to_the_end_is_not_read(tmp_path):
    folder = begin(tmp_path)
    fill(folder, 0)
    write_descriptors(folder.file_of(1), rows_of(range(4, 8)))  # killed before its end
    with pytest.raises(FormatError, match=r"all 3 shards .* 2 are not done.* number 1"):
        read_descriptors(tmp_path)


def test_images_left_out_are_remembered_and_a_shard_may_hold_nothing(tmp_path):
    folder = begin(tmp_path)
    fill(folder, 0)
    folder.finish(1, num_described=0, left_out=[GONE] * 4)
    assert folder.left_out() == [GONE] * 4
    fill(folder, 2)
    assert (
        read_descriptors(tmp_path).ids.tolist()
        == rows_of([0, 1, 2, 3, 8, 9]).ids.tolist()
    )


def test_a_folder_where_everything_was_left_out_is_no_set(tmp_path):
    folder = begin(tmp_path, num_images=1)
    folder.finish(0, num_described=0, left_out=[GONE])
    with pytest.raises(FormatError, match="holds no descriptor"):
        read_descriptors(tmp_path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"made_from": {"model": "other"}}, "another model"),
        ({"num_images": 11, "images_per_shard": 5}, "images_per_shard, another num_"),
    ],
)
def test_shards_of_something_else_are_not_continued(tmp_path, changes, said):
    begin(tmp_path)
    assert begin(tmp_path) == open_shards(tmp_path)
    with pytest.raises(UserError, match=said):
        begin(tmp_path, **changes)


def test_another_folder_and_a_damaged_record_are_said_to_be(tmp_path):
    with pytest.raises(FormatError, match=r"folder without shards\.json"):
        read_descriptors(tmp_path)
    folder = begin(tmp_path, num_images=1)
    fill(folder, 0)
    folder.file_of(0).with_suffix(".json").write_text("{")
    with pytest.raises(FormatError, match=r"00000\.json' is damaged"):
        read_descriptors(tmp_path)
    (tmp_path / "shards.json").write_text('{"shards": []}')
    with pytest.raises(FormatError, match=r"shards\.json' is damaged.* its folder"):
        read_descriptors(tmp_path)


def test_a_flipped_bit_of_a_record_leaves_no_shard_out(tmp_path):
    folder = begin(tmp_path)
    for shard in range(3):
        fill(folder, shard)
    record = folder.file_of(1).with_suffix(".json")
    text = record.read_text()
    record.write_text(text.replace('"described": 4', '"described": 0'))
    assert record.read_text() != text
    with pytest.raises(FormatError, match=r"00001\.json' is damaged"):
        read_descriptors(tmp_path)


def test_shards_of_which_nothing_says_what_they_are_of_are_not_continued(tmp_path):
    fill(begin(tmp_path), 0)
    (tmp_path / "shards.json").unlink()
    with pytest.raises(UserError, match=r"holds shards without shards\.json"):
        begin(tmp_path)
