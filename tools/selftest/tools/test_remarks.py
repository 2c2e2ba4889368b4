"""What a profile asks for and will not get is remarked on, with its place and before a run."""

from datetime import date
from pathlib import Path

from lbcert_fixtures.profiles import load
from lbcert_fixtures.profiles.profile import parse
from lbcert_tools.planning import Case
from lbcert_tools.remarks import remarks

TEXT = load("metallb-native").text
"""It claims, among others, extended-obs."""


def case(requirement: str, *needs: str) -> Case:
    return Case("area/one", "t", "", "area", (requirement,), needs, ())


EACH = [case("L2-003", "layer2"), case("BGP-001", "bgp"), case("ALLOC-016", "first-fit")]


def said(end: str, *cases: Case, text: str = TEXT) -> list[tuple[str, str]]:
    """Key and message of each remark on a profile with some text at its end."""
    profile = parse(text + end, Path("lb.toml"))
    return [(each.key, each.message) for each in remarks(profile, cases, date(2026, 8, 1))]


def failure(requirement: str, more: str = "") -> str:
    return f'\n[[expected-failures]]\nrequirement = "{requirement}"\nreason = "known"\n{more}'


def test_claims_and_capabilities_without_a_case_are_named() -> None:
    claims, capabilities = said("", *EACH)
    assert claims[0] == "conformance.claims"
    assert claims[1].startswith("claimed, but no case yet: extended-dual, extended-l2, extended-bgp, ")
    assert capabilities == (
        "capabilities",
        "declared, but no case yet: dual-stack, hash-election, bgp-refuses-unsupported",
    )


def test_a_claim_whose_cases_all_need_what_is_not_declared_is_named() -> None:
    closed = ("conformance.claims", "claimed, but no case applies with these capabilities: extended-obs")
    assert closed in said("", *EACH, case("OBS-004", "bfd"))
    assert closed not in said("", *EACH, case("OBS-004", "bfd"), case("OBS-005"))


def test_expected_failures_of_no_consequence_are_named() -> None:
    cases = [*EACH, case("L2-041", "bgp", "bfd"), case("L2-001")]
    end = failure("L2-003", "until = 2026-07-31\n") + failure("L2-041") + failure("OBS-001") + failure("L2-001")
    assert [each for each in said(end, *cases) if each[0].startswith("expected")] == [
        ("expected-failures[0].until", "L2-003: was expected to fail until 2026-07-31, and counts as any other now"),
        ("expected-failures[1]", "L2-041: is not tested without bfd, so nothing will come of it"),
        ("expected-failures[2]", "OBS-001: no case of this suite is about it, so nothing will come of it"),
    ]


def test_an_expected_failure_of_what_is_about_another_mode_is_named() -> None:
    found = said(failure("RESET-008"), *EACH, case("RESET-008", "bgp"))
    assert ("expected-failures[0]", "RESET-008: does not concern the mode native, so nothing will come of it") in found
