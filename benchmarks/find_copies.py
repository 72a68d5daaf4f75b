"""A folder of 2,000 pictures with planted copies, and what qk-find makes of it.

    python -m benchmarks.find_copies MODEL FOLDER

The pictures are those of the built-in benchmark that are no copies of each other; 60
copies edited by a recipe of conf/base/parameters_edits.yml and 20 identical files are
added. Then 20 new files are added, and the folder is searched again.
"""

import argparse
import csv
import shutil
import time
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from qk_iteration.collection import find_copies
from qk_iteration.core.images.edits.material import Material
from qk_iteration.core.images.recipe import EditRecipe, apply_recipe

BUILTIN = Path("data/01_raw/builtin")
EDITS = Path("conf/base/parameters_edits.yml")
NUM_PICTURES, NUM_EDITED, NUM_IDENTICAL, NUM_NEW = 1920, 60, 20, 20


def main() -> None:
    """Plant, search three times, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("folder", type=Path, help="new; gets photos/ and found/")
    parser.add_argument("--recipe", default="training_edits")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    generator = np.random.default_rng(asked.seed)
    photos = asked.folder / "photos"
    planted, spare = plant(photos, asked.recipe, generator)
    for what in ("first search", "second search", f"with {NUM_NEW} new files"):
        if what.startswith("with"):
            for row, path in enumerate(spare[:NUM_NEW]):
                shutil.copy(path, photos / f"new_{row:02d}.jpg")
        start = time.perf_counter()
        found = find_copies(photos, output=asked.folder / "found", model=asked.model)
        seconds = time.perf_counter() - start
        near = found.matches[found.matches["score"] < 1]
        pairs = {frozenset(p) for p in zip(near["query"], near["match"], strict=True)}
        right = len(pairs & planted)
        print(
            f"{what}: {seconds:.1f} s, {found.num_described} described, "
            f"{found.num_identical} identical, {len(pairs)} pairs of copies, {right} "
            f"right: precision {right / max(len(pairs), 1):.3f}, recall "
            f"{right / NUM_EDITED:.3f}"
        )


def plant(
    folder: Path, recipe: str, generator: np.random.Generator
) -> tuple[set[frozenset[str]], list[Path]]:
    """Fill a folder; the pairs that were planted, and pictures that are not in it."""
    pool, spare = different_pictures(generator)
    folder.mkdir(parents=True)
    for row, path in enumerate(pool):
        shutil.copy(path, folder / f"IMG_{row:04d}.jpg")
    edits = EditRecipe.model_validate(yaml.safe_load(EDITS.read_text())[recipe])
    material = Material([Image.open(path).convert("RGB") for path in spare[-80:]])
    planted = set()
    chosen = generator.permutation(len(pool)).tolist()
    for row in chosen[:NUM_EDITED]:
        picture = Image.open(pool[row]).convert("RGB")
        edited = apply_recipe(edits, picture, generator, material).image
        edited.save(folder / f"edit_{row:04d}.jpg", quality=90)
        planted.add(frozenset([f"edit_{row:04d}.jpg", f"IMG_{row:04d}.jpg"]))
    for row in chosen[NUM_EDITED : NUM_EDITED + NUM_IDENTICAL]:
        shutil.copy(pool[row], folder / f"same_{row:04d}.jpg")
    return planted, spare


def different_pictures(
    generator: np.random.Generator,
) -> tuple[list[Path], list[Path]]:
    """Test pictures, and one of each group of training pictures to fill up."""
    first_of_group: dict[str, Path] = {}
    with (BUILTIN / "training_groups.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            path = BUILTIN / "training_images" / f"{row['image_id']}.jpg"
            first_of_group.setdefault(row["group"], path)
    pool = sorted((BUILTIN / "reference_images").glob("*.jpg"))
    pool += sorted((BUILTIN / "query_material/pictures").glob("*.jpg"))
    others = list(first_of_group.values())
    others = [others[row] for row in generator.permutation(len(others))]
    missing = NUM_PICTURES - len(pool)
    return pool + others[:missing], others[missing:]


if __name__ == "__main__":
    main()
