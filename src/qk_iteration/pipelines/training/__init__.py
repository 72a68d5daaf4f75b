from qk_iteration.pipelines.training.pipeline import LEARN, create_pipeline

__all__ = ["LEARN", "create_pipeline"]
