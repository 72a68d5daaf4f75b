"""Descriptors of one set in a folder of shards, each whole or not there.

A shard is a descriptor file like any other, ``00003.hdf5``, of so many images in their
order; a record beside it, ``00003.json``, written last, says that it is done and which
of its images were left out. ``shards.json`` says what all of them were made from.
Processes that are killed leave nothing that counts; several may write different shards
at a time, on machines that share the folder.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qk_iteration.core.formats.atomic_file import replacing
from qk_iteration.core.formats.checked_json import from_checked_json, to_checked_json
from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.user_error import UserError

HEADER = "shards.json"
_DIGITS = 5

LeftOut = tuple[str, str, str]
"""Path, kind and reason of an image without a descriptor."""


@dataclass(frozen=True)
class ShardFolder:
    """What the shards of a folder hold.

    Attributes:
        path: The folder.
        num_images: Of all shards together, those left out included.
        images_per_shard: The last shard may have fewer.
        made_from: What the descriptors depend on, by name.
    """

    path: Path
    num_images: int
    images_per_shard: int
    made_from: Mapping[str, str]

    @property
    def num_shards(self) -> int:
        """Shards when all are done."""
        return -(-self.num_images // self.images_per_shard)

    def images_of(self, shard: int) -> range:
        """Places of a shard's images among all."""
        start = shard * self.images_per_shard
        return range(start, min(start + self.images_per_shard, self.num_images))

    def file_of(self, shard: int) -> Path:
        """Where the descriptors of a shard lie."""
        return self.path / f"{shard:0{_DIGITS}d}.hdf5"

    def missing(self, part: int = 1, num_parts: int = 1) -> list[int]:
        """Shards that are not done, of one part of them.

        Args:
            part: From 1 to ``num_parts``.
            num_parts: Processes that share the shards; each takes every so-many-th.
        """
        own = range(part - 1, self.num_shards, num_parts)
        return [shard for shard in own if not self._record(shard).is_file()]

    def finish(
        self, shard: int, *, num_described: int, left_out: Sequence[LeftOut]
    ) -> None:
        """Say that a shard is done; its file is there unless nothing was described."""
        record = {"described": num_described, "left_out": left_out}
        _write(self._record(shard), record)

    def left_out(self) -> list[LeftOut]:
        """What the shards that are done have left out."""
        done = set(range(self.num_shards)) - set(self.missing())
        records = (_read(self._record(shard)) for shard in sorted(done))
        return [(*row,) for record in records for row in record["left_out"]]

    def files(self) -> list[Path]:
        """The descriptor files of all shards, in order.

        Raises:
            FormatError: If shards are missing, or nothing could be described.
        """
        missing = self.missing()
        if missing:
            raise FormatError(
                f"'{self.path}' must hold all {self.num_shards} shards of its "
                f"descriptors; {len(missing)} are not done, the first is number "
                f"{missing[0]}. Run the same description again: it continues."
            )
        files = [
            self.file_of(shard)
            for shard in range(self.num_shards)
            if _read(self._record(shard))["described"]
        ]
        if not files:
            raise FormatError(f"'{self.path}' holds no descriptor: all was left out.")
        return files

    def _record(self, shard: int) -> Path:
        return self.file_of(shard).with_suffix(".json")


def begin_shards(
    path: Path, *, num_images: int, images_per_shard: int, made_from: Mapping[str, str]
) -> ShardFolder:
    """A folder to fill, new or begun before; one process at a time may begin it.

    Args:
        path: Made if it is missing.
        num_images: N, at least 1.
        images_per_shard: What a kill loses at most.
        made_from: Everything the descriptors depend on.

    Raises:
        UserError: If the folder holds shards of something else, or nothing says of
            what.
    """
    wanted = ShardFolder(path, num_images, images_per_shard, dict(made_from))
    if not (path / HEADER).is_file():
        if any(path.glob("[0-9]" * _DIGITS + ".json")):
            raise UserError(
                f"'{path}' holds shards without {HEADER}, which says what they are of. "
                "Name another folder, or remove this one."
            )
        _write(path / HEADER, _header(wanted))
        return wanted
    found, asked = _header(open_shards(path)), _header(wanted)
    differing = sorted(
        name for name in found | asked if found.get(name) != asked.get(name)
    )
    if differing:
        raise UserError(
            f"'{path}' holds shards of descriptors with another "
            f"{', another '.join(differing)}. Name another folder, or remove this one."
        )
    return wanted


def open_shards(path: Path) -> ShardFolder:
    """A folder that was begun.

    Raises:
        FormatError: If it holds no shards, or what they are of is damaged.
    """
    if not (path / HEADER).is_file():
        raise FormatError(
            f"'{path}' must be a descriptor file or a folder of shards; it is a folder "
            f"without {HEADER}."
        )
    header = _read(path / HEADER, cure="Remove its folder, or name another.")
    num_images, size = header.pop("num_images"), header.pop("images_per_shard")
    return ShardFolder(path, num_images, size, header)


def _header(shards: ShardFolder) -> dict[str, Any]:
    return {
        "num_images": shards.num_images,
        "images_per_shard": shards.images_per_shard,
        **shards.made_from,
    }


def _write(path: Path, content: Mapping[str, Any]) -> None:
    with replacing(path, is_durable=True) as partial:
        partial.write_text(to_checked_json(content) + "\n", encoding="utf-8")


def _read(
    path: Path, *, cure: str = "Remove it and run the description again."
) -> dict[str, Any]:
    try:
        return from_checked_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise FormatError(
            f"'{path}' is damaged, or of an older version. {cure}"
        ) from error
