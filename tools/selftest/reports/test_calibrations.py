"""A verdict on timing stands only between two accepted calibrations, in the report and when it is judged again."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from known_gaps import injected, probed
from made_runs import case, journal, line

from lbcert_reports import evidence as stored
from lbcert_reports import journal as journals
from lbcert_reports.calibrations import METHODS, SIZES, doubts, is_calibration, measurable
from lbcert_reports.journal import Event
from lbcert_reports.recorder import CaseRecorder, Recorder
from lbcert_reports.rejudge import rejudge
from lbcert_reports.report import build, validate

S, MS = 1_000_000_000, 1_000_000
KINDS = ("accepted", "refused", "timed pass", "timed fail", "timed error", "other pass", "other fail", "note")
PROBE = "UDP over IPv6 every 1 ms from client"


def event(kind: str, writer: str, seq: int, *probes: str) -> Event:
    """A verdict on a calibration, on timing, or on something else; or no verdict."""
    what, _, verdict = kind.partition(" ")
    if what == "note":
        return Event(seq, writer, seq, "note", {"case": None, "text": ""})
    if what in ("timed", "other"):
        judge, case = ("failover-gap" if what == "timed" else "all-replies-ok"), "a case"
    else:
        judge, case, verdict = "probe-calibration", None, "pass" if what == "accepted" else "inconclusive"
    fields = {"case": case, "judge": judge, "verdict": verdict, "reason": "a bias", "probes": list(probes or [PROBE])}
    return Event(seq, writer, seq, "verdict", fields)


probes = st.sets(st.sampled_from(["a", "b"]), min_size=1)


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(["gw0", "gw1"]), probes)))
def test_exactly_the_verdicts_stand_whose_every_probe_was_accepted_before_and_after(
    told: list[tuple[str, str, set[str]]],
) -> None:
    found = doubts(event(kind, writer, seq, *sorted(with_)) for seq, (kind, writer, with_) in enumerate(told))

    def accepted(place: int, probe: str, step: int) -> bool:
        """Whether the writer's nearest calibration of a probe on one side was accepted."""
        writer, others = told[place][1], told[place:][1:] if step > 0 else told[:place][::-1]
        of_it = (each for each, who, with_ in others if who == writer and probe in with_)
        return next((each for each in of_it if each in ("accepted", "refused")), "none") == "accepted"

    for seq, (kind, writer, with_) in enumerate(told):
        stands = all(accepted(seq, probe, step) for probe in with_ for step in (-1, 1))
        assert ((writer, seq) in found) == (kind in ("timed pass", "timed fail") and not stands)


@pytest.mark.parametrize(
    ("kinds", "why"),
    [
        (["timed fail", "accepted"], f"the probe was not calibrated before it ({PROBE})"),
        (["accepted", "timed fail"], f"the probe was not calibrated after it ({PROBE})"),
        (["refused", "timed fail", "accepted"], f"the probe's calibration before it is not accepted ({PROBE}): a bias"),
        (["accepted", "timed fail", "refused"], f"the probe's calibration after it is not accepted ({PROBE}): a bias"),
        (
            ["accepted", "refused", "timed fail", "accepted", "refused"],
            f"the probe's calibration before it is not accepted ({PROBE}): a bias",
        ),
    ],
)
def test_a_verdict_that_does_not_stand_says_why(kinds: list[str], why: str) -> None:
    assert list(doubts(event(kind, "main", seq) for seq, kind in enumerate(kinds)).values()) == [why]


@pytest.mark.parametrize(
    ("case", "judge", "expected"),
    [
        (None, "probe-calibration", True),
        ("a case", "probe-calibration", False),
        (None, "all-replies-ok", False),
        (None, "route-withdrawn", False),
        ("a case", "route-withdrawn", False),
    ],
)
def test_a_calibration_is_what_the_judge_of_probes_says_of_no_case(
    case: str | None, judge: str, expected: bool
) -> None:
    fields = json.loads(json.dumps({"case": case, "judge": judge, "verdict": "pass"}))  # what is equal is not the same
    assert is_calibration(Event(1, "main", 1, "verdict", fields)) is expected
    assert not is_calibration(Event(1, "main", 1, "note", fields))


