"""A run asked for what this suite asks for: whoever leaves requirements or cases out of its beginning is found."""

import json
from collections.abc import Callable
from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lbcert_fixtures.profiles import load
from lbcert_fixtures.profiles.profile import parse
from lbcert_reports.journal import Event
from lbcert_reports.rejudge import Rejudged
from lbcert_tools import environment, scope
from lbcert_tools.planning import Case, all_cases, choose
from lbcert_tools.scope import check

T = 1_795_000_000_000_000_000
SUITE = {"version": "1.0", "commit": "c0ffee", "modified": False, "catalogueVersion": "1.0.0"}
PROFILE = load("metallb-native")

Start = dict[str, Any]


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return all_cases()


@pytest.fixture(scope="module")
def beginning(cases: list[Case]) -> Start:
    """How a quick run of this suite begins."""
    requirements = scope.concerned({each for case in cases for each in case.requirements}, "native")
    start = {
        "suite": SUITE,
        "profile": scope.declaration(PROFILE, {name for each in requirements for name in each.certificates}, {}),
        "testbed": {"name": "netns", "families": "dual"},
        "options": {"trials": 1, "quick": True, "all": False, "only": ""},
        "plan": [case.plain() for case in choose(cases, quick=True, trials=1)],
        "requirements": {each.id: each.plain() for each in requirements},
    }
    plain: Start = json.loads(json.dumps(start))
    return plain


@pytest.fixture
def checked(cases: list[Case], beginning: Start, monkeypatch: pytest.MonkeyPatch) -> Callable[..., scope.Checked]:
    """Check the beginning of a run after something in it was changed."""
    monkeypatch.setattr(environment, "suite", lambda: SUITE)
    monkeypatch.setattr(scope, "all_cases", lambda: cases)

    def check_it(change: Callable[[Start], object] = lambda start: None, text: str = PROFILE.text) -> scope.Checked:
        start = deepcopy(beginning)
        change(start)
        event = Event(T, "main", 0, "run-started", start)
        return check(Rejudged(1, (), False, suite=start["suite"], start=event, profile=text))

    return check_it


def said(found: scope.Checked) -> list[str]:
    return [str(each) for each in found.findings]


def test_a_run_of_this_suite_begins_as_this_suite_says(checked: Callable[..., scope.Checked]) -> None:
    assert checked() == scope.Checked()


def test_what_a_cluster_of_one_family_leaves_out_is_told_from_what_a_run_hides(
    checked: Callable[..., scope.Checked], cases: list[Case]
) -> None:
    able, quick = PROFILE.capabilities, choose(cases, quick=True, trials=1)

    def within(start: Start, families: str, cluster: str) -> None:
        plan = [case.within(able, [families]).plain() for case in quick]
        start |= {"plan": json.loads(json.dumps(plan)), "testbed": {"families": cluster}}

    assert checked(lambda start: within(start, "ipv6", "ipv6")) == scope.Checked()
    found = said(checked(lambda start: within(start, "ipv6", "dual")))
    assert "layer2/addresses-are-answered: the plan has ['L2-002'] as its requirements" in "\n".join(found)


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (
            lambda start: start["requirements"]["ALLOC-003"].update(level="MAY"),
            "requirement ALLOC-003: its level is 'MAY', the catalogue has 'SHOULD'",
        ),
        (
            lambda start: start["requirements"].update({"ALLOC-999": {"id": "ALLOC-999"}}),
            "requirement ALLOC-999: is none of the catalogue",
        ),
        (
            lambda start: start["requirements"].pop("L2-003"),
            "requirement L2-003: is not in scope of the run, and the suite has a case about it",
        ),
        (
            lambda start: start["plan"].clear(),
            "layer2/exactly-one-node-answers: is not in the plan, and the options ask for it",
        ),
        (
            lambda start: start["options"].update(only="layer2/exactly*"),
            "allocation/address-is-assigned-from-the-pool: is in the plan, and the options do not ask for it",
        ),
        (
            lambda start: next(
                each for each in start["plan"] if each["case"] == "layer2/exactly-one-node-answers"
            ).update(needs=["bfd"]),
            "layer2/exactly-one-node-answers: the plan has ['bfd'] as its needs, the suite ['layer2']",
        ),
        (
            lambda start: start["options"].update(only="nothing-of-that-name"),
            "run-started: its options are none of this suite: --only: no case fits 'nothing-of-that-name'",
        ),
    ],
)
def test_a_run_that_asked_for_something_else_is_found(
    checked: Callable[..., scope.Checked], change: Callable[[Start], object], finding: str
) -> None:
    assert any(each.startswith(finding) for each in said(checked(change)))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", "99.0"),
        ("mode", "frr"),
        ("conformance", ["extended-alloc"]),
        ("capabilities", []),
        ("timers", {"layer2_failover": 999.0}),
        ("expected_failures", {"ALLOC-003": "known"}),
        ("manifests", []),
    ],
)
def test_a_profile_that_says_something_else_than_its_text_is_found_whoever_made_the_run(
    checked: Callable[..., scope.Checked], field: str, value: object
) -> None:
    def forge(start: Start, **suite: str) -> None:
        start["profile"][field] = value
        start["suite"] = SUITE | suite

    for suite in ({}, {"commit": "beef"}):
        found = said(checked(lambda start, suite=suite: forge(start, **suite)))
        assert any(f" as {field}, profile.toml says " in each for each in found)


