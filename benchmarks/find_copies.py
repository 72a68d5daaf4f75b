"""A folder of 2,000 pictures with planted copies, and what qk-find makes of it.

    python -m benchmarks.find_copies --model MODEL FOLDER [--own]

The pictures are those of the built-in benchmark that are no copies of each other: all
that no training has seen, photos and a thousand icons, filled up with training
pictures. Copies of photos that no training has seen, sixty edited and 20 identical, are
added, then, after a second search, 20 new files. At last single pictures are asked for,
half of them edited copies. With ``--own`` the searches use a calibration that
``own_benchmark`` makes of the folder itself, copies included.
"""

import argparse
import csv
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from qk_iteration.collection import FoundCopies, find_copies, open_collection
from qk_iteration.collection.calibration_file import (
    CALIBRATION,
    OWN_CALIBRATION,
    calibration_path,
)
from qk_iteration.core.images.edits.material import Material
from qk_iteration.core.images.recipe import EditRecipe, apply_recipe

EDITS = Path("conf/base/parameters_edits.yml")
NUM_PICTURES, NUM_EDITED, NUM_IDENTICAL, NUM_NEW = 1920, 60, 20, 20
NUM_ASKED = 40
NUM_LENT = 80
"""Pictures that the edits lay over and under others; not in the folder."""

Pairs = set[frozenset[str]]


def main() -> None:
    """Plant, search three times, ask for single pictures, and print what was found."""
    asked = _parser().parse_args()
    plan = Plan(asked.builtin, asked.recipe, asked.seed)
    photos, output = asked.folder / "photos", asked.folder / "found"
    planted = plan.plant(photos)
    if asked.own:
        calibrate(asked, photos)
    name = OWN_CALIBRATION if asked.own else CALIBRATION
    for what in ("first search", "second search", f"with {NUM_NEW} new files"):
        if what.startswith("with"):
            for row, path in enumerate(plan.spare[:NUM_NEW]):
                shutil.copy(path, photos / f"new_{row:02d}.jpg")
        start = time.perf_counter()
        found = find_copies(
            photos,
            output=output,
            model=asked.model,
            precision=asked.precision,
            calibration=calibration_path(asked.model, name),
        )
        tell(what, time.perf_counter() - start, found, planted)
    ask(output, plan)


def calibrate(asked: argparse.Namespace, photos: Path) -> None:
    """Run the command that calibrates on the photos; print how long it took."""
    start = time.perf_counter()
    settings = f"images={photos},own_folder={asked.folder / 'own'}"
    command = [sys.executable, "-m", "kedro", "run", "--pipelines=own_benchmark"]
    command.append(f"--params={settings},model_path={asked.model}")
    subprocess.run(command, check=True)
    print(f"own_benchmark: {time.perf_counter() - start:.0f} s, start-up included")


def tell(what: str, seconds: float, found: FoundCopies, planted: Pairs) -> None:
    """Print what a search found against the truth."""
    near = found.matches[found.matches["score"] < 1]
    pairs = {frozenset(p) for p in zip(near["query"], near["match"], strict=True)}
    right = len(pairs & planted)
    promised = "" if found.threshold is None else f"{found.threshold.precision:.3f}"
    print(
        f"{what}: {seconds:.1f} s, {found.num_described} described, "
        f"{found.num_identical} identical, {len(pairs)} pairs of copies, {right} "
        f"right: precision {right / max(len(pairs), 1):.3f} (expected {promised}), "
        f"recall {right / NUM_EDITED:.3f}"
    )
    for pair in pairs - planted:
        print("  wrong:", *sorted(pair))


