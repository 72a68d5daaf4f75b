"""Search indexes: time, memory and recall of each, as ratios against exact search.

    python benchmarks/indexes.py --json indexes.json
    python benchmarks/indexes.py --num-queries 1000 --num-references 100000

References lie in clusters that overlap, as pictures of one kind do, on a curved surface
of fewer directions than numbers, in a folder of shards; half of the queries are near
copies of a reference, half have none. Each index is built in a process of its own, and
searched there, with few probes and with many if both are asked for. Times hold what a
user waits for: reading, building, searching for ten references of each query and
scoring these exactly. They are seconds of the processor, which other programs hardly
disturb; set OMP_NUM_THREADS=1, since threads that wait count too. Read them as ratios
within one run. Memory is the peak of the process's own beyond what it holds before:
pages of mapped files, which the system takes back when it needs them, do not count.
Disk is what the index keeps there, beside the descriptors.
"""

import argparse
import multiprocessing
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import torch
from measuring import describe_machine, resident_mib, write_json
from rich.console import Console
from rich.table import Table

from qk_iteration.core.formats.descriptor_files import (
    read_descriptors,
    write_descriptors,
)
from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.formats.shard_folder import begin_shards
from qk_iteration.core.search.faiss_index import FaissIndex
from qk_iteration.core.search.index import ReferenceIndex, build_index
from qk_iteration.core.search.index_recall import measure_recall
from qk_iteration.core.search.search_config import SearchConfig

CPU = torch.device("cpu")
TOP_K = 10
INDEXES = (
    "exact",
    "flat",
    "hnsw",
    "ivf",
    "ivf, 256 probes",
    "ivf on disk",
    "ivf on disk, codes",
    "ivf on disk, codes, 256 probes",
)
ROWS_PER_SHARD = 65_536
SECONDS_BETWEEN_LOOKS = 0.02  # at the memory that is held
ROWS_PER_CLUSTER = 200
DIRECTIONS = 48  # in which the rows vary
CLUSTER_NOISE, COPY_NOISE = 1.5, 0.7  # lengths, beside centers and originals of 1

_console = Console(width=100)


def main() -> None:
    """Measure, print a table for each size and write JSON."""
    arguments = _parse_arguments()
    machine = describe_machine(CPU) | {"faiss": faiss.__version__}
    _console.print(machine)
    report: dict[str, Any] = {"machine": machine}
    for size in arguments.num_references:
        report[f"{size} references"] = _measure(size, arguments)
    if arguments.json:
        write_json(arguments.json, report)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--num-queries", type=int, default=5000)
    add("--num-references", type=int, nargs="+", default=[100_000, 1_000_000])
    add("--dim", type=int, default=256)
    add("--indexes", nargs="+", choices=INDEXES, default=list(INDEXES))
    add("--json", type=Path, help="where to write the results")
    return parser.parse_args()