def test_a_verdict_on_timing_that_names_no_probe_does_not_stand() -> None:
    accepted = [event("accepted", "main", seq) for seq in (1, 3)]
    timed = event("timed pass", "main", 2)
    nameless = Event(2, "main", 2, "verdict", {**timed.fields, "probes": []})
    assert doubts([accepted[0], timed, accepted[1]]) == {}
    assert doubts([accepted[0], nameless, accepted[1]]) == {("main", 2): "it does not say with what probe"}


SLOW = "UDP over IPv6 every 10 ms from client"


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1_800_000_000 * S

    def __call__(self) -> int:
        return self.now


def calibrate(recorder: Recorder, clock: Clock, name: str, off: int) -> None:
    """Record a calibration of two probes that took everything to last so much longer, ns."""
    begin = clock.now
    rows = injected(0, *(round(each * S) for each in SIZES), methods=METHODS, began=begin)
    clock.now = rows[-1]["healed"] + S
    own = recorder.own()
    gaps = own.evidence("calibration", rows, name)
    for period in (MS, 10 * MS):
        seen = probed(rows, period, begin=begin + 43 * MS // 10, off=off)
        stream = own.evidence("stream", seen.rows, f"{name}-{period}", **seen.meta)
        bound = {"methods": list(METHODS), "sizes": measurable(SIZES, period / S)}
        own.judge("calibration", "probe-calibration", {"gaps": gaps, "stream": stream}, bound)


def time_a_gap(record: CaseRecorder, clock: Clock, limit: float, period: int) -> None:
    """Record a stream that was interrupted for a second, and have the gap judged."""
    cut = clock.now + 3 * S
    clock.now += 9 * S
    rows = [
        {"seq": seq, "due": t, "sent": t, "endpoint": None, "received": None if cut <= t < cut + S else t + 1}
        for seq, t in enumerate(range(cut - 3 * S, cut + 5 * S, period))
    ]
    fault = {"fault": "cut", "target": "n1", "began": cut, "effective": cut, "healed": None, "proof": {}}
    probe = {"protocol": "udp", "family": "ipv6", "vantage": "client"}
    inputs = {
        "stream": record.evidence("stream", rows, "stream", period=period, kernel_drops=0, **probe),
        "cause": record.evidence("faults", [fault], "cause"),
    }
    record.judge("L2-042", "failover-gap", inputs, {"limit": limit})


def certified(run: Path, limit: float, before: int | None, after: int | None, period: int = MS) -> dict[str, Any]:
    """A run with one timed case between two calibrations, each so far off, ns, or not made; its report."""
    clock = Clock()
    recorder = Recorder(run, now=clock)
    recorder.event("run-started", **journal(case("layer2/moves", covers=["L2-042"])).of("run-started")[0].fields)
    if before is not None:
        calibrate(recorder, clock, "before", before)
    with recorder.case("layer2/moves") as record:
        time_a_gap(record, clock, limit, period)
    if after is not None:
        calibrate(recorder, clock, "after", after)
    recorder.event("run-finished", cases={str(record.outcome): 1}, duration=1.0)
    report = build(journals.read(run), lambda path: stored.read(run / path))
    validate(report)
    (run / "report.json").write_text(json.dumps(report))
    return report


@pytest.mark.parametrize(("limit", "verdict"), [(5, "pass"), (0.5, "fail")])
@pytest.mark.parametrize(
    ("before", "after", "stands"),
    [(0, 0, True), (MS // 2, 0, True), (4 * MS, 0, False), (0, -4 * MS, False), (None, 0, False), (0, None, False)],
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
    assert again.verdicts == 1 + 2 * sum(each is not None for each in (before, after))


def test_a_probe_that_nobody_calibrated_makes_no_verdict(tmp_path: Path) -> None:
    report = certified(tmp_path, 5, 0, 0, period=20 * MS)
    assert report["results"][0]["judgements"][0]["reason"].startswith(
        "the probe was not calibrated before it (UDP over IPv6 every 20 ms from client) (otherwise pass: "
    )
    assert certified(tmp_path / "slow", 5, 0, 0, period=10 * MS)["results"][0]["verdict"] == "pass"


def test_a_slow_probe_stands_where_only_the_fast_one_measured_badly(tmp_path: Path) -> None:
    off = 3 * MS  # less than a period of the slow one
    told = {period: certified(tmp_path / str(period), 5, off, 0, period=period) for period in (MS, 10 * MS)}
    assert [told[period]["results"][0]["verdict"] for period in told] == ["inconclusive", "pass"]


def test_a_verdict_that_hides_its_probe_is_found(tmp_path: Path) -> None:
    certified(tmp_path, 5, 0, 4 * MS)
    change = lambda each: each.update(probes=[SLOW]) if each.get("judge") == "failover-gap" else None  # noqa: E731
    assert altered(tmp_path, change) == [
        f"layer2/moves L2-042: the probes does not follow: the journal has ['{SLOW}'], the evidence says ['{PROBE}']"
    ]


def test_a_report_in_which_a_doubted_verdict_stands_is_found(tmp_path: Path) -> None:
    report = certified(tmp_path, 5, 0, 4 * MS)
    report["requirements"][0]["verdict"] = "pass"
    (tmp_path / "report.json").write_text(json.dumps(report))
    assert [str(each) for each in rejudge(tmp_path).findings] == [
        "report.json: requirements.L2-042.verdict: states 'pass', the journal comes to 'inconclusive'"
    ]


def test_a_calibration_that_is_called_accepted_and_was_not_is_found(tmp_path: Path) -> None:
    certified(tmp_path, 5, 0, 4 * MS)
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
    ("bound", "said", "times"),
    [
        ({"methods": METHODS[:1], "sizes": [0.1]}, "is held against other methods than link cut, packet drop", 4),
        ({"methods": list(METHODS), "sizes": [0.1]}, "is held against no gaps of 0.005, 0.02 s", 2),
        ({"methods": list(METHODS), "sizes": [0.005, 0.02]}, "is held against no gaps of 0.1 s", 4),
    ],
)
def test_a_calibration_that_asks_for_less_than_any_run_does_is_found(
    tmp_path: Path, bound: dict[str, Any], said: str, times: int
) -> None:
    certified(tmp_path, 5, 0, 0)
    change = lambda each: each.update(bound=bound) if each.get("judge") == "probe-calibration" else None  # noqa: E731
    assert [each for each in altered(tmp_path, change) if each == f"run calibration: {said}"] == [
        f"run calibration: {said}"
    ] * times


def test_a_calibration_that_rests_on_the_evidence_of_another_is_found(tmp_path: Path) -> None:
    certified(tmp_path, 5, 0, 0)

    def change(each: dict[str, Any]) -> None:
        if each.get("judge") == "probe-calibration":
            each["inputs"] = {role: path.replace("after", "before") for role, path in each["inputs"].items()}

    again = [f"evidence/run/before-{period}.jsonl.gz" for period in (MS, 10 * MS)]
    found = altered(tmp_path, change)
    assert {f"run calibration: rests on {path}, as another does" for path in again} <= {*found}
    assert "run calibration: rests on evidence/run/before.jsonl.gz, which was not seen when the journal says" in found


def test_gaps_that_were_not_made_when_the_journal_says_are_found(tmp_path: Path) -> None:
    certified(tmp_path, 5, 0, 0)
    late = [
        f"run calibration: rests on evidence/run/{name}.jsonl.gz, which was not seen when the journal says"
        for when in ("before", "after")
        for period in (MS, 10 * MS)
        for name in (when, f"{when}-{period}")
    ]
    found = altered(tmp_path, lambda each: each.update(t=each["t"] + 3600 * S))
    assert [each for each in found if each.startswith("run calibration")] == late


def test_the_report_holds_bias_and_spread_of_all_calibrations(tmp_path: Path) -> None:
    told = certified(tmp_path, 5, MS // 2, -MS // 4)["calibration"]
    assert [(each["accepted"], each["probes"]) for each in told["made"]] == [(True, [PROBE]), (True, [SLOW])] * 2
    gaps = [(each["probe"], each["size"], each["method"], each["n"]) for each in told["gaps"]]
    of_each = [(size, method) for size in SIZES for method in METHODS]
    assert gaps == [
        (PROBE, 0, "", 2), *((PROBE, *each, 2) for each in of_each),
        (SLOW, 0, "", 2), *((SLOW, *each, 2) for each in of_each[-2:]),
    ]  # fmt: skip
    for each in told["gaps"]:
        assert each["accepted"]
        assert each["spread"][0] <= each["bias"] <= each["spread"][1]
        period = 0.001 if each["probe"] == PROBE else 0.01
        assert abs(each["bias"]) <= each["allowed"] <= 1.3 * period
