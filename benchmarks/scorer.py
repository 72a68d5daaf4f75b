"""The scorer: metrics, exact search and memory, beside their peers.

    python benchmarks/scorer.py --json scorer.json
    python benchmarks/scorer.py --full-plan

Times are medians of interleaved rounds; read them as ratios within one run. Metrics
are compared with a sort of tuples written from the definition, the search with FAISS's
flat search and with the bare matrix products. Memory is the peak beyond what is held
before the search, each in a fresh process, with the references in an HDF5 file.
``--full-plan`` scores a whole case of 1/100 of the challenge's pairs from its files.
"""

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import torch
from faiss.contrib.exhaustive_search import range_search_max_results
from measuring import (
    describe_machine,
    extra_peak_mib,
    interleaved_medians,
    write_json,
)
from rich.console import Console
from rich.table import Table

from qk_iteration.core.formats.descriptor_files import (
    read_descriptors,
    write_descriptors,
)
from qk_iteration.core.formats.descriptors import Descriptors
from qk_iteration.core.formats.ground_truth import TrueMatches
from qk_iteration.core.formats.predicted_matches import PredictedMatches
from qk_iteration.core.scoring.evaluate import evaluate_descriptors, score_predictions
from qk_iteration.core.search.search_references import search_references

CPU = torch.device("cpu")
DIM = 256
TOP_K = 10
NUM_PREDICTIONS = 500_000
CHALLENGE_QUERIES, CHALLENGE_REFERENCES = 50_000, 1_000_000

Row = tuple[str, str, float]
_console = Console(width=100)


def main() -> None:
    """Measure, print tables and write JSON."""
    arguments = _parse_arguments()
    machine = describe_machine(CPU) | {"faiss": faiss.__version__}
    _console.print(machine)
    report: dict[str, Any] = {"machine": machine}
    if arguments.full_plan:
        report["full_plan"] = _run_at_one_hundredth()
    else:
        report["scoring"] = _time_scoring(arguments.num_rounds)
        report["search"] = _time_search(arguments)
        report["memory"] = _measure_memory(arguments.memory_references)
        seconds = report["search"]["ours, best 500,000 pairs"]
        pairs = arguments.num_queries * arguments.num_references
        report["plan"] = _plan(seconds / pairs)
    if arguments.json:
        write_json(arguments.json, report)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--num-queries", type=int, default=5000)
    add("--num-references", type=int, default=100_000)
    add("--memory-references", type=int, nargs="+", default=[100_000, 1_000_000])
    add("--num-rounds", type=int, default=3)
    add("--full-plan", action="store_true", help="a whole case at 1/100 of the pairs")
    add("--json", type=Path, help="where to write the results")
    return parser.parse_args()


def _time_scoring(num_rounds: int) -> dict[str, float]:
    """Seconds to score half a million predictions, all metrics."""
    rows, truth = _draw_predictions()
    columns = tuple(np.array(column) for column in zip(*rows, strict=True))
    predicted = PredictedMatches.from_columns(*columns)
    true_matches = TrueMatches(truth)
    plain, ours = _score_plainly(rows, truth), _score(predicted, true_matches)
    assert np.allclose(plain, ours, rtol=0, atol=1e-12), (plain, ours)
    seconds = interleaved_medians(
        {
            "plain: sort of tuples": lambda: _score_plainly(rows, truth),
            "ours, as the search gives them": lambda: _score(predicted, true_matches),
            "ours, from columns of names": lambda: _score(
                PredictedMatches.from_columns(*columns), true_matches
            ),
        },
        num_rounds,
        CPU,
    )
    _print_times(f"{NUM_PREDICTIONS:,} predictions", seconds, "plain: sort of tuples")
    return seconds


