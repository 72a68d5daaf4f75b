from qk_iteration.pipelines.descriptor_extraction.pipeline import (
    create_external_pipeline,
    create_pipeline,
    create_plain_pipeline,
    create_sharded_pipeline,
)

__all__ = [
    "create_external_pipeline",
    "create_pipeline",
    "create_plain_pipeline",
    "create_sharded_pipeline",
]
