"""Predicted matches as a CSV file."""

from typing import TYPE_CHECKING

from qk_iteration.datasets.path_dataset import PathDataset

if TYPE_CHECKING:
    from qk_iteration.core.formats.predicted_matches import PredictedMatches


class PredictedMatchesDataset(PathDataset["PredictedMatches"]):
    """``query_id, reference_id, score``, best first."""

    def load(self) -> "PredictedMatches":
        """The predicted matches."""
        from qk_iteration.core.formats.predicted_matches import read_predicted_matches

        return read_predicted_matches(self.path)

    def save(self, data: "PredictedMatches") -> None:
        """Write the file, whole or not at all."""
        from qk_iteration.core.formats.predicted_matches import write_predicted_matches

        write_predicted_matches(self.path, data)
