from qk_iteration.pipelines.own_benchmark.pipeline import create_pipeline

__all__ = ["create_pipeline"]
