"""Files that hang together as copies: connected components, the best picture first."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

Item = TypeVar("Item", bound=Hashable)


def group_copies(pairs: Iterable[tuple[Item, Item]]) -> list[list[Item]]:
    """Groups of items that pairs connect, directly or over others.

    Args:
        pairs: Any order.

    Returns:
        Groups in the order in which an item of each stands first among the pairs.
    """
    groups: dict[Item, list[Item]] = {}
    for pair in pairs:
        first, second = (groups.setdefault(item, [item]) for item in pair)
        if first is second:
            continue
        # The smaller joins the larger, so that no item moves often.
        if len(first) < len(second):
            first, second = second, first
        first += second
        for item in second:
            groups[item] = first
    return list({id(group): group for group in groups.values()}.values())


def best_first(
    files: Sequence[Item], quality: Mapping[Item, tuple[int, int]]
) -> list[Item]:
    """The files by pixels, then by bytes, then by name.

    Args:
        files: Of one group.
        quality: Pixels and bytes of each file.
    """
    return sorted(
        files, key=lambda file: (*(-part for part in quality[file]), str(file))
    )
