"""The report document: what follows from which events."""

import copy
import json
import math
import operator
from pathlib import Path
from typing import Any

import made_runs as made
import pytest
import sample_run
from hypothesis import given, settings
from hypothesis import strategies as st

from lbcert_reports import html, junit, report
from lbcert_reports.evidence import EvidenceError
from lbcert_reports.journal import JournalError, read
from lbcert_reports.publish import report_of, write_all
from lbcert_reports.verdicts import Verdict, combine

JUDGED = st.sampled_from(["pass", "fail", "error", "inconclusive"])


def test_a_requirement_that_passes_makes_a_conformant_profile() -> None:
    document = made.build(made.case("a", made.verdict("L2-001", "pass")))
    assert made.of(document, "L2-001")["shown"] == "pass"
    assert made.certificates(document) == {"core-l2": "conformant"}
    assert document["profiles"][0]["result"] == "success"


@pytest.mark.parametrize("word", ["fail", "error", "inconclusive"])
def test_what_is_not_a_pass_stands_among_the_reasons_and_costs_the_certificate(word: str) -> None:
    document = made.build(made.case("a", made.verdict("L2-001", word), outcome=word))
    groups = {"fail": "failed", "error": "errors", "inconclusive": "inconclusive"}
    assert document["summary"]["whyNot"][groups[word]] == ["L2-001"]
    assert made.certificates(document)["core-l2"] == ("not conformant" if word == "fail" else "undetermined")


def test_a_failed_should_is_a_deviation_and_a_failed_may_is_noted() -> None:
    document = made.build(
        made.case("a", made.verdict("L2-001", "fail"), made.verdict("L2-002", "fail"), outcome="fail"),
        requirements=[made.requirement("L2-001", "SHOULD"), made.requirement("L2-002", "MAY")],
    )
    assert [each["shown"] for each in document["requirements"]] == ["deviation", "noted"]
    assert document["summary"]["whyNot"]["deviations"] == ["L2-001"]
    assert made.certificates(document) == {"core-l2": "conformant with deviations"}


def test_the_sentence_of_a_certificate_counts_as_its_table_does() -> None:
    levels = ("MUST", "MAY", "MAY", "SHOULD", "MUST", "MUST")
    document = made.build(
        made.case("a", made.verdict("L2-001", "pass")),
        made.case("b", *(made.verdict(each, "fail") for each in ("L2-002", "L2-004", "L2-005")), outcome="fail"),
        requirements=[made.requirement(f"L2-00{number}", level) for number, level in enumerate(levels, start=1)],
        profile={"expected_failures": {"L2-004": "known"}},
    )
    (profile,) = document["profiles"]
    assert profile["summary"] == (
        "1 of 6 requirements pass, 1 missed, 1 deviation, 1 of them declared, 1 noted,"
        " nothing can be said of 2 (1 optional)"
    )
    assert profile["core"]["statistics"] == {
        "passed": 1, "nonStrict": 1, "failed": 1, "expectedFailure": 1, "inconclusive": 0, "skipped": 2,
        "harnessError": 0, "notApplicable": 0,
    }  # fmt: skip


def test_a_report_that_still_says_that_features_were_never_probed_keeps_to_the_schema() -> None:
    document = made.build(made.case("a", made.verdict("L2-001", "pass"), needs=["layer2"]))
    assert [each["name"] for each in document["features"]] == ["layer2"]
    report.validate(document | {"features": [each | {"probed": None} for each in document["features"]]})


def test_an_interrupted_run_is_never_conformant_and_says_so() -> None:
    document = made.build(made.case("a", made.verdict("L2-001", "pass")), finished=False)
    assert document["run"]["interrupted"]
    assert document["run"]["finished"] is None
    assert made.certificates(document) == {"core-l2": "undetermined"}
    assert "interrupted" in document["summary"]["limits"][0]


