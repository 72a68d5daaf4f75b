"""What a search leaves for later questions: how it was made, and what it found out.

``search.json`` and ``background.npy`` lie in the output; descriptors lie where they are
kept. The first carries a checksum over both.
"""

import hashlib
import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from qk_iteration.collection.background import Background
from qk_iteration.collection.calibration_file import (
    calibration_from_json,
    calibration_to_json,
)
from qk_iteration.collection.match_calibration import MatchCalibration, Threshold
from qk_iteration.core.formats.atomic_file import replacing
from qk_iteration.core.formats.checked_json import (
    from_checked_json,
    to_checked_json,
)
from qk_iteration.core.formats.format_error import FormatError
from qk_iteration.core.user_error import UserError

RECORD = "search.json"
BACKGROUND = "background.npy"


@dataclass(frozen=True, kw_only=True, eq=False)
class SearchRecord:
    """A finished search.

    Attributes:
        folder: The collection.
        keep: Where its descriptors are kept.
        model: What described it.
        has_halves: Whether its rows hold the query's half and the key's.
        calibration: What said which score keeps a promise.
        precision: What was promised.
        threshold: Where it was kept; None where it could not be.
        max_pixels: Larger pictures were left out.
        min_side: Pictures with a shorter side were left out; pixels.
    """

    folder: Path
    keep: Path
    model: Path
    has_halves: bool
    calibration: MatchCalibration
    precision: float
    threshold: Threshold | None
    max_pixels: int
    min_side: int

    def save(self, output: Path, background: Background) -> None:
        """Write both files, each whole or not at all."""
        sample = io.BytesIO()
        np.save(sample, background.vectors)
        content = {
            "folder": str(self.folder),
            "keep": str(self.keep),
            "model": str(self.model),
            "has_halves": self.has_halves,
            "calibration": json.loads(calibration_to_json(self.calibration)),
            "precision": self.precision,
            "threshold": None if self.threshold is None else asdict(self.threshold),
            "max_pixels": self.max_pixels,
            "min_side": self.min_side,
            "background_level": background.level,
            "background": hashlib.sha256(sample.getvalue()).hexdigest(),
        }
        with replacing(output / BACKGROUND) as partial:
            partial.write_bytes(sample.getvalue())
        with replacing(output / RECORD) as partial:
            partial.write_text(to_checked_json(content), encoding="utf-8")


def read_record(output: Path) -> tuple[SearchRecord, Background]:
    """The search of a folder, and its sample of the collection.

    Raises:
        UserError: If there is none, or a damaged one.
    """
    try:
        content = from_checked_json((output / RECORD).read_text(encoding="utf-8"))
        sample = (output / BACKGROUND).read_bytes()
        if hashlib.sha256(sample).hexdigest() != content.pop("background"):
            raise FormatError(f"{BACKGROUND} is damaged.")
        background = Background(
            np.load(io.BytesIO(sample)), float(content.pop("background_level"))
        )
        threshold = content.pop("threshold")
        calibration = calibration_from_json(json.dumps(content.pop("calibration")))
        for name in ("folder", "keep", "model"):
            content[name] = Path(content[name])
        record = SearchRecord(
            **content,
            calibration=calibration,
            threshold=None if threshold is None else Threshold(**threshold),
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(
            f"'{output}' holds no finished search ({type(error).__name__}: {error}). "
            f"Make one: qk-find COLLECTION --output {output}"
        ) from error
    return record, background
