"""What a run of Kubernetes' own tests came to is told as it was."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from lbcert_tools.kubernetes_e2e import Outcome, Spec, follow, read, summary

PLACE = {"FileName": "/go/test/e2e/network/service.go", "LineNumber": 1234}


def report(name: str, state: str, said: str = "", kind: str = "It") -> dict[str, Any]:
    """One entry of Ginkgo's report, as e2e.test writes it."""
    entry = {
        "ContainerHierarchyTexts": ["[sig-network] Services"] if kind == "It" else None,
        "LeafNodeType": kind,
        "LeafNodeText": name,
        "State": state,
        "RunTime": 1_500_000_000,
    }
    return entry | ({"Failure": {"Message": said, "Location": PLACE}} if said else {})


def outcome(*reports: dict[str, Any]) -> Outcome:
    return read(json.dumps([{"SpecReports": list(reports)}]))


def test_a_run_in_which_all_pass_is_good() -> None:
    found = outcome(report("should serve", "passed"), report("", "passed", kind="ReportAfterSuite"))
    assert found.good
    assert found.specs == [Spec("[sig-network] Services should serve", "passed", 1.5)]


def test_what_the_focus_leaves_out_does_not_count() -> None:
    assert len(outcome(report("a", "passed"), report("b", "skipped"), report("c", "pending")).specs) == 1


def test_a_run_without_tests_is_not_good() -> None:
    assert not outcome(report("a", "skipped")).good
    assert not read("[]").good


@pytest.mark.parametrize("state", ["failed", "timedout", "panicked", "interrupted", "aborted"])
def test_a_test_that_does_not_pass_is_named_with_its_reason_and_place(state: str) -> None:
    found = outcome(report("should serve", "passed"), report("should not", state, "no answer"))
    assert not found.good
    text = summary(found, 61, "v1.36.3")
    assert text.startswith(f"{state}: [sig-network] Services should not\n    no answer (service.go:1234)\n")
    assert "1 of 2 tests of Kubernetes v1.36.3 passed in 1 min" in text


def test_a_test_that_skips_itself_has_not_passed() -> None:
    found = outcome(report("needs a cloud", "skipped", "only for provider gce"))
    assert not found.good
    assert "only for provider gce" in summary(found, 1, "v1.36.3")


def test_a_suite_that_cannot_be_prepared_is_no_success() -> None:
    found = outcome(report("", "failed", "no node is ready", kind="SynchronizedBeforeSuite"), report("a", "passed"))
    assert not found.good
    assert found.others[0].name == "SynchronizedBeforeSuite"


def test_tests_are_counted_as_they_end(tmp_path: Path) -> None:
    told: list[tuple[str, float | None]] = []
    lines = ["Will run 2 of 7579 specs\n", "[sig-network] one\n", "• [1.5 seconds]\n", "• [FAILED] [3.0 seconds]\n"]
    log = io.StringIO()
    follow(iter(lines), log, lambda _step, detail="", fraction=None: told.append((detail, fraction)))
    assert told == [("1 of 2", 0.5), ("2 of 2", 1.0)]
    assert log.getvalue() == "".join(lines)
