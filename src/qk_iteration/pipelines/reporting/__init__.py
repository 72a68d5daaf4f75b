from qk_iteration.pipelines.reporting.pipeline import create_pipeline

__all__ = ["create_pipeline"]
