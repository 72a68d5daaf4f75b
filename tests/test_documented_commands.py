"""Every command of README and the pages is checked against the program it calls.

Those of take_away.md and scoring.md are run by their own tests. The others take
hours, or folders that a test has not: their options, pipelines, parameters, modules
and targets are looked up, so that a name that was changed is found.
"""

import ast
import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import pytest
from kedro.framework.cli.project import run as kedro_run

from qk_iteration import find_command, score_command
from qk_iteration.config import BLOCKS
from qk_iteration.pipeline_registry import register_pipelines

PROJECT = Path(__file__).parents[1]
PAGES = [
    PROJECT / "README.md",
    PROJECT / "CONTRIBUTING.md",
    *sorted(PROJECT.glob("docs/*.md")),
]
FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
INLINE = re.compile(
    r"`((?:kedro|qk-find|qk-score|make|python|mlflow|pytest|pip)\s[^`]+)`"
)
SHELL = {"cp", "curl", "export", "kill", "printf", "source"}
# Of other packages, run by the test of their page, or with nothing of ours to check.
OTHERS = {"mlflow", "pip"}


def commands_of(page):
    text = page.read_text(encoding="utf-8")
    for language, code in FENCED.findall(text):
        if language in {"", "sh", "bash"} and "─" not in code:
            lines = code.replace("\\\n", " ").replace("|\n", "| ").splitlines()
            yield from filter(words_of, map(str.strip, lines))
    for code in INLINE.findall(FENCED.sub("", text)):
        yield " ".join(code.split())


def words_of(command):
    words = shlex.split(command, comments=True)
    while words and re.match(r"[A-Za-z_]+=", words[0]):
        del words[0]
    if "torchrun" in command:  # What a scheduler wraps around it is its own.
        return shlex.split(
            command[command.index("torchrun") :].rstrip("'"), comments=True
        )
    return words


ALL = sorted({(page.name, text) for page in PAGES for text in commands_of(page)})


@pytest.fixture(scope="module")
def pipelines():
    return register_pipelines()


@pytest.fixture(scope="module")
def settings():
    """The text of every setting, for names that a run's settings ask for."""
    return "\n".join(path.read_text() for path in PROJECT.glob("conf/base/*.yml"))


@pytest.mark.parametrize(("page", "command"), ALL)
def test_a_documented_command_is_one_that_its_program_takes(
    page, command, pipelines, settings
):
    words = words_of(command)
    program = Path(words[0]).name
    if program in {"qk-find", "qk-score"}:
        check_options(words, find_command if program == "qk-find" else score_command)
    elif program == "kedro":
        check_kedro(words[1:], pipelines, settings)
    elif program == "python":
        check_python(words[1:])
    elif program == "torchrun":
        assert find_spec(words[words.index("-m") + 1]) is not None
    elif program == "make":
        targets = re.findall(r"^([\w-]+):", (PROJECT / "Makefile").read_text(), re.M)
        assert set(words[1:]) <= set(targets)
    elif program == "pytest":
        assert all((PROJECT / word).exists() for word in words if "/" in word)
    else:
        assert program in SHELL | OTHERS


def test_commands_are_found_in_every_form():
    found = {command.split()[0] for _, command in ALL}
    assert {"kedro", "qk-find", "qk-score", "make", "python"} <= found
    assert len(ALL) > 50


@pytest.mark.parametrize(
    "command",
    [
        "qk-find PHOTOS --outptu found",
        "kedro run --pipelines=trian",
        "kedro run --pipelines=train --params=learning.image_pases=1",
        "kedro run --pipelines=evaluate --params=bechmark=FOLDER",
        "python -m study.nothing",
        "python benchmarks/nothing.py",
        "python benchmarks/indexes.py --num-querries 3",
        "make everything",
        "torchrun --nnodes=2 -m qk_iteration.lunch job.pt",
        "unknown-program --help",
    ],
)
def test_a_wrong_command_is_found(command, pipelines, settings):
    with pytest.raises(AssertionError):
        test_a_documented_command_is_one_that_its_program_takes(
            "page", command, pipelines, settings
        )


def check_options(words, module):
    known = set(module._parser()._option_string_actions)
    assert options_of(words) <= known, options_of(words) - known


def options_of(words):
    return {word.partition("=")[0] for word in words if word.startswith("-")}


def check_kedro(words, pipelines, settings):
    if words[0] != "run":
        assert words[0] == "viz" or words == ["mlflow", "ui"]
        return
    known = {option for parameter in kedro_run.params for option in parameter.opts}
    assert options_of(words[1:]) <= known
    given = dict(word.split("=", 1) for word in words[1:] if "=" in word)
    for name in filter(None, given.get("--pipelines", "").split(",")):
        assert name in pipelines
    assert (PROJECT / "conf" / given.get("--env", "base")).is_dir()
    for assignment in filter(None, given.get("--params", "").split(",")):
        check_parameter(assignment.partition("=")[0], pipelines, settings)


def check_parameter(name, pipelines, settings):
    block, _, inner = name.partition(".")
    if inner:
        assert inner in BLOCKS[block].model_fields
        return
    inputs = {given for line in pipelines.values() for given in line.inputs()}
    is_setting = f"runtime_params:{name}," in settings
    assert is_setting or f"params:{name}" in inputs, name


def check_python(words):
    if words[0] == "-m":
        module = words[1]
        assert find_spec(module) is not None
        path = PROJECT / Path(*module.split(".")).with_suffix(".py")
    else:
        path = PROJECT / words[0]
    assert path.is_file()
    known = {"-m", *strings_of(path)}
    assert options_of(words) <= known, options_of(words) - known


def strings_of(path):
    """Every text in a script: it may take no options but those that it names."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
