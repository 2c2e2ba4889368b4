"""What the tests of lbcert_reports share: made runs, and a browser."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run directory in which every part of the report has something to show, with its reports."""
    import sample_run

    from lbcert_reports.publish import write_all

    run = sample_run.write(tmp_path_factory.mktemp("sample") / "run")
    write_all(run)
    return run


@pytest.fixture(scope="session")
def chromium() -> "Iterator[Browser]":
    """A headless Chromium that opens nothing but files."""
    from playwright.sync_api import sync_playwright

    path = Path("/usr/bin/chromium")
    if not path.exists():
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    quiet = ["background-networking", "component-update", "quic", "sync", "gpu"]
    arguments = ["--no-sandbox", "--no-first-run", *(f"--disable-{each}" for each in quiet)]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()
