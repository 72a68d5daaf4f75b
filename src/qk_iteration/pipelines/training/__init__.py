from qk_iteration.pipelines.training.pipeline import METHODS, create_pipeline

__all__ = ["METHODS", "create_pipeline"]
