"""InfoNCE against a large bank: ours beside its peers and the bare matrix products.

    python benchmarks/bank_loss.py --json bank_loss.json

Forward and backward of one batch. Times are medians of interleaved rounds; read them
as ratios within one run. Extra memory is the peak beyond the bank and the batch, each
variant in a fresh process. Peers: ``pip install -e '.[benchmarks]'``; one that
is missing is left out with a line.
"""

import argparse
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from loss_variants import (
    BANK_VARIANTS,
    EMBEDDING_DIM,
    FEATURE_DIM,
    HEAD_VARIANTS,
    NotApplicableError,
    Problem,
    draw_problem,
)
from measuring import (
    Step,
    describe_machine,
    extra_peak_mib,
    interleaved_medians,
    write_json,
)
from rich.console import Console
from rich.table import Table

_VARIANTS = BANK_VARIANTS | HEAD_VARIANTS
_console = Console(width=110)


@dataclass(frozen=True)
class Case:
    """One variant on one problem."""

    variant: str
    bank_dtype: str
    batch_size: int
    bank_size: int

    def draw(self, chunk_size: int, device: torch.device) -> Problem:
        """Return the problem."""
        through_head = self.variant in HEAD_VARIANTS
        return draw_problem(
            self.batch_size,
            self.bank_size,
            FEATURE_DIM if through_head else EMBEDDING_DIM,
            dtype=getattr(torch, self.bank_dtype),
            chunk_size=chunk_size,
            device=device,
        )


@dataclass(frozen=True)
class Result(Case):
    """What one variant costs."""

    median_s: float
    extra_peak_mib: float


def main() -> None:
    """Measure what the command line asks for; print tables and write JSON."""
    arguments = _parse_arguments()
    device = torch.device(arguments.device)
    if arguments.cpu_time:
        torch.set_num_threads(1)
    machine = describe_machine(device) | {"in_cpu_time": arguments.cpu_time}
    _console.print(machine)
    results: list[Result] = []
    for variants, bank_sizes in (
        (BANK_VARIANTS, arguments.bank_sizes),
        (HEAD_VARIANTS, arguments.head_bank_sizes),
    ):
        chosen = [v for v in variants if v in arguments.variants]
        for bank_size in bank_sizes if chosen else []:
            for batch_size in arguments.batch_sizes:
                cases = [
                    Case(variant, dtype, batch_size, bank_size)
                    for dtype in arguments.bank_dtypes
                    for variant in chosen
                ]
                measured = _measure(cases, arguments, device)
                _print_table(measured)
                results += measured
    if arguments.json:
        content = {"machine": machine, "results": [asdict(r) for r in results]}
        write_json(arguments.json, content)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--batch-sizes", type=int, nargs="+", default=[32, 64, 256])
    add("--bank-sizes", type=int, nargs="*", default=[65_536, 262_144, 1_000_000])
    add("--head-bank-sizes", type=int, nargs="*", default=[262_144])
    add("--bank-dtypes", nargs="+", default=["float32", "bfloat16"])
    add("--variants", nargs="+", choices=_VARIANTS, default=list(_VARIANTS))
    add("--chunk-size", type=int, default=16_384, help="bank rows at a time")
    add("--num-rounds", type=int, default=5)
    add("--device", default="cpu")
    add("--cpu-time", action="store_true", help="of one thread: on a busy machine")
    add("--json", type=Path, help="where to write the results")
    return parser.parse_args()


def _measure(
    cases: list[Case], arguments: argparse.Namespace, device: torch.device
) -> list[Result]:
    """Return the results of cases of one batch size and one bank size."""
    seconds = _median_seconds(cases, arguments, device)
    return [
        Result(
            **asdict(case),
            median_s=median,
            extra_peak_mib=_peak_apart(case, arguments.chunk_size, device),
        )
        for case, median in seconds.items()
    ]


def _median_seconds(
    cases: list[Case], arguments: argparse.Namespace, device: torch.device
) -> dict[Case, float]:
    """Return the time of each case that runs here; say why the others do not."""
    problems = {c.bank_dtype: c.draw(arguments.chunk_size, device) for c in cases}
    steps: dict[Case, Step] = {}
    for case in cases:
        try:
            steps[case] = _VARIANTS[case.variant](problems[case.bank_dtype])
        except (ImportError, NotApplicableError) as reason:
            _console.print(
                f"Left out: {case.variant} with a {case.bank_dtype} bank of "
                f"{case.bank_size:,} and batch {case.batch_size}: {reason}."
            )
    return interleaved_medians(
        steps, arguments.num_rounds, device, in_cpu_time=arguments.cpu_time
    )


def _peak_apart(case: Case, chunk_size: int, device: torch.device) -> float:
    """Return the extra peak memory of a case, measured in a process of its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as executor:
        return executor.submit(_peak, case, chunk_size, device).result()


def _peak(case: Case, chunk_size: int, device: torch.device) -> float:
    # The first steps load libraries and compile; that is no need of the variant.
    for bank_size in (1024, 1536):
        small = Case(case.variant, case.bank_dtype, case.batch_size, bank_size)
        _VARIANTS[case.variant](small.draw(chunk_size, device))()
    step = _VARIANTS[case.variant](case.draw(chunk_size, device))
    return extra_peak_mib(step, device)


def _print_table(results: list[Result]) -> None:
    """Print the results of one batch size and one bank size, with their ratios."""
    if not results:
        return
    title = f"Batch {results[0].batch_size}, bank {results[0].bank_size:,}"
    table = Table("variant", "bank", title=title)
    for name in ("ms", "x cross_entropy", "x bare products", "extra MiB"):
        table.add_column(name, justify="right")
    for result in results:
        table.add_row(
            result.variant,
            result.bank_dtype,
            f"{result.median_s * 1000:,.1f}",
            _ratio(result, _find(results, "cross_entropy", "float32")),
            _ratio(result, _find(results, "bare_products", result.bank_dtype)),
            f"{result.extra_peak_mib:,.0f}",
        )
    _console.print(table)


def _find(results: list[Result], variant: str, bank_dtype: str) -> Result | None:
    """Return the result of a variant, through a head or not; None if there is none."""
    for result in results:
        if result.variant.startswith(variant) and result.bank_dtype == bank_dtype:
            return result
    return None


def _ratio(result: Result, reference: Result | None) -> str:
    return "" if reference is None else f"{result.median_s / reference.median_s:.3f}"


if __name__ == "__main__":
    main()
