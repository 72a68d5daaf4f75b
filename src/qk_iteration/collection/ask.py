"""Ask a searched collection for one picture at a time, as an upload form does."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qk_iteration.collection.background import Background, biases_of, loss_of
from qk_iteration.collection.calibrated_model import load_told
from qk_iteration.collection.content_files import content_of
from qk_iteration.collection.find_pairs import NUM_NEAREST
from qk_iteration.collection.folder_index import FolderIndex, open_index
from qk_iteration.collection.model_sides import ModelSides
from qk_iteration.collection.search_record import SearchRecord, read_record
from qk_iteration.core.describing.pictures import Picture
from qk_iteration.core.formats.folder_lock import locked
from qk_iteration.core.formats.user_paths import user_path
from qk_iteration.core.images.opened_image import UnreadableImageError
from qk_iteration.core.user_error import UserError


@dataclass(frozen=True)
class Match:
    """A picture of the collection that the one asked about is a copy of.

    Attributes:
        path: Below the collection's folder.
        score: Higher is surer; 1 for a file with the same bytes.
        false_alarms: Of pictures that are no copies, the expected share with a match
            of this score or above.
    """

    path: str
    score: float
    false_alarms: float


@dataclass(frozen=True, eq=False)
class OpenCollection:
    """A searched collection, its descriptors memory-mapped, its model loaded.

    Later changes of the folder are seen after another search and another opening.
    """

    index: FolderIndex
    sides: ModelSides
    record: SearchRecord
    background: Background

    def is_copy(
        self,
        picture: Picture,
        *,
        false_alarms: float = 0.05,
        max_matches: int = 10,
    ) -> list[Match]:
        """What a picture is a copy of, surest first; empty, hence false, if of nothing.

        Args:
            picture: A path, a Pillow image, or RGB pixels (H, W, 3).
            false_alarms: Of pictures that are no copies, the share that may be called
                copies; in (0, 1).
            max_matches: At most so many are given.

        Raises:
            UserError: If the picture cannot be read, or is larger than the search
                allowed.
        """
        if not 0 < false_alarms < 1:
            raise UserError(
                f"false_alarms must lie between 0 and 1; got {false_alarms}."
            )
        matches = self._identical(picture)
        row = self.sides.query.describe(picture, max_pixels=self.record.max_pixels)
        known = {match.path for match in matches}
        places, scores = self._nearest(row, max_matches + len(known))
        shares = self._false_alarms(scores)
        for place, score, share in zip(
            places.tolist(), scores.tolist(), shares.tolist(), strict=True
        ):
            if share <= false_alarms:
                matches += [
                    Match(path, score, share)
                    for path in self.index.files_of_row.get(place, [])
                    if path not in known
                ]
        return matches[:max_matches]

    def _nearest(
        self, row: NDArray[np.float32], number: int
    ) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """The nearest rows by score, chosen among somewhat more by the cosine alone."""
        keys = self.index.key_vectors
        cosines = keys @ row[0]
        places = np.argsort(-cosines, kind="stable")[: number + NUM_NEAREST]
        biases = biases_of(np.concatenate([row, keys[places]]), self.background)
        scores = cosines[places] - loss_of(biases[:1], biases[1:])
        order = np.argsort(-scores, kind="stable")[:number]
        return places[order], scores[order]

    def _identical(self, picture: Picture) -> list[Match]:
        if not isinstance(picture, (str, Path)):
            return []
        path = str(user_path(picture))
        content = content_of(path, max_pixels=self.record.max_pixels)
        if isinstance(content, UnreadableImageError):
            return []  # The description says what is wrong with it.
        row = self.index.row_of_content.get(content)
        files = [] if row is None else self.index.files_of_row[row]
        return [Match(path, 1.0, 0.0) for path in files]

    def _false_alarms(self, scores: NDArray[np.float32]) -> NDArray[np.float64]:
        """Wrong matches expected of a stranger at each score or above, at most 1."""
        rates = self.record.calibration.wrong_rate(scores)
        num_compared = len(self.index.key_vectors)
        expected: NDArray[np.float64] = np.minimum(1.0, rates * num_compared)
        return expected


def open_collection(output: str | Path, *, device: str = "auto") -> OpenCollection:
    """What ``find_copies`` left in a folder, ready to be asked.

    Args:
        output: Of the search.
        device: ``auto``, ``cpu`` or ``cuda``.

    Raises:
        UserError: If there is no finished search, or its model has changed since.
    """
    record, background = read_record(user_path(output))
    sides = load_told(record.calibration, record.model, device=device)
    if sides is None:
        raise UserError(
            f"The model '{record.model}' has changed since the search of '{output}'. "
            "Search again."
        )
    describer = sides.both() if record.has_halves else sides.key
    with locked(record.keep, what="the descriptors"):
        index = open_index(
            record.folder,
            record.keep / "collection",
            describer,
            has_halves=record.has_halves,
            max_pixels=record.max_pixels,
            min_side=record.min_side,
        )
    return OpenCollection(index, sides, record, background)