def test_another_suite_may_carry_less_of_a_profile(checked: Callable[..., scope.Checked]) -> None:
    def older(start: Start) -> None:
        start["suite"] = SUITE | {"version": "0.9"}
        del start["profile"]["manifests"]
        start["profile"]["timers"].popitem()

    assert checked(older).findings == ()


def test_another_suite_may_not_have_known_a_capability_that_none_of_its_cases_needs(
    checked: Callable[..., scope.Checked],
) -> None:
    def older(start: Start, *unknown: str) -> None:
        start["suite"] = SUITE | {"commit": "beef"}
        for each in start["plan"]:
            each["needs"] = ["layer2", "session-in-speaker"]
        capabilities = start["profile"]["capabilities"]
        start["profile"]["capabilities"] = [each for each in capabilities if each not in unknown]

    assert checked(lambda start: older(start, "ipv4", "ipv6")).findings == ()
    for told in ("first-fit", "session-in-speaker"):
        (finding,) = said(checked(lambda start, told=told: older(start, "ipv4", told)))
        assert " as capabilities, profile.toml says " in finding
    own = said(checked(lambda start: start["profile"]["capabilities"].remove("ipv4")))
    assert any(" as capabilities, profile.toml says " in each for each in own)


@pytest.mark.parametrize(
    ("suite", "unchecked"),
    [
        ({"commit": "beef"}, "scope not checked: made by suite 1.0 (beef), this is 1.0 (c0ffee)"),
        ({"modified": True}, "scope not checked: made by suite 1.0 (c0ffee, modified), this is 1.0 (c0ffee)"),
        ({"catalogueVersion": "2.0.0"}, "requirements not checked: of catalogue 2.0.0, this is 1.0.0"),
    ],
)
def test_what_another_suite_made_is_not_held_against_this_one_and_that_is_said(
    checked: Callable[..., scope.Checked], suite: dict[str, Any], unchecked: str
) -> None:
    found = checked(lambda start: (start.update(suite=SUITE | suite), start["plan"].clear()))
    assert found.findings == ()
    assert unchecked in found.unchecked
    assert found.other.startswith("made by suite 1.0 (")


def test_a_profile_that_cannot_be_read_is_found_unless_another_suite_took_it(
    checked: Callable[..., scope.Checked],
) -> None:
    assert said(checked(text="later = true"))[0].startswith("profile.toml: is no profile: metallb-native.toml")
    _, unchecked = checked(lambda start: start.update(suite=SUITE | {"version": "9"}), text="later = true").unchecked
    assert unchecked.startswith("profile.toml not checked, this suite cannot read it: metallb-native.toml")


@given(data=st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_beginning_of_a_run_crashes_the_check(checked: Callable[..., scope.Checked], data: Any) -> None:
    odd = st.none() | st.integers() | st.text(max_size=5) | st.lists(st.none(), max_size=1) | st.just({"x": []})

    def forge(start: Start) -> None:
        part = start[data.draw(st.sampled_from(["profile", "options", "suite"]))]
        part[data.draw(st.sampled_from(sorted(part)))] = data.draw(odd)
        requirement = start["requirements"][data.draw(st.sampled_from(["L2-003", "BGP-001"]))]
        requirement[data.draw(st.sampled_from(sorted(requirement)))] = data.draw(odd)
        case = start["plan"][data.draw(st.integers(0, 3))]
        case[data.draw(st.sampled_from(sorted(case)))] = data.draw(odd)

    checked(forge)


def test_failures_are_expected_until_they_expire() -> None:
    text = PROFILE.text + '\n[[expected-failures]]\nrequirement = "L2-036"\nreason = "r"\nuntil = 2026-06-30\n'
    profile = parse(text, Path("lb.toml"))
    assert scope.expected_failures(profile, date(2026, 6, 30)) == {"L2-036": "r"}
    assert scope.expected_failures(profile, date(2026, 7, 1)) == {}
