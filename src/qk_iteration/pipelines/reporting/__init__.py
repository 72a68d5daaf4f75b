from qk_iteration.pipelines.reporting.pipeline import (
    create_hash_pipeline,
    create_pipeline,
)

__all__ = ["create_hash_pipeline", "create_pipeline"]
