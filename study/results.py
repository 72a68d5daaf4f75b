"""The results of the study: one ``result.json`` for each trial and seed, and floor."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, TypeVar

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from qk_iteration.core.formats.format_error import FormatError

FLOORS = ("perceptual_hash", "plain", "untrained")
"""What is scored without training: PDQ, the backbone, the backbone with whitening."""

Share = Annotated[float, Field(ge=0, le=1)]


class _Frozen(BaseModel):
    model_config = ConfigDict(
        frozen=True, allow_inf_nan=False, coerce_numbers_to_str=True
    )


class Metrics(_Frozen):
    """The figures of one system on one set of queries; there may be more of them."""

    model_config = ConfigDict(extra="allow")

    micro_ap: Share
    micro_ap_normalized: Share
    recall_at_p90: Share
    recall_at_p90_normalized: Share
    recall_at_rank1: Share


class TrainingSummary(_Frozen):
    """What one training cost and reached, without the trials that it continues."""

    sgd_steps: int = Field(ge=0)
    image_passes: float = Field(gt=0)
    seconds: float = Field(ge=0)
    best_validation_micro_ap: Share
    validation_curve: tuple[tuple[float, Share], ...] = Field(
        description="image passes so far and micro-AP"
    )


class TrialResult(_Frozen):
    """One trial with one seed; the names are those of ``conf/study.yml``."""

    name: str
    part: str
    method: str
    settings: dict[str, Any]
    seed: int
    factor: str | None
    value: str | None
    continues: str | None
    training_images: int | None = Field(description="None: those of the benchmark")
    code: str
    commit: str
    summary: TrainingSummary
    test: Metrics | None
    abroad: Metrics | None
    folder: Path = Field(description="of result.json and of the predicted matches")


class FloorResult(_Frozen):
    """What a system without training reaches."""

    name: str
    test: Metrics
    abroad: Metrics | None


class StudyResults(_Frozen):
    """All that has been measured so far."""

    trials: tuple[TrialResult, ...] = Field(description="by name, then by seed")
    floors: tuple[FloorResult, ...]

    def named(self, name: str) -> list[TrialResult]:
        """One result for each seed of a trial; empty if there is none yet."""
        return [trial for trial in self.trials if trial.name == name]

    def names_in(self, part: str) -> list[str]:
        """Names of the trials of a part of the study, each once."""
        return list(dict.fromkeys(one.name for one in self.trials if one.part == part))

    def floor(self, name: str) -> FloorResult | None:
        """The floor of that name, if it was scored."""
        return next((floor for floor in self.floors if floor.name == name), None)


def read_results(folder: str | Path) -> StudyResults:
    """Read every ``result.json`` one folder below ``folder``.

    Raises:
        FormatError: If a file is malformed, or a trial and seed stand in two of them.
        OSError: If a file cannot be read.
    """
    trials: list[TrialResult] = []
    floors: list[FloorResult] = []
    for path in sorted(Path(folder).glob("*/result.json")):
        content = _read_object(path)
        if content.get("name") in FLOORS:
            floors.append(_checked(FloorResult, content, path))
        else:
            content["folder"] = path.parent
            trials.append(_checked(TrialResult, content, path))
    trials.sort(key=lambda trial: (trial.name, trial.seed))
    for one, other in pairwise(trials):
        if (one.name, one.seed) == (other.name, other.seed):
            raise FormatError(
                f"Each trial and seed must stand once; '{one.name}' with seed "
                f"{one.seed} is in '{one.folder}' and in '{other.folder}'. Remove one."
            )
    return StudyResults(trials=tuple(trials), floors=tuple(floors))


def holds_result(
    folder: Path,
    key: str,
    code: str,
    *,
    training_images: int | None = None,
    is_scored: bool = True,
    is_scored_abroad: bool = False,
) -> bool:
    """Whether a result in a folder is still that of a trial.

    Args:
        folder: Of one trial and seed, or of a floor; it need not be there.
        key: Fingerprint of the settings.
        code: Fingerprint of what results depend on.
        training_images: Of the trial; None for those of the benchmark.
        is_scored: Whether figures of the test queries are asked for.
        is_scored_abroad: Whether figures of the second test set are asked for.
    """
    path = folder / "result.json"
    if not path.is_file():
        return False
    content = _read_object(path)
    if is_scored and content.get("test") is None:
        return False
    if is_scored_abroad and content.get("abroad") is None:
        return False
    asked = {"key": key, "code": code, "training_images": training_images}
    return asked == {name: content.get(name) for name in asked}


def table_of_results(results: StudyResults) -> pd.DataFrame:
    """One row for each floor, and for each trial and seed, with all figures."""
    rows: list[dict[str, Any]] = [
        {"name": floor.name, "part": "floor"} | _figures(floor)
        for floor in results.floors
    ]
    for trial in results.trials:
        row = trial.model_dump(exclude={"summary", "test", "abroad", "folder"})
        row["settings"] = json.dumps(trial.settings, sort_keys=True)
        row |= trial.summary.model_dump(exclude={"validation_curve"})
        rows.append(row | _figures(trial))
    table = pd.DataFrame(rows)
    whole = [name for name in ("seed", "training_images", "sgd_steps") if name in table]
    return table.astype(dict.fromkeys(whole, "Int64"))


def _figures(result: TrialResult | FloorResult) -> dict[str, Any]:
    return {
        f"{title}_{name}": value
        for title, metrics in (("test", result.test), ("abroad", result.abroad))
        if metrics is not None
        for name, value in metrics.model_dump().items()
    }


def _read_object(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise _complaint(path, f"it is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise _complaint(path, "it must be an object with a name")
    return content


_Result = TypeVar("_Result", TrialResult, FloorResult)


def _checked(kind: type[_Result], content: dict[str, Any], path: Path) -> _Result:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise _complaint(path, f"{place}: {first['msg']}") from error


def _complaint(path: Path, what: str) -> FormatError:
    return FormatError(
        f"'{path}' is not a result of the study: {what}. Remove its folder and run "
        "the study again."
    )
