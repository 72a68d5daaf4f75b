"""The loss against a bank divided over ranks: time, memory and bytes on the wire.

    python benchmarks/distributed.py --json distributed.json

Starts as many processes as there are ranks on this machine, each with its share of a
bank of random rows, and takes steps of the loss, forward and backward, of one batch of
all ranks together. Each rank has one thread; its seconds of the processor are hardly
disturbed by others who use the machine. What travels is read from the counters of
the loopback interface, so let nothing else use it meanwhile; the formula beside it is

    (W - 1) * (2 * B * D * 4 + small), small = 112 * B bytes of maxima, sums and rows

in all, for W ranks and B queries of D float32 numbers.
"""

import argparse
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from loss_variants import EMBEDDING_DIM, draw_problem
from measuring import describe_machine, resident_mib, write_json
from torch import distributed, multiprocessing

from qk_iteration.core.bank.frozen_rows import FrozenRows
from qk_iteration.core.distributed.ranks import present_ranks
from qk_iteration.core.losses.bank_shard import BankShard
from qk_iteration.core.losses.loss_config import LossConfig

_NUM_WARM_UP = 2


@dataclass(frozen=True)
class Cost:
    """What a step costs on some ranks."""

    ranks: int
    step_s: float
    """Median seconds of a step, of the slowest rank."""
    processor_s: float
    """Median processor seconds of a step, of the rank that works most."""
    resident_mib: float
    """Of the largest rank, its share of the bank included."""
    wire_bytes: float
    """Of one step, all ranks together; those sent."""
    formula_bytes: float


def main() -> None:
    """Measure each number of ranks, print a line for each, and write JSON."""
    arguments = _parse_arguments()
    costs = []
    for size in arguments.ranks:
        cost = _measure(size, arguments)
        costs.append(cost)
        print(
            f"{size} ranks: {1e3 * cost.step_s:,.1f} ms a step, "
            f"{costs[0].step_s / cost.step_s:.2f} x the first, "
            f"{1e3 * cost.processor_s:,.1f} ms of a processor for each rank, "
            f"{cost.resident_mib:,.0f} MiB a rank, {cost.wire_bytes / 1e6:.3f} MB on "
            f"the wire (formula {cost.formula_bytes / 1e6:.3f})"
        )
    if arguments.json:
        settings = ("bank_size", "bank_dtype", "batch_size", "num_steps")
        content = {
            "machine": describe_machine(torch.device("cpu")),
            "settings": {name: getattr(arguments, name) for name in settings},
            "costs": [asdict(cost) for cost in costs],
        }
        write_json(arguments.json, content)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--ranks", type=int, nargs="+", default=[1, 2])
    add("--bank-size", type=int, default=1_000_000)
    add("--bank-dtype", default="bfloat16")
    add("--batch-size", type=int, default=512, help="of all ranks together")
    add("--chunk-size", type=int, default=16_384)
    add("--num-steps", type=int, default=5)
    add("--json", type=Path, help="where to write the results")
    return parser.parse_args()


def _measure(size: int, arguments: argparse.Namespace) -> Cost:
    with tempfile.TemporaryDirectory() as folder:
        multiprocessing.spawn(_work, args=(size, folder, arguments), nprocs=size)
        seconds, processor, memory, sent = zip(
            *(torch.load(f"{folder}/{rank}.pt") for rank in range(size)), strict=True
        )
    batch_size = arguments.batch_size
    formula = (size - 1) * batch_size * (2 * EMBEDDING_DIM * 4 + 112)
    return Cost(size, max(seconds), max(processor), max(memory), sent[0], formula)


def _work(rank: int, size: int, folder: str, arguments: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    store = distributed.FileStore(f"{folder}/store", size)
    distributed.init_process_group("gloo", store=store, rank=rank, world_size=size)
    torch.save(_take_steps(arguments), f"{folder}/{rank}.pt")
    distributed.destroy_process_group()


def _take_steps(arguments: argparse.Namespace) -> tuple[float, float, float, float]:
    """Return seconds, those of the processor, MiB held, and bytes sent, of a step."""
    ranks = present_ranks()
    rows = ranks.share(arguments.bank_size)
    problem = draw_problem(
        arguments.batch_size,
        len(rows),
        EMBEDDING_DIM,
        dtype=getattr(torch, arguments.bank_dtype),
        chunk_size=arguments.chunk_size,
        device=torch.device("cpu"),
    )
    bank = FrozenRows(
        rows=problem.rows,
        head=None,
        groups=torch.arange(arguments.bank_size),
        count_same_group=False,
        chunk_size=arguments.chunk_size,
        shard=BankShard(rows.start, len(rows)),
    )
    share = ranks.share(arguments.batch_size)
    own = problem.embeddings.detach()[share.start : share.stop].requires_grad_()
    config = LossConfig(temperature=0.05, repulsion=0.1)
    # The positives of every rank's draw are the first rank's rows.
    distributed.broadcast(problem.positive_rows, 0)
    seconds, processor = [], []
    for step in range(_NUM_WARM_UP + arguments.num_steps):
        if step == _NUM_WARM_UP:
            sent_before = _bytes_sent()
        distributed.barrier()
        start, start_of_work = time.perf_counter(), time.process_time()
        bank.loss(own, problem.positive_rows, config).loss.backward()
        processor.append(time.process_time() - start_of_work)
        seconds.append(time.perf_counter() - start)
    distributed.barrier()
    sent = (_bytes_sent() - sent_before) / arguments.num_steps
    medians = (statistics.median(t[_NUM_WARM_UP:]) for t in (seconds, processor))
    return (*medians, resident_mib("VmRSS"), sent)


def _bytes_sent() -> int:
    """Return what the loopback interface has sent so far."""
    lines = Path("/proc/net/dev").read_text(encoding="ascii").splitlines()
    (loopback,) = (line for line in lines if line.strip().startswith("lo:"))
    return int(loopback.split(":")[1].split()[8])


if __name__ == "__main__":
    main()
