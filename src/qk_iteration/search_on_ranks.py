"""Exact search of many references by several processes, cards or hosts.

    torchrun --nproc-per-node=8 -m qk_iteration.search_on_ranks QUERIES REFERENCES FOUND

Each rank reads its share of the references and searches it; the lists are merged, so
that the CSV file FOUND, with the ten nearest of each query, is the one that a single
process would write. Descriptors are HDF5 files or folders of shards.
"""

import logging
import sys

from torch.distributed.elastic.multiprocessing.errors import record

from qk_iteration.core.distributed.lost_ranks import naming_lost_ranks
from qk_iteration.core.distributed.ranks import (
    device_of_rank,
    join_ranks,
    leave_ranks,
)
from qk_iteration.core.formats.descriptor_files import read_descriptors
from qk_iteration.core.formats.predicted_matches import write_predicted_matches
from qk_iteration.core.search.divided_search import search_divided_references

TOP_K = 10
_SECONDS_TO_ANSWER = 3600.0  # A rank's share may take its disk long.


@record
def main() -> None:
    """Do the part of this rank; the first one writes."""
    if len(sys.argv) != 4:
        raise SystemExit(
            "usage: torchrun ... -m qk_iteration.search_on_ranks QUERIES REFERENCES "
            "FOUND"
        )
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    queries, references, target = sys.argv[1:]
    device = device_of_rank("auto")
    with naming_lost_ranks(_SECONDS_TO_ANSWER, is_training=False):
        ranks = join_ranks(device, timeout_s=_SECONDS_TO_ANSWER)
        found = search_divided_references(
            read_descriptors(queries),
            read_descriptors(references),
            num_candidates=TOP_K,
            per_query=True,
            metric="l2",
            device=str(device),
        )
        leave_ranks()
    if ranks.is_first:
        write_predicted_matches(target, found)


if __name__ == "__main__":
    main()
