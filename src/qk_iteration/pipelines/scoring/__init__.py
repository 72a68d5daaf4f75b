from qk_iteration.pipelines.scoring.pipeline import (
    create_file_pipeline,
    create_pipeline,
)

__all__ = ["create_file_pipeline", "create_pipeline"]
