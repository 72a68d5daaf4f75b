"""Where the images of DISC21 lie on disk.

Systems arrange the same download in different folders. All of these are recognized:

=========  ==================  ==================  ================
layout     training            reference           query
=========  ==================  ==================  ================
project    training_images     reference_images    query_images
lyakaap    training_images     reference_images    query_images and query_images_phase2
copynce    training_images     reference_images    query_images (all 100,000)
sscd       training            val_ref             val_query
=========  ==================  ==================  ================

The project's own layout has ``ground_truth.csv`` beside the folders.
"""

from dataclasses import dataclass
from pathlib import Path

from qk_iteration.core.formats.format_error import FormatError

PHASE_2_FOLDER = "query_images_phase2"
PROJECT_GROUND_TRUTH = "ground_truth.csv"
GROUND_TRUTH_NAMES = (
    PROJECT_GROUND_TRUTH,
    "val_groundtruth_matches.csv",
    "public_ground_truth.csv",
    "isc_25k_matching_dev_set_gt.json",
    "isc_matching_test_set_gt.json",
)


@dataclass(frozen=True)
class Disc21Folders:
    """The parts of one copy of DISC21, or of a set in its shape.

    Attributes:
        layout: ``project``, ``lyakaap``, ``copynce`` or ``sscd``.
        reference_images: The images sought in.
        query_images: The edited copies. In lyakaap's layout those of phase 1 alone, in
            CopyNCE's those of both phases.
        training_images: None if there are none, as when only scoring.
        phase2_query_images: The queries of phase 2 where they have their own folder.
        ground_truths: Ground-truth files beside the folders, in ``list_files`` or in
            ``data``; there may be none, or one for each set of queries.
    """

    layout: str
    reference_images: Path
    query_images: Path
    training_images: Path | None
    phase2_query_images: Path | None
    ground_truths: tuple[Path, ...]


def find_disc21_folders(root: str | Path) -> Disc21Folders:
    """Recognize the layout of a folder.

    Raises:
        FormatError: If the folder fits no layout; says what is there and what is
            sought. If one of its entries is a link that leads nowhere.
    """
    root = Path(root)
    if not root.is_dir():
        raise FormatError(f"'{root}' must be a folder of images in DISC21's shape.")
    _refuse_dead_links(root)
    ground_truths = tuple(
        path
        for folder in (root, root / "list_files", root / "data")
        for name in GROUND_TRUTH_NAMES
        if (path := folder / name).is_file()
    )
    if _has(root, "val_ref", "val_query"):
        layout, references, queries = "sscd", "val_ref", "val_query"
    elif _has(root, "reference_images", "query_images"):
        layout = _layout_of_common_names(root)
        references, queries = "reference_images", "query_images"
    else:
        raise FormatError(_what_is_missing(root))
    return Disc21Folders(
        layout=layout,
        reference_images=root / references,
        query_images=root / queries,
        training_images=_first_folder(
            # lyakaap's commands download into train_images and read training_images.
            root,
            "training_images",
            "train_images",
            "training",
        ),
        phase2_query_images=_first_folder(root, PHASE_2_FOLDER),
        ground_truths=ground_truths,
    )


def _refuse_dead_links(root: Path) -> None:
    """A disk that is not there must not look like a benchmark without that part."""
    for path in sorted(root.iterdir()):
        if path.is_symlink() and not path.exists():
            raise FormatError(
                f"'{path}' is a link that leads nowhere. Bring back what it leads to, "
                "or remove it."
            )


def _layout_of_common_names(root: Path) -> str:
    if (root / PHASE_2_FOLDER).is_dir():
        return "lyakaap"
    return "project" if (root / PROJECT_GROUND_TRUTH).is_file() else "copynce"


def _has(root: Path, *names: str) -> bool:
    return all((root / name).is_dir() for name in names)


def _first_folder(root: Path, *names: str) -> Path | None:
    return next((root / name for name in names if (root / name).is_dir()), None)


def _what_is_missing(root: Path) -> str:
    folders = sorted(path.name for path in root.iterdir() if path.is_dir())
    return (
        f"'{root}' must hold reference_images/ and query_images/ (or val_ref/ and "
        f"val_query/, as SSCD names them); it holds {', '.join(folders[:8]) or 'none'}"
        f"{', ...' if len(folders) > 8 else ''}. See docs/disc21.md for the layouts."
    )
