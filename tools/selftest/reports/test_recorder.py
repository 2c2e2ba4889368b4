"""The recorder journals what a case did, and has judged only what is stored."""

import gzip
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbcert_reports import journal, report
from lbcert_reports.evidence import EvidenceError
from lbcert_reports.recorder import CaseRecorder, EvidenceRef, Recorder, folder
from lbcert_reports.verdicts import Verdict

S = 1_000_000_000
ASSIGNED = [
    {"t": S, "service": "default/web", "addresses": [], "present": True},
    {"t": 3 * S, "service": "default/web", "addresses": ["10.0.0.1"], "present": True},
]
POOL = {"pools": ["10.0.0.0/24"], "derivation": "catalogue"}


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path / "run")


def events(recorder: Recorder, name: str | None = None) -> list[Any]:
    found = journal.read(recorder.run)
    return list(found.of(name)) if name else list(found.events)


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_case_has_a_folder_of_its_own_that_any_file_system_takes(one: str, other: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,89}", folder(one))
    assert (folder(one) == folder(other)) == (one == other)


def test_a_plain_name_is_kept_and_a_long_one_is_cut() -> None:
    assert folder("one-announcer_2") == "one-announcer_2"
    assert re.fullmatch(r"layer2-test_x-py-test_one-ipv4-[0-9a-f]{8}", folder("layer2/test_x.py::test_one[ipv4]"))
    assert folder("x" * 300).startswith("x" * 80 + "-")


def test_a_case_leaves_evidence_measurements_and_verdict_in_order(recorder: Recorder) -> None:
    with recorder.case("allocation/assigned") as record:
        ref = record.evidence("ingress", ASSIGNED, "watch", ended=60 * S)
        judgement = record.judge("ALLOC-001", "assigned-from-pool", {"ingress": ref}, POOL)
        record.note("quick")
    path = f"evidence/{folder('allocation/assigned')}/watch.jsonl.gz"
    assert ref == EvidenceRef(path, "ingress", "watch")
    assert judgement.verdict is Verdict.PASS
    assert [event.event for event in events(recorder)] == [
        "case-started", "evidence", "measurement", "verdict", "note", "case-finished",
    ]  # fmt: skip
    _, evidence, measurement, verdict, note, finished = (event.fields for event in events(recorder))
    stored = (recorder.run / path).read_bytes()
    assert (evidence["path"], evidence["kind"], evidence["rows"], evidence["bytes"]) == (
        path,
        "ingress",
        2,
        len(stored),
    )
    assert measurement == {
        "case": "allocation/assigned", "requirement": "ALLOC-001", "name": "time to address", "value": 2.0, "unit": "s",
        "interval": None, "n": 1, "method": "slowest Service, watch of the API", "resolution": None, "samples": [2.0],
        "bound": {"value": 30.0, "op": "<=", "derivation": "catalogue"},
    }  # fmt: skip
    assert verdict == {
        "case": "allocation/assigned", "requirement": "ALLOC-001", "judge": "assigned-from-pool", "verdict": "pass",
        "inputs": {"ingress": path}, "bound": POOL, "reason": "every address came in time and from the pools",
        "expected": "an address of 10.0.0.0/24 within 30 s",
        "observed": "1 of 1 Services got an address, the slowest after 2.00 s",
    }  # fmt: skip
    assert note == {"case": "allocation/assigned", "text": "quick"}
    assert (finished["outcome"], finished["error"]) == ("pass", None)
    assert finished["duration"] >= 0


def test_what_is_judged_is_what_the_disk_holds(recorder: Recorder) -> None:
    with recorder.case("a") as record:
        ref = record.evidence("ingress", ASSIGNED, ended=60 * S)
        path = recorder.run / ref.path
        path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()).replace(b"10.0.0.1", b"10.9.0.1")))
        judgement = record.judge("ALLOC-001", "assigned-from-pool", {"ingress": ref}, POOL)
    assert judgement.reason == "default/web was given 10.9.0.1, outside every pool"


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        ([], Verdict.NOT_RUN),
        ([Verdict.PASS], Verdict.PASS),
        ([Verdict.PASS, Verdict.INCONCLUSIVE], Verdict.INCONCLUSIVE),
        ([Verdict.FAIL, Verdict.PASS], Verdict.FAIL),
    ],
)
def test_a_case_comes_to_what_its_verdicts_combine_to(
    recorder: Recorder, given: list[Verdict], outcome: Verdict
) -> None:
    with recorder.case("a") as record:
        record.verdicts += given
        assert record.outcome is outcome
    assert events(recorder, "case-finished")[0]["outcome"] == outcome


