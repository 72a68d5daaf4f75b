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

    A budget is of milliseconds that pass at once; without one, clocks are right.
    """
    browser = next(filter(None, map(shutil.which, NAMES)), None)
    if browser is None:
        pytest.skip("no chromium is installed")

    def run(page, *options, script="", budget=5000):
        probe = tmp_path / f"probe_{page.name}"
        text = page.read_text(encoding="utf-8")
        end = f"<script>{script}</script></body>"
        probe.write_text(text.replace("</body>", end), encoding="utf-8")
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
            timeout=120,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    return run
