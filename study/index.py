"""The index of the part ``index``: what the untrained pair makes of every image.

It is described once and stays; query models are fitted to it, and searched in it.
"""

from collections.abc import Callable
from pathlib import Path

METHOD = "fit_to_index"
FILES = Path("data/07_model_output/study_index")
OLD_MODEL = Path("data/06_models/study/builtin/untrained/key_model")

_NAMES = ("training", "validation_reference", "reference", "out_of_domain_reference")


def rows_of(test_set: str) -> dict[str, str]:
    """Parameters that name the rows of the index for a test set.

    Args:
        test_set: ``test`` or ``out_of_domain``.
    """
    references = "reference" if test_set == "test" else f"{test_set}_reference"
    files = {
        "training": "training",
        "validation_reference": "validation_reference",
        "reference": references,
    }
    return {
        f"{name}_descriptors": str(_file(file).resolve())
        for name, file in files.items()
    }


def describe_index(
    builtin: Path, out_of_domain: Path, describe: Callable[[dict[str, str]], None]
) -> None:
    """Describe the folders that have no rows yet.

    Args:
        builtin: The benchmark.
        out_of_domain: The other test set; left out where it is not there.
        describe: Runs the pipeline of that name with these parameters.
    """
    folders = (
        builtin / "training_images",
        builtin / "validation" / "reference_images",
        builtin / "reference_images",
        out_of_domain / "reference_images",
    )
    for name, folder in zip(_NAMES, folders, strict=True):
        if folder.is_dir() and not _file(name).is_file():
            describe(
                {
                    "model_path": str(OLD_MODEL.resolve()),
                    "images_folder": str(folder.resolve()),
                    "descriptors_path": str(_file(name).resolve()),
                }
            )


def _file(name: str) -> Path:
    return FILES / f"{name}.hdf5"
