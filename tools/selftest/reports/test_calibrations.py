"""A verdict on timing stands only between two accepted calibrations, in the report and when it is judged again."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_runs import case, journal, line

from lbcert_reports import evidence as stored
from lbcert_reports import journal as journals
from lbcert_reports.calibrations import METHODS, SIZES, doubts
from lbcert_reports.journal import Event
from lbcert_reports.recorder import CaseRecorder, Recorder
from lbcert_reports.rejudge import rejudge
from lbcert_reports.report import build, validate

S, MS = 1_000_000_000, 1_000_000
KINDS = ("accepted", "refused", "timed pass", "timed fail", "timed error", "other pass", "other fail", "note")


def event(kind: str, writer: str, seq: int) -> Event:
    """A verdict on a calibration, on timing, or on something else; or no verdict."""
    what, _, verdict = kind.partition(" ")
    if what == "note":
        return Event(seq, writer, seq, "note", {"case": None, "text": ""})
    if what in ("timed", "other"):
        judge, case = ("failover-gap" if what == "timed" else "all-replies-ok"), "a case"
    else:
        judge, case, verdict = "probe-calibration", None, "pass" if what == "accepted" else "inconclusive"
    fields = {"case": case, "judge": judge, "verdict": verdict, "reason": "a bias"}
    return Event(seq, writer, seq, "verdict", fields)


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(["gw0", "gw1"]))))
def test_exactly_the_verdicts_on_timing_between_two_accepted_calibrations_stand(told: list[tuple[str, str]]) -> None:
    found = doubts(event(kind, writer, seq) for seq, (kind, writer) in enumerate(told))
    for seq, (kind, writer) in enumerate(told):
        before = [each for each, who in told[:seq] if who == writer and each in ("accepted", "refused")]
        after = [each for each, who in told[seq:] if who == writer and each in ("accepted", "refused")]
        stands = before[-1:] == ["accepted"] and after[:1] == ["accepted"]
        assert ((writer, seq) in found) == (kind in ("timed pass", "timed fail") and not stands)


@pytest.mark.parametrize(
    ("kinds", "why"),
    [
        (["timed fail", "accepted"], "the probe was not calibrated before it"),
        (["accepted", "timed fail"], "the probe was not calibrated after it"),
        (["refused", "timed fail", "accepted"], "the probe's calibration before it is not accepted: a bias"),
        (["accepted", "timed fail", "refused"], "the probe's calibration after it is not accepted: a bias"),
    ],
)
def test_a_verdict_that_does_not_stand_says_why(kinds: list[str], why: str) -> None:
    assert list(doubts(event(kind, "main", seq) for seq, kind in enumerate(kinds)).values()) == [why]


def calibrate(recorder: Recorder, name: str, off: int) -> None:
    """Record a calibration that measured everything so much too long, ns."""
    rows = [
        {"t": time.time_ns(), "method": method if size else "", "size": size, "gaps_seen": int(size > 0), "late": 0,
         "injected_lower": size, "injected_upper": size,
         "measured_lower": max(size - 2 * MS + off, 0), "measured_upper": size + 2 * MS + off}
        for size in (0, *(round(each * S) for each in SIZES)) for method in METHODS
    ]  # fmt: skip
    own = recorder.own()
    gaps = own.evidence("calibration", rows, name, period=MS)
    own.judge("calibration", "probe-calibration", {"gaps": gaps}, {"methods": list(METHODS), "sizes": list(SIZES)})


def time_a_gap(record: CaseRecorder, limit: float) -> None:
    """Record a stream that was interrupted for a second, and have the gap judged."""
    cut = time.time_ns()
    rows = [
        {"seq": seq, "due": t, "sent": t, "endpoint": None, "received": None if cut <= t < cut + S else t + 1}
        for seq, t in enumerate(range(cut - 3 * S, cut + 5 * S, MS))
    ]
    fault = {"fault": "cut", "target": "n1", "began": cut, "effective": cut, "healed": None, "proof": {}}
    inputs = {
        "stream": record.evidence("stream", rows, "stream", period=MS, kernel_drops=0),
        "cause": record.evidence("faults", [fault], "cause"),
    }
    record.judge("L2-042", "failover-gap", inputs, {"limit": limit})


def certified(run: Path, limit: float, before: int | None, after: int | None) -> dict[str, Any]:
    """A run with one timed case between two calibrations, each so far off, ns, or not made; its report."""
    recorder = Recorder(run)
    recorder.event("run-started", **journal(case("layer2/moves", covers=["L2-042"])).of("run-started")[0].fields)
    if before is not None:
        calibrate(recorder, "before", before)
    with recorder.case("layer2/moves") as record:
        time_a_gap(record, limit)
    if after is not None:
        calibrate(recorder, "after", after)
    recorder.event("run-finished", cases={str(record.outcome): 1}, duration=1.0)
    report = build(journals.read(run), lambda path: stored.read(run / path))
    validate(report)
    (run / "report.json").write_text(json.dumps(report))
    return report


@pytest.mark.parametrize(("limit", "verdict"), [(5, "pass"), (0.5, "fail")])
@pytest.mark.parametrize(
    ("before", "after", "stands"),
    [(0, 0, True), (MS, 0, True), (2 * MS, 0, False), (0, -2 * MS, False), (None, 0, False), (0, None, False)],
)
def test_a_pass_and_a_fail_become_inconclusive_and_are_judged_so_again(
    tmp_path: Path, limit: float, verdict: str, before: int | None, after: int | None, stands: bool
) -> None:
    report = certified(tmp_path, limit, before, after)
    shown = verdict if stands else "inconclusive"
    (requirement,), (result,) = report["requirements"], report["results"]
    assert (requirement["verdict"], result["verdict"], result["judgements"][0]["verdict"]) == (shown,) * 3
    assert report["profiles"][0]["certificate"] == {
        "pass": "conformant", "fail": "not conformant", "inconclusive": "undetermined",
    }[shown]  # fmt: skip
    if not stands:
        assert requirement["reason"].startswith("the probe")
        assert f"(otherwise {verdict}: nobody forwarded" in requirement["reason"]
    again = rejudge(tmp_path)
    assert again.findings == ()
    assert again.verdicts == 1 + sum(each is not None for each in (before, after))


def test_a_report_in_which_a_doubted_verdict_stands_is_found(tmp_path: Path) -> None:
    report = certified(tmp_path, 5, 0, 2 * MS)
    report["requirements"][0]["verdict"] = "pass"
    (tmp_path / "report.json").write_text(json.dumps(report))
    assert [str(each) for each in rejudge(tmp_path).findings] == [
        "report.json: requirements.L2-042.verdict: states 'pass', the journal comes to 'inconclusive'"
    ]


def test_a_calibration_that_is_called_accepted_and_was_not_is_found(tmp_path: Path) -> None:
    certified(tmp_path, 5, 0, 2 * MS)
    path = tmp_path / "journal/main.jsonl"
    path.write_text(path.read_text().replace('"verdict":"inconclusive"', '"verdict":"pass"'))
    first = rejudge(tmp_path).findings[0]
    assert str(first).startswith("run calibration: the verdict does not follow: the journal has 'pass', the evidence")


def altered(run: Path, change: Callable[[dict[str, Any]], object]) -> list[str]:
    """Change the events of a run's journal; what is found then, but for what the report says beside it."""
    path = run / "journal/main.jsonl"
    events = [json.loads(each) for each in path.read_text().splitlines()]
    for each in events:
        change(each)
    path.write_text("".join(map(line, events)))
    return [str(each) for each in rejudge(run).findings if each.place != "report.json"]


