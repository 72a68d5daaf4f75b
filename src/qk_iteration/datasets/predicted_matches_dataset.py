"""Predicted matches as a CSV file."""

from qk_iteration.core.formats.predicted_matches import (
    PredictedMatches,
    read_predicted_matches,
    write_predicted_matches,
)
from qk_iteration.datasets.path_dataset import PathDataset


class PredictedMatchesDataset(PathDataset[PredictedMatches]):
    """``query_id, reference_id, score``, best first."""

    def load(self) -> PredictedMatches:
        """The predicted matches."""
        return read_predicted_matches(self.path)

    def save(self, data: PredictedMatches) -> None:
        """Write the file, whole or not at all."""
        write_predicted_matches(self.path, data)