def _measure(num_references: int, arguments: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        paths = Path(folder) / "queries.hdf5", Path(folder) / "references"
        queries, references = _draw(
            num_references, arguments.num_queries, arguments.dim
        )
        write_descriptors(paths[0], queries)
        _write_shards(paths[1], references)
        del queries, references
        context = multiprocessing.get_context("spawn")
        figures = {}
        for names in _of_one_build(arguments.indexes):
            with ProcessPoolExecutor(1, mp_context=context) as executor:
                found = executor.submit(_measure_build, names, *paths).result()
            _console.print(found)
            figures |= found
    _print(figures, num_references, arguments)
    return figures


def _of_one_build(names: list[str]) -> list[list[str]]:
    """The names whose indexes differ by nothing but the lists that a query visits."""
    return [
        [other for other in names if _without_probes(other) == built]
        for built in dict.fromkeys(map(_without_probes, names))
    ]


def _without_probes(name: str) -> str:
    return name.removesuffix(", 256 probes")


def _measure_build(
    names: list[str], query_path: Path, reference_path: Path
) -> dict[str, dict[str, float]]:
    """Run in a process of its own: nothing freed before hides what is needed."""
    queries, references = map(read_descriptors, (query_path, reference_path))
    config = _config(names[0])
    few = np.arange(len(queries)) < 50
    warm = queries.select(few)
    build_index(warm, config, metric="inner_product").search(warm, TOP_K)
    folder = reference_path.with_name(f"index {names[0]}")
    figures = {}
    with _peak_of_own_memory() as looks:
        start = time.process_time()
        index = build_index(references, config, metric="inner_product", folder=folder)
        build_seconds = time.process_time() - start
        for name in names:
            _set_probes(index, _config(name))
            start = time.process_time()
            index.search(queries, TOP_K)
            search_seconds = time.process_time() - start
            figures[name] = {
                "build_seconds": build_seconds,
                "search_seconds": search_seconds,
                "milliseconds_a_query": 1e3 * search_seconds / len(queries),
                "extra_peak_mib": max(looks) - looks[0],
            }
    files = list(folder.iterdir()) if folder.is_dir() else []
    disk_mib = sum(file.stat().st_size for file in files) / 2**20
    for name in names:
        _set_probes(index, _config(name))
        recall = measure_recall(index, queries, num_queries=500, seed=0)
        figures[name] |= {
            "disk_mib": disk_mib,
            "recall_at_1": recall.at_1,
            "recall_at_10": recall.at_10,
        }
    return figures


def _set_probes(index: ReferenceIndex, config: SearchConfig) -> None:
    if isinstance(index, FaissIndex) and config.index == "ivf":
        index.index.nprobe = config.ivf.probes


@contextmanager
def _peak_of_own_memory() -> Iterator[list[float]]:
    """MiB of memory that no file backs, looked at again and again; the first before."""
    looks = [resident_mib("RssAnon")]
    is_over = threading.Event()

    def look() -> None:
        while not is_over.wait(SECONDS_BETWEEN_LOOKS):
            looks.append(resident_mib("RssAnon"))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield looks
    finally:
        is_over.set()
        thread.join()


def _write_shards(path: Path, references: Descriptors) -> None:
    """As a description of so many images writes them."""
    folder = begin_shards(
        path,
        num_images=len(references),
        images_per_shard=ROWS_PER_SHARD,
        made_from={"model": "drawn"},
    )
    for shard in folder.missing():
        rows = folder.images_of(shard)
        own = slice(rows.start, rows.stop)
        part = Descriptors(references.ids[own], references.read(own))
        write_descriptors(folder.file_of(shard), part)
        folder.finish(shard, num_described=len(rows), left_out=[])


def _config(name: str) -> SearchConfig:
    """The settings of conf/base/parameters_search.yml, and what the name changes."""
    has_codes = "codes" in name
    return SearchConfig.model_validate(
        {
            "index": name.replace(",", "").split()[0],
            "rerank": 40 if has_codes else 4,
            "pairs_per_query": 100,
            "recall_queries": 200,
            "seed": 0,
            "hnsw": {"neighbors": 32, "build_effort": 80, "search_effort": 128},
            "ivf": {
                "lists": 4096,
                "probes": 256 if "256" in name else 64,
                "training_rows": 262_144,
                "on_disk": "disk" in name,
                "code_bytes": 32 if has_codes else None,
            },
        }
    )


def _draw(
    num_references: int, num_queries: int, dim: int
) -> tuple[Descriptors, Descriptors]:
    """Queries and references of unit length."""
    generator = np.random.default_rng(0)
    num_clusters = num_references // ROWS_PER_CLUSTER + 1
    mix = generator.standard_normal((DIRECTIONS, dim), np.float32)

    def unit_noise(num_rows: int) -> np.ndarray:
        return _unit(generator.standard_normal((num_rows, DIRECTIONS), np.float32))

    def draw(num_rows: int) -> np.ndarray:
        chosen = centers[generator.integers(0, num_clusters, num_rows)]
        return _unit(chosen + CLUSTER_NOISE * unit_noise(num_rows))

    centers = unit_noise(num_clusters)
    references, queries = draw(num_references), draw(num_queries)
    num_copies = num_queries // 2
    originals = references[generator.integers(0, num_references, num_copies)]
    queries[:num_copies] = _unit(originals + COPY_NOISE * unit_noise(num_copies))
    return tuple(
        Descriptors(
            [f"{letter}{row:07d}" for row in range(len(rows))],
            _unit(np.tanh(rows @ mix)),
        )
        for letter, rows in (("Q", queries), ("R", references))
    )


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _print(
    figures: dict[str, Any], num_references: int, arguments: argparse.Namespace
) -> None:
    title = f"{arguments.num_queries:,} queries x {num_references:,} x {arguments.dim}"
    table = Table(title=title)
    names = ("index", "build", "search", "ms", "memory", "disk", "@1", "@10")
    for name in names:
        table.add_column(name, justify="left" if name == "index" else "right")
    base = figures.get("exact", next(iter(figures.values())))
    for name, own in figures.items():
        table.add_row(
            name,
            f"{own['build_seconds'] / base['search_seconds']:.2f} x",
            f"{own['search_seconds'] / base['search_seconds']:.3f} x",
            f"{own['milliseconds_a_query']:.2f}",
            f"{own['extra_peak_mib']:,.0f} MiB",
            f"{own['disk_mib']:,.0f} MiB",
            f"{own['recall_at_1']:.3f}",
            f"{own['recall_at_10']:.3f}",
        )
    _console.print(table)


if __name__ == "__main__":
    main()
