"""A made-up study: trials of chosen strength, with predicted matches that fit them."""

import json

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf

from qk_iteration.core.formats.ground_truth import TrueMatches
from qk_iteration.core.scoring.evaluate import score_predictions
from study.derived import Defaults, trainings
from study.results import read_results, row_of, write_row

NUM_QUERIES = 60
EDITS = ["crop blur", "crop wave", "wave", "blur"]
PARAMETERS_EDITS = """\
training_edits:
  clean_share: 0.2
  stages:
    - num_edits: [1, 1]
      steps:
        - {edit: crop, weight: 1, parameters: {}}
        - {edit: blur, weight: 1, parameters: {}}
"""
PARAMETERS_TRAINING = """\
learning: {images_per_step: 64}
qk: {negative_rows: all, learning_rate: 3.0e-4}
"""
SITUATIONS = """\
situations:
  - title: free batch
    ours: qk
    theirs: simclr
    against: SimCLR, any batch
    others: {untrained: nothing learned, never_trained: not to be seen}
  - {title: small batch, ours: batch_2, theirs: batch_8, against: SimCLR of 8}
  - {title: a card, ours: card_qk, theirs: card_simclr, against: SimCLR}
"""


class MadeUpStudy:
    """Writes results into a folder as the study does."""

    def __init__(self, folder, query_ids, references):
        self.results = folder / "results"
        self.docs = folder / "docs"
        self.results.mkdir(parents=True)
        self.docs.mkdir()
        self.references = references
        self.defaults = Defaults(OmegaConf.create(PARAMETERS_TRAINING), 2000)
        self.query_ids = query_ids
        self.truth = TrueMatches(references)
        self.inputs = {
            "true_matches": folder / "true_matches.csv",
            "query_edits": folder / "query_edits.csv",
            "parameters": folder / "conf",
            "trials": folder / "study.yml",
        }

    def add_floor(self, name, strength, *, out_of_domain=True):
        _, metrics = self._score(strength, seed=0, folder=None)
        sets = {"test": metrics} | ({"out_of_domain": metrics} if out_of_domain else {})
        row = row_of(metrics=sets, name=name, part="floor", key="k", code="c0de")
        write_row(self.results / name, row)

    def add_trial(self, name, strength, *, seed=1, passes=12_000, **fields):
        folder = self.results / f"{name}-seed{seed}"
        folder.mkdir()
        is_scored = fields.pop("is_scored", True)
        test = self._score(strength, seed, folder)[1] if is_scored else None
        noise = np.random.default_rng(seed).normal(0, 0.01)
        best = float(np.clip(0.1 * strength + noise, 0, 1))
        curve = [
            [passes * part, best * (1 - 0.4 * 2 ** (-6 * part))]
            for part in np.linspace(1 / 6, 1, 6)
        ]
        summary = {
            "sgd_steps": 187,
            "image_passes": passes,
            "seconds": 1800.0,
            "best_validation_micro_ap": best,
            "validation_curve": curve,
        } | fields.pop("summary", {})
        row = {
            "name": name,
            "part": "headline",
            "method": "qk",
            "seed": seed,
            "factor": None,
            "value": None,
            "continues": None,
            "training_images": None,
            "key": "k",
            "code": "c0de",
            "commit": "abc",
        } | fields
        row["settings"] = json.dumps(fields.get("settings", {}))
        metrics = {"test": test, "out_of_domain": test} if is_scored else {}
        write_row(folder, row_of(summary=summary, metrics=metrics, **row))

    def table(self):
        return read_results(self.results, self.docs / "study.csv")

    def trainings(self):
        return trainings(self.table(), self.defaults)

    def change(self, folder, **fields):
        path = self.results / folder / "result.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | fields))

    def _score(self, strength, seed, folder):
        columns = {}
        for kind, more in (("predicted", 0.0), ("normalized", 0.3)):
            columns[kind] = self._predict(strength + more, seed)
            if folder is not None:
                names = ("query_id", "reference_id", "score")
                table = pd.DataFrame(dict(zip(names, columns[kind], strict=True)))
                table.to_parquet(folder / f"{kind}_matches.parquet")
        raw, normalized = (
            score_predictions(one, self.truth, protocol="isc2021").metrics()
            for one in columns.values()
        )
        return columns, raw | {f"{k}_normalized": v for k, v in normalized.items()}

    def _predict(self, strength, seed, num_wrong=8):
        """Each query's true match, and a few wrong ones."""
        generator = np.random.default_rng(seed)
        noise = np.random.default_rng(99).standard_normal(len(self.query_ids))
        queries, references, scores = [], [], []
        for row, query in enumerate(self.query_ids):
            for reference in self.references[query]:
                queries.append(query)
                references.append(reference)
                own = 0.8 * noise[row] + 0.6 * generator.standard_normal()
                scores.append(strength + own)
            queries += [query] * num_wrong
            references += [f"X{number:03d}" for number in range(num_wrong)]
            scores += generator.standard_normal(num_wrong).tolist()
        return queries, references, np.array(scores)


