"""The page in a real browser: offline, quiet, searchable, reachable by keys, fit for paper and for the dark."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sample_run

from lbcert_reports.publish import write_all

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser


@pytest.fixture
def page(chromium: "Browser", sample: Path) -> "Iterator[Page]":
    """The sample's page; the test fails if it asks for anything beside itself or complains."""
    yield from opened(chromium, sample / "report.html")


def opened(browser: "Browser", path: Path, fragment: str = "") -> "Iterator[Page]":
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    wrong: list[str] = []
    page.on(
        "request", lambda request: wrong.append(request.url) if request.url.partition("#")[0] != path.as_uri() else None
    )
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(path.as_uri() + fragment)
    yield page
    context.close()
    assert wrong == []


def rows(page: "Page") -> list[str]:
    return [str(each.get_attribute("id")) for each in page.locator(".requirement:visible").all()]


def test_the_search_leaves_the_rows_that_hold_all_words(page: "Page") -> None:
    page.fill("#search", "dead node ROUTER")
    assert rows(page) == ["BGP-008"]
    assert page.locator("#found").inner_text().startswith("1 of ")


def test_a_search_for_nothing_there_says_so(page: "Page") -> None:
    page.fill("#search", "no such words anywhere")
    assert rows(page) == []
    assert page.locator("#nothing").is_visible()


def test_verdicts_and_areas_filter_together(page: "Page") -> None:
    for box in page.locator("[name=verdict]:not([value=fail]):not([value=deviation])").all():
        box.uncheck()
    assert rows(page) == ["L2-022", "BGP-008"]
    page.select_option("#area", "BGP")
    assert rows(page) == ["BGP-008"]


def test_a_fragment_opens_its_requirement_and_brings_it_into_view(chromium: "Browser", sample: Path) -> None:
    for page in opened(chromium, sample / "report.html", "#RESET-003"):
        row = page.locator("#RESET-003")
        assert row.get_attribute("open") is not None
        assert row.locator("summary").first.evaluate("row => row.getBoundingClientRect().top") < 300


def test_a_link_among_the_reasons_opens_its_requirement(page: "Page") -> None:
    page.click("#why-not a[href='#BGP-008']")
    page.wait_for_function("document.getElementById('BGP-008').open")
    assert page.locator("#BGP-008").get_by_text("judge withdrawn").is_visible()


def test_opening_a_row_makes_it_the_address(page: "Page") -> None:
    page.click("#L2-003 > summary")
    assert page.url.endswith("#L2-003")


def test_everything_can_be_reached_by_keys(page: "Page") -> None:
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    page.keyboard.type("BGP-008")
    page.locator("#BGP-008 > summary").focus()
    page.keyboard.press("Enter")
    assert page.locator("#BGP-008").get_attribute("open") is not None
    page.locator("#search").focus()
    page.keyboard.press("Escape")
    assert len(rows(page)) > 10


def test_the_dark_page_is_dark_and_the_button_turns_it_light(chromium: "Browser", sample: Path) -> None:
    def brightness(page: "Page") -> int:
        return int(page.evaluate("+getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]"))

    for page in opened(chromium, sample / "report.html"):
        page.emulate_media(color_scheme="dark")
        assert brightness(page) < 50
        page.click("#theme")
        assert brightness(page) > 200


def test_text_stands_out_from_its_ground_by_night_and_by_day(page: "Page") -> None:
    script = """() => {
      const light = (colour) => {
        const parts = colour.match(/[\\d.]+/g).slice(0, 3).map((each) => each / 255)
          .map((each) => (each <= 0.03928 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4));
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
      };
      const ground = light(getComputedStyle(document.querySelector("section")).backgroundColor);
      return [...document.querySelectorAll(".verdict, .lead, .level, dt, h1, td")].map((each) => {
        const tone = light(getComputedStyle(each).color);
        return [(Math.max(tone, ground) + 0.05) / (Math.min(tone, ground) + 0.05), each.className || each.tagName];
      }).sort((a, b) => a[0] - b[0])[0];
    }"""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type] # one of two words
        ratio, what = page.evaluate(script)
        assert ratio >= 4.5, f"{what} in {scheme}"


def test_paper_shows_what_did_not_pass_in_full_and_no_controls(page: "Page", tmp_path: Path) -> None:
    assert page.pdf(format="A4")[:4] == b"%PDF"
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    opened_rows = page.locator(".requirement[open]").evaluate_all("rows => rows.map((row) => row.dataset.verdict)")
    assert "fail" in opened_rows
    assert "pass" not in opened_rows
    assert page.locator("#filter").is_hidden()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator(".requirement[open]").count() == 0


@pytest.mark.parametrize("width", [1280, 800, 390])
def test_no_part_is_wider_than_the_window(page: "Page", width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.click("#open-all")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_hostile_words_do_nothing_and_break_no_layout(chromium: "Browser", tmp_path: Path) -> None:
    hostile = "<script>document.title='x'</script><img src=x onerror=document.title='x'>" + "W" * 3000 + "\u202eevil"
    run = sample_run.write(tmp_path / "run", name=hostile, product=hostile, version=hostile, url="javascript:alert(1)")
    write_all(run)
    for page in opened(chromium, run / "report.html"):
        assert page.title() != "x"
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_the_page_is_complete_without_scripts(chromium: "Browser", sample: Path) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((sample / "report.html").as_uri() + "#BGP-008")
    assert page.locator("#filter").is_hidden()
    assert page.locator(".requirement:visible").count() > 10
    context.close()


@pytest.mark.slow
def test_a_page_of_500_cases_keeps_within_its_size_and_is_there_at_once(chromium: "Browser") -> None:
    from lbcert_tools import bench_report

    numbers = {name: value for name, value, _ in bench_report.measure(chromium)}
    print(numbers)  # the time is reported, not asserted: machines differ
    assert numbers["cases"] >= 500
    assert numbers["report.html"] <= 10
    assert numbers["first paint"] > 0
