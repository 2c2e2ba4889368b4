"""What the command line says a run came to: when only a part was asked for, that is why nothing is certified."""

from typing import Any

import pytest

from lbcert_tools.publishing import summary


def said(
    options: dict[str, Any],
    *,
    interrupted: bool = False,
    unexpected: tuple[str, ...] = (),
    left_out: int = 2,
    unfinished: int = 0,
    **counts: int,
) -> str:
    """The summary of a run of one certificate, of which nothing is known yet, with these counts of verdicts."""
    silent = {"shown": "not-run", "id": "L2-003", "title": "One", "reason": ""}
    profile = {
        "name": "core-l2",
        "certificate": "undetermined",
        "summary": "in numbers",
        "core": {"statistics": {"passed": 3, "skipped": 2, "failed": 0, **counts}, "unexpectedPasses": unexpected},
    }
    return summary(
        {
            "run": {"options": options, "interrupted": interrupted},
            "profiles": [profile],
            "requirements": [{**silent, "tests": []}] * left_out + [{**silent, "tests": ["one"]}] * unfinished,
        }
    )


PART = "UNDETERMINED: only a part was asked for; all that ran passed  (in numbers)"


@pytest.mark.parametrize("options", [{"only": "allocation/*"}, {"quick": True}, {"families": "ipv6"}])
def test_a_part_of_which_all_passed_is_not_blamed(options: dict[str, Any]) -> None:
    assert PART in said(options, notApplicable=4)


@pytest.mark.parametrize(
    "otherwise",
    [{"inconclusive": 1}, {"nonStrict": 1}, {"interrupted": True}, {"unexpected": ("L2-004",)}],
)
def test_a_part_with_anything_else_amiss_is_undetermined_for_that(otherwise: dict[str, Any]) -> None:
    assert "core-l2  UNDETERMINED  (in numbers)" in said({"only": "allocation/*"}, **otherwise)


def test_a_certificate_of_which_nothing_was_asked_for_says_so() -> None:
    assert "core-l2  UNDETERMINED: none of it was asked for  (in numbers)" in said({"quick": True}, passed=0)


def test_a_whole_run_is_no_part() -> None:
    assert "core-l2  UNDETERMINED  (in numbers)" in said({"only": "", "quick": False, "families": "dual"})


def test_what_was_not_run_has_its_reason() -> None:
    assert "  not run: 2 requirements (--only allocation/*)\n" in said({"only": "allocation/*"})
    assert "  not run: 1 requirement (--quick)\n" in said({"quick": True}, left_out=1)
    assert "  not run: 2 requirements (without --all)\n" in said({"all": False})
    assert "  not run: 2 requirements\n" in said({"all": True})
    assert "  not run: 2 requirements (--quick, --families ipv4)\n" in said({"quick": True, "families": "ipv4"})
    told = said({"only": "L2"}, interrupted=True, left_out=1, unfinished=3)
    assert "not run: 1 requirement (--only L2)\n  not run: 3 requirements (interrupted)\n" in told
    assert "not run:" not in said({}, left_out=0)
