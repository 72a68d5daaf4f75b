"""The checkpoints of a training, as a handle."""

from qk_iteration.core.learning.checkpoints import TrainingState
from qk_iteration.datasets.path_dataset import PathDataset


class TrainingStateDataset(PathDataset[TrainingState]):
    """Given to the training node as an input, since it saves while it runs.

    Kedro saves a node's outputs only when the node has ended; a training that is
    killed must have saved before.
    """

    def load(self) -> TrainingState:
        """The handle; the folder is made if it is not there."""
        self.path.mkdir(parents=True, exist_ok=True)
        return TrainingState(self.path)
