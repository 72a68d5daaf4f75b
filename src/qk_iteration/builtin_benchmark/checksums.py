"""The committed list of checksums that a built benchmark is compared with.

Decoders, resizing and fonts differ a little between builds of Pillow. A difference is
therefore no error: the benchmark works, but its figures may differ in the last digits
from those of another machine.
"""

import json
import logging
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path, PurePosixPath

from qk_iteration.core.formats.csv_rows import read_csv_rows, write_csv_rows
from qk_iteration.core.images.recipe import EditRecipe

CHECKSUMS = "checksums.csv"

_HEADER = ("name", "sha256")
_DIGITS = 16  # Of 64: enough to notice a change, and a quarter of the file.
_SETTINGS = "settings"

_logger = logging.getLogger(__name__)


def sum_of_settings(manifest_folder: Path, recipe: EditRecipe, **numbers: int) -> str:
    """One checksum of all that decides the bytes of a benchmark, code aside.

    Args:
        manifest_folder: The manifest.
        recipe: The edits of the queries.
        numbers: Further settings.
    """
    settings = {"recipe": recipe.model_dump(mode="json"), **numbers}
    text = json.dumps(settings, sort_keys=True).encode()
    names = ("packages.csv", "images.csv", "queries.csv")
    tables = b"".join((manifest_folder / name).read_bytes() for name in names)
    return sha256(text + tables).hexdigest()[:_DIGITS]


def sums_of_files(folder: Path, paths: Iterable[PurePosixPath]) -> dict[str, str]:
    """For the file name, without suffix, of each path its checksum."""
    paths = list(paths)
    with ThreadPoolExecutor() as executor:
        contents = executor.map(lambda path: (folder / path).read_bytes(), paths)
        sums = (sha256(content).hexdigest()[:_DIGITS] for content in contents)
        return {path.stem: one for path, one in zip(paths, sums, strict=True)}


def sum_of_list(manifest_folder: Path) -> str:
    """The checksum of the committed list itself; ``none`` without a list."""
    path = manifest_folder / CHECKSUMS
    if not path.is_file():
        return "none"
    return sha256(path.read_bytes()).hexdigest()[:_DIGITS]


def write_sums(manifest_folder: Path, settings: str, sums: Mapping[str, str]) -> None:
    """Commit to these sums: later builds are compared with them."""
    rows = [(_SETTINGS, settings), *sorted(sums.items())]
    write_csv_rows(manifest_folder / CHECKSUMS, _HEADER, rows)


def compare_sums(manifest_folder: Path, settings: str, sums: Mapping[str, str]) -> None:
    """Warn of files that differ from the committed list.

    Args:
        manifest_folder: Where the list is; without a list nothing is compared.
        settings: From `sum_of_settings`; a list made with others says nothing.
        sums: From `sums_of_files`.
    """
    path = manifest_folder / CHECKSUMS
    if not path.is_file():
        return
    expected = {name: one for name, one in read_csv_rows(path, _HEADER)}
    if expected.pop(_SETTINGS) != settings:
        _logger.info("The settings are not those of %s: sums not compared.", path)
        return
    changed = [name for name, one in sums.items() if expected.get(name) != one]
    if changed:
        _logger.warning(
            "%d of %d files of the benchmark differ from the published ones, first %s. "
            "Other builds of Pillow round differently: figures may differ in the last "
            "digits. The pinned versions of the lock file give equal files.",
            len(changed),
            len(sums),
            changed[0],
        )
