"""Ground truth as a CSV or JSON file."""

from typing import TYPE_CHECKING

from qk_iteration.datasets.path_dataset import PathDataset

if TYPE_CHECKING:
    from qk_iteration.core.formats.ground_truth import TrueMatches


class TrueMatchesDataset(PathDataset["TrueMatches"]):
    """``query_id, reference_id``; an empty reference means no match."""

    def load(self) -> "TrueMatches":
        """The true matches."""
        from qk_iteration.core.formats.ground_truth import read_true_matches

        return read_true_matches(self.path)

    def save(self, data: "TrueMatches") -> None:
        """Write the file, whole or not at all."""
        from qk_iteration.core.formats.ground_truth import write_true_matches

        write_true_matches(self.path, data)
