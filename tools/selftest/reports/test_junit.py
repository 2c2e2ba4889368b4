"""JUnit: nothing but a pass reads as a pass."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import made_runs as made
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lbcert_reports import junit
from lbcert_reports.publish import report_of


def cases(document: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """For each case the element that qualifies it, and that element's type; passed ones have none."""
    found = {}
    for each in ET.fromstring(junit.render(document)).iter("testcase"):
        said = next((child for child in each if child.tag in ("failure", "error", "skipped")), None)
        found[each.attrib["name"]] = ("passed", "") if said is None else (said.tag, said.attrib["type"])
    return found


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ("pass", ("passed", "")),
        ("fail", ("failure", "fail")),
        ("error", ("error", "error")),
        ("inconclusive", ("error", "inconclusive")),
    ],
)
def test_a_judged_case_reads_as_what_it_came_to(outcome: str, said: tuple[str, str]) -> None:
    assert cases(made.build(made.case("a", made.verdict("L2-001", outcome), outcome=outcome)))["a"] == said


def test_a_case_that_does_not_apply_is_skipped_with_the_reason() -> None:
    document = made.build(made.case("a", covers=["L2-001"], outcome="not-applicable"))
    assert cases(document)["a"] == ("skipped", "not-applicable")


@pytest.mark.parametrize("finished", [True, False])
def test_a_case_that_came_to_no_end_is_an_error_unless_the_run_was_interrupted_before_it(finished: bool) -> None:
    document = made.build(
        made.case("crashed", covers=["L2-001"], outcome=None),
        made.case("missed", made.verdict("L2-002", "fail"), outcome=None),
        made.case("after", covers=["L2-003"], outcome="unstarted"),
        finished=finished,
    )
    found = cases(document)
    assert found["crashed"] == ("error", "unfinished")
    assert found["missed"] == ("failure", "fail")
    assert found["after"] == (("error", "unfinished") if finished else ("skipped", "not-run"))


@pytest.mark.parametrize(("level", "said"), [("SHOULD", "deviation"), ("MAY", "noted")])
def test_what_costs_no_certificate_is_skipped_with_the_reason(level: str, said: str) -> None:
    document = made.build(
        made.case("a", made.verdict("L2-001", "fail"), outcome="fail"),
        requirements=[made.requirement("L2-001", level)],
    )
    assert cases(document)["a"] == ("skipped", said)


def test_a_missed_should_hides_nothing_else_that_the_case_missed_or_left_open() -> None:
    document = made.build(
        *(made.case(name, made.verdict("L2-001", "fail"), made.verdict(other, word), outcome="fail", error=error)
          for name, other, word, error in (
              ("must", "L2-002", "fail", None),
              ("open", "L2-003", "inconclusive", None),
              ("broken", "L2-004", "pass", {"type": "TestbedError", "message": "no link", "place": ""}),
              ("outdated", "L2-005", "pass", None),
          )),
        requirements=[made.requirement("L2-001", "SHOULD"), *(made.requirement(f"L2-00{n}") for n in range(2, 6))],
        profile={"expected_failures": {"L2-005": "known"}},
    )  # fmt: skip
    assert cases(document) == {
        "must": ("failure", "fail"),
        "open": ("error", "inconclusive"),
        "broken": ("error", "error"),
        "outdated": ("error", "unexpected-pass"),
    }


def test_a_declared_failure_is_skipped_and_a_pass_declared_to_fail_is_an_error() -> None:
    declared = {"expected_failures": {"L2-001": "known", "L2-002": "known"}}
    document = made.build(
        made.case("a", made.verdict("L2-001", "fail"), outcome="fail"), made.case("b", made.verdict("L2-002", "pass")),
        profile=declared,
    )  # fmt: skip
    assert cases(document) == {"a": ("skipped", "expected-failure"), "b": ("error", "unexpected-pass")}


def test_an_interrupted_run_has_one_more_case_that_is_an_error() -> None:
    document = made.build(made.case("a", made.verdict("L2-001", "pass")), finished=False)
    assert cases(document)["the run comes to its end"] == ("error", "interrupted")


def test_a_run_without_cases_is_an_error() -> None:
    assert cases(made.build())["the run comes to its end"] == ("error", "interrupted")


def test_the_numbers_of_the_suites_are_those_of_their_cases(sample: Path) -> None:
    root = ET.fromstring((sample / "junit.xml").read_text())
    assert root.tag == "testsuites"
    for suite in [root, *root]:
        each = list(suite.iter("testcase"))
        assert int(suite.attrib["tests"]) == len(each) > 0
        for count, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.attrib[count]) == sum(case.find(tag) is not None for case in each)
    assert len(list(root.iter("testcase"))) == len(report_of(sample)["results"])


@settings(deadline=None)
@given(st.text(st.characters(codec=None)))
def test_whatever_a_case_says_the_document_is_well_formed_and_says_it(text: str) -> None:
    document = made.build(made.case("a", made.verdict("L2-001", "fail", reason=text), outcome="fail", title=text))
    element = ET.fromstring(junit.render(document).encode()).find(".//failure")
    assert element is not None
    assert element.attrib["message"].startswith("fail: ")
