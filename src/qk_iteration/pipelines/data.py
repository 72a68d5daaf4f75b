"""What travels between nodes, by name and without its import.

Kedro reads the annotations of nodes to check their parameters, so the names must stand
for something at run time. torch, timm and pandas take many seconds to import, though,
and listing the pipelines or refusing a misspelled name needs none of them: nodes import
what they call when they are called, and their modules take the names of data from here.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame
    from PIL.Image import Image

    from qk_iteration.core.bank.negative_bank import NegativeBank
    from qk_iteration.core.formats.descriptors import Descriptors
    from qk_iteration.core.formats.ground_truth import TrueMatches
    from qk_iteration.core.formats.predicted_matches import PredictedMatches
    from qk_iteration.core.images.views import TrainingImages
    from qk_iteration.core.learning.checkpoints import CheckpointStore
    from qk_iteration.core.learning.index_validation import IndexValidation
    from qk_iteration.core.learning.session import Summary
    from qk_iteration.core.learning.training import TrainedPair, Training
    from qk_iteration.core.learning.validation import Validation
    from qk_iteration.core.models.descriptor_model import DescriptorModel
else:
    Figure = DataFrame = Image = Any
    NegativeBank = Descriptors = TrueMatches = PredictedMatches = Any
    CheckpointStore = TrainedPair = Training = Validation = DescriptorModel = Any
    IndexValidation = Summary = TrainingImages = Any

__all__ = [
    "CheckpointStore",
    "DataFrame",
    "DescriptorModel",
    "Descriptors",
    "Figure",
    "Image",
    "IndexValidation",
    "NegativeBank",
    "PredictedMatches",
    "Summary",
    "TrainedPair",
    "Training",
    "TrainingImages",
    "TrueMatches",
    "Validation",
]