@pytest.mark.parametrize(("outcome", "reason"), [(None, "while the case ran"), ("unstarted", "before the case began")])
def test_a_planned_case_that_did_not_end_is_not_run(outcome: str | None, reason: str) -> None:
    document = made.build(made.case("a", covers=["L2-001"], outcome=outcome), finished=False)
    assert document["results"][0]["verdict"] == "not-run"
    assert made.of(document, "L2-001")["verdict"] == "not-run"
    assert reason in made.of(document, "L2-001")["reason"]
    assert document["summary"]["whyNot"]["notRun"] == ["L2-001"]


def test_a_pass_given_before_the_run_was_cut_off_is_no_pass() -> None:
    document = made.build(made.case("a", made.verdict("L2-001", "pass"), outcome=None), finished=False)
    assert made.of(document, "L2-001")["verdict"] == "not-run"


def test_a_case_that_passes_without_a_word_on_a_requirement_has_not_passed_it() -> None:
    document = made.build(made.case("a", made.verdict("L2-001", "pass"), covers=["L2-001", "L2-002"]))
    assert [each["verdict"] for each in document["requirements"]] == ["pass", "not-run"]


def test_a_case_that_broke_leaves_all_that_it_covers_unknown_but_for_what_failed() -> None:
    broke = {"type": "TestbedError", "message": "no link", "place": "lab.py:3"}
    document = made.build(
        made.case("a", made.verdict("L2-001", "pass"), made.verdict("L2-002", "fail"), outcome="fail", error=broke,
                  covers=["L2-001", "L2-002", "L2-003"]),
    )  # fmt: skip
    assert [each["verdict"] for each in document["requirements"]] == ["error", "fail", "error"]
    assert made.of(document, "L2-003")["reason"] == "TestbedError: no link"


def test_a_requirement_that_no_case_covers_is_not_run() -> None:
    document = made.build(made.case("a", made.verdict("L2-001", "pass")),
                          requirements=[made.requirement("L2-001"), made.requirement("L2-002")])  # fmt: skip
    assert made.of(document, "L2-002")["reason"] == "no case of this run covers it"
    assert made.certificates(document) == {"core-l2": "undetermined"}


def test_an_empty_run_certifies_nothing() -> None:
    document = made.build()
    assert document["profiles"] == []
    assert any("nothing to certify" in limit for limit in document["summary"]["limits"])


@pytest.mark.parametrize("outcome", ["expected-failure", "fail"])
def test_a_failure_that_the_profile_declares_is_an_expected_failure_and_still_costs_the_certificate(
    outcome: str,
) -> None:
    profile = {"expected_failures": {"L2-001": "known"}}
    document = made.build(made.case("a", made.verdict("L2-001", "fail"), outcome=outcome), profile=profile)
    assert made.of(document, "L2-001")["shown"] == "expected-failure"
    assert document["results"][0]["verdict"] == "expected-failure"
    assert document["summary"]["whyNot"]["expectedFailures"] == ["L2-001"]
    assert made.certificates(document) == {"core-l2": "not conformant"}


def test_a_pass_that_the_profile_declares_to_fail_makes_the_certificate_undetermined() -> None:
    profile = {"expected_failures": [{"id": "L2-001", "reason": "known"}]}
    document = made.build(made.case("a", made.verdict("L2-001", "pass")), profile=profile)
    assert document["summary"]["whyNot"]["unexpectedPasses"] == ["L2-001"]
    assert made.certificates(document) == {"core-l2": "undetermined"}


def test_a_claimed_profile_without_a_case_is_named_among_the_limits() -> None:
    profile = {"conformance": ["core-l2", "extended-bfd"]}
    document = made.build(made.case("a", made.verdict("L2-001", "pass")), profile=profile)
    assert made.certificates(document) == {"core-l2": "conformant"}
    assert any("extended-bfd" in limit for limit in document["summary"]["limits"])


