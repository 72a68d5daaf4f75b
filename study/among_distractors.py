"""A trained pair scored among distractors: how many more there are to be searched.

Nothing is trained: each side of the pair describes its images once, the distractors
part by part, and the descriptors are kept for as long as the pair and the pictures are
the same.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from qk_iteration.config import ScoringConfig, SearchConfig
from qk_iteration.core.formats.descriptor_files import read_descriptors
from qk_iteration.core.formats.ground_truth import read_true_matches
from qk_iteration.core.formats.predicted_matches import PredictedMatches
from qk_iteration.core.user_error import UserError
from qk_iteration.pipelines.scoring.nodes import normalize, score, search
from study.comparison import MATCHES
from study.distractors import PART_SIZE

FILES = Path("data/07_model_output/study_distractors")
DISTRACTORS = Path("data/01_raw/distractors")

_SIDES = {"query": "query", "reference": "key", "training": "key"}


def describe_pair(
    pair: Path,
    benchmark: Path,
    distractors: Path,
    number: int,
    files: Path,
    describe: Callable[[dict[str, str]], None],
) -> None:
    """Describe what has no descriptors yet, or other pictures than those described.

    Args:
        pair: Holds ``query_model`` and ``key_model``.
        benchmark: The benchmark's folder.
        distractors: From `build_distractors`.
        number: How many of them; whole parts.
        files: Where the descriptors of this pair lie.
        describe: Runs the pipeline of that name with these parameters.

    Raises:
        UserError: If there are not so many distractors.
    """
    folders = {name: benchmark / f"{name}_images" for name in _SIDES}
    folders |= {name: distractors / name for name in _parts(number)}
    for name, folder in folders.items():
        if not folder.is_dir():
            raise UserError(
                f"'{folder}' must be there, to score among {number:,} distractors. "
                "Make them: make distractors"
            )
        described, pictures = files / f"{name}.sha256", _digest(folder)
        are_there = described.is_file() and _file(files, name).is_file()
        if are_there and described.read_text() == pictures:
            continue
        described.unlink(missing_ok=True)
        describe(
            {
                "model_path": str(pair.resolve()),
                "side": _SIDES.get(name, "key"),
                "images_folder": str(folder.resolve()),
                "descriptors_path": str(_file(files, name).resolve()),
            }
        )
        described.write_text(pictures)


def score_among(
    files: Path, number: int, ground_truth: Path, parameters: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    """The figures among so many distractors, and the matches by `MATCHES`.

    Args:
        files: Where `describe_pair` put the descriptors.
        number: How many distractors; 0 for the references alone.
        ground_truth: Of the test queries.
        parameters: With the blocks ``scoring`` and ``search``.
    """
    truth = read_true_matches(ground_truth)
    scoring = ScoringConfig.model_validate(parameters["scoring"])
    settings = SearchConfig.model_validate(parameters["search"])
    queries, training = (
        read_descriptors(_file(files, name)) for name in ("query", "training")
    )
    references = read_descriptors(
        [_file(files, name) for name in ("reference", *_parts(number))]
    )
    normalized = normalize(queries, references, training, scoring, "cpu")
    raw, other = (
        search(*both, truth, scoring, settings, "cpu")
        for both in ((queries, references), normalized)
    )
    label = f"Test queries among {number:,} distractors"
    metrics, _ = score(raw, other, truth, queries, references, scoring, label=label)
    return metrics, {MATCHES["raw"]: _table(raw), MATCHES["normalized"]: _table(other)}


def _digest(folder: Path) -> str:
    """Changes with the name and the bytes of any file of a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.name}\0{content}\n".encode())
    return digest.hexdigest()


def _parts(number: int) -> Iterator[str]:
    if number % PART_SIZE:
        raise UserError(
            f"distractors must be a multiple of {PART_SIZE:,}, the size of a part; got "
            f"{number:,}."
        )
    return (f"part_{part:02d}" for part in range(number // PART_SIZE))


def _file(files: Path, name: str) -> Path:
    return files / f"{name}.hdf5"


def _table(matches: PredictedMatches) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "query_id": matches.query_ids[matches.query_rows],
            "reference_id": matches.reference_ids[matches.reference_rows],
            "score": matches.scores,
        }
    )
