"""Verdicts combine so that nothing unknown reads as a pass, and certificates say no more than they prove."""

from collections.abc import Sequence
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbcert_reports.verdicts import Certificate, Result, Verdict, certify, combine, declared, exit_code, profiles_of

VERDICTS = st.sampled_from(Verdict)
MANY = st.lists(VERDICTS)
ORDER = [
    Verdict.NOT_APPLICABLE,
    Verdict.PASS,
    Verdict.EXPECTED_FAILURE,
    Verdict.NOT_RUN,
    Verdict.INCONCLUSIVE,
    Verdict.ERROR,
    Verdict.FAIL,
]


def requirement(level: str = "MUST", profile: str = "core") -> dict[str, Any]:
    return {"id": "X", "title": "x", "level": level, "profile": profile, "statement": "s", "source": "s"}


def certificate(*parts: tuple[str, Sequence[Verdict]], **options: Any) -> Certificate:
    """The certificate for requirements that are each a level and their verdicts, named R0, R1, ..."""
    requirements = {f"R{number}": requirement(level) for number, (level, _) in enumerate(parts)}
    verdicts = {f"R{number}": each for number, (_, each) in enumerate(parts)}
    return certify("core-l2", requirements, verdicts, **{"finished": True, **options})


@pytest.mark.parametrize("weaker", range(len(ORDER)))
@pytest.mark.parametrize("stronger", range(len(ORDER)))
def test_the_stronger_of_two_verdicts_stands(weaker: int, stronger: int) -> None:
    assert combine([ORDER[weaker], ORDER[stronger]]) is ORDER[max(weaker, stronger)]


def test_nothing_at_all_is_not_run() -> None:
    assert combine([]) is Verdict.NOT_RUN


@given(MANY)
def test_only_passes_make_a_pass(verdicts: list[Verdict]) -> None:
    passes = combine(verdicts) is Verdict.PASS
    assert passes == (Verdict.PASS in verdicts and set(verdicts) <= {Verdict.PASS, Verdict.NOT_APPLICABLE})


@given(MANY, MANY, st.randoms())
def test_combining_knows_no_order_and_no_grouping_and_no_repetition(
    a: list[Verdict], b: list[Verdict], random: Any
) -> None:
    mixed = [*a, *b, *a]
    random.shuffle(mixed)
    parts = [combine(part) for part in (a, b) if part]
    assert combine(mixed) is combine(parts)


@given(MANY)
def test_what_is_not_applicable_is_neutral(verdicts: list[Verdict]) -> None:
    assert combine([*verdicts, Verdict.NOT_APPLICABLE]) is (combine(verdicts) if verdicts else Verdict.NOT_APPLICABLE)


def test_only_a_failure_is_an_expected_failure() -> None:
    assert {each: declared(each, expected_failure=True) for each in Verdict} == {
        **{each: each for each in Verdict},
        Verdict.FAIL: Verdict.EXPECTED_FAILURE,
    }
    assert declared(Verdict.FAIL, expected_failure=False) is Verdict.FAIL


def test_core_belongs_to_both_cores() -> None:
    assert profiles_of(requirement(profile="core")) == ("core-l2", "core-bgp")
    assert profiles_of(requirement(profile="core-bgp")) == ("core-bgp",)
    assert profiles_of(requirement(profile="extended-gr")) == ("extended-gr",)


PASS, FAIL = [Verdict.PASS], [Verdict.FAIL]
NA = [Verdict.NOT_APPLICABLE]


@pytest.mark.parametrize(
    ("parts", "result"),
    [
        ([("MUST", PASS), ("SHOULD", PASS), ("MAY", PASS)], Result.CONFORMANT),
        ([("MUST", PASS), ("SHOULD", FAIL)], Result.DEVIATIONS),
        ([("MUST", PASS), ("SHOULD NOT", FAIL)], Result.DEVIATIONS),
        ([("SHOULD", FAIL)], Result.DEVIATIONS),
        ([("MUST", PASS), ("MAY", FAIL)], Result.CONFORMANT),
        ([("MUST", PASS), ("MAY", [])], Result.CONFORMANT),
        ([("MUST", FAIL)], Result.NOT_CONFORMANT),
        ([("MUST NOT", FAIL), ("MUST", PASS)], Result.NOT_CONFORMANT),
        ([("MUST", [Verdict.PASS, Verdict.FAIL])], Result.NOT_CONFORMANT),
        ([("MUST", FAIL), ("MUST", [Verdict.ERROR])], Result.NOT_CONFORMANT),
        ([("MUST", PASS), ("MUST", [Verdict.ERROR])], Result.UNDETERMINED),
        ([("MUST", PASS), ("MUST", [Verdict.PASS, Verdict.INCONCLUSIVE])], Result.UNDETERMINED),
        ([("MUST", PASS), ("MUST", [])], Result.UNDETERMINED),
        ([("MUST", PASS), ("SHOULD", [Verdict.INCONCLUSIVE])], Result.UNDETERMINED),
        ([("MUST", PASS), ("MUST", NA)], Result.CONFORMANT),
        ([("MUST", NA), ("SHOULD", NA)], Result.UNDETERMINED),
        ([("MAY", PASS)], Result.UNDETERMINED),
        ([], Result.UNDETERMINED),
    ],
)
def test_a_certificate_says_no_more_than_was_shown(parts: list[tuple[str, list[Verdict]]], result: Result) -> None:
    assert certificate(*parts).result is result


