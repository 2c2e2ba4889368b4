"""A run that is judged again agrees with itself, and whatever was altered is found with its place."""

import gzip
import hashlib
import json
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import Any

import made_runs as made
import pytest

from lbcert_reports import rejudge as rejudging
from lbcert_reports.journal import JournalError
from lbcert_reports.publish import write_all
from lbcert_reports.recorder import Recorder, folder
from lbcert_reports.rejudge import rejudge

S = 1_000_000_000
ASSIGNED = [
    {"t": S, "service": "default/web", "addresses": [], "present": True},
    {"t": 3 * S, "service": "default/web", "addresses": ["10.0.0.1"], "present": True},
]


def begin(recorder: Recorder, *names: str, **start: Any) -> None:
    """Begin a run with a plan of these cases, all about ALLOC-001."""
    plan = [made.case(name, covers=["ALLOC-001"]) for name in names]
    recorder.event("run-started", **made.journal(*plan, **start).of("run-started")[0].fields)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run of two cases: one passes, one fails."""
    recorder = Recorder(tmp_path, now=made.clock())
    begin(recorder, "good", "bad")
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
    latest = accumulate((event["t"] for event in kept), max)
    path.write_text(
        "".join(made.line({**each, "seq": seq, "t": t}) for seq, (each, t) in enumerate(zip(kept, latest, strict=True)))
    )


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
    assert rejudge(run).untold == ()


@pytest.mark.parametrize("killed", ["run", "worker"])
def test_what_is_killed_between_a_file_and_its_event_leaves_no_finding(tmp_path: Path, killed: str) -> None:
    recorder, worker = (Recorder(tmp_path, writer, now=made.clock()) for writer in ("main", "gw0"))
    begin(recorder, "good", "cut/off")
    with recorder.case("good") as record:
        ref = record.evidence("ingress", ASSIGNED, "watch", ended=60 * S)
        record.judge("ALLOC-001", "assigned-from-pool", {"ingress": ref}, {"pools": ["10.0.0.0/24"]})
    worker.case("cut/off").start()
    measured = {"name": "a", "value": 1, "unit": "s", "interval": None, "n": 1, "method": "", "resolution": None}
    worker.event(
        "measurement", case="cut/off", requirement="ALLOC-001", **measured, bound=None, samples=None
    )  # and no verdict
    worker.event("fault", case="cut/off", **FAULT)
    half = f"evidence/{folder('cut/off')}/half.jsonl.gz"
    (tmp_path / half).parent.mkdir()
    (tmp_path / half).write_bytes(b"\x1f\x8b")
    if killed == "worker":
        recorder.event("run-finished", cases={"pass": 1}, duration=1.0)
    assert found(tmp_path) == []
    assert rejudge(tmp_path).untold == (half,)
    (tmp_path / "evidence/good/more.jsonl.gz").write_bytes(b"")
    if killed == "worker":
        assert found(tmp_path) == ["evidence/good/more.jsonl.gz: is evidence of which the journal knows nothing"]


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
    path = run / "journal/main.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if '"event":"measurement"' in line)
    lines[at : at + 2] = reversed(lines[at : at + 2])
    path.write_text("".join(lines))
    rewrite(run, lambda e: e)
    first, second = found(run)
    assert "measurements do not follow: the journal has [], the evidence says ['time to address']" in first
    assert second == "good ALLOC-001: 1 measurements belong to no verdict"


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


# --- what a forger would do ---------------------------------------------------------------------------------------


def replace(run: Path, path: str, content: bytes) -> None:
    """Replace the content of an evidence file, and let the journal have the digest of the new one."""
    (run / path).write_bytes(content)
    digest = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    rewrite(run, lambda e: {**e, **digest} if e["event"] == "evidence" and e["path"] == path else e)


def not_applicable(run: Path, **plan: Any) -> list[str]:
    """What is found of a case whose failure was cut out and called not applicable; `plan` changes its plan."""

    def forge(event: Event) -> Event | None:
        if event["event"] == "run-started":
            return {**event, "plan": [each | plan if each["case"] == "bad" else each for each in event["plan"]]}
        if event["event"] == "run-finished":
            return {**event, "cases": {"pass": 1, "not-applicable": 1}}
        if event.get("case") != "bad" or event["event"] == "case-started":
            return event
        return {**event, "outcome": "not-applicable"} if event["event"] == "case-finished" else None

    rewrite(run, forge)
    (run / "evidence/bad/watch.jsonl.gz").unlink()
    return found(run)


def test_a_case_that_applies_and_is_called_not_applicable_is_found(run: Path) -> None:
    (finding,) = not_applicable(run)
    assert finding.startswith("bad: is called not applicable, but the profile declares all that it needs")


@pytest.mark.parametrize("plan", [{"needs": ["bgp"]}, {"requirements": ["BGP-001"]}])
def test_a_case_is_not_applicable_for_want_of_a_capability_or_of_a_requirement_in_scope(
    run: Path, plan: dict[str, Any]
) -> None:
    assert not_applicable(run, **plan) == []


def test_a_verdict_on_evidence_of_another_case_is_found(run: Path) -> None:
    inputs = {"ingress": "evidence/good/watch.jsonl.gz"}
    rewrite(run, lambda e: {**e, "inputs": inputs} if e["event"] == "verdict" and e["case"] == "bad" else e)
    assert found(run) == ["bad ALLOC-001: rests on evidence/good/watch.jsonl.gz, which was recorded by good"]


def test_a_file_of_another_case_under_the_name_of_this_one_is_found(run: Path) -> None:
    replace(run, "evidence/bad/watch.jsonl.gz", (run / "evidence/good/watch.jsonl.gz").read_bytes())
    assert found(run) == ["evidence/bad/watch.jsonl.gz: its case is 'good', the journal has 'bad'"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "events"}, "its kind is 'ingress', the journal has 'events'"),
        ({"name": "other"}, "its name is 'watch', the journal has 'other'"),
        ({"rows": 7}, "its number of rows is 2, the journal has 7"),
    ],
)
def test_an_event_that_says_something_else_than_its_file_is_found(run: Path, change: dict[str, Any], said: str) -> None:
    rewrite(run, lambda e: {**e, **change} if e["event"] == "evidence" and e["case"] == "good" else e)
    assert found(run) == [f"evidence/good/watch.jsonl.gz: {said}"]


def test_a_requirement_that_a_case_does_not_cover_is_found(run: Path) -> None:
    rewrite(
        run,
        lambda e: (
            {**e, "requirement": "ALLOC-002"} if e["event"] in ("verdict", "measurement") and e["case"] == "good" else e
        ),
    )
    assert found(run) == ["good ALLOC-002: is judged, and the case does not cover it"]


def test_a_case_that_nobody_planned_is_found(run: Path) -> None:
    rewrite(run, lambda e: {**e, "plan": e["plan"][:1]} if e["event"] == "run-started" else e)
    assert found(run) == ["bad: is not in the plan of the run"]


def test_a_run_begins_once_and_first(run: Path) -> None:
    kept: list[Event] = []
    rewrite(run, lambda e: kept.append(e) if e["event"] == "run-started" else e)  # type: ignore[func-returns-value]
    assert "run-started: there are 0 such events, a run begins once" in found(run)
    path = run / "journal/main.jsonl"
    events = [*map(json.loads, path.read_text().splitlines()), *kept, *kept]
    path.write_text("".join(made.line({**each, "seq": seq, "t": seq}) for seq, each in enumerate(events)))
    said = found(run)
    assert "run-started: there are 2 such events, a run begins once" in said
    assert "run-started: comes after 11 other events of main" in said
    assert "run-finished: a later event follows: run-started" in said


def test_a_torn_line_after_the_end_of_a_run_is_found(run: Path) -> None:
    with (run / "journal/main.jsonl").open("a") as journal:
        journal.write('{"seq":99,"event":"verdict","verdict":"fail"')
    assert found(run) == ["journal/main.jsonl: a torn line follows the end of the run"]


def test_evidence_on_which_no_verdict_rests_is_read_too(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, now=made.clock())
    begin(recorder, "good")
    with recorder.case("good") as record:
        ref = record.evidence("ingress", ASSIGNED, "watch", ended=60 * S)
    recorder.event("run-finished", cases={"not-run": 1}, duration=1.0)
    assert found(tmp_path) == []
    assert rejudge(tmp_path).unused == (ref.path,)
    replace(tmp_path, ref.path, gzip.compress(b'{"kind": "ingress", "version": 2}\n'))
    assert found(tmp_path) == [f"{ref.path}:1: has version 2, this lbcert reads version 1"]


def requests(record: Any, name: str, t: int = 61 * S) -> Any:
    """Record one request that was answered, by default a second after the begin of a run's first case."""
    row = {"t": t, "source": "10.0.0.9:4000", "vantage": "client", "address": "10.0.0.1", "port": 80,
           "protocol": "tcp", "outcome": "ok", "client_seen": None, "endpoint": None, "node": None,
           "latency": 1}  # fmt: skip
    return record.evidence("replies", [row], name)


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ("same file", "rests on evidence/good/one.jsonl.gz twice, as replies.1 and as replies.2"),
        ("same rows", "rests on the same rows twice, as replies.1 and as replies.2"),
        ("others", None),
    ],
)
def test_what_counts_as_several_trials_and_was_seen_once_is_found(
    tmp_path: Path, second: str, said: str | None
) -> None:
    recorder = Recorder(tmp_path, now=made.clock())
    begin(recorder, "good")
    with recorder.case("good") as record:
        one = requests(record, "one")
        two = one if second == "same file" else requests(record, "two", (61 if second == "same rows" else 62) * S)
        judged = record.judge(
            "ALLOC-001", "all-replies-ok", {"replies.1": one, "replies.2": two}, {"requests": 1, "trials": 2}
        )
        assert judged.verdict == "pass"
    recorder.event("run-finished", cases={"pass": 1}, duration=1.0)
    assert found(tmp_path) == ([f"good ALLOC-001: {said}"] if said else [])


