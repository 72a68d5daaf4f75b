"""How references are searched: all of them, or through an index that skips most."""

from typing import Literal

from pydantic import Field

from qk_iteration.core.parameter_block import ParameterBlock

IndexName = Literal["exact", "flat", "hnsw", "ivf"]


class HnswConfig(ParameterBlock):
    """A graph of neighbors, walked towards the query."""

    neighbors: int = Field(ge=2, description="links of each reference; memory")
    build_effort: int = Field(ge=1, description="candidates while it is built")
    search_effort: int = Field(ge=1, description="candidates while it is searched")


class IvfConfig(ParameterBlock):
    """Lists of the references around each of many centers; a query visits a few."""

    lists: int = Field(ge=1, description="centers; fewer for few references")
    probes: int = Field(ge=1, description="lists that a query visits")
    training_rows: int = Field(ge=1, description="references the centers come from")
    on_disk: bool = Field(
        description="lists in a memory-mapped file, for more than memory holds"
    )
    code_bytes: int | None = Field(
        ge=1,
        description="of each reference in the lists; a divisor of its length; null: "
        "all its numbers",
    )


class SearchConfig(ParameterBlock):
    """Which index, and how much of its work is checked by exact scores."""

    index: IndexName
    rerank: int = Field(
        ge=1, description="times the pairs wanted that are scored again, exactly"
    )
    pairs_per_query: int = Field(
        ge=1, description="candidates of a query where one list holds all queries"
    )
    recall_queries: int = Field(
        ge=1, description="searched exactly too, to say what the index misses"
    )
    seed: int = Field(ge=0, description="of samples and centers")
    hnsw: HnswConfig
    ivf: IvfConfig
