"""The figures of a scoring that are set side by side, wherever systems are compared."""

FIGURES = {
    "micro_ap": "micro-AP",
    "micro_ap_normalized": "micro-AP, normalized",
    "recall_at_p90": "recall at P90",
    "recall_at_p90_normalized": "recall at P90, normalized",
    "recall_at_rank1": "recall at rank 1",
}
"""By their names in metrics.json the words of tables, in their order."""
