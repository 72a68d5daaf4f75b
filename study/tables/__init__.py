"""The tables of the page, each as Markdown; empty text where nothing was measured."""

from study.tables.budgets import cost_table, steps_table
from study.tables.choices import ablation_table, tuning_table
from study.tables.methods import (
    novelty_table,
    out_of_domain_table,
    ratios_table,
    systems_table,
    training_table,
)
from study.tables.negatives import distractors_table, rows_table
from study.tables.step_sizes import batch_table, larger_table
from study.tables.unlike_sides import index_table, unlike_table

__all__ = [
    "ablation_table",
    "batch_table",
    "cost_table",
    "distractors_table",
    "index_table",
    "larger_table",
    "novelty_table",
    "out_of_domain_table",
    "ratios_table",
    "rows_table",
    "steps_table",
    "systems_table",
    "training_table",
    "tuning_table",
    "unlike_table",
]
