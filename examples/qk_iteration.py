"""QK Iteration on a folder of images with nothing but the core: no Kedro, no MLflow.

    python examples/qk_iteration.py FOLDER OUTPUT

Learns a query model and a key model, judges them on edited copies of images that were
held out of the training, and leaves both in OUTPUT. Called again, it goes on where it
was stopped.
"""

import argparse
from pathlib import Path
from typing import Any

import torch
import yaml
from torch.nn import functional as F

from qk_iteration.core.images.image_table import tabulate_images
from qk_iteration.core.images.images_config import ImagesConfig
from qk_iteration.core.images.recipe import EditRecipe
from qk_iteration.core.images.views import (
    TrainingImages,
    ViewKind,
    ViewRequest,
    open_training_images,
)
from qk_iteration.core.learning.checkpoints import CheckpointStore
from qk_iteration.core.learning.embed_views import embed_views
from qk_iteration.core.learning.first_bank import (
    fill_initial_bank,
    whiten_initial_model,
)
from qk_iteration.core.learning.learning_config import LearningConfig, QKConfig
from qk_iteration.core.learning.side import Side
from qk_iteration.core.learning.training import (
    TrainedPair,
    Training,
    learn_by_qk_iteration,
)
from qk_iteration.core.models.descriptor_model import DescriptorModel
from qk_iteration.core.models.model_config import ModelConfig
from qk_iteration.core.models.model_file import save_model
from qk_iteration.core.scoring.evaluate import evaluate_descriptors

PARAMETERS = Path(__file__).parents[1] / "conf" / "base"


def read_parameters() -> dict[str, Any]:
    """Every parameter and its meaning stands in conf/base."""
    files = sorted(PARAMETERS.glob("parameters*.yml"))
    return {k: v for f in files for k, v in yaml.safe_load(f.read_text()).items()}


def learn_from_folder(
    folder: Path, output: Path, parameters: dict[str, Any]
) -> TrainedPair:
    """The query model, the key model, and what their training cost."""
    model = DescriptorModel(ModelConfig(**parameters["model"]))
    learning = LearningConfig(**parameters["learning"])

    # Images: a table of the readable ones; every fifth is held out of the training.
    images_config = ImagesConfig(**parameters["images"])
    table = tabulate_images(
        folder, max_pixels=images_config.max_pixels, min_side=images_config.min_side
    ).images
    is_held_out = table["group"] % 5 == 0

    def open_images(name: str, rows: Any) -> TrainingImages:
        return open_training_images(
            table[rows].reset_index(drop=True),
            output / name,
            EditRecipe(**parameters["training_edits"]),
            images_config,
            image_size=model.config.image_size,
            seed=learning.seed,
        )

    images, held_out = open_images("t", ~is_held_out), open_images("v", is_held_out)

    # The first bank: a row of features for every image; it whitens the head, and is
    # what the first Q-phase is pushed against.
    bank = fill_initial_bank(output / "bank", model, images, learning, dtype="float32")
    model = whiten_initial_model(model, bank)

    # Q-phases and K-phases in turn: core/learning/qk_iteration.py.
    training = Training(
        initial_models=dict.fromkeys(Side, model),
        initial_bank=bank.rows,
        images=images,
        learning=learning,
        checkpoints=CheckpointStore(output / "checkpoints"),
        validate=lambda query, key: judge(query, key, held_out, learning),
        validation_fingerprint=held_out.fingerprint,
        report=lambda image_passes, metrics: None,
    )
    return learn_by_qk_iteration(training, QKConfig(**parameters["qk"]))


def judge(
    query: DescriptorModel,
    key: DescriptorModel,
    images: TrainingImages,
    learning: LearningConfig,
) -> dict[str, float]:
    """Micro-AP of edited copies of images, searched among the images."""

    def describe(model: DescriptorModel, kind: ViewKind) -> Any:
        rows = embed_views(
            model,
            model,
            range(len(images)),
            lambda row: ViewRequest(row, kind, 0),
            images,
            learning,
            dtype=torch.float32,
        )
        return F.normalize(rows, dim=1).cpu().numpy()

    references = images.cache.image_ids
    queries = [f"copy of {name}" for name in references]
    score = evaluate_descriptors(
        (queries, describe(query, "edited")),
        (references, describe(key, "clean")),
        {q: [r] for q, r in zip(queries, references, strict=True)},
        protocol="isc2021",
    )
    return {"micro_ap": score.micro_ap}


def main() -> None:
    """Learn, and write the pair as the rest of the project reads it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="images to learn from")
    parser.add_argument("output", type=Path, help="where the pair is written")
    asked = parser.parse_args()
    query, key, summary = learn_from_folder(
        asked.folder, asked.output, read_parameters()
    )
    save_model(query, asked.output / "query_model")
    save_model(key, asked.output / "key_model")
    curve = summary["validation_curve"]
    print(
        f"micro-AP on held-out images: {curve[0][1]:.3f} untrained, "
        f"{summary['best_validation_micro_ap']:.3f} after "
        f"{summary['image_passes']:,} image passes."
    )


if __name__ == "__main__":
    main()
