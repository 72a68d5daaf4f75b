"""Ground truth as a CSV or JSON file."""

from qk_iteration.core.formats.ground_truth import (
    TrueMatches,
    read_true_matches,
    write_true_matches,
)
from qk_iteration.datasets.path_dataset import PathDataset


class TrueMatchesDataset(PathDataset[TrueMatches]):
    """``query_id, reference_id``; an empty reference means no match."""

    def load(self) -> TrueMatches:
        """The true matches."""
        return read_true_matches(self.path)

    def save(self, data: TrueMatches) -> None:
        """Write the file, whole or not at all."""
        write_true_matches(self.path, data)
