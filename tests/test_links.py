"""Links between the project's pages are compared with the files that exist."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

PROJECT = Path(__file__).parents[1]
PAGES = sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/*.md")])
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.DOTALL | re.MULTILINE)
LINK = re.compile(
    r"\]\(\s*<?([^)\s>]+)[^)]*\)"  # [text](target "title"), images too
    r"|^\[[^\]]+\]:\s+<?([^\s>]+)",  # [name]: target
    re.MULTILINE,
)
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|#", re.IGNORECASE)


def broken_links(page):
    """Targets of a page's relative links, images included, that are nowhere."""
    text = CODE.sub("", page.read_text(encoding="utf-8"))
    targets = [inline or reference for inline, reference in LINK.findall(text)]
    return [
        target
        for target in targets
        if not ELSEWHERE.match(target)
        and not (page.parent / unquote(target.partition("#")[0])).exists()
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_a_page_lead_to_files(page):
    assert broken_links(page) == []


def test_a_link_to_a_missing_file_is_found_in_every_form(tmp_path):
    (tmp_path / "there.md").touch()
    page = tmp_path / "page.md"
    page.write_text(
        "[a](there.md) [b](there.md#part) [c](https://x.org/gone.md) [d](#gone)\n"
        "[e](gone1.md) ![f](gone2.png) [g](gone3.md#part) [h](gone4.md 'title')\n"
        "`[i](code.md)`\n```\n[j](code.md)\n```\n[k][]\n\n[k]: gone5.md\n"
    )
    gone = ["gone1.md", "gone2.png", "gone3.md#part", "gone4.md", "gone5.md"]
    assert broken_links(page) == gone


def test_readme_and_pages_are_looked_at():
    names = {page.name for page in PAGES}
    assert {"README.md", "compared.md", "scoring.md"} <= names