@pytest.mark.parametrize(
    ("bound", "said"),
    [
        ({"methods": METHODS[:1], "sizes": [0.1]}, "is held against other methods than link cut, packet drop"),
        ({"methods": list(METHODS), "sizes": [0.1]}, "is held against no gaps of 0.005, 0.02 s"),
        ({"methods": list(METHODS), "sizes": [0.005, 0.02]}, "is held against no gaps of 0.1 s"),
    ],
)
def test_a_calibration_that_asks_for_less_than_any_run_does_is_found(
    tmp_path: Path, bound: dict[str, Any], said: str
) -> None:
    certified(tmp_path, 5, 0, 0)
    change = lambda each: each.update(bound=bound) if each.get("judge") == "probe-calibration" else None  # noqa: E731
    assert altered(tmp_path, change) == [f"run calibration: {said}"] * 2


def test_a_calibration_that_rests_on_the_evidence_of_another_is_found(tmp_path: Path) -> None:
    certified(tmp_path, 5, 0, 0)
    before = {"gaps": "evidence/run/before.jsonl.gz"}
    change = lambda each: each.update(inputs=before) if each.get("judge") == "probe-calibration" else None  # noqa: E731
    assert altered(tmp_path, change) == ["run calibration: rests on evidence/run/before.jsonl.gz, as another does"]


def test_gaps_that_were_not_made_when_the_journal_says_are_found(tmp_path: Path) -> None:
    certified(tmp_path, 5, 0, 0)
    late = [
        "run calibration: rests on evidence/run/before.jsonl.gz, whose gaps were not made when the journal says",
        "run calibration: rests on evidence/run/after.jsonl.gz, whose gaps were not made when the journal says",
    ]
    found = altered(tmp_path, lambda each: each.update(t=each["t"] + 3600 * S))
    assert [each for each in found if each.startswith("run calibration")] == late


def test_the_report_holds_bias_and_spread_of_all_calibrations(tmp_path: Path) -> None:
    told = certified(tmp_path, 5, MS // 2, -MS // 4)["calibration"]
    assert [each["accepted"] for each in told["made"]] == [True, True]
    control, cut = told["gaps"][:2]
    assert (control["size"], control["n"], control["accepted"]) == (0, 4, True)
    assert (cut["method"], cut["size"], cut["n"], cut["bias"]) == ("link cut", 0.005, 2, pytest.approx(0.000125))
    assert cut["spread"] == pytest.approx([-0.00025, 0.0005])