def test_what_does_not_apply_says_why() -> None:
    journal = made.journal(made.case("a", covers=["L2-001"], outcome="not-applicable"))
    note = journal.events[1].__class__(
        made.START, "main", 9, "note", {"case": "a", "text": "made does not declare bfd"}
    )
    document = report.build(journal.__class__([*journal.events, note], ()), lambda path: pytest.fail(path))
    assert made.of(document, "L2-001")["verdict"] == "not-applicable"
    assert made.of(document, "L2-001")["reason"] == "made does not declare bfd"


@given(st.lists(st.lists(JUDGED, min_size=1, max_size=3), min_size=1, max_size=4))
def test_the_verdict_on_a_requirement_is_the_combination_of_all_verdicts_on_it(words: list[list[str]]) -> None:
    document = made.build(
        *(made.case(f"c{i}", *(made.verdict("L2-001", word) for word in each), outcome=combine(map(Verdict, each)))
          for i, each in enumerate(words))
    )  # fmt: skip
    assert made.of(document, "L2-001")["verdict"] == combine(Verdict(word) for each in words for word in each)


@given(
    value=st.floats(-1e6, 1e6),
    low=st.floats(-1e6, 1e6),
    limit=st.floats(-1e6, 1e6),
    op=st.sampled_from(["<=", ">=", "=="]),
)
def test_a_margin_is_negative_exactly_if_the_unfavourable_end_misses_the_bound(
    value: float, low: float, limit: float, op: str
) -> None:
    ends = sorted((value, low))
    one = made.measurement(value=value, interval=ends, bound=(limit, op))
    found = report.margin(one)
    assert found is not None
    unfavourable = {"<=": ends[1], ">=": ends[0], "==": value}[op]
    meets = {"<=": operator.le, ">=": operator.ge, "==": operator.eq}[op](unfavourable, limit)
    assert (found["value"] >= 0) == meets


def test_the_row_of_a_requirement_shows_its_tightest_measurement() -> None:
    wide, tight = (made.measurement(name, value, bound=(10, "<=")) for name, value in (("wide", 1.0), ("tight", 9.0)))
    document = made.build(made.case("a", made.verdict("L2-001", "pass", measurements=[wide, tight])))
    assert made.of(document, "L2-001")["measurement"]["name"] == "tight"
    assert made.of(document, "L2-001")["measurement"]["margin"] == {"value": 1.0, "relative": 0.1}


def test_the_sample_has_something_in_every_panel_and_keeps_to_the_schema(sample: Path) -> None:
    document = report_of(sample)
    assert all(document["panels"].values())
    assert document["summary"]["whyNot"] == {
        "failed": ["BGP-008"],
        "deviations": ["L2-022"],
        "inconclusive": ["L2-014"],
        "notRun": [],
        "errors": ["BGP-003"],
        "expectedFailures": ["POLICY-008"],
        "unexpectedPasses": [],
    }


def test_the_same_run_gives_the_same_reports_to_the_byte(sample: Path) -> None:
    paths = write_all(sample)
    before = [path.read_bytes() for path in (paths.json, paths.html, paths.junit, paths.badge)]
    write_all(sample)
    assert before == [path.read_bytes() for path in (paths.json, paths.html, paths.junit, paths.badge)]


def test_the_schema_refuses_a_conformant_report_of_an_interrupted_run() -> None:
    document = made.build(made.case("a", made.verdict("L2-001", "pass")))
    document["run"]["interrupted"] = True
    with pytest.raises(report.ReportError, match=r"profiles\[0\]\.certificate"):
        report.validate(document)


@settings(max_examples=60)
@given(st.data())
def test_the_schema_notices_a_field_that_is_gone_or_too_many(data: st.DataObject) -> None:
    document = made.build(made.case("a", made.verdict("L2-001", "pass", measurements=[made.measurement()])))
    broken = copy.deepcopy(document)
    places = [
        broken, broken["run"], broken["summary"], broken["profiles"][0], broken["requirements"][0],
        broken["results"][0], broken["results"][0]["judgements"][0],
        broken["results"][0]["judgements"][0]["measurements"][0],
    ]  # fmt: skip
    place = data.draw(st.sampled_from(places))
    if data.draw(st.booleans()):
        del place[data.draw(st.sampled_from(sorted(place)))]
    else:
        place["surprise"] = 1
    with pytest.raises(report.ReportError):
        report.validate(broken)