def test_a_certificate_is_not_altered_once_it_is_made() -> None:
    with pytest.raises(FrozenInstanceError):
        certificate(("MUST", FAIL)).result = Result.CONFORMANT  # type: ignore[misc]


def test_a_certificate_names_what_failed_deviated_and_is_unknown() -> None:
    made = certificate(("MUST", FAIL), ("SHOULD", FAIL), ("MUST", []), ("SHOULD", [Verdict.ERROR]), ("MAY", FAIL))
    assert (made.failed, made.deviations, made.unknown) == (("R0",), ("R1",), ("R2", "R3"))
    assert made.verdicts["R2"] is Verdict.NOT_RUN
    assert made.verdicts["R4"] is Verdict.FAIL


def test_a_certificate_lists_in_order() -> None:
    many = [("MUST", FAIL), ("SHOULD", FAIL), ("MUST", [])] * 20
    made = certificate(*many, ("SHOULD", PASS), expected_failures=["R60"])
    for names in (made.failed, made.deviations, made.unknown):
        assert len(names) == 20
        assert list(names) == sorted(names)


@given(st.lists(st.tuples(st.sampled_from(["MUST", "SHOULD", "MAY"]), MANY)))
def test_an_interrupted_run_is_never_conformant(parts: list[tuple[str, list[Verdict]]]) -> None:
    assert certificate(*parts, finished=False).result in (Result.UNDETERMINED, Result.NOT_CONFORMANT)


@given(st.lists(st.tuples(st.sampled_from(["MUST", "SHOULD", "MAY"]), MANY)))
def test_conformant_means_that_every_must_and_should_passed(parts: list[tuple[str, list[Verdict]]]) -> None:
    if certificate(*parts).result is Result.CONFORMANT:
        binding = [combine(each) for level, each in parts if level != "MAY"]
        assert set(binding) <= {Verdict.PASS, Verdict.NOT_APPLICABLE}
        assert Verdict.PASS in binding


def test_a_declared_failure_of_a_must_is_shown_as_such_and_still_costs_the_certificate() -> None:
    made = certificate(("MUST", FAIL), ("MUST", PASS), expected_failures=["R0"])
    assert made.result is Result.NOT_CONFORMANT
    assert made.verdicts["R0"] is Verdict.EXPECTED_FAILURE
    assert made.failed == ("R0",)
    assert made.unexpected_passes == ()


def test_a_declared_failure_that_passes_leaves_the_certificate_undetermined() -> None:
    made = certificate(("MUST", PASS), ("SHOULD", PASS), expected_failures=["R1"])
    assert made.result is Result.UNDETERMINED
    assert made.unexpected_passes == ("R1",)
    assert made.verdicts["R1"] is Verdict.PASS


def test_a_profile_is_judged_by_its_own_requirements_only() -> None:
    requirements = {"A": requirement(profile="core"), "B": requirement(profile="core-bgp"), "C": requirement()}
    verdicts = {"A": PASS, "B": FAIL, "C": PASS}
    l2 = certify("core-l2", requirements, verdicts, finished=True)
    bgp = certify("core-bgp", requirements, verdicts, finished=True)
    assert (l2.result, sorted(l2.verdicts)) == (Result.CONFORMANT, ["A", "C"])
    assert (bgp.result, bgp.failed) == (Result.NOT_CONFORMANT, ("B",))


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([], 3),
        ([Result.CONFORMANT], 0),
        ([Result.CONFORMANT, Result.DEVIATIONS], 0),
        ([Result.CONFORMANT, Result.UNDETERMINED], 3),
        ([Result.UNDETERMINED, Result.NOT_CONFORMANT], 1),
    ],
)
def test_the_exit_code_follows_from_the_worst_certificate(results: list[Result], code: int) -> None:
    assert exit_code(Certificate("core-l2", result, {}) for result in results) == code
