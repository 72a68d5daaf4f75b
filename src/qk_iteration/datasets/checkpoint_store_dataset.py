"""The checkpoints of a training, as a handle."""

from typing import TYPE_CHECKING

from qk_iteration.datasets.path_dataset import PathDataset

if TYPE_CHECKING:
    from qk_iteration.core.learning.checkpoints import CheckpointStore


class CheckpointStoreDataset(PathDataset["CheckpointStore"]):
    """Given to the training node as an input, since it saves while it runs.

    Kedro saves a node's outputs only when the node has ended; a training that is
    killed must have saved before.
    """

    def load(self) -> "CheckpointStore":
        """The handle; the folder is made if it is not there."""
        from qk_iteration.core.learning.checkpoints import CheckpointStore

        self.path.mkdir(parents=True, exist_ok=True)
        return CheckpointStore(self.path)