FAULT = {"fault": "cut", "target": "n1", "began": S, "effective": 2 * S, "healed": None, "proof": {}}


@pytest.fixture
def with_fault(tmp_path: Path) -> Path:
    """A finished run of one case that does something and judges nothing."""
    recorder = Recorder(tmp_path)
    begin(recorder, "good")
    with recorder.case("good") as record, record.act("cut", "n1"):
        pass
    recorder.event("run-finished", cases={"not-run": 1}, duration=1.0)
    return tmp_path


@pytest.mark.parametrize("change", [{"target": "n2"}, {"effective": 5}, {"proof": {"link": "down"}}])
def test_a_fault_of_which_the_journal_and_its_evidence_differ_is_found(
    with_fault: Path, change: dict[str, Any]
) -> None:
    assert found(with_fault) == []
    rewrite(with_fault, lambda e: {**e, **change} if e["event"] == "fault" else e)
    (finding,) = found(with_fault)
    assert "the journal says something else of it than evidence/good/fault-1.jsonl.gz" in finding


def test_a_fault_without_evidence_is_found_unless_its_case_broke(with_fault: Path) -> None:
    (with_fault / "evidence/good/fault-1.jsonl.gz").unlink()
    rewrite(with_fault, lambda e: None if e["event"] == "evidence" else e)
    assert found(with_fault) == ["good cut of n1: there is no evidence of it"]
    error = {"type": "EvidenceError", "message": "disk full", "place": ""}
    rewrite(
        with_fault,
        lambda e: (
            {**e, "outcome": "error", "error": error}
            if e["event"] == "case-finished"
            else {**e, "cases": {"error": 1}}
            if e["event"] == "run-finished"
            else e
        ),
    )
    assert found(with_fault) == []


