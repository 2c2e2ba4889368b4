"""How large the report of 500 cases is, and how soon a reader sees it."""

import importlib.util
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lbcert_reports import badge, html, junit
from lbcert_reports.publish import report_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CASES = 500

Row = tuple[str, float, str]
"""Name, value, unit."""


def measure(browser: "Browser | None" = None) -> list[Row]:
    """Make a report of at least 500 cases, and open it.

    Args:
        browser: a running Chromium; without one, only sizes and the time to write are measured.

    Raises:
        FileNotFoundError: outside a checkout: the made run is part of the project's own tests.
    """
    sample_run = _sample_run()
    copies = -(-CASES // len(sample_run.planned()))
    with tempfile.TemporaryDirectory() as folder:
        run = sample_run.write(Path(folder) / "run", copies=copies)
        began = time.monotonic()
        report = report_of(run)
        built = time.monotonic()
        page = Path(folder) / "report.html"
        page.write_text(html.render(report), "utf-8")
        rendered = time.monotonic()
        texts = {"report.json": json.dumps(report, ensure_ascii=False, indent=1), "junit.xml": junit.render(report)}
        texts |= {"badge.svg": badge.render(report)}
        rows: list[Row] = [
            ("cases", len(report["results"]), ""),
            ("report from journal and evidence", built - began, "s"),
            ("page from report", rendered - built, "s"),
            ("report.html", page.stat().st_size / 1e6, "MB"),
            *((name, len(text.encode()) / 1e6, "MB") for name, text in texts.items()),
        ]
        return rows + (_opened(browser, page) if browser else [])


def _opened(browser: "Browser", path: Path) -> list[Row]:
    """From asking for the page to its first paint, to its scripts having run, and to all of it being laid out."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(path.as_uri())
    page.wait_for_function("performance.getEntriesByName('first-contentful-paint').length")
    paint, ready, loaded = page.evaluate(
        """() => {
          const [navigation] = performance.getEntriesByType("navigation");
          const [paint] = performance.getEntriesByName("first-contentful-paint");
          return [paint.startTime, navigation.domContentLoadedEventEnd, navigation.loadEventEnd];
        }"""
    )
    context.close()
    return [("first paint", paint / 1e3, "s"), ("usable", ready / 1e3, "s"), ("loaded", loaded / 1e3, "s")]


def _sample_run() -> Any:
    """The module that makes runs, from the tests of the checkout."""
    path = Path(__file__).parents[1] / "selftest" / "reports" / "sample_run.py"
    if not path.exists():
        raise FileNotFoundError(f"{path}: the report is measured in a checkout of lbcert only")
    spec = importlib.util.spec_from_file_location("lbcert_sample_run", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module
