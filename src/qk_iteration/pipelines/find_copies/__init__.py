from qk_iteration.pipelines.find_copies.pipeline import create_pipeline

__all__ = ["create_pipeline"]
