"""Bytes that a step sends to another host, beside the formula of docs/distributed.md.

    python benchmarks/wire_bytes.py --json wire_bytes.json        # as root

Two hosts, joined by nothing but a virtual cable, hold half of a bank of random rows
each and take steps of the loss, forward and backward, of one batch of both together;
then they sum the gradients of a backbone, as a step of a training does. What a host has
sent is read from the counter of its network card, so headers and acknowledgements are
in it. One rank is a host here, so that for W = 2 the formulas are

    (2 * B * D * 4 + 112 * B) / 2     the loss: queries, their gradient, small things
    4 * weights                       the gradients

for B queries of D float32 numbers, whatever the number N of rows.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from measuring import write_json
from torch import distributed
from torch.nn import functional as F
from two_hosts import CARD, TwoHosts

from qk_iteration.core.bank.frozen_rows import FrozenRows
from qk_iteration.core.distributed.collectives import sum_in_place
from qk_iteration.core.distributed.ranks import present_ranks, rank_of_launcher
from qk_iteration.core.losses.bank_shard import BankShard
from qk_iteration.core.losses.loss_config import LossConfig

_SECONDS = 3600  # of all cases, on a busy machine


class Case(NamedTuple):
    """Sizes of one step."""

    rows: int
    """N, of both hosts."""
    queries: int
    """B, of both hosts."""
    dim: int
    """D."""


CASES = (
    Case(10_000, 512, 256),
    Case(100_000, 512, 256),
    Case(1_000_000, 512, 256),
    Case(10_000, 64, 256),
    Case(10_000, 512, 64),
    Case(10_000, 512, 512),
)
WEIGHTS = 3_700_000
"""Of a small backbone, about those of tf_efficientnet_lite0 and its head."""


@dataclass(frozen=True)
class Sent:
    """What a step has sent."""

    what: str
    measured: float
    """Bytes of a step, those of the host that sent more."""
    formula: float


def main() -> None:
    """Start both hosts, or be the rank of one of them."""
    arguments = _parse_arguments()
    if arguments.rank_writes:
        _measure_on_this_rank(arguments)
        return
    with tempfile.TemporaryDirectory() as folder, TwoHosts() as hosts:
        found = Path(folder) / "found.json"
        program = [Path(__file__).resolve(), *sys.argv[1:], "--rank-writes", found]
        hosts.run(program, timeout_s=_SECONDS)
        sent = [Sent(**line) for line in json.loads(found.read_text())]
    for line in sent:
        print(
            f"{line.what}: {line.measured / 1e6:.4f} MB, formula "
            f"{line.formula / 1e6:.4f} MB, {line.measured / line.formula:.3f} of it"
        )
    if arguments.json:
        write_json(arguments.json, {"sent": [asdict(line) for line in sent]})


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    sizes = {"nargs": 3, "metavar": ("N", "B", "D"), "action": "append"}
    add("--case", type=int, **sizes, help="sizes to measure; may be given again")
    add("--weights", type=int, default=WEIGHTS, help="whose gradients are summed")
    add("--num-steps", type=int, default=3)
    add("--chunk-size", type=int, default=16_384)
    add("--json", type=Path, help="where to write the results")
    add("--rank-writes", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _measure_on_this_rank(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo")
    cases = [Case(*sizes) for sizes in arguments.case or CASES]
    sent = []
    for case in cases:
        name = f"loss, N = {case.rows:,}, B = {case.queries}, D = {case.dim}"
        step = _step_of_loss(case, chunk_size=arguments.chunk_size)
        formula = (2 * case.queries * case.dim * 4 + 112 * case.queries) / 2
        sent.append(Sent(name, _bytes_of(step, arguments.num_steps), formula))
    torch.manual_seed(0)
    gradient = torch.randn(arguments.weights)
    measured = _bytes_of(lambda: sum_in_place([gradient]), arguments.num_steps)
    name = f"gradients of {arguments.weights:,} weights"
    sent.append(Sent(name, measured, 4 * arguments.weights))
    if rank_of_launcher() == 0:
        lines = [asdict(line) for line in sent]
        arguments.rank_writes.write_text(json.dumps(lines))
    distributed.destroy_process_group()


def _step_of_loss(case: Case, *, chunk_size: int) -> Callable[[], object]:
    """A step of the loss of this rank's queries against the rows of all ranks."""
    ranks = present_ranks()
    own, share = ranks.share(case.rows), ranks.share(case.queries)
    generator = torch.Generator().manual_seed(ranks.rank)
    bank = FrozenRows(
        rows=_unit_rows(len(own), case.dim, generator).to(torch.bfloat16),
        head=None,
        groups=torch.arange(case.rows),
        count_same_group=False,
        chunk_size=chunk_size,
        shard=BankShard(own.start, len(own)),
    )
    queries = _unit_rows(len(share), case.dim, generator).requires_grad_()
    positive_rows = torch.arange(case.queries)
    config = LossConfig(temperature=0.05, repulsion=0.1)

    def step() -> None:
        bank.loss(queries, positive_rows, config).loss.backward()

    return step


def _unit_rows(num_rows: int, dim: int, generator: torch.Generator) -> torch.Tensor:
    return F.normalize(torch.randn(num_rows, dim, generator=generator), dim=1)


def _bytes_of(step: Callable[[], object], num_steps: int) -> float:
    """What the host that sends more has sent in a step, the first one apart."""
    step()
    distributed.barrier()
    before = _bytes_sent()
    for _ in range(num_steps):
        step()
    sent = torch.tensor((_bytes_sent() - before) / num_steps)
    distributed.all_reduce(sent, distributed.ReduceOp.MAX)
    return sent.item()


def _bytes_sent() -> int:
    """Return what the network card of this host has sent so far."""
    counter = Path(f"/sys/class/net/{CARD}/statistics/tx_bytes")
    return int(counter.read_text(encoding="ascii"))


if __name__ == "__main__":
    main()
