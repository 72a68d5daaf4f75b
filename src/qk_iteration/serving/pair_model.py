"""A trained pair as an MLflow model: image files in base64 in, descriptors out.

MLflow keeps this file with the model and runs it when the model is loaded; nothing is
pickled.
"""

from typing import Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc.model import PythonModel, PythonModelContext
from numpy.typing import NDArray

from qk_iteration.core.describing.describer import Side
from qk_iteration.core.describing.load_describer import load_describer
from qk_iteration.core.user_error import UserError
from qk_iteration.serving.image_bytes import read_images

SIDES: tuple[Side, Side] = ("query", "key")


class PairModel(PythonModel):
    """Describes images by the query model, or by the key model where that is asked."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read both models; their checksums are compared."""
        self._describers = {
            side: load_describer(context.artifacts[f"{side}_model"], side=side)
            for side in SIDES
        }

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> NDArray[np.float32]:
        """Descriptors of unit length. Shape (N, D), float32.

        Args:
            context: Of MLflow.
            model_input: The column ``image``: bytes of an image file in base64.
            params: ``side``: query (the default) or key.

        Raises:
            MlflowException: With the status 400, if the input is not as it must be.
        """
        del context
        try:
            side = (params or {}).get("side", "query")
            if side not in SIDES:
                raise UserError(f"side must be query or key; got '{side}'.")
            images = read_images(model_input["image"].tolist())
            return self._describers[side].describe(images)
        except UserError as error:
            raise MlflowException(
                str(error), error_code=INVALID_PARAMETER_VALUE
            ) from error


set_model(PairModel())
