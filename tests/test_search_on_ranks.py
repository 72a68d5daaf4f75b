"""The search by ranks that torchrun starts writes the file of a single process."""

import os
import subprocess
import sys

import numpy as np

from qk_iteration import search_on_ranks
from qk_iteration.core.formats.descriptor_files import write_descriptors
from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.formats.predicted_matches import write_predicted_matches
from qk_iteration.core.search.search_references import search_references


def test_two_ranks_write_what_one_process_finds(tmp_path):
    generator = np.random.default_rng(0)
    queries, references = (
        Descriptors(
            [f"{letter}{row:05d}" for row in range(size)],
            generator.standard_normal((size, 6)).astype(np.float32),
        )
        for letter, size in (("Q", 7), ("R", 101))
    )
    paths = tmp_path / "queries.hdf5", tmp_path / "references.hdf5"
    for path, descriptors in zip(paths, (queries, references), strict=True):
        write_descriptors(path, descriptors)
    found = tmp_path / "found.csv"
    torchrun = (*(sys.executable, "-m", "torch.distributed.run"), "--standalone")
    subprocess.run(
        (
            *torchrun,
            "--nproc-per-node=2",
            "-m",
            search_on_ranks.__name__,
            *paths,
            found,
        ),
        env=os.environ
        | {
            "CUDA_VISIBLE_DEVICES": "",
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        },
        check=True,
        timeout=300,
    )

    expected = search_references(
        queries,
        references,
        num_candidates=search_on_ranks.TOP_K,
        per_query=True,
        metric="l2",
        device="cpu",
    )
    write_predicted_matches(tmp_path / "expected.csv", expected)
    assert found.read_bytes() == (tmp_path / "expected.csv").read_bytes()
