"""The study's longest trainings, on a machine with a card: in pieces, by the core.

That machine may have neither Kedro nor a network, and be lent for minutes at a time::

    python -m study.on_card pack data/01_raw/grown_20000 pictures.zip
    python -m study.on_card learn pictures.zip WORK results.json --minutes 9
    python -m study.on_card collect results.json

The first makes one file of all pictures, shrunk; the second, there, runs the trials of
``conf/study_on_card.yml`` one after the other, stops in time and goes on when called
again with the same folder WORK, and leaves what is finished in one JSON file; the third
hands these results to the page.
"""

import argparse
import io
import json
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import SIGALRM
from threading import Timer
from typing import Any

from omegaconf import OmegaConf
from PIL import Image

from qk_iteration.core.formats.atomic_file import replacing
from qk_iteration.core.stopping import StoppedError, request_stop, withdraw_stop
from study.fingerprint import fingerprint, fingerprint_of_code, parameters_that_count
from study.trials import Trial, read_trials

TRIALS = Path("conf/study_on_card.yml")
PARAMETERS = Path("conf/base")
RESULTS = Path("data/08_reporting/study")
SIDE = 128
"""Pixels of the longer side of a packed picture."""
JPEG_QUALITY = 80

_PICTURES = (".jpg", ".png")
_NOT_PACKED = "query_material"


@dataclass(frozen=True)
class Place:
    """Where trials are learned.

    Attributes:
        pictures: From `pack`.
        work: Keeps what is needed to go on: unpacked pictures, banks, checkpoints.
        results: The one file that is brought back.
        device: Such as ``cuda``.
    """

    pictures: Path
    work: Path
    results: Path
    device: str


def pack(folder: Path, pictures: Path) -> int:
    """Put a benchmark into one file, every picture as a small JPEG.

    Args:
        folder: In DISC21's shape, as built.
        pictures: The ZIP file to write.

    Returns:
        Bytes of the file.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    with replacing(pictures) as partial, zipfile.ZipFile(partial, "w") as archive:
        for path in files:
            place = path.relative_to(folder)
            if _NOT_PACKED in place.parts:
                continue
            if path.suffix in _PICTURES:
                archive.writestr(place.with_suffix(".jpg").as_posix(), _shrunk(path))
            elif path.suffix == ".csv":
                archive.write(path, place.as_posix(), zipfile.ZIP_DEFLATED)
    return pictures.stat().st_size


def learn(place: Place, trials: Sequence[Trial], minutes: float) -> bool:
    """Run the trials that have no result yet, as many as there is time for.

    Args:
        place: Where; its files from an earlier call are gone on from.
        trials: What.
        minutes: How long; a training stops at the next safe step after that.

    Returns:
        Whether all trials are finished.
    """
    rows = _read_rows(place.results)
    done = {(row["name"], row["seed"], row["key"]) for row in rows}
    timer = Timer(60 * minutes, request_stop, [SIGALRM])
    timer.daemon = True
    timer.start()
    try:
        for trial in trials:
            parameters = read_parameters(trial.settings)
            key = key_of(parameters, place.pictures)
            for seed in trial.seeds:
                if (trial.name, seed, key) in done:
                    continue
                parameters["learning"]["seed"] = seed
                rows.append(_row(trial, seed, key, parameters, place))
                with replacing(place.results) as partial:
                    partial.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    except StoppedError as stop:
        print(f"{stop} Call it again to go on.", flush=True)
        return False
    finally:
        timer.cancel()
        withdraw_stop()
    return True


def collect(results: Path, folder: Path = RESULTS) -> int:
    """Put each result into a folder of its own, where the page looks for it.

    Returns:
        How many there were.
    """
    from study.results import write_row

    rows = _read_rows(results)
    for row in rows:
        write_row(folder / f"{row['name']}-seed{row['seed']}", row)
    return len(rows)


def key_of(parameters: Mapping[str, Any], pictures: Path) -> str:
    """Changes with the code, the parameters and the pictures."""
    from study.learn_on_core import learn_and_score

    code = fingerprint_of_code([learn_and_score])
    return fingerprint(code, parameters_that_count(parameters), _sums(pictures))


def read_parameters(settings: Mapping[str, Any]) -> dict[str, Any]:
    """All of ``conf/base``, as the core needs it, and a trial's settings."""
    paths = sorted(PARAMETERS.glob("parameters*.yml"))
    blocks = OmegaConf.merge(*map(OmegaConf.load, paths))
    for name, value in settings.items():
        OmegaConf.update(blocks, name, value)
    # Paths and the like, which refer to Kedro's parameters, are not read here.
    return OmegaConf.to_container(blocks)  # type: ignore[return-value]


def _row(
    trial: Trial, seed: int, key: str, parameters: dict[str, Any], place: Place
) -> dict[str, Any]:
    from study.learn_on_core import learn_and_score
    from study.results import row_of

    print(f"{trial.folder_of(seed)}: learning", flush=True)
    summary, metrics = learn_and_score(
        _unpacked(place), place.work, trial.method, parameters, device=place.device
    )
    fields = trial.model_dump(exclude={"seeds", "is_scored", "settings"})
    return row_of(
        summary=summary,
        metrics={"test": metrics} if trial.is_scored else {},
        **fields,
        settings=json.dumps(trial.settings, sort_keys=True),
        seed=seed,
        key=key,
    )


def _unpacked(place: Place) -> Path:
    """The folder of these pictures; those of another file have another one."""
    folder = place.work / f"pictures_{fingerprint(_sums(place.pictures))}"
    if not folder.is_dir():
        unpacking = place.work / "unpacking"
        shutil.rmtree(unpacking, ignore_errors=True)  # Of a call that was killed.
        with zipfile.ZipFile(place.pictures) as archive:
            archive.extractall(unpacking)
        unpacking.rename(folder)
    return folder


def _sums(pictures: Path) -> list[tuple[str, int]]:
    with zipfile.ZipFile(pictures) as archive:
        return [(one.filename, one.CRC) for one in archive.infolist()]


def _shrunk(path: Path) -> bytes:
    with Image.open(path) as image:
        picture = image.convert("RGB")
    picture.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def _read_rows(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    if path.is_file():
        rows = json.loads(path.read_text("utf-8"))
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; exit status 3 says that more remains to be done."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    packing = commands.add_parser("pack")
    packing.add_argument("folder", type=Path)
    packing.add_argument("pictures", type=Path)
    learning = commands.add_parser("learn")
    for name in ("pictures", "work", "results"):
        learning.add_argument(name, type=Path)
    learning.add_argument("--minutes", type=float, default=9)
    learning.add_argument("--device", default="cuda")
    learning.add_argument("--trials", type=Path, default=TRIALS)
    collecting = commands.add_parser("collect")
    collecting.add_argument("results", type=Path)
    asked = parser.parse_args(arguments)
    if asked.command == "pack":
        size = pack(asked.folder, asked.pictures)
        print(f"{size / 2**20:.1f} MiB in {asked.pictures}")
    elif asked.command == "collect":
        print(f"{collect(asked.results)} results in {RESULTS}")
    else:
        place = Place(asked.pictures, asked.work, asked.results, asked.device)
        return 0 if learn(place, read_trials(asked.trials), asked.minutes) else 3
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
