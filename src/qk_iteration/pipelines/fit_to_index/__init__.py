from qk_iteration.pipelines.fit_to_index.pipeline import (
    create_evaluation_pipeline,
    create_pipeline,
)

__all__ = ["create_evaluation_pipeline", "create_pipeline"]
