"""What follows from the table of results: effective settings, chains, differences."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from omegaconf import DictConfig, OmegaConf

from qk_iteration.builtin_benchmark.manifest import (
    BUILTIN_MANIFEST,
    Role,
    read_manifest,
)
from study.figures import RAW
from study.results import VALIDATION, settings_of
from study.trials import METHODS

BASELINES = {"qk": "simclr", "batch_qk_4_best": "batch_simclr_128_best"}
"""Trials of QK Iteration, and those of SimCLR on the same machine to compare with."""


@dataclass(frozen=True)
class Defaults:
    """What a trial has where its settings do not say otherwise.

    Attributes:
        parameters: The blocks of ``parameters_training.yml``, and ``model``.
        training_images: How many the built-in benchmark has.
    """

    parameters: DictConfig
    training_images: int

    @classmethod
    def read(cls, parameters: Path) -> "Defaults":
        """Read them from a folder, and the built-in manifest."""
        model = OmegaConf.load(parameters / "parameters.yml").model
        blocks = OmegaConf.load(parameters / "parameters_training.yml")
        assert isinstance(blocks, DictConfig)  # A YAML file of blocks is a mapping.
        blocks.model = model
        images = read_manifest(BUILTIN_MANIFEST).images
        return cls(blocks, sum(image.role is Role.TRAINING for image in images))

    def value(self, settings: Mapping[str, Any], name: str) -> Any:
        """A parameter under a trial's settings, by its name with dots."""
        return settings.get(name, OmegaConf.select(self.parameters, name))

    def hold(self, settings: Mapping[str, Any]) -> bool:
        """Whether settings say nothing else than the defaults."""
        return all(self.value({}, name) == value for name, value in settings.items())


def trainings(table: pd.DataFrame, defaults: Defaults) -> pd.DataFrame:
    """The rows of trainings, and what they come to.

    Further columns: ``all_images`` there are to learn from; ``num_rows`` that a step is
    pushed against, missing without a bank; ``is_batch_only``; ``images_a_step`` through
    the backbone, and their ``image_size`` in pixels; ``learning_rate``; ``origin``, the
    trial that a chain of continued ones began with, and ``total_image_passes`` since
    then, missing where a part of the chain is.
    """
    is_trained = table["method"].notna() & (table["part"] != "distractors")
    own = table[is_trained].copy()
    settings = settings_of(own)
    own["all_images"] = own["training_images"].fillna(defaults.training_images)
    step = settings.map(lambda one: defaults.value(one, "learning.images_per_step"))
    wanted = settings.map(lambda one: defaults.value(one, "qk.negative_rows"))
    is_qk = own["method"] == "qk"
    drawn = pd.to_numeric(wanted.replace({"all": float("inf"), "batch": 0}))
    # The rows that are drawn come to those of the batch.
    own["num_rows"] = (step + drawn).clip(upper=own["all_images"].astype(float))
    own.loc[~is_qk, "num_rows"] = float("nan")
    own["is_batch_only"] = is_qk & (wanted == "batch")
    own["images_a_step"] = step.where(is_qk, 2 * step)
    sizes = settings.map(lambda one: defaults.value(one, "model.image_size"))
    own["image_size"] = pd.to_numeric(sizes)
    own["learning_rate"] = [
        defaults.value(one, f"{method}.learning_rate")
        for one, method in zip(settings, own["method"], strict=True)
    ]
    chains = [_chain(own, row) for _, row in own.iterrows()]
    own["origin"] = [origin for origin, _ in chains]
    own["total_image_passes"] = [passes for _, passes in chains]
    return own


def rows_pushed(trained: pd.DataFrame) -> pd.DataFrame:
    """The trainings of part ``rows``, and of the headline those with their seeds."""
    rows = trained[trained["part"] == "rows"]
    is_headline = trained["name"].isin(METHODS) & trained["seed"].isin(rows["seed"])
    return pd.concat([trained[is_headline], rows]) if len(rows) else rows


def batch_sizes(trained: pd.DataFrame) -> pd.DataFrame:
    """The trainings of part ``batch``, and beside them those of the headline."""
    batch = trained[trained["part"] == "batch"]
    headline = trained[trained["name"].isin(METHODS)]
    return pd.concat([batch, headline]) if len(batch) else batch


