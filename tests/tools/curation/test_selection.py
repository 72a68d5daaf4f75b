"""Parts are compared with the rule: whole groups, and one image of a judged group."""

from collections import Counter

import numpy as np
import pytest

from qk_iteration.builtin_benchmark.manifest import Role, Split
from tools.curation.selection import (
    Grouped,
    deal_out,
    name_images,
    plan_queries,
)
from tools.curation.usable_images import UsableImage

PARTS = {(Split.TEST, Role.REFERENCE): 3, (Split.TEST, Role.UNMATCHED): 2}
GROUP_SIZES = [5, 1, 1, 2, 1, 2, 1, 4, 1]


@pytest.fixture
def images():
    """Groups of one to five images; group 4 is flat, later members are less flat."""
    nothing = np.zeros(0)
    return [
        Grouped(
            UsableImage(
                package="pictures",
                file=f"{group}-{member}.png",
                frame=0,
                kind="picture",
                series=str(group),
                hashes=nothing,
                flat_share=0.9 if group == 4 else 0.5 - 0.1 * member,
                look=nothing,
            ),
            nothing,
            group,
        )
        for group, size in enumerate(GROUP_SIZES)
        for member in range(size)
    ]


def deal(images, seed=0, parts=PARTS):
    generator = np.random.default_rng(seed)
    return deal_out(images, parts, max_flat_share=0.8, generator=generator)


def test_judged_parts_get_the_small_groups_that_are_not_flat(images):
    judged = [one for one in deal(images) if one.part[1] is not Role.TRAINING]
    assert Counter(one.part for one in judged) == PARTS
    assert {one.group for one in judged} - {3, 5} == {1, 2, 6, 8}


def test_judged_groups_give_their_least_flat_image_only(images):
    dealt = deal(images)
    judged = {one.group: one for one in dealt if one.part[1] is not Role.TRAINING}
    for group, one in judged.items():
        assert one.usable.file == f"{group}-{GROUP_SIZES[group] - 1}.png"
    trained = Counter(one.group for one in dealt if one.part[1] is Role.TRAINING)
    assert trained == {
        group: size for group, size in enumerate(GROUP_SIZES) if group not in judged
    }


def test_the_same_seed_deals_the_same_and_another_seed_differently(images):
    assert deal(images, 1) == deal(images, 1)
    assert deal(images, 1) != deal(images, 2)


def test_too_few_groups_are_refused(images):
    with pytest.raises(ValueError, match="need 9 groups; got 8"):
        deal(images, parts={(Split.TEST, Role.REFERENCE): 9})


def test_names_and_queries_are_in_order_and_complete(images):
    generator = np.random.default_rng(0)
    entries = name_images(deal(images), generator)
    assert [entry.image_id for entry in entries] == [
        *(f"R{number:06d}" for number in range(3)),
        *(f"T{number:06d}" for number in range(sum(GROUP_SIZES) - 5 - 1)),
        *(f"U{number:06d}" for number in range(2)),
    ]
    queries = plan_queries(entries, generator)
    assert Counter(query.source_id for query in queries) == {
        **dict.fromkeys(("R000000", "R000001", "R000002"), 3),
        **dict.fromkeys(("U000000", "U000001"), 8),
    }
    assert [query.query_id for query in queries] == [f"Q{i:05d}" for i in range(25)]
    assert len({query.edit_seed for query in queries}) == 25
