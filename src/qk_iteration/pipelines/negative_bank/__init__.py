from qk_iteration.pipelines.negative_bank.pipeline import create_pipeline

__all__ = ["create_pipeline"]
