"""Where the files of a built benchmark lie: DISC21's folders, and a second set.

training_images/        T000000.jpg …
reference_images/       R000000.jpg …     references and distractors
query_images/           Q00000.jpg …
ground_truth.csv        query_id, reference_id
query_edits.csv         query_id, edits
training_groups.csv     image_id, group
query_material/         what the edits laid over and under the queries
validation/             the same again, without training images
BUILT                   written last: checksums of settings and files
"""

from pathlib import PurePosixPath

from qk_iteration.builtin_benchmark.manifest import (
    ImageEntry,
    Manifest,
    QueryEntry,
    Role,
    Split,
)

GROUND_TRUTH = "ground_truth.csv"
QUERY_EDITS = "query_edits.csv"
TRAINING_GROUPS = "training_groups.csv"
TRAINING_GROUPS_HEADER = ("image_id", "group")
ADDITIONS = "additions.csv"
SOURCES = "sources.csv"
MARKER = "BUILT"
MATERIAL_PICTURES = "query_material/pictures"
MATERIAL_STICKERS = "query_material/stickers"

_IMAGE_FOLDERS = {
    Role.TRAINING: "training_images",
    Role.REFERENCE: "reference_images",
    Role.DISTRACTOR: "reference_images",
    Role.UNMATCHED: MATERIAL_PICTURES,
    Role.STICKER: MATERIAL_STICKERS,
}


def split_folder(split: Split) -> PurePosixPath:
    """The folder of a split, below the benchmark's."""
    return PurePosixPath("validation" if split is Split.VALIDATION else ".")


def image_path(image: ImageEntry) -> PurePosixPath:
    """The file of an image, below the benchmark's folder."""
    # Stickers keep their transparency, which JPEG files cannot.
    suffix = ".png" if image.role is Role.STICKER else ".jpg"
    folder = split_folder(image.split) / _IMAGE_FOLDERS[image.role]
    return folder / f"{image.image_id}{suffix}"


def query_path(query: QueryEntry) -> PurePosixPath:
    """The file of a query, below the benchmark's folder."""
    return split_folder(query.split) / "query_images" / f"{query.query_id}.jpg"


def all_paths(manifest: Manifest) -> list[PurePosixPath]:
    """Every image file of a built benchmark, below its folder."""
    images = [image_path(image) for image in manifest.images]
    return images + [query_path(query) for query in manifest.queries]
