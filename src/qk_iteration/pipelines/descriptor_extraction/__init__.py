from qk_iteration.pipelines.descriptor_extraction.pipeline import create_pipeline

__all__ = ["create_pipeline"]
