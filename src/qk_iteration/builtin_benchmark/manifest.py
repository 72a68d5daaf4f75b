"""The manifest: which frame of which packaged file plays which part in a benchmark.

A folder of CSV files, read and checked as a whole before any work is spent:

    packages.csv    where images come from
    images.csv      one row for each image: its part, its id, its source
    queries.csv     one row for each query: the image it is an edit of
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from qk_iteration.builtin_benchmark.sources import ImagePackage
from qk_iteration.core.formats.csv_rows import read_csv_rows, write_csv_rows
from qk_iteration.core.formats.format_error import FormatError

BUILTIN_MANIFEST = Path(__file__).parent / "builtin"

_ID = re.compile("[A-Z][0-9]+")


class Role(StrEnum):
    """The part an image plays."""

    TRAINING = "training"
    REFERENCE = "reference"
    DISTRACTOR = "distractor"
    UNMATCHED = "unmatched"
    STICKER = "sticker"

    @property
    def letter(self) -> str:
        """What the ids of such images begin with, as in DISC21."""
        return {"training": "T", "unmatched": "U", "sticker": "S"}.get(self, "R")


class Split(StrEnum):
    """What an image is for; no group of images is in two splits."""

    TRAINING = "training"
    TEST = "test"
    VALIDATION = "validation"


@dataclass(frozen=True)
class ImageEntry:
    """One image of the benchmark.

    Attributes:
        image_id: Letter of the role and a number, such as ``R000012``.
        split: What it is for.
        role: Its part there.
        kind: ``picture`` or ``icon``.
        group: Images that show practically the same have one group.
        package: A name in ``packages.csv``.
        file: Below the package's folder, with forward slashes.
        frame: 0 for a still image.
    """

    image_id: str
    split: Split
    role: Role
    kind: str
    group: int
    package: str
    file: str
    frame: int


@dataclass(frozen=True)
class QueryEntry:
    """One query of the benchmark.

    Attributes:
        query_id: Such as ``Q00012``.
        split: ``test`` or ``validation``.
        source_id: The image it is an edit of: a reference, or an unmatched image.
        edit_seed: Decides, together with the seed of the build, which edits.
    """

    query_id: str
    split: Split
    source_id: str
    edit_seed: int


@dataclass(frozen=True)
class Manifest:
    """All images and queries of a benchmark, and the packages they come from."""

    packages: Mapping[str, ImagePackage]
    images: Sequence[ImageEntry]
    queries: Sequence[QueryEntry]

    def __post_init__(self) -> None:
        _check_unique("image_id", [image.image_id for image in self.images])
        _check_unique("query_id", [query.query_id for query in self.queries])
        _check_images(self)
        _check_queries(self)


def read_manifest(folder: Path) -> Manifest:
    """The manifest in a folder.

    Raises:
        FormatError: If a file is malformed, or the rows contradict each other.
        OSError: If a file cannot be opened.
    """
    packages = _read_rows(folder / "packages.csv", ImagePackage)
    return Manifest(
        packages={package.name: package for package in packages},
        images=_read_rows(folder / "images.csv", ImageEntry),
        queries=_read_rows(folder / "queries.csv", QueryEntry),
    )


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest's three files into a folder."""
    _write_rows(folder / "packages.csv", ImagePackage, manifest.packages.values())
    _write_rows(folder / "images.csv", ImageEntry, manifest.images)
    _write_rows(folder / "queries.csv", QueryEntry, manifest.queries)


def _read_rows(path: Path, kind: type[Any]) -> list[Any]:
    names = [field.name for field in fields(kind)]
    types = [field.type for field in fields(kind)]
    try:
        return [
            kind(*(one(cell) for one, cell in zip(types, row, strict=True)))  # type: ignore[operator]
            for row in read_csv_rows(path, names)
        ]
    except ValueError as error:
        raise FormatError(f"'{path}' is not part of a manifest: {error}") from error


def _write_rows(path: Path, kind: type[Any], rows: Iterable[Any]) -> None:
    write_csv_rows(path, [field.name for field in fields(kind)], map(astuple, rows))


def _check_unique(name: str, ids: Sequence[str]) -> None:
    repeated = [one for one, count in Counter(ids).items() if count > 1]
    if repeated:
        raise FormatError(
            f"{name} must be unique in a manifest; '{repeated[0]}' stands there twice."
        )


def _check_images(manifest: Manifest) -> None:
    parts: dict[int, tuple[Split, Role]] = {}
    for image in manifest.images:
        if not _ID.fullmatch(image.image_id) or image.image_id[0] != image.role.letter:
            raise FormatError(
                f"The id of a {image.role} image must be {image.role.letter} and "
                f"digits; got '{image.image_id}'."
            )
        if image.package not in manifest.packages:
            raise FormatError(
                f"The package of image '{image.image_id}' must be in packages.csv; got "
                f"'{image.package}'."
            )
        part = (image.split, image.role)
        if parts.setdefault(image.group, part) != part:
            raise FormatError(
                f"The images of a group must play one part; group {image.group} is in "
                f"{' '.join(part)} and in {' '.join(parts[image.group])}."
            )


def _check_queries(manifest: Manifest) -> None:
    images = {image.image_id: image for image in manifest.images}
    for query in manifest.queries:
        source = images.get(query.source_id)
        if (
            source is None
            or source.split != query.split
            or source.role not in (Role.REFERENCE, Role.UNMATCHED)
        ):
            raise FormatError(
                f"The source of query '{query.query_id}' must be a reference or an "
                f"unmatched image of its split ({query.split}); got "
                f"'{query.source_id}'."
            )
