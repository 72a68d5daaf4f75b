"""Settings of a benchmark of a few drawn pictures."""

from qk_iteration.config import ExternalModelConfig, OwnBenchmarkConfig

EXTERNAL = ExternalModelConfig(
    model_path="",
    side="key",
    output=None,
    image_size=32,
    resize="squash",
    pixel_mean=(0.485, 0.456, 0.406),
    pixel_std=(0.25, 0.25, 0.25),
)


def small_own_benchmark(folder, model, *, queries_per_picture):
    return OwnBenchmarkConfig(
        folder=str(folder),
        model_path=str(model),
        near_copy_similarity=0.7,
        queries_per_picture=queries_per_picture,
        max_pixels=10_000,
        min_side=8,
        max_side=64,
        jpeg_quality=90,
        seed=0,
        num_workers=0,
    )