def ask(output: Path, plan: "Plan") -> None:
    """Ask the searched collection for single pictures: strangers and edited copies."""
    start = time.perf_counter()
    collection = open_collection(output)
    print(f"opened in {time.perf_counter() - start:.1f} s")
    strangers = [Image.open(path) for path in plan.spare[NUM_NEW:][:NUM_ASKED]]
    copies = [plan.edit(path) for path in plan.unseen[:NUM_ASKED]]
    for what, pictures in (("strangers", strangers), ("edited copies", copies)):
        seconds, called = [], 0
        for picture in pictures:
            start = time.perf_counter()
            called += bool(collection.is_copy(picture))
            seconds.append(time.perf_counter() - start)
        print(
            f"is_copy: {called} of {len(pictures)} {what}; median "
            f"{np.median(seconds):.3f} s, longest {max(seconds):.3f} s"
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="new; gets photos/ and found/")
    parser.add_argument("--model", type=Path, default="data/06_models/qk")
    parser.add_argument("--builtin", type=Path, default="data/01_raw/builtin")
    parser.add_argument("--own", action="store_true", help="calibrate on the folder")
    parser.add_argument("--precision", type=float, default=0.95)
    parser.add_argument("--recipe", default="evaluation_edits")
    parser.add_argument("--seed", type=int, default=0)
    return parser


class Plan:
    """What is planted, and what is kept back.

    Args:
        builtin: The built-in benchmark's folder.
        recipe: Of conf/base/parameters_edits.yml.
        seed: Of the choice and of the edits.
    """

    def __init__(self, builtin: Path, recipe: str, seed: int) -> None:
        self._generator = np.random.default_rng(seed)
        edits = yaml.safe_load(EDITS.read_text())[recipe]
        self._recipe = EditRecipe.model_validate(edits)
        copied = originals(builtin)
        icons = set((builtin / "reference_images").glob("*.jpg")) - set(copied)
        self.unseen, seen = map(self._shuffled, (copied, one_of_each_group(builtin)))
        pool = self.unseen + sorted(icons)
        num_seen = NUM_PICTURES - len(pool)
        self._pool = pool + seen[:num_seen]
        self.spare = seen[num_seen:-NUM_LENT]
        lent = [Image.open(path).convert("RGB") for path in seen[-NUM_LENT:]]
        self._material = Material(lent)

    def plant(self, folder: Path) -> Pairs:
        """Fill a folder; the pairs of edited copies that were planted."""
        folder.mkdir(parents=True)
        for row, path in enumerate(self._pool):
            shutil.copy(path, folder / f"IMG_{row:04d}.jpg")
        planted = set()
        copied = self._generator.permutation(len(self.unseen)).tolist()
        for row in copied[:NUM_EDITED]:
            self.edit(self._pool[row]).save(folder / f"edit_{row:04d}.jpg", quality=90)
            planted.add(frozenset([f"edit_{row:04d}.jpg", f"IMG_{row:04d}.jpg"]))
        for row in copied[NUM_EDITED : NUM_EDITED + NUM_IDENTICAL]:
            shutil.copy(self._pool[row], folder / f"same_{row:04d}.jpg")
        return planted

    def edit(self, path: Path) -> Image.Image:
        """A picture, edited as a query."""
        picture = Image.open(path).convert("RGB")
        return apply_recipe(
            self._recipe, picture, self._generator, self._material
        ).image

    def _shuffled(self, paths: list[Path]) -> list[Path]:
        return [paths[row] for row in self._generator.permutation(len(paths))]


def originals(builtin: Path) -> list[Path]:
    """Photos of the test split, those that its queries were made from."""
    with (builtin / "ground_truth.csv").open(newline="") as file:
        names = {row["reference_id"] for row in csv.DictReader(file)} - {""}
    references = [builtin / "reference_images" / f"{name}.jpg" for name in names]
    return sorted([*references, *(builtin / "query_material/pictures").glob("*.jpg")])


def one_of_each_group(builtin: Path) -> list[Path]:
    """Training pictures that are no copies of each other."""
    first_of_group: dict[str, Path] = {}
    with (builtin / "training_groups.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            path = builtin / "training_images" / f"{row['image_id']}.jpg"
            first_of_group.setdefault(row["group"], path)
    return list(first_of_group.values())


if __name__ == "__main__":
    main()
