"""Commit to the bytes of a benchmark that was just built.

For maintainers, after the images or the edits have changed::

    python -m tools.curation.freeze BUILT_FOLDER MANIFEST_FOLDER
"""

import sys
from pathlib import Path

from qk_iteration.builtin_benchmark.checksums import (
    sum_of_list,
    sums_of_files,
    write_sums,
)
from qk_iteration.builtin_benchmark.layout import MARKER, all_paths
from qk_iteration.builtin_benchmark.manifest import read_manifest


def freeze(folder: Path, manifest_folder: Path) -> None:
    """Write the manifest's list of checksums from a built benchmark.

    Args:
        folder: From `build_benchmark`.
        manifest_folder: The manifest it was built from.
    """
    paths = all_paths(read_manifest(manifest_folder))
    settings, _ = (folder / MARKER).read_text("utf-8").split()
    write_sums(manifest_folder, settings, sums_of_files(folder, paths))
    mark = f"{settings} {sum_of_list(manifest_folder)}"
    (folder / MARKER).write_text(mark, "utf-8")


if __name__ == "__main__":
    freeze(Path(sys.argv[1]), Path(sys.argv[2]))
