"""Every requirement has a case or a dated reason why it has none."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from lbcert_suites.catalogue import CatalogueError, Waiver, catalogue, read_waivers, waivers
from lbcert_tools.planning import all_cases

TODAY = datetime.now(UTC).date()


@pytest.fixture(scope="module")
def tested() -> set[str]:
    """The requirements that have a case."""
    return {requirement for case in all_cases() for requirement in case.requirements}


def test_every_requirement_has_a_case_or_a_waiver(tested: set[str]) -> None:
    silent = [name for name in catalogue() if name not in tested and name not in waivers()]
    assert not silent, f"write a case, or say in requirements/waivers.toml why there is none: {', '.join(silent)}"


def test_no_requirement_that_has_a_case_is_waived(tested: set[str]) -> None:
    both = [name for name in waivers() if name in tested]
    assert not both, f"there is a case now: take out of requirements/waivers.toml {', '.join(both)}"


def test_what_a_certificate_depends_on_is_tested_in_every_whole_run(tested: set[str]) -> None:
    always = {requirement for case in all_cases() if not case.campaign for requirement in case.requirements}
    assert {name for name in tested - always if catalogue()[name].level != "MAY"} == set()


def test_every_waiver_is_decided_and_not_past_its_date() -> None:
    late = {each.title for each in waivers().values() if not each.holds(TODAY)}
    assert not late, f"write the cases, or decide again and say so with a new date: {', '.join(sorted(late))}"


def test_a_waiver_holds_from_the_day_of_its_decision_until_that_of_its_review() -> None:
    waiver = Waiver(
        title="t", reason="r", decided=date(2026, 1, 1), review_by=date(2026, 6, 30), requirements=("L2-008",)
    )
    assert waiver.holds(date(2026, 1, 1))
    assert waiver.holds(date(2026, 6, 30))
    assert not waiver.holds(date(2025, 12, 31))
    assert not waiver.holds(date(2026, 7, 1))


WAIVER = """
[[waiver]]
title = "t"
reason = "r"
decided = 2026-01-01
review_by = 2026-06-30
requirements = ["L2-008"]
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (WAIVER.replace('"r"', '""'), "waivers.toml: t: reason"),
        (WAIVER.replace("review_by = 2026-06-30\n", ""), "waivers.toml: t: review_by"),
        (WAIVER.replace("review_by = 2026-06-30", "review_by = 2025-06-30"), "is reviewed before it is decided"),
        (WAIVER.replace("review_by = 2026", "review_by = 2027"), "is reviewed more than a year after it is decided"),
        (WAIVER.replace("L2-008", "L2-999"), "there is no requirement L2-999"),
        (WAIVER + WAIVER, "waives L2-008, which another waives"),
        (WAIVER.replace('["L2-008"]', "[]"), "waivers.toml: t: requirements"),
        ("waiver = 3", "waivers.toml: waiver"),
    ],
)
def test_a_malformed_waiver_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "waivers.toml").write_text(text)
    with pytest.raises(CatalogueError) as error:
        read_waivers(tmp_path, catalogue())
    assert said in str(error.value)