@pytest.fixture
def study(tmp_path):
    """No trial yet; every other query matches."""
    query_ids = [f"Q{row:03d}" for row in range(NUM_QUERIES)]
    references = {
        query: (f"R{row:03d}",) if row % 2 else ()
        for row, query in enumerate(query_ids)
    }
    study = MadeUpStudy(tmp_path, query_ids, references)
    rows = "".join(f"{query},{''.join(own)}\n" for query, own in references.items())
    study.inputs["true_matches"].write_text("query_id,reference_id\n" + rows)
    rows = "".join(
        f"{query},{EDITS[row // 2 % len(EDITS)]}\n"
        for row, query in enumerate(query_ids)
    )
    study.inputs["query_edits"].write_text("query_id,edits\n" + rows)
    conf = study.inputs["parameters"]
    conf.mkdir()
    study.inputs["trials"].write_text(SITUATIONS)
    (conf / "parameters_edits.yml").write_text(PARAMETERS_EDITS)
    (conf / "parameters.yml").write_text("model: {image_size: 96}\n")
    (conf / "parameters_training.yml").write_text(PARAMETERS_TRAINING)
    return study


@pytest.fixture
def whole_study(study):
    """Some of every part."""
    for name, strength in (("perceptual_hash", 0), ("plain", 1), ("untrained", 1.2)):
        study.add_floor(name, strength)
    for seed in (1, 2, 3):
        study.add_trial("simclr", 2.0, seed=seed, method="simclr")
        study.add_trial("qk", 3.0, seed=seed, passes=11_500)
    study.add_trial("qk_2x", 3.3, part="steps", continues="qk", seed=1)
    study.add_trial("qk_4x", 3.5, part="steps", continues="qk_2x", passes=24_000)
    for rows in ("batch", 64, 1024):
        study.add_trial(
            f"rows_{rows}",
            2.5,
            part="rows",
            settings={"qk.negative_rows": rows},
            value=str(rows),
        )
    _add_batches(study)
    sizes = {"query_model.image_size": 48, "key_model.image_size": 128}
    study.add_trial("unlike_qk", 2.7, part="unlike", settings=sizes)
    study.add_trial("fit", 2.2, part="index", method="fit_to_index", settings={})
    study.add_trial("rows_5000", 3.2, part="rows", training_images=5000)
    for value in ("0.1", "0.2"):
        study.add_trial(
            f"temperature_{value}",
            2.4,
            part="ablation",
            factor="temperature",
            value=value,
            is_scored=value == "0.1",
        )
    for method in ("qk", "simclr"):
        for rate in ("1e-4", "3e-4"):
            study.add_trial(
                f"tune_{method}_{rate}",
                2 + float(rate) * 1000,
                part="tuning",
                method=method,
                value=f"rate {rate}",
                settings={f"{method}.learning_rate": float(rate)},
                is_scored=False,
            )
    return study


def _add_batches(study):
    """Two sizes; larger pictures at one of them, and more steps of the other."""
    for step in (2, 8):
        study.add_trial(
            f"batch_{step}",
            2.5,
            part="batch",
            settings={"learning.images_per_step": step},
        )
    few = {"learning.images_per_step": 2, "model.image_size": 160}
    study.add_trial("larger", 2.7, part="larger", settings=few)
    few = {"learning.images_per_step": 8}
    more = {"part": "steps", "settings": few, "passes": 36_000}
    study.add_trial("few_4x", 2.9, continues="batch_8", **more)