def _time_search(arguments: argparse.Namespace) -> dict[str, float]:
    """Seconds of exact searches of one set of references."""
    queries = _draw_descriptors("Q", arguments.num_queries, seed=0)
    references = _draw_descriptors("R", arguments.num_references, seed=1)
    left, right = queries.read(), references.read()
    tile = np.empty((1024, 4096), np.float32)

    def ours(num_candidates: int, per_query: bool, metric: Any) -> Callable[[], object]:
        return lambda: search_references(
            queries,
            references,
            num_candidates=num_candidates,
            per_query=per_query,
            metric=metric,
            device="cpu",
        )

    seconds = interleaved_medians(
        {
            "bare matrix products": lambda: _multiply(left, right, tile),
            f"faiss flat, {TOP_K} nearest, l2": lambda: faiss.knn(left, right, TOP_K),
            f"ours, {TOP_K} nearest, l2": ours(TOP_K, True, "l2"),
            f"faiss flat, {TOP_K} nearest, inner product": lambda: faiss.knn(
                left, right, TOP_K, metric=faiss.METRIC_INNER_PRODUCT
            ),
            f"ours, {TOP_K} nearest, inner product": ours(TOP_K, True, "inner_product"),
            "faiss flat, best 500,000 pairs": lambda: _best_pairs_by_faiss(left, right),
            "ours, best 500,000 pairs": ours(NUM_PREDICTIONS, False, "l2"),
        },
        arguments.num_rounds,
        CPU,
    )
    title = f"{len(queries):,} x {len(references):,} x {DIM}"
    _print_times(title, seconds, f"faiss flat, {TOP_K} nearest, l2")
    return seconds


def _measure_memory(sizes: list[int]) -> list[dict[str, float]]:
    """Extra peak memory of the search, by the number of references."""
    table = Table("references", "file MiB", "extra peak MiB", title="Memory")
    results = []
    context = multiprocessing.get_context("spawn")
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "references.hdf5"
            write_descriptors(path, _draw_descriptors("R", size, seed=1))
            with ProcessPoolExecutor(1, mp_context=context) as executor:
                peak = executor.submit(_peak, path).result()
            megabytes = path.stat().st_size / 2**20
        table.add_row(f"{size:,}", f"{megabytes:,.0f}", f"{peak:,.0f}")
        results.append({"references": size, "extra_peak_mib": peak})
    _console.print(table)
    return results


def _peak(path: Path) -> float:
    """Run in a process of its own: nothing freed before hides what is needed."""
    queries, references = _draw_descriptors("Q", 1000, seed=0), read_descriptors(path)

    def search(some: Descriptors) -> None:
        search_references(
            queries,
            some,
            num_candidates=NUM_PREDICTIONS,
            per_query=False,
            metric="l2",
            device="cpu",
        )

    search(_draw_descriptors("R", 100, seed=2))  # libraries are loaded
    return extra_peak_mib(lambda: search(references), CPU)


def _plan(seconds_per_pair: float) -> dict[str, float]:
    """What the whole challenge will cost at the rate that was measured."""
    pairs = CHALLENGE_QUERIES * CHALLENGE_REFERENCES
    plan = {
        "search_minutes": pairs * seconds_per_pair / 60,
        "query_file_mib": CHALLENGE_QUERIES * DIM * 4 / 2**20,
        "reference_file_mib": CHALLENGE_REFERENCES * DIM * 4 / 2**20,
    }
    _console.print(
        f"The challenge, {CHALLENGE_QUERIES:,} x {CHALLENGE_REFERENCES:,} x {DIM}, at "
        f"this rate: {plan['search_minutes']:.1f} minutes of search; files of "
        f"{plan['query_file_mib']:,.0f} and {plan['reference_file_mib']:,.0f} MiB."
    )
    return plan


