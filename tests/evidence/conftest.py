"""A browser without a window, where there is one."""

import shutil
import subprocess

import pytest

NAMES = (
    "chromium",
    "chromium-headless-shell",
    "chromium-browser",
    "google-chrome",
    "chrome",
)


@pytest.fixture
def browse(tmp_path):
    """Open a page and return its document after a script of the test has run in it.

    A budget is of milliseconds that pass at once; without one, clocks are right. With a
    width the page stands in a frame of it, since browsers have a least window, and what
    the script posts to its parent is the title of the returned document.
    """
    browser = next(filter(None, map(shutil.which, NAMES)), None)
    if browser is None:
        pytest.skip("no chromium is installed")

    def run(page, *options, script="", budget=5000, width=None):
        probe = tmp_path / f"probe_{page.name}"
        text = page.read_text(encoding="utf-8")
        end = f"<script>{script}</script></body>"
        probe.write_text(text.replace("</body>", end), encoding="utf-8")
        if width is not None:
            probe = framed(probe, width)
        result = subprocess.run(
            [
                browser,
                *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
                f"--user-data-dir={tmp_path / 'profile'}",
                *([] if budget is None else [f"--virtual-time-budget={budget}"]),
                *options,
                probe.as_uri(),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    return run


def framed(page, width):
    """A page that shows another one in a frame of some pixels."""
    frame = page.with_name(f"frame_of_{page.name}")
    frame.write_text(
        "<script>onmessage = (told) => { document.title = told.data; };</script>"
        f'<iframe src="{page.name}" style="border: 0" width="{width}" height="844">'
        "</iframe>",
        encoding="utf-8",
    )
    return frame
