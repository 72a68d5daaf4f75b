"""The report is written from made-up studies: whole, partial, empty and broken."""

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from study.report import main, write_report

PROJECT = Path(__file__).parents[2]
KEPT = (
    "study.csv",
    "study_intervals.csv",
    "study_query_cost.csv",
    "study_situations.csv",
    "study_step_memory.csv",
)
PLOTS = ["ablation", "batch", "comparison", "edits", "rows", "validation_curves"]


def report_on(study):
    write_report(study.results, study.docs, **study.inputs)
    return (study.docs / "results.md").read_text()


def plots_of(study):
    return sorted(path.stem for path in study.docs.glob("*.png"))


def test_whole_study_has_every_section_table_and_plot(whole_study):
    (whole_study.docs / "results_notes.md").write_text("## By hand\n\nAs *it* is.\n")
    page = report_on(whole_study)
    assert "No results of this part yet" not in page
    assert plots_of(whole_study) == PLOTS
    assert page.endswith("## By hand\n\nAs *it* is.\n")
    for name in PLOTS:
        assert f"({name}.png)" in page
        with Image.open(whole_study.docs / f"{name}.png") as picture:
            assert round(picture.info["dpi"][0]) == 150
    table = pd.read_csv(whole_study.docs / "study.csv")
    assert len(table) == 3 + len(whole_study.trainings())


def test_tables_are_whole(whole_study):
    cost = "image_size,multiply_adds,milliseconds\n48,22100000,4.5\n"
    (whole_study.docs / "study_query_cost.csv").write_text(cost)
    memory = "image_size,images_a_step,megabytes\n96,8,944.7\n160,8,0.4\n160,2,656.1\n"
    (whole_study.docs / "study_step_memory.csv").write_text(memory)
    page = report_on(whole_study)
    tables = re.findall(r"(?:^\|.*\|\n)+", page, flags=re.MULTILINE)
    assert len(tables) == 15
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1
    assert "| temperature | 0.1 | 1 |" in page
    assert "`qk.learning_rate` 0.0003 | 1 | **" in page  # the best of its method
    assert page.count("| default |") == 1
    assert "| the model that made the index |" in page
    assert re.search(r"\| QK Iteration \| 8 \|.*\| 945 \|", page)
    assert re.search(r"\| QK Iteration \| 2 \| 160 \|.*\| 656 \|", page)
    assert re.search(r"\| QK Iteration \| 4x \| 8 \|", page)  # continues batch_8
    assert re.search(r"\| QK Iteration \| 48 \| 128 \|.*\| 22\.1 \| 4\.5 \|", page)


def test_opening_names_the_ratio_the_aim_and_the_papers(whole_study):
    page = report_on(whole_study)
    sums = whole_study.table().groupby("name")["test_micro_ap"].sum()
    qk, simclr = sums["qk"], sums["simclr"]
    opening = " ".join(page.split("![")[0].split())
    assert f"is {qk / simclr:.3f} times SimCLR's" in opening
    assert "ahead with 3 of 3 seeds" in opening
    assert "paper reports 1.70 times" in opening
    verdict = "is reached" if qk / simclr >= 1.3 else "is not reached"
    assert f"at least 1.3 times {verdict}" in opening


def test_a_method_that_is_behind_is_called_so(study):
    study.add_trial("qk", 1)
    study.add_trial("simclr", 3, method="simclr")
    page = " ".join(report_on(study).split())
    assert "QK Iteration is behind SimCLR" in page
    assert "This is one seed" in page
    assert "is not reached; the interval lies below it" in page


def test_equal_methods_are_not_said_to_differ(study):
    study.add_trial("qk", 2)
    study.add_trial("simclr", 2, method="simclr")
    page = " ".join(report_on(study).split())
    assert "have the same raw micro-AP" in page
    assert "may be chance of the queries" in page


@pytest.mark.parametrize("name", ["qk", "simclr", "tuned", "plain"])
def test_a_study_that_has_only_begun_gives_a_page(study, name):
    if name == "plain":
        study.add_floor(name, 1, out_of_domain=False)
    elif name == "tuned":
        study.add_trial(name, 2, part="tuning", is_scored=False)
    else:
        study.add_trial(name, 2, method=name)
    page = report_on(study)
    assert "which one is ahead is not known" in " ".join(page.split())
    assert page.count("No results of this part yet.") >= 5
    assert "rows" not in plots_of(study)


def test_each_part_alone_gives_a_page(whole_study):
    names = ("qk", "simclr", "rows_batch", "temperature_0.1", "qk_2x", "qk_4x")
    for path in whole_study.results.iterdir():
        if path.name.removesuffix("-seed1") not in names[2:]:
            for file in path.iterdir():
                file.unlink()
    page = report_on(whole_study)
    assert "| temperature | 0.1 |" in page
    assert plots_of(whole_study) == ["rows"]


def test_an_empty_study_gives_a_page(study):
    page = report_on(study)
    assert page.startswith("# Results on the built-in benchmark\n")
    assert plots_of(study) == []


def test_command_writes_the_page_or_says_what_is_wrong(study, capsys):
    study.add_trial("qk", 2)
    options = [f"--{name.replace('_', '-')}={p}" for name, p in study.inputs.items()]
    command = [str(study.results), str(study.docs), *options]
    assert main(command) == 0
    (study.results / "qk-seed1" / "result.json").write_text("{")
    assert main(command) == 2
    assert "Remove that result and run the study again" in capsys.readouterr().err


def test_page_is_written_anew_from_what_is_kept_with_the_repository(whole_study):
    page = report_on(whole_study)
    intervals = (whole_study.docs / "study_intervals.csv").read_text()
    shutil.rmtree(whole_study.results)
    assert report_on(whole_study) == page
    assert (whole_study.docs / "study_intervals.csv").read_text() == intervals
    assert plots_of(whole_study) == PLOTS


@pytest.mark.parametrize("names", [("qk",), ("qk", "simclr")])
def test_intervals_of_other_trainings_are_not_shown(whole_study, names):
    report_on(whole_study)
    before = whole_study.table().set_index(["name", "seed"])["test_micro_ap"]
    for path in whole_study.results.glob("*/*.parquet"):
        path.unlink()
    # Of both methods by one factor: the ratio is the same.
    for name in names:
        for seed in (1, 2, 3):
            figure = 0.5 * before[name, seed]
            whole_study.change(f"{name}-seed{seed}", test_micro_ap=figure)
    page = " ".join(report_on(whole_study).split())
    assert "A bootstrap over the" not in page


def test_this_projects_page_follows_from_its_kept_results(tmp_path):
    docs = tmp_path / "docs"
    docs.mkdir()
    for name in (*KEPT, "results_notes.md"):
        shutil.copy(PROJECT / "docs" / name, docs)
    conf = PROJECT / "conf"
    write_report(tmp_path, docs, parameters=conf / "base", trials=conf / "study.yml")
    page = (docs / "results.md").read_text()
    assert page == (PROJECT / "docs/results.md").read_text()
    for name in KEPT:
        kept = (PROJECT / "docs" / name).read_text()
        assert (docs / name).read_text() == kept
