"""A run that is judged again agrees with itself, and whatever was altered is found with its place."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lbcert_reports.journal import JournalError
from lbcert_reports.recorder import Recorder
from lbcert_reports.rejudge import rejudge

S = 1_000_000_000
ASSIGNED = [
    {"t": S, "service": "default/web", "addresses": [], "present": True},
    {"t": 3 * S, "service": "default/web", "addresses": ["10.0.0.1"], "present": True},
]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run of two cases: one passes, one fails."""
    recorder = Recorder(tmp_path)
    for case, pool in (("good", "10.0.0.0/24"), ("bad", "10.1.0.0/24")):
        with recorder.case(case) as record:
            ref = record.evidence("ingress", ASSIGNED, "watch", ended=60 * S)
            record.judge("ALLOC-001", "assigned-from-pool", {"ingress": ref}, {"pools": [pool]})
    recorder.event("run-finished", cases={"pass": 1, "fail": 1, "error": 0}, duration=1.0)
    return tmp_path


Event = dict[str, Any]


def rewrite(run: Path, change: Callable[[Event], Event | None]) -> None:
    """Rewrite the journal as a forger would: events changed or left out, and numbers and times right again."""
    path = run / "journal/main.jsonl"
    events = [change(json.loads(line)) for line in path.read_text().splitlines()]
    kept = [event for event in events if event is not None]
    path.write_text("".join(json.dumps({**event, "seq": seq, "t": seq}) + "\n" for seq, event in enumerate(kept)))


def found(run: Path) -> list[str]:
    return [str(finding) for finding in rejudge(run).findings]


def test_a_run_agrees_with_itself(run: Path) -> None:
    again = rejudge(run)
    assert again.findings == ()
    assert (again.verdicts, again.agrees, again.interrupted) == (2, True, False)


def test_an_interrupted_run_agrees_with_itself_as_far_as_it_went(run: Path) -> None:
    path = run / "journal/main.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    for kept in range(1, len(lines)):
        path.write_text("".join(lines[:kept]) + '{"torn')
        unlisted = [finding for finding in found(run) if "the journal knows nothing" not in finding]
        assert unlisted == []
        assert rejudge(run).interrupted


@pytest.mark.parametrize("offset", [0, 12, 40, -1])
def test_one_altered_byte_of_evidence_is_found(run: Path, offset: int) -> None:
    path = run / "evidence/good/watch.jsonl.gz"
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(content)
    altered, unjudged = found(run)
    assert altered.startswith("evidence/good/watch.jsonl.gz: was altered: its SHA-256 is ")
    assert (
        unjudged
        == "good ALLOC-001: assigned-from-pool cannot be judged again: evidence/good/watch.jsonl.gz is not as it was"
    )


def test_a_missing_file_is_found(run: Path) -> None:
    (run / "evidence/bad/watch.jsonl.gz").unlink()
    assert found(run) == [
        "evidence/bad/watch.jsonl.gz: is missing",
        "bad ALLOC-001: assigned-from-pool cannot be judged again: evidence/bad/watch.jsonl.gz is not as it was",
    ]


def test_a_file_beside_is_found(run: Path) -> None:
    (run / "evidence/good/more.jsonl.gz").write_bytes(b"")
    assert found(run) == ["evidence/good/more.jsonl.gz: is evidence of which the journal knows nothing"]


@pytest.mark.parametrize(
    ("field", "value"),
    [("verdict", "pass"), ("reason", "all is well"), ("expected", "anything"), ("observed", "nothing bad")],
)
def test_a_verdict_that_does_not_follow_is_found(run: Path, field: str, value: str) -> None:
    def forge(event: Event) -> Event:
        return {**event, field: value} if event["event"] == "verdict" and event["case"] == "bad" else event

    rewrite(run, forge)
    findings = found(run)
    assert findings[0].startswith(
        f"bad ALLOC-001: the {field} does not follow: the journal has {value!r}, the evidence"
    )
    assert len(findings) == (2 if field == "verdict" else 1), "a forged verdict belies the outcome of its case too"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"value": 1.0}, "measurement 'time to address': value is 1.0, the evidence says 2.0"),
        ({"samples": [2.5]}, "samples is [2.5], the evidence says [2.0]"),
        ({"value": None}, "value is None, the evidence says 2.0"),
        ({"samples": [2.0, 1.0]}, "samples is [2.0, 1.0], the evidence says [2.0]"),
        ({"bound": {"value": 60.0, "op": "<=", "derivation": "x"}}, "bound is {'value': 60.0"),
        (
            {"name": "time"},
            "measurements do not follow: the journal has ['time'], the evidence says ['time to address']",
        ),
    ],
)
def test_a_measurement_that_does_not_follow_is_found(run: Path, change: dict[str, Any], problem: str) -> None:
    rewrite(run, lambda e: {**e, **change} if e["event"] == "measurement" and e["case"] == "good" else e)
    (finding,) = found(run)
    assert finding.startswith("good ALLOC-001: ")
    assert problem in finding


def test_what_another_machine_does_to_the_last_digits_is_no_finding(run: Path) -> None:
    rewrite(run, lambda e: {**e, "value": e["value"] * (1 + 1e-9)} if e["event"] == "measurement" else e)
    assert found(run) == []


def test_a_measurement_that_is_left_out_or_added_is_found(run: Path) -> None:
    seen: list[Event] = []

    def move(event: Event) -> Event | None:
        if event["event"] == "measurement" and event["case"] == "good":
            seen.append(event)
            return None
        return seen.pop() if event["event"] == "case-finished" and seen else event

    rewrite(run, move)
    first, *_, last = found(run)
    assert "measurements do not follow: the journal has [], the evidence says ['time to address']" in first
    assert "good ALLOC-001: 1 measurements belong to no verdict" in found(run)
    assert last.startswith("run-finished: counts"), "the case that no longer finishes is missed"


def test_an_outcome_that_does_not_follow_is_found(run: Path) -> None:
    rewrite(run, lambda e: {**e, "outcome": "pass"} if e["event"] == "case-finished" else e)
    assert found(run) == [
        "bad: the outcome is pass, its verdicts come to fail",
        "run-finished: counts {'pass': 1, 'fail': 1}, the cases come to {'pass': 2}",
    ]


def test_a_pass_without_any_verdict_is_found(run: Path) -> None:
    rewrite(run, lambda e: None if e["event"] in ("verdict", "measurement") and e["case"] == "good" else e)
    assert found(run) == ["good: the outcome is pass, its verdicts come to not-run"]


def test_a_verdict_on_evidence_that_nobody_recorded_is_found(run: Path) -> None:
    (run / "evidence/other.jsonl.gz").write_bytes((run / "evidence/good/watch.jsonl.gz").read_bytes())
    inputs = {"ingress": "evidence/other.jsonl.gz"}
    rewrite(run, lambda e: {**e, "inputs": inputs} if e["event"] == "verdict" and e["case"] == "good" else e)
    assert found(run) == [
        "evidence/other.jsonl.gz: is evidence of which the journal knows nothing",
        "good ALLOC-001: rests on evidence/other.jsonl.gz, of which the journal knows nothing",
    ]


def test_evidence_outside_the_run_directory_is_refused(run: Path) -> None:
    rewrite(run, lambda e: {**e, "path": "../" + e["path"]} if e["event"] == "evidence" and e["case"] == "good" else e)
    assert "../evidence/good/watch.jsonl.gz: lies where no evidence of a run lies" in found(run)


def test_a_folder_that_is_no_run_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="holds no journal"):
        rejudge(tmp_path)