def test_a_case_that_breaks_is_our_error_with_its_place_and_keeps_a_failure(recorder: Recorder) -> None:
    def broken(case: str, verdicts: list[Verdict]) -> None:
        with recorder.case(case) as record:
            record.verdicts += verdicts
            raise RuntimeError("the cluster went away")

    with pytest.raises(RuntimeError):
        broken("a", [Verdict.PASS])
    with pytest.raises(RuntimeError):
        broken("b", [Verdict.FAIL])
    first, second = events(recorder, "case-finished")
    assert (first["outcome"], second["outcome"]) == ("error", "fail")
    assert first["error"]["type"] == "RuntimeError"
    assert first["error"]["message"] == "the cluster went away"
    assert re.fullmatch(r"test_recorder\.py:\d+", first["error"]["place"])


def test_an_interrupt_leaves_the_case_unfinished(recorder: Recorder) -> None:
    def interrupted() -> None:
        with recorder.case("a"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [event.event for event in events(recorder)] == ["case-started"]


def test_a_case_without_verdict_can_say_why(recorder: Recorder) -> None:
    record = CaseRecorder(recorder, "a")
    record.start()
    assert record.finish(outcome=Verdict.NOT_APPLICABLE) is Verdict.NOT_APPLICABLE
    assert events(recorder, "case-finished")[0]["outcome"] == "not-applicable"


def test_a_fault_is_journalled_and_is_evidence(recorder: Recorder) -> None:
    fault = SimpleNamespace(name="power-off", target="n1", began=1, effective=2, proof={"link": "down"})
    row = {"fault": "power-off", "target": "n1", "began": 1, "effective": 2, "healed": None, "proof": {"link": "down"}}
    with recorder.case("a") as record:
        first, second = record.fault(fault), record.fault(fault, healed=9)
    assert (first.name, second.name, first.kind) == ("fault-1", "fault-2", "faults")
    assert events(recorder, "fault")[0].fields == {"case": "a", **row}
    assert events(recorder, "fault")[1]["healed"] == 9


def test_an_act_is_timed_around_what_is_done(recorder: Recorder) -> None:
    with recorder.case("a") as record:
        with record.act("delete-service", "default/web") as deleted:
            with pytest.raises(ValueError, match="delete-service of default/web is not done yet"):
                _ = deleted.evidence
            deleted.proof["status"] = 200
        assert deleted.evidence.kind == "faults"
    (fault,) = events(recorder, "fault")
    assert 0 < fault["began"] <= fault["effective"] <= fault.t
    assert fault["proof"] == {"status": 200}


def test_an_act_that_fails_is_not_recorded(recorder: Recorder) -> None:
    def refused(record: CaseRecorder) -> None:
        with record.act("delete-service", "default/web"):
            raise RuntimeError("409")

    with recorder.case("a") as record, pytest.raises(RuntimeError):
        refused(record)
    assert not events(recorder, "fault")


def test_a_name_is_given_once_in_a_case_and_may_be_any_text(recorder: Recorder) -> None:
    with recorder.case("a") as record, recorder.case("b") as other:
        assert record.evidence("ingress", ASSIGNED, "IPv6: after").path.startswith("evidence/a/IPv6-after-")
        other.evidence("ingress", ASSIGNED, "IPv6: after")
        record.evidence("ingress", ASSIGNED)
        with pytest.raises(EvidenceError, match="exists; evidence is never overwritten"):
            record.evidence("ingress", ASSIGNED)


def test_a_bound_that_is_no_json_is_an_error_before_anything_is_judged(recorder: Recorder) -> None:
    with recorder.case("a") as record, pytest.raises(EvidenceError, match="bound of ALLOC-001: cannot be written"):
        record.judge("ALLOC-001", "assigned-from-pool", {}, {"pools": object()})
    assert not events(recorder, "verdict")


def test_a_phase_says_what_it_is_at_and_lasts_until_its_end(tmp_path: Path) -> None:
    clock = iter([0, 1_000_000_000, 3_000_000_000])
    recorder = Recorder(tmp_path / "run", now=lambda: next(clock))
    with recorder.phase("boot") as at:
        at("network")
    recorder.close()
    written = journal.read(tmp_path / "run")
    states = [(event["state"], event.fields.get("detail")) for event in written.of("phase")]
    assert states == [("begin", None), ("at", "network"), ("end", None)]
    assert report._phases(written) == [{"name": "boot", "seconds": 3.0}]


def test_a_phase_ends_whatever_ends_it(recorder: Recorder) -> None:
    def broken() -> None:
        with recorder.phase("boot"):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        broken()
    recorder.note("x")
    assert [(event.event, event.fields.get("state")) for event in events(recorder)] == [
        ("phase", "begin"), ("phase", "end"), ("note", None),
    ]  # fmt: skip