def _run_at_one_hundredth() -> dict[str, float]:
    """Score a case of a tenth of the queries and references, from files."""
    queries = _draw_descriptors("Q", CHALLENGE_QUERIES // 10, seed=0)
    references = _draw_descriptors("R", CHALLENGE_REFERENCES // 10, seed=1)
    num_matches = len(queries) // 5
    noisy = references.read()[:num_matches] + queries.read()[:num_matches]
    queries.vectors[:num_matches] = noisy / np.linalg.norm(noisy, axis=1, keepdims=True)
    truth = TrueMatches(
        {
            query: (reference,) if row < num_matches else ()
            for row, (query, reference) in enumerate(
                zip(queries.ids.tolist(), references.ids.tolist(), strict=False)
            )
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("queries.hdf5", "references.hdf5")]
        write_descriptors(paths[0], queries)
        write_descriptors(paths[1], references)
        start = time.perf_counter()
        score = evaluate_descriptors(*paths, truth, protocol="isc2021")
        seconds = time.perf_counter() - start
    _console.print(f"1/100 of the pairs: {seconds:.1f} s from files to {score}")
    pairs = len(queries) * len(references)
    return {"seconds": seconds} | _plan(seconds / pairs)


def _draw_descriptors(prefix: str, num_rows: int, seed: int) -> Descriptors:
    vectors = np.random.default_rng(seed).standard_normal((num_rows, DIM), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return Descriptors(
        np.array([f"{prefix}{row:06d}" for row in range(num_rows)]), vectors
    )


def _draw_predictions() -> tuple[list[Row], dict[str, tuple[str, ...]]]:
    """Half a million pairs of 25,000 queries, a fifth of which match one reference."""
    generator = np.random.default_rng(0)
    keys = generator.choice(25_000 * 1_000_000, NUM_PREDICTIONS, replace=False)
    scores = generator.random(NUM_PREDICTIONS, np.float32).tolist()
    rows = [
        (f"Q{key // 1_000_000:05d}", f"R{key % 1_000_000:06d}", score)
        for key, score in zip(keys.tolist(), scores, strict=True)
    ]
    truth: dict[str, tuple[str, ...]] = {f"Q{query:05d}": () for query in range(25_000)}
    for query, reference, score in rows:
        if int(query[1:]) < 5000 and not truth[query] and score > 0.5:
            truth[query] = (reference,)
    return rows, truth


def _score(predicted: PredictedMatches, truth: TrueMatches) -> tuple[float, ...]:
    score = score_predictions(predicted, truth, protocol="isc2021")
    return (
        score.micro_ap,
        score.recall_at_p90,
        score.recall_at_rank1,
        score.recall_at_rank10,
    )


def _score_plainly(
    rows: list[Row], truth: dict[str, tuple[str, ...]]
) -> tuple[float, ...]:
    """The metrics by the words of their definition, one pair after the other."""
    pairs = {(query, one) for query, many in truth.items() for one in many}
    assert len({(query, reference) for query, reference, _ in rows}) == len(rows)
    worst_order = sorted(
        ((score, (query, reference) not in pairs) for query, reference, score in rows),
        reverse=True,
    )
    found, micro_ap, recall_at_p90 = 0, 0.0, 0.0
    for rank, (_, wrong) in enumerate(worst_order, 1):
        if not wrong:
            found += 1
            micro_ap += found / rank / len(pairs)
            if found / rank >= 0.9:
                recall_at_p90 = found / len(pairs)
    by_query: dict[str, list[tuple[str, float]]] = {}
    for query, reference, score in rows:
        by_query.setdefault(query, []).append((reference, score))
    ranks = list(_ranks_plainly(pairs, by_query))
    return (
        micro_ap,
        recall_at_p90,
        sum(rank < 1 for rank in ranks) / len(pairs),
        sum(rank < 10 for rank in ranks) / len(pairs),
    )


def _ranks_plainly(
    pairs: set[tuple[str, str]], by_query: dict[str, list[tuple[str, float]]]
) -> Iterator[int]:
    for query, true_reference in pairs:
        own = by_query.get(query, [])
        for reference, score in own:
            if reference == true_reference:
                yield sum(other >= score for _, other in own) - 1


def _multiply(left: np.ndarray, right: np.ndarray, tile: np.ndarray) -> None:
    """Every product once, into a tile that is used again."""
    for start in range(0, len(right), tile.shape[1]):
        block = right[start : start + tile.shape[1]].T
        for first in range(0, len(left), tile.shape[0]):
            rows = left[first : first + tile.shape[0]]
            np.matmul(rows, block, out=tile[: len(rows), : block.shape[1]])


def _best_pairs_by_faiss(left: np.ndarray, right: np.ndarray) -> None:
    """The global list as the official scorer asks FAISS for it."""
    index = faiss.IndexFlatL2(DIM)
    index.add(right)

    def batches() -> Iterator[np.ndarray]:
        start, size = 0, 32
        while start < len(left):
            yield left[start : start + size]
            start, size = start + size, min(2 * size, 20_000)

    range_search_max_results(
        index,
        batches(),
        1e10,
        max_results=2 * NUM_PREDICTIONS,
        min_results=NUM_PREDICTIONS,
        ngpu=0,
    )


def _print_times(title: str, seconds: dict[str, float], reference: str) -> None:
    table = Table("variant", title=title)
    table.add_column("seconds", justify="right")
    table.add_column(f"x {reference}", justify="right")
    for name, value in seconds.items():
        table.add_row(name, f"{value:.3f}", f"{value / seconds[reference]:.3f}")
    _console.print(table)


if __name__ == "__main__":
    main()
