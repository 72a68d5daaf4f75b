"""The negative bank as a memory-mapped folder."""

from typing import TYPE_CHECKING

from qk_iteration.datasets.path_dataset import PathDataset

if TYPE_CHECKING:
    from qk_iteration.core.bank.negative_bank import NegativeBank


class NegativeBankDataset(PathDataset["NegativeBank"]):
    """A bank that was filled in place, range by range, by the node that returns it."""

    def load(self) -> "NegativeBank":
        """The bank; its rows stay on disk until they are read."""
        from qk_iteration.core.bank.negative_bank import open_bank

        return open_bank(self.path)

    def save(self, data: "NegativeBank") -> None:
        """Nothing to do: a million rows are never held in memory to be saved."""
        assert self._exists(), "the node must fill the bank in this folder"

    def _exists(self) -> bool:
        from qk_iteration.core.bank.bank_writer import is_whole

        return is_whole(self.path)
