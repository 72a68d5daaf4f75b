"""The names that people type after ``kedro run --pipelines=``."""

from kedro.pipeline import Pipeline


def register_pipelines() -> dict[str, Pipeline]:
    """Every pipeline by name; ``__default__`` is ``train``."""
    # Inside, so that commands that run nothing need not wait for torch.
    from qk_iteration.core.learning.learning_config import METHODS
    from qk_iteration.pipelines import (
        data_preparation,
        descriptor_extraction,
        evaluation,
        find_copies,
        fit_to_index,
        negative_bank,
        own_benchmark,
        reporting,
        scoring,
    )

    data = data_preparation.create_pipeline()
    start = data + negative_bank.create_pipeline()
    lines = {method: start + _line_of(method) for method in METHODS}
    return {
        "data_preparation": data,
        "negative_bank": start,
        "train": lines["qk"],
        "simclr": lines["simclr"],
        "moco": lines["moco"],
        "floors": start + _floors(),
        "compare": reporting.create_pipeline(),
        "evaluate": evaluation.create_pipeline(),
        "fit_to_index": data + fit_to_index.create_pipeline(),
        "evaluate_in_index": fit_to_index.create_evaluation_pipeline(),
        "describe": descriptor_extraction.create_external_pipeline(),
        "describe_in_shards": descriptor_extraction.create_sharded_pipeline(),
        "find_copies": find_copies.create_pipeline(),
        "own_benchmark": own_benchmark.create_pipeline(),
        "score": scoring.create_file_pipeline(),
        "__default__": lines["qk"],
    }


def _line_of(method: str) -> Pipeline:
    """From the start that methods share to the scores of one of them."""
    from qk_iteration.pipelines import calibration, training

    return (
        training.create_pipeline(method)
        + _describe_and_score(method)
        + calibration.create_pipeline(method)
    )


def _floors() -> Pipeline:
    """The scores of what is not trained."""
    from qk_iteration.pipelines import descriptor_extraction, reporting, scoring

    return (
        _describe_and_score("untrained")
        + reporting.create_hash_pipeline()
        + scoring.create_pipeline("perceptual_hash")
        + descriptor_extraction.create_plain_pipeline()
        + scoring.create_pipeline("plain")
    )


def _describe_and_score(method: str) -> Pipeline:
    from qk_iteration.pipelines import descriptor_extraction, scoring

    return descriptor_extraction.create_pipeline(method) + scoring.create_pipeline(
        method
    )