@pytest.fixture
def timed(tmp_path: Path) -> Path:
    """A finished run of two cases: each sends a request, and one is judged for it."""
    recorder = Recorder(tmp_path, now=made.clock())
    begin(recorder, "good", "idle")
    with recorder.case("good") as record:
        one = requests(record, "one")
        record.judge("ALLOC-001", "all-replies-ok", {"replies.1": one}, {"requests": 1, "trials": 1})
    with recorder.case("idle") as record:
        record.note("nothing")
    recorder.event("run-finished", cases={"pass": 1, "not-run": 1}, duration=1.0)
    return tmp_path


YEAR = 365 * 86400


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (54.9, "is of 5.1 s before the journal has it seen"),
        (55, None),
        (125, None),
        (125.1, "is of 5.1 s after the journal has it seen"),
        (YEAR, f"is of {YEAR - 120}.0 s after the journal has it seen"),
    ],
)
def test_evidence_of_another_time_than_its_case_is_found(timed: Path, seconds: float, said: str | None) -> None:
    path = "evidence/good/one.jsonl.gz"
    header, row = map(json.loads, gzip.decompress((timed / path).read_bytes()).splitlines())
    rows = "".join(json.dumps(each) + "\n" for each in (header, row | {"t": int(seconds * S)}))
    replace(timed, path, gzip.compress(rows.encode()))
    assert found(timed) == ([f"{path}: {said}"] if said else [])


def test_a_watch_that_cases_share_may_have_begun_before_them_and_not_before_the_run(tmp_path: Path) -> None:
    clock = iter([60, 70, 100, 200, 300, 400, 500])
    recorder = Recorder(tmp_path, now=lambda: next(clock) * S)
    begin(recorder, "good")
    with recorder.case("good") as record:
        record.evidence("ingress", [{**ASSIGNED[0], "t": 61 * S}], "shared", began=60 * S)
        record.evidence("ingress", ASSIGNED, "earlier", began=54 * S, ended=60 * S)
    recorder.event("run-finished", cases={"not-run": 1}, duration=1.0)
    assert found(tmp_path) == ["evidence/good/earlier.jsonl.gz: is of 59.0 s before the journal has it seen"]


