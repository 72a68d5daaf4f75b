"""Deal groups of images out to the parts of a benchmark.

Groups are dealt out, never single images, so that no two parts share a content. The
parts that are judged get one image a group: several would be practically copies of each
other, and every one but the source counts as a false match. Training may have several,
so it gets the groups that have the most.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
from numpy.typing import NDArray

from qk_iteration.builtin_benchmark.manifest import (
    ImageEntry,
    QueryEntry,
    Role,
    Split,
)
from tools.curation.usable_images import UsableImage

Part = tuple[Split, Role]

# Judged parts and their number of groups; all other groups are for training.
PICTURE_PARTS = {
    (Split.TEST, Role.REFERENCE): 256,
    (Split.TEST, Role.UNMATCHED): 96,
    (Split.VALIDATION, Role.REFERENCE): 56,
    (Split.VALIDATION, Role.UNMATCHED): 32,
}
ICON_PARTS = {
    (Split.TEST, Role.DISTRACTOR): 1000,
    (Split.TEST, Role.STICKER): 48,
    (Split.VALIDATION, Role.DISTRACTOR): 300,
    (Split.VALIDATION, Role.STICKER): 16,
}
QUERIES_PER_IMAGE = {
    (Split.TEST, Role.REFERENCE): 3,
    (Split.TEST, Role.UNMATCHED): 8,
    (Split.VALIDATION, Role.REFERENCE): 9,
    (Split.VALIDATION, Role.UNMATCHED): 10,
}

_TRAINING: Part = (Split.TRAINING, Role.TRAINING)


@dataclass(frozen=True)
class Grouped:
    """A usable image, what the backbone sees in it, its group, and later its part."""

    usable: UsableImage
    feature: NDArray[np.float32]
    group: int
    part: Part = _TRAINING


def deal_out(
    images: Sequence[Grouped],
    parts: Mapping[Part, int],
    *,
    max_flat_share: float,
    generator: np.random.Generator,
) -> list[Grouped]:
    """The images that are used, each with its part.

    Args:
        images: All images of one kind, no two of a group practically equal.
        parts: Judged parts and their number of groups.
        max_flat_share: Groups whose every image is flatter are left to training.
        generator: Decides which group goes where.

    Raises:
        ValueError: If there are fewer suitable groups than the parts need.
    """
    members: dict[int, list[Grouped]] = defaultdict(list)
    for image in images:
        members[image.group].append(image)
    best = {
        group: min(many, key=lambda image: image.usable.flat_share)
        for group, many in members.items()
    }
    suitable = [
        group
        for group, image in best.items()
        if image.usable.flat_share <= max_flat_share
    ]
    judged = _smallest(suitable, members, sum(parts.values()), generator)
    slots = [part for part, number in parts.items() for _ in range(number)]
    part_of = dict(zip(judged, slots, strict=True))
    trained = [one for one in images if one.group not in part_of]
    return trained + [replace(best[group], part=part_of[group]) for group in part_of]


def _smallest(
    groups: Sequence[int],
    members: Mapping[int, Sequence[Grouped]],
    number: int,
    generator: np.random.Generator,
) -> list[int]:
    """The groups with the fewest members, in random order."""
    if len(groups) < number:
        raise ValueError(
            f"The judged parts need {number} groups; got {len(groups)}. Lower their "
            "numbers or install more images."
        )
    shuffled = generator.permutation(groups).tolist()
    chosen = sorted(shuffled, key=lambda group: len(members[group]))[:number]
    return generator.permutation(chosen).tolist()  # type: ignore[no-any-return]


def name_images(
    images: Sequence[Grouped], generator: np.random.Generator
) -> list[ImageEntry]:
    """Give ids, so that an id says nothing about content; sorted by id.

    References and distractors share their numbers, as in DISC21. Ids of the validation
    split come after those of the test.
    """
    order = generator.permutation(len(images))
    shuffled = sorted((images[i] for i in order), key=lambda image: image.part[0])
    numbers: dict[str, Iterator[int]] = defaultdict(count)
    entries = [
        ImageEntry(
            image_id=f"{role.letter}{next(numbers[role.letter]):06d}",
            split=split,
            role=role,
            kind=image.usable.kind,
            group=image.group,
            package=image.usable.package,
            file=image.usable.file,
            frame=image.usable.frame,
        )
        for image in shuffled
        for split, role in (image.part,)
    ]
    return sorted(entries, key=lambda entry: entry.image_id)


def plan_queries(
    images: Sequence[ImageEntry], generator: np.random.Generator
) -> list[QueryEntry]:
    """The queries of all references and unmatched images, in random order."""
    sources = [
        image
        for image in images
        for _ in range(QUERIES_PER_IMAGE.get((image.split, image.role), 0))
    ]
    shuffled = [sources[i] for i in generator.permutation(len(sources))]
    in_order = sorted(shuffled, key=lambda image: image.split)
    return [
        QueryEntry(f"Q{number:05d}", source.split, source.image_id, edit_seed=number)
        for number, source in enumerate(in_order)
    ]