def chosen(own: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Of each group the trials that were scored, or else the best on validation.

    Args:
        own: Of `trainings`.
        by: Columns that make a group.

    Returns:
        Their rows, with ``num_tried``, the trials of the group that were judged on
        validation alone.
    """
    parts = [own.iloc[:0].assign(num_tried=0)]
    for _, group in own.groupby(by):
        is_scored = group[RAW].notna()
        tried = group[~is_scored]
        best = group[is_scored]
        if not len(best):
            name = tried.groupby("name")[VALIDATION].mean().idxmax()
            best = tried[tried["name"] == name]
        parts.append(best.assign(num_tried=tried["name"].nunique()))
    return pd.concat(parts)


def larger_images(trained: pd.DataFrame) -> pd.DataFrame:
    """The scored trainings of part ``larger``, and those of part ``batch`` beside."""
    own = trained[trained["part"].isin(["larger", "batch"]) & trained[RAW].notna()]
    return own if "larger" in set(own["part"]) else own.iloc[:0]


def budgets(trained: pd.DataFrame) -> pd.DataFrame:
    """The trainings of part ``steps`` and what they go on from, shortest first.

    The headline is among them, and stands first. A further column, ``budget``, says how
    much longer than the first of its chain, such as ``2x``.
    """
    longer = trained[trained["part"] == "steps"]
    origins = [*METHODS, *sorted({*longer["origin"].dropna()} - {*METHODS})]
    is_first = trained["name"] == trained["origin"]
    own = trained[
        trained["origin"].isin(origins) & (is_first | (trained["part"] == "steps"))
    ].copy()
    passes = own.set_index(["name", "seed"])["image_passes"]
    own["first"] = [
        passes[origin, seed]
        for origin, seed in zip(own["origin"], own["seed"], strict=True)
    ]
    sums = own.groupby("name")[["total_image_passes", "first"]].transform("sum")
    own["times"] = sums["total_image_passes"] / sums["first"]
    own["budget"] = own["times"].map(_times_text)
    own["order"] = own["origin"].map(origins.index)
    return own.sort_values(["order", "times", "name", "seed"])


def variants_of(trained: pd.DataFrame) -> pd.DataFrame:
    """The trainings of the ablation, by factor, then by value, numbers by size.

    Further columns, ``difference_`` and the name of a figure: to the default of the
    same seed, which is SimCLR's for a SimCLR trial and QK Iteration's for all others.
    """
    own = trained[trained["part"] == "ablation"].copy()
    own["factor"] = own["factor"].fillna(own["name"])
    own["value"] = own["value"].astype(object).fillna("").astype(str)
    headline = trained[trained["name"].isin(METHODS)].set_index(["name", "seed"])
    default = own["method"].where(own["method"] == "simclr", "qk")
    pairs = pd.MultiIndex.from_arrays([default, own["seed"]])
    for figure in (VALIDATION, RAW):
        theirs = headline[figure].reindex(pairs).to_numpy()
        own[f"difference_{figure}"] = own[figure].astype(float) - theirs
    own["size"] = own["value"].map(_size)
    return own.sort_values(["factor", "size", "value", "seed"])


def chance_of_one_seed(default: "pd.Series[float]") -> float | None:
    """How far two trainings that differ by the seed alone lie apart, 19 times in 20.

    Two standard deviations of their difference, if both scatter as the default does;
    None where the default has but one seed.
    """
    return float(2 * 2**0.5 * default.std()) if len(default.dropna()) > 1 else None


def _chain(own: pd.DataFrame, row: "pd.Series[Any]") -> tuple[str | None, float]:
    """The first trial of a chain, image passes since; nothing if it is broken."""
    passes, seen = float(row["image_passes"]), {row["name"]}
    while isinstance(row["continues"], str):
        before = own[(own["name"] == row["continues"]) & (own["seed"] == row["seed"])]
        if not len(before) or row["continues"] in seen:
            return None, float("nan")
        row = before.iloc[0]
        seen.add(row["name"])
        passes += float(row["image_passes"])
    return row["name"], passes


def _times_text(times: float) -> str:
    is_whole = abs(times - round(times)) < 0.05 * times
    return f"{times:.0f}x" if is_whole else f"{times:.2g}x"


def _size(value: str) -> float:
    number = re.match(r"[\d,]*\.?\d+(e[-+]?\d+)?", value)
    return float(number[0].replace(",", "")) if number else float("inf")
