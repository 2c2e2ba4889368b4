"""JUnit: the cases of a report for programs that read nothing else.

JUnit knows passed, failed, error and skipped. Only a case that passed reads as passed. A SHOULD or MAY that is missed
costs no certificate, and no gate may fail for it: it is skipped, with the reason. What is inconclusive, was cut off, or
passed although the profile declares that it fails is an error, so that no gate takes it for a success. So is a case
that came to no end, unless the run was interrupted before it began.
"""

from collections.abc import Mapping
from itertools import groupby
from typing import Any, Final
from xml.etree import ElementTree as ET

_ELEMENTS: Final[Mapping[str, str]] = {
    "fail": "failure",
    "deviation": "skipped",
    "noted": "skipped",
    "error": "error",
    "inconclusive": "error",
    "unexpected-pass": "error",
    "interrupted": "error",
    "unfinished": "error",
    "not-run": "skipped",
    "expected-failure": "skipped",
    "not-applicable": "skipped",
}


def render(report: Mapping[str, Any]) -> str:
    """The JUnit document of a report: a test suite for each area, a test case for each case.

    An interrupted run, and one without any case, have one more test case, an error, that says so.

    Args:
        report: a document of the form ``report.schema.json``.
    """
    suites = ET.Element("testsuites", name=f"lbcert {report['metadata']['name']}")
    levels = {each["id"]: each["level"] for each in report["requirements"]}
    unexpected = {each["id"] for each in report["requirements"] if each["unexpectedPass"]}
    by_area = sorted(report["results"], key=lambda result: str(result["area"]))
    for area, results in groupby(by_area, key=lambda result: str(result["area"])):
        suite = ET.SubElement(suites, "testsuite", name=area or "cases", timestamp=report["run"]["date"])
        for result in results:
            suite.append(_case(result, levels, unexpected, interrupted=report["run"]["interrupted"]))
        _count(suite)
    if report["run"]["interrupted"] or not report["results"]:
        suite = ET.SubElement(suites, "testsuite", name="run", timestamp=report["run"]["date"])
        case = ET.SubElement(suite, "testcase", classname="run", name="the run comes to its end")
        ran, planned = report["run"]["ran"], report["run"]["planned"]
        words = f"{ran} of {planned} planned cases ended" if planned else "no case was planned"
        ET.SubElement(case, "error", type="interrupted", message=words)
        _count(suite)
    _count(suites)
    ET.indent(suites)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n"


def _case(
    result: Mapping[str, Any], levels: Mapping[str, str], unexpected: set[str], *, interrupted: bool
) -> ET.Element:
    case = ET.Element(
        "testcase",
        classname=str(result["area"]) or "cases",
        name=result["testId"],
        time=f"{result['duration'] or 0:.3f}",
    )
    properties = ET.SubElement(case, "properties")
    for requirement in result["requirementIds"]:
        ET.SubElement(properties, "property", name="requirement", value=requirement)
    word = _word(result, levels, unexpected)
    if word == "not-run" and (result["attempts"] or not interrupted):
        word = "unfinished"
    if word in _ELEMENTS:
        reasons = (each["reason"] for each in result["judgements"] if each["outcome"] == word and not result["error"])
        reason = next(reasons, result["reason"]) or word
        said = ET.SubElement(case, _ELEMENTS[word], type=word, message=f"{word}: {reason}")
        said.text = "\n".join(
            f"{each['requirement']} {each['outcome']}: expected {each['expected']}; observed {each['observed']}"
            for each in result["judgements"]
            if each["outcome"] != "pass"
        )
    if result["evidence"]:
        ET.SubElement(case, "system-out").text = "evidence:\n" + "\n".join(result["evidence"])
    return case


def _word(result: Mapping[str, Any], levels: Mapping[str, str], unexpected: set[str]) -> str:
    word = str(result["verdict"])
    if word == "fail" or (word == "not-run" and any(each["outcome"] == "fail" for each in result["judgements"])):
        word = _missed(result, levels)
    known = ("pass", "deviation", "noted", "expected-failure")
    return "unexpected-pass" if word in known and unexpected & set(result["requirementIds"]) else word


def _missed(result: Mapping[str, Any], levels: Mapping[str, str]) -> str:
    """What a case that failed comes to by the levels of what it missed, and by what else it left open."""
    missed = {levels.get(each["requirement"], "MUST") for each in result["judgements"] if each["outcome"] == "fail"}
    if not missed or any(level.startswith("MUST") for level in missed):
        return "fail"
    left = {str(each["outcome"]) for each in result["judgements"]} | ({"error"} if result["error"] else set())
    return next(
        (word for word in ("error", "inconclusive") if word in left), "deviation" if "SHOULD" in missed else "noted"
    )


def _count(suite: ET.Element) -> None:
    """Write the numbers that JUnit wants on a suite of cases."""
    cases = list(suite.iter("testcase"))
    suite.set("tests", str(len(cases)))
    for name, element in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(sum(case.find(element) is not None for case in cases)))
    suite.set("time", f"{sum(float(case.get('time', 0)) for case in cases):.3f}")
