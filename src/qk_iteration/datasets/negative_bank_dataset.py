"""The negative bank as a memory-mapped folder."""

from qk_iteration.core.bank.bank_writer import is_whole
from qk_iteration.core.bank.negative_bank import NegativeBank, open_bank
from qk_iteration.datasets.path_dataset import PathDataset


class NegativeBankDataset(PathDataset[NegativeBank]):
    """A bank that was filled in place, range by range, by the node that returns it."""

    def load(self) -> NegativeBank:
        """The bank; its rows stay on disk until they are read."""
        return open_bank(self.path)

    def save(self, data: NegativeBank) -> None:
        """Nothing to do: a million rows are never held in memory to be saved."""
        assert is_whole(self.path), "the node must fill the bank in this folder"

    def _exists(self) -> bool:
        return is_whole(self.path)