@pytest.mark.parametrize("event", ["evidence", "verdict"])
def test_what_does_not_lie_within_its_case_is_found(timed: Path, event: str) -> None:
    path = timed / "journal/main.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    moved = next(line for line in lines if f'"event":"{event}"' in line)
    lines.remove(moved)
    lines.insert(-1, moved)
    path.write_text("".join(lines))
    rewrite(timed, lambda e: e)
    what = {"evidence": "evidence/good/one.jsonl.gz", "verdict": "verdict 9 of main"}[event]
    assert f"good: {what} does not lie between its begin and its end in the journal" in found(timed)


@pytest.mark.parametrize("number", [10**19, -(10**400)])
def test_a_time_that_no_clock_shows_is_refused_with_its_file(run: Path, number: int) -> None:
    path = "evidence/good/watch.jsonl.gz"
    header, first, *_ = gzip.decompress((run / path).read_bytes()).splitlines()
    row = json.dumps({**json.loads(first), "t": number}).encode()
    replace(run, path, gzip.compress(header + b"\n" + row + b"\n"))
    assert any(f"cannot be judged again: {path}:2: holds a number of twenty digits or more" in f for f in found(run))
    journal = run / "journal/main.jsonl"
    journal.write_text(journal.read_text().replace('"t":0', f'"t":{number}'))
    with pytest.raises(JournalError, match=r"main\.jsonl:1: holds a number of twenty digits or more"):
        rejudge(run)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"judge": "later-judge"}, "cannot be judged again: this suite has no judge 'later-judge'"),
        (
            {"bound": {"pools": [], "more": 1}},
            "assigned-from-pool cannot be judged again: the judge assigned-from-pool",
        ),
    ],
)
def test_what_a_later_suite_may_ask_of_a_judge_is_one_finding(run: Path, change: dict[str, Any], said: str) -> None:
    rewrite(run, lambda e: {**e, **change} if e["event"] == "verdict" and e["case"] == "good" else e)
    (finding,) = found(run)
    assert finding.startswith(f"good ALLOC-001: {said}")
    assert rejudge(run).verdicts == 1


def test_evidence_of_one_case_does_not_unfold_without_limit(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(gzip.decompress((run / "evidence/good/watch.jsonl.gz").read_bytes()))
    monkeypatch.setattr(rejudging, "HELD_LIMIT", size)
    assert found(run) == [], "the evidence of a case is put away when it is over"
    monkeypatch.setattr(rejudging, "HELD_LIMIT", size - 10)
    assert f"evidence/good/watch.jsonl.gz: unfolds to more than {size - 10} bytes" in found(run)[0]


def test_a_file_is_read_once_for_all_the_verdicts_of_its_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder(tmp_path, now=made.clock())
    begin(recorder, "good")
    with recorder.case("good") as record:
        ref = record.evidence("ingress", ASSIGNED, "watch", ended=60 * S)
        for _ in range(3):
            record.judge("ALLOC-001", "assigned-from-pool", {"ingress": ref}, {"pools": ["10.0.0.0/24"]})
    recorder.event("run-finished", cases={"pass": 1}, duration=1.0)
    read, seen = rejudging.stored.read, []
    monkeypatch.setattr(rejudging.stored, "read", lambda path, *most: (seen.append(path), read(path, *most))[1])
    assert rejudge(tmp_path).verdicts == 3
    assert seen == [tmp_path / ref.path] * 2, "for three verdicts, and for the pictures of the report"


def test_all_that_the_report_states_is_held_against_the_journal(run: Path) -> None:
    write_all(run)
    path = run / "report.json"
    report = json.loads(path.read_text())
    assert found(run) == []
    report["implementation"]["version"] = "99"
    report["summary"]["limits"] = ["none"]
    report["results"][0]["judgements"][0]["measurements"][0]["value"] /= 1000
    report["run"]["interrupted"] = 0
    path.write_text(json.dumps(report | {"more": 1}))
    assert found(run) == [
        "report.json: implementation.version: states '99', the journal comes to '1'",
        "report.json: run.interrupted: states 0, the journal comes to False",
        "report.json: summary.limits: states ['none'], the journal comes to []",
        "report.json: results.good.judgements.1.measurements.time to address.value: states 0.002,"
        " the journal comes to 2.0",
        "report.json: more: states 1, the journal comes to nothing",
    ]


def test_a_field_that_earlier_suites_left_empty_states_nothing(run: Path) -> None:
    write_all(run)
    path = run / "report.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"probed": None}))
    assert found(run) == []


def test_what_was_asked_of_each_verdict_is_told(run: Path) -> None:
    first, second = rejudge(run).held
    assert (first.case, first.requirement, first.judge, first.trials) == ("good", "ALLOC-001", "assigned-from-pool", 1)
    assert (first.bound, second.bound) == ({"pools": ["10.0.0.0/24"]}, {"pools": ["10.1.0.0/24"]})