# Any text, halves of surrogate pairs and control characters among it.
HOSTILE = ("</script><script>alert(1)</script>", "\"'><img src=x onerror=alert(1)>", "]]>", "{{ 7 * 7 }}")
STRANGE = ("\u202egnp.exe", "\u0645" * 9, "\ud800", "\x00\x1b[31m", "a" * 4000)
TEXT = st.text(st.characters(codec=None), max_size=40) | st.sampled_from(HOSTILE + STRANGE)


@settings(max_examples=60, deadline=None)
@given(text=TEXT, number=st.floats() | st.none())
def test_no_text_and_no_number_breaks_the_report(text: str, number: float | None) -> None:
    one = made.measurement(text, number, text, bound=(number, "<="), samples=[number, number])
    said = {"reason": text, "expected": text, "observed": text, "judge": text, "inputs": {}, "measurements": [one]}
    document = made.build(
        made.case(f"l2/{text}", made.verdict("L2-001", "fail", **said), outcome="fail", title=text, text=text,
                  needs=[text], error={"type": text, "message": text, "place": text}),
        profile={"name": text, "version": text, "contact": [text], "images": {text: text}},
        environment={text: {text: [text, number]}},
    )  # fmt: skip
    for rendered in (
        json.dumps(document, ensure_ascii=False, allow_nan=False),
        html.render(document),
        junit.render(document),
    ):
        rendered.encode()


def test_a_folder_without_a_journal_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="holds no journal"):
        write_all(tmp_path)


def test_a_journal_without_a_beginning_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / "main.jsonl").write_text("")
    with pytest.raises(report.ReportError, match="journal: has no run-started event"):
        write_all(tmp_path)


def test_evidence_that_is_gone_is_one_clear_error(tmp_path: Path) -> None:
    run = sample_run.write(tmp_path / "run", stop_after=2)
    next(run.glob("evidence/*/*.gz")).unlink()
    with pytest.raises(EvidenceError, match=r"jsonl\.gz: cannot be read"):
        write_all(run)
    assert not (run / "report.json").exists()


@pytest.mark.parametrize(
    "change", [{"plan": [{"title": "no name"}]}, {"requirements": [{"id": "L2-001"}]}, {"profile": {"timers": 3}}]
)
def test_events_that_do_not_fit_together_are_one_clear_error(change: dict[str, Any]) -> None:
    journal = made.journal(made.case("a", made.verdict("L2-001", "pass")), **change)

    def report_it() -> None:
        report.validate(report.build(journal, lambda path: pytest.fail(path), "made.jsonl"), "made.jsonl")

    with pytest.raises(report.ReportError, match=r"made\.jsonl: "):
        report_it()


def test_a_run_that_was_killed_still_gives_a_report(tmp_path: Path) -> None:
    run = sample_run.write(tmp_path / "run", stop_after=3, finished=False)
    with (run / "journal" / "main.jsonl").open("a") as file:
        file.write('{"seq": 99, "t": 1')
    write_all(run)
    document = json.loads((run / "report.json").read_text())
    assert document["run"]["interrupted"]
    assert document["run"]["torn"]
    assert read(run).torn
    assert not {each["certificate"] for each in document["profiles"]} & {"conformant", "conformant with deviations"}


def test_the_margin_of_what_is_no_number_is_none() -> None:
    for value, limit in ((None, 1.0), (1.0, "n1"), (math.nan, 1.0), (True, 1.0)):
        assert report.margin(made.measurement(value=value, bound=(limit, "<="))) is None
