"""What collections of one million to a billion images need: disk, memory, hours.

    python benchmarks/sizing_rates.py --json rates.json     # measures this machine
    python benchmarks/sizing.py rates.json                  # prints the table

Everything is proportional to the images and divided over the ranks, with two
exceptions: each rank holds the ids and numbers of all images, and the loss of an epoch,
in which each of N images is compared with N rows, grows with their square.

Shapes:
    N: images.
    W: ranks; each has the processors that the rates were measured on.
    D: embedding dimension.
    F: channels of backbone features.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

PLAN = ((1_000_000, 1), (10_000_000, 8), (100_000_000, 64), (1_000_000_000, 512))
"""Images, and ranks that they are divided over."""
EMBEDDING_DIM, FEATURE_DIM = 256, 1280  # of tf_efficientnet_lite0
DECODED_BYTES = 3 * (128**2 + 96**2)  # what edits begin with, and what models see
BANK_BYTES = 2  # bfloat16
# Of every image on every rank: an id of seven letters as Python's text, the number of
# its group, those of a phase's rows, the orders of this epoch and of the next.
LISTED_BYTES = 64 + 8 + 8 + 2 * 8
CODE_BYTES = 32 + 8  # with the number of the row
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


@dataclass(frozen=True)
class Rates:
    """What one rank does in a second."""

    images_decoded: float
    """From JPEG files to the two squares."""
    images_refreshed: float
    """Through the backbone, without gradients."""
    images_learned: float
    """Edited, through the backbone forward and backward, and the optimizer's part."""
    products: float
    """Of the loss, forward and backward: one for each image, row and number of D."""


@dataclass(frozen=True)
class Size:
    """What some images need on some ranks. Bytes, and hours on all ranks together."""

    num_images: int
    num_ranks: int
    decoded_disk: float
    descriptors_disk: float
    codes_disk: float
    rows_memory: float
    """Of one rank, with ``frozen: model``."""
    features_memory: float
    """Of one rank, with ``frozen: backbone``."""
    lists_memory: float
    """Of one rank, never on a card: ids and numbers of all images."""
    decode_hours: float
    """Once."""
    refresh_hours: float
    """For each phase; a description of as many images costs the same."""
    learn_hours: float
    """An epoch, the loss against the bank left out."""
    loss_hours: float
    """Of the same epoch, against finished rows."""


def size_of(num_images: int, num_ranks: int, rates: Rates) -> Size:
    """Return what N images need on W ranks."""
    rows_of_rank = -(-num_images // num_ranks)
    num_products = float(num_images) ** 2 * EMBEDDING_DIM

    def hours(amount: float, rate: float) -> float:
        return amount / (rate * num_ranks) / 3600

    return Size(
        num_images=num_images,
        num_ranks=num_ranks,
        decoded_disk=DECODED_BYTES * num_images,
        descriptors_disk=4 * EMBEDDING_DIM * num_images,
        codes_disk=CODE_BYTES * num_images,
        rows_memory=BANK_BYTES * EMBEDDING_DIM * rows_of_rank,
        features_memory=BANK_BYTES * FEATURE_DIM * rows_of_rank,
        lists_memory=LISTED_BYTES * num_images,
        decode_hours=hours(num_images, rates.images_decoded),
        refresh_hours=hours(num_images, rates.images_refreshed),
        learn_hours=hours(num_images, rates.images_learned),
        loss_hours=hours(num_products, rates.products),
    )


def sizing_table(rates: Rates, plan: Sequence[tuple[int, int]] = PLAN) -> str:
    """Return the table as Markdown, one line for each number of images."""
    names = (
        *("images", "ranks", "decoded, disk", "descriptors, disk", "codes, disk"),
        *("finished rows, a rank", "features, a rank", "lists, a rank"),
        *("decode, h", "refresh, h", "learn, h an epoch", "loss, h an epoch"),
    )
    lines = [_line(names), _line(["--:"] * len(names))]
    for size in (size_of(*one, rates) for one in plan):
        sizes = (
            *(size.decoded_disk, size.descriptors_disk, size.codes_disk),
            *(size.rows_memory, size.features_memory, size.lists_memory),
        )
        hours = (
            *(size.decode_hours, size.refresh_hours),
            *(size.learn_hours, size.loss_hours),
        )
        counts = f"{size.num_images:,}", f"{size.num_ranks:,}"
        lines.append(_line([*counts, *map(_bytes, sizes), *map(_hours, hours)]))
    return "\n".join(lines)


def read_rates(path: Path) -> Rates:
    """Return the rates that ``sizing_rates.py`` wrote."""
    content = json.loads(path.read_text(encoding="utf-8"))["rates"]
    return Rates(**{field.name: content[field.name] for field in fields(Rates)})


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _bytes(amount: float) -> str:
    """Two or three digits and a unit of thousands."""
    unit = 0
    while amount >= 999.5 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{_short(amount)} {_UNITS[unit]}"


def _hours(amount: float) -> str:
    return _short(amount)


def _short(amount: float) -> str:
    """At most two digits behind the point, none where they would not count."""
    if amount >= 1000:
        return f"{float(f'{amount:.2g}'):,.0f}"
    return f"{amount:.0f}" if amount >= 10 else f"{amount:.2g}"


def main() -> None:
    """Print the table of the rates in a file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rates", type=Path, help="written by sizing_rates.py")
    parser.add_argument("--images", type=int, nargs="+", help="other numbers of images")
    parser.add_argument("--ranks", type=int, nargs="+", help="as many as --images")
    arguments = parser.parse_args()
    plan = PLAN
    if arguments.images:
        ranks = arguments.ranks or [1] * len(arguments.images)
        plan = tuple(zip(arguments.images, ranks, strict=True))
    print(sizing_table(read_rates(arguments.rates), plan))


if __name__ == "__main__":
    main()
