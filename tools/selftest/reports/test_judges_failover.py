"""The failover gap holds the truth in its interval, and each defect of forwarding fails with its reason."""

import json
import random
from collections.abc import Sequence
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lbcert_reports.evidence import Evidence
from lbcert_reports.judges import Judgement, failover, run
from lbcert_reports.statistics import Interval
from lbcert_reports.verdicts import Verdict

S, MS = 1_000_000_000, 1_000_000
PASS, FAIL, UNCLEAR = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
FAULT = 3.0
TRIP = 0.00005
"""Time from a probe's sending to its answer, s."""


def stream(
    *outages: tuple[float, float],
    seconds: float = 12,
    period: float = 0.001,
    late: float = 0.0,
    drops: int = 0,
    dead: float = 0.0,
    lucky: tuple[float, ...] = (),
    seed: int = 1,
    **meta: Any,
) -> Evidence[Any]:
    """A stream in which nobody forwards during the outages; after the first, a share of the flows meets dead ends."""
    rng = random.Random(seed)
    rows = []
    for seq in range(round(seconds / period)):
        due = round(seq * period * S)
        sent = due + rng.randint(0, round(late * S))
        t = sent / S
        # A probe is lost if its question or its answer meets an outage.
        lost = any(began - TRIP < t < ended for began, ended in outages)
        lost = lost and not any(abs(t - each) < period for each in lucky)
        lost = lost or (bool(outages) and t >= outages[0][1] and rng.random() < dead)
        received = None if lost else sent + round(TRIP * S)
        rows.append({"seq": seq, "due": due, "sent": sent, "received": received, "endpoint": None if lost else "p"})
    header = {"period": round(period * S), "kernel_drops": drops, **meta}
    return Evidence("stream", "c", "stream", header, tuple(rows))


def act(t: float = FAULT, healed: float | None = None) -> Evidence[Any]:
    row = {
        "fault": "node-power-off", "target": "n1", "began": round(t * S) - MS // 10, "effective": round(t * S),
        "healed": None if healed is None else round(healed * S), "proof": {},
    }  # fmt: skip
    return Evidence("faults", "c", "cause", {}, (row,))


ON_TIME = act(FAULT + 0.0001)
"""A fault that begins in the moment in which a probe is due."""


def judged(*streams: Evidence[Any], cause: Evidence[Any] | None = None, **bound: Any) -> Judgement:
    inputs = {f"stream.{n}": each for n, each in enumerate(streams, start=1)}
    causes = {f"cause.{n}": cause or act() for n in range(1, len(streams) + 1)}
    return run("failover-gap", {**inputs, **causes}, {"limit": 5, **bound})


def measured(judgement: Judgement, name: str) -> Any:
    return next(each for each in judgement.measurements if each.name == name)


@settings(max_examples=60, deadline=None)
@given(
    st.floats(0.0, 0.003),
    st.floats(0.002, 4.0),
    st.sampled_from([0.001, 0.005, 0.02]),
    st.floats(0, 0.0009),
    st.integers(0, 10),
)
def test_the_true_gap_lies_in_the_interval_and_the_interval_is_narrow(
    phase: float, gap: float, period: float, late: float, seed: int
) -> None:
    began = FAULT + phase
    judgement = judged(
        stream((began, began + gap), seconds=12, period=period, late=late, seed=seed), run=20, resolution=1
    )
    lower, upper = measured(judgement, "failover gap").interval
    assert lower <= gap <= upper
    assert upper - lower <= 2 * period + 2 * late + 2 * TRIP + 1e-6
    assert judgement.verdict is PASS


def test_a_gap_that_is_within_the_limit_passes_with_its_numbers() -> None:
    judgement = judged(*(stream((FAULT, FAULT + gap)) for gap in (4.0, 2.0, 3.0)), derivation="docs: few seconds")
    assert judgement.verdict is PASS
    assert judgement.reason == (
        "nobody forwarded for at most 4.001 s, 5 s are allowed "
        "(worst of 3 trials, an upper bound of p36 at 95% confidence)"
    )
    gap = measured(judgement, "failover gap")
    assert gap.value == pytest.approx(4.00105)
    assert gap.interval == pytest.approx((3.99895, 4.00105))
    assert (gap.n, gap.unit, gap.resolution) == (3, "s", 0.001)
    assert gap.bound == (5.0, "<=", "docs: few seconds")
    assert [pytest.approx(each) for each in gap.samples] == [(3.99895, 4.00105), (1.99895, 2.00105), (2.99895, 3.00105)]
    assert measured(judgement, "median gap").value == pytest.approx(3.0)
    assert measured(judgement, "probes lost").value == 9000
    first = measured(judgement, "first good packet")
    assert first.value == pytest.approx(3.0, abs=0.001)
    assert first.samples[0] == pytest.approx((3.999, 4.00015))


def test_one_trial_beyond_the_limit_fails() -> None:
    judgement = judged(stream((FAULT, FAULT + 1)), stream((FAULT, FAULT + 5.5)), stream((FAULT, FAULT + 1)))
    assert judgement.verdict is FAIL
    assert judgement.reason.startswith("nobody forwarded for at least 5.499 s, 5 s are allowed (worst of 3 trials")
    assert judgement.observed == "0.999 to 1.001 s; 5.499 to 5.501 s; 0.999 to 1.001 s"


def test_a_limit_within_the_interval_decides_nothing() -> None:
    judgement = judged(stream((FAULT, FAULT + 5)))
    assert judgement.verdict is UNCLEAR
    assert judgement.reason.startswith("the limit of 5 s lies within what was measured: 4.999 to 5.001 s")


def test_a_gap_that_does_not_end_fails_once_it_is_longer_than_the_limit() -> None:
    judgement = judged(stream((FAULT, 99)))
    assert judgement.verdict is FAIL
    assert "nobody forwarded for at least 8.999 s" in judgement.reason
    assert judgement.observed == "more than 8.999 s"
    assert measured(judgement, "failover gap").interval is None
    short = judged(stream((FAULT, 99), seconds=6))
    assert short.verdict is UNCLEAR
    assert "more than 2.999 s" in short.reason


def test_no_outage_at_all_is_a_gap_shorter_than_two_probes() -> None:
    judgement = judged(stream())
    assert judgement.verdict is PASS
    assert measured(judgement, "failover gap").interval == (0.0, 0.00105)
    assert measured(judgement, "probes lost").value == 0
    assert measured(judgement, "held up").value == 0.0
    assert measured(judgement, "first good packet").value is None


def test_a_lucky_packet_ends_no_outage() -> None:
    judgement = judged(stream((FAULT, FAULT + 4), lucky=(FAULT + 1, FAULT + 2.5)))
    assert measured(judgement, "failover gap").interval == pytest.approx((3.99895, 4.00105))


def test_a_second_outage_after_the_recovery_fails_as_loss_even_if_each_is_short() -> None:
    judgement = judged(stream((FAULT, FAULT + 1), (FAULT + 4, FAULT + 6)))
    assert judgement.verdict is FAIL
    assert judgement.reason == "after the recovery 25.0% of the probes were lost in trial 1, 1.0% are allowed"
    assert measured(judgement, "failover gap").value == pytest.approx(2.00105), "the longest counts"
    assert measured(judgement, "first good packet").value == pytest.approx(1.0, abs=0.001), "the first recovers"
    assert judged(stream((FAULT, FAULT + 1), (FAULT + 4, FAULT + 6)), lost_after=0.3).verdict is PASS


def test_an_outage_that_begins_at_the_very_end_is_not_held_against_anybody() -> None:
    judgement = judged(stream((FAULT, FAULT + 1), (11.99, 13)))
    assert judgement.verdict is PASS
    assert measured(judgement, "failover gap").value == pytest.approx(1.00105)


def test_dead_endpoints_are_kubernetes_and_are_told_apart_from_nobody_forwarding() -> None:
    streams = [stream((FAULT, FAULT + gap), dead=1 / 3, seed=seed) for seed, gap in enumerate((3.0, 4.0, 2.0))]
    judgement = judged(*streams, dead_share=1 / 3)
    assert judgement.verdict is PASS
    assert measured(judgement, "lost after recovery").value == pytest.approx(1 / 3, abs=0.02)
    lower, upper = measured(judgement, "failover gap").interval
    assert 3.97 <= lower <= 4.0 <= upper <= 4.012
    without = judged(*streams)
    assert without.verdict is FAIL
    assert "nobody forwarded for at least" in without.reason


@settings(max_examples=40, deadline=None)
@given(st.floats(0.05, 4.0), st.floats(0.1, 0.5), st.integers(0, 10**6))
@example(gap=2.0, dead=0.5, seed=337938).via("after the outage an answer, and then a row of losses too long for chance")
def test_the_true_gap_lies_in_the_interval_beside_dead_endpoints_too(gap: float, dead: float, seed: int) -> None:
    judgement = judged(stream((FAULT, FAULT + gap), dead=dead, seed=seed), dead_share=dead)
    lower, upper = measured(judgement, "failover gap").interval
    assert lower <= gap <= upper


def test_more_loss_after_the_recovery_than_the_case_allows_fails() -> None:
    judgement = judged(stream((FAULT, FAULT + 1), dead=0.5), dead_share=0.5, lost_after=0.4)
    assert judgement.verdict is FAIL
    assert "of the probes were lost in trial 1, 40.0% are allowed" in judgement.reason


def test_what_is_lost_after_healing_does_not_count() -> None:
    streams = (stream((FAULT, FAULT + 1), (10.5, 11.5)),)
    assert judged(*streams).verdict is FAIL
    assert judged(*streams, cause=act(healed=10)).verdict is PASS
    at_once = judged(stream((FAULT, FAULT + 1), (10, 11.5)), cause=act(healed=10))
    assert measured(at_once, "probes lost").value == 1000, "what was due when it was healed does not count either"


def test_what_a_fault_that_passes_by_itself_takes_with_it_counts_to_the_end() -> None:
    passed = act(healed=FAULT + 0.8)
    assert judged(stream(), cause=passed, limit=1).reason.endswith(
        "the stream ended 0.80 s after the fault, 1 s are needed"
    )
    assert judged(stream(), cause=passed, limit=1, passing=True).verdict is PASS
    assert judged(stream((FAULT + 1, FAULT + 3)), cause=passed, limit=1, passing=True).verdict is FAIL


@pytest.mark.parametrize(
    ("probes", "reason"),
    [
        (stream((FAULT, FAULT + 1), drops=2), "the kernel dropped 2 packets of the capture"),
        (stream((2.892, FAULT + 1)), "8 of the last 50 probes before the fault were lost already"),
        (stream((FAULT, FAULT + 1), late=1.0, period=0.01), "1 % of the probes were sent more than 0.9"),
        (
            stream((FAULT, FAULT + 1), lateness={"p99": 630 * MS}),
            "1 % of the probes were sent more than 0.6300 s late, 0.625 s are tolerable",
        ),
        (stream(seconds=6), "the stream ended 3.00 s after the fault, 5 s are needed"),
        (stream(seconds=2), "no probe was sent after the fault"),
    ],
)
def test_a_trial_that_measured_badly_is_void(probes: Evidence[Any], reason: str) -> None:
    judgement = judged(probes)
    assert judgement.verdict is UNCLEAR
    assert judgement.reason.startswith(f"1 of 1 trials are void: trial 1: {reason}")
    assert measured(judgement, "void trials").value == 1.0
    good = [stream((FAULT, FAULT + 1))] * 4
    assert judged(*good, probes).verdict is PASS, "one of five may be void"
    assert judged(*good[:3], probes).verdict is UNCLEAR, "one of four may not"
    assert judged(*good, probes).observed.endswith("(1 trials void)")


def test_a_void_trial_never_excuses_a_failed_one() -> None:
    judgement = judged(stream(drops=1), stream((FAULT, FAULT + 6)))
    assert judgement.verdict is FAIL


@pytest.mark.parametrize(("early", "verdict"), [(0.0, PASS), (0.09, PASS), (0.1, PASS), (0.101, UNCLEAR)])
def test_answers_that_the_fault_cut_off_were_not_lost_before_it(early: float, verdict: Verdict) -> None:
    probes = stream((FAULT - early, FAULT + 2))
    assert judged(probes, cause=ON_TIME).verdict is verdict


@pytest.mark.parametrize(("early", "verdict"), [(0.04, PASS), (0.06, UNCLEAR)])
def test_less_has_to_be_told_apart_by_a_fault_that_cuts_off_fewer_answers(early: float, verdict: Verdict) -> None:
    assert judged(stream((FAULT - early, FAULT + 2)), resolution=0.1).verdict is verdict


def test_a_packet_that_waited_for_the_neighbour_does_not_make_the_sender_late() -> None:
    rows = tuple(
        {**row, "sent": row["due"] + 2 * S} if row["received"] is None else row
        for row in stream((FAULT, FAULT + 1)).rows
    )
    probes = Evidence("stream", "c", "s", {"period": MS, "kernel_drops": 0, "lateness": {"p99": 1000}}, rows)
    assert measured(judged(probes), "lateness").value == pytest.approx(1e-6)


def test_too_short_a_time_before_the_fault_voids_a_trial() -> None:
    judgement = judged(stream((0.12, 1)), cause=act(0.12))
    assert "only 20 probes were sent before the fault, 50 are needed" in judgement.reason


def paused(at: float, for_: float, waited: float = 0.0, **more: Any) -> Evidence[Any]:
    """A stream with a gap of a second, whose sender did not run for a while and then made up for it."""
    whole = stream((FAULT, FAULT + 1), **more)
    rows = []
    for row in whole.rows:
        late = round((at + for_) * S) - row["due"]
        if 0 < late <= round(for_ * S):
            sent = row["due"] + late
            lost = FAULT * S - TRIP * S < sent < (FAULT + 1) * S
            row = {**row, "sent": sent, "late": late, "waited": min(late, round(waited * S))}
            row["received"] = None if lost else sent + round(TRIP * S)
        rows.append(row)
    return Evidence("stream", "c", "stream", whole.meta, tuple(rows))


@pytest.mark.parametrize(
    ("probes", "reason"),
    [
        (paused(3.5, 0.7), "the probe was held up for 0.7000 s, 0.625 s are tolerable"),
        (paused(3.5, 0.7, 0.1), "the probe was held up for 0.7000 s, 0.625 s are tolerable"),
        (
            paused(3.5, 0.7, 0.7),
            "the probe was held up for 0.7000 s, for 0.7000 s it waited for a processor, 0.625 s are tolerable",
        ),
        (paused(3.5, 0.7, 0.3), "the probe was held up for 0.7000 s, 0.625 s are tolerable"),
        (
            paused(3.5, 0.7, 0.4),
            "the probe was held up for 0.7000 s, for 0.4000 s it waited for a processor, 0.625 s are tolerable",
        ),
        (paused(2.98, 0.7), "the probe was held up for 0.7000 s, 0.625 s are tolerable"),
        (paused(2.26, 0.7), "the probe was held up for 0.7000 s, 0.625 s are tolerable"),
    ],
)
def test_a_probe_that_did_not_run_for_a_while_voids_a_trial(probes: Evidence[Any], reason: str) -> None:
    judgement = judged(probes)
    assert judgement.verdict is UNCLEAR
    assert judgement.reason == f"1 of 1 trials are void: trial 1: {reason}"
    assert measured(judgement, "held up").value == pytest.approx(0.7)
    assert judged(probes, limit=0.9).verdict is UNCLEAR, "nor does it make a failure"


def test_a_probe_that_did_not_run_long_before_the_fault_is_none_of_the_trial() -> None:
    assert judged(paused(1.0, 0.7, seconds=40)).verdict is PASS


@pytest.mark.parametrize(("until", "verdict"), [(2.947, PASS), (2.948, UNCLEAR), (2.99, UNCLEAR)])
def test_the_probe_has_to_be_punctual_from_a_sustained_run_before_the_fault_on(until: float, verdict: Verdict) -> None:
    assert judged(paused(until - 0.7, 0.7, seconds=40), cause=ON_TIME).verdict is verdict


def test_exactly_half_of_what_has_to_be_told_apart_may_be_missed() -> None:
    one = (FAULT, FAULT + 1)
    for probes in (
        paused(3.5, 0.625),
        stream(one, lateness={"p99": 625 * MS}),
        stream(one, clock_step=625 * MS),
    ):
        assert judged(probes).verdict is PASS
    assert judged(stream((0.2, 1.2)), cause=act(0.1501), limit=0.6, resolution=0.2).verdict is FAIL, "fifty before"
    half = judged(paused(3.5, 0.7, 0.35))
    assert "it waited" not in half.reason, "nor is half of a pause put down to the processor"


def test_as_little_as_two_periods_never_has_to_be_told_apart() -> None:
    judgement = judged(stream((FAULT, FAULT + 0.01), period=0.02, lateness={"p99": 21 * MS}), limit=0.1)
    assert judgement.reason.endswith("1 % of the probes were sent more than 0.0210 s late, 0.02 s are tolerable")


def test_the_lateness_of_a_stream_is_what_all_but_one_probe_in_a_hundred_keep_to() -> None:
    whole = stream((FAULT, FAULT + 1))
    rows = [{**row, "due": row["due"] - row["seq"]} for row in whole.rows]
    random.Random(1).shuffle(rows)
    judgement = judged(replace(whole, rows=tuple(rows)))
    assert measured(judgement, "lateness").value == 11879 / S, "of 12000, of which each is a nanosecond later"


@settings(max_examples=40, deadline=None)
@given(st.floats(2.5, 5.0), st.floats(0.0, 0.6), st.sampled_from([1.2, 5.0, 9.0]))
def test_a_trial_counts_only_if_no_pause_was_longer_than_can_be_told_apart(
    at: float, for_: float, limit: float
) -> None:
    probes = paused(at, for_)
    judgement = judged(probes, limit=limit, resolution=0.25)
    from_before_the_fault = [row for row in probes.rows if row["sent"] >= round((FAULT - 0.053) * S)]
    longest = max(row.get("late", 0) for row in from_before_the_fault)
    gap = measured(judgement, "failover gap")
    if longest > 0.125 * S:
        assert (judgement.verdict, gap.n) == (UNCLEAR, 0)
    elif gap.n:
        lower, upper = gap.interval
        assert lower <= 1.0 <= upper, "what counts holds the truth"


@pytest.mark.parametrize(
    ("void", "failed", "verdict"), [(1, 1, FAIL), (2, 1, UNCLEAR), (2, 2, FAIL), (3, 2, UNCLEAR), (0, 1, FAIL)]
)
def test_a_failure_stands_unless_more_than_half_of_the_trials_are_void(
    void: int, failed: int, verdict: Verdict
) -> None:
    judgement = judged(*[stream(drops=1)] * void, *[stream((FAULT, FAULT + 6))] * failed)
    assert judgement.verdict is verdict
    if verdict is UNCLEAR:
        assert judgement.reason.startswith(f"{void} of {void + failed} trials are void: trial 1: the kernel dropped")


def test_the_bound_comes_from_the_trials_that_count() -> None:
    good = [stream((FAULT, FAULT + 1), seconds=9)] * 5
    judgement = judged(*good, paused(3.5, 0.7, seconds=9), limit=5)
    assert judgement.verdict is PASS
    assert "worst of 5 trials, an upper bound of p54" in judgement.reason
    assert measured(judgement, "void trials").method == (
        "trial 6: the probe was held up for 0.7000 s, 0.625 s are tolerable"
    )


def machine(*spans: tuple[float, float, float]) -> Evidence[Any]:
    """What other programs used: (from, to, share), s."""
    rows = tuple({"t": round(t * S), "until": round(until * S), "foreign_cpu": share} for t, until, share in spans)
    return Evidence("noise", "c", "n", {}, rows)


@pytest.mark.parametrize(
    ("span", "seen"),
    [
        ((-1, -0.0001), False), ((-1, 0), True), ((-1, 0.0005), True), ((5, 6), True),
        ((11.9985, 13), True), ((11.999, 13), True), ((11.9995, 13), False),
    ],
)  # fmt: skip
def test_other_programs_count_from_the_first_probe_to_the_last(span: tuple[float, float], seen: bool) -> None:
    inputs = {"stream": stream((FAULT, FAULT + 1)), "cause": act(), "noise": machine((*span, 0.9))}
    judgement = run("failover-gap", inputs, {"limit": 5})
    assert [each.value for each in judgement.measurements if each.name == "foreign CPU"] == [0.9] * seen


def test_of_a_stream_without_probes_nothing_is_said_whatever_the_machine_did() -> None:
    empty = replace(stream(), rows=())
    for inputs in ({}, {"noise": machine((0, 12, 0.9))}):
        judgement = run("failover-gap", {"stream": empty, "cause": act(), **inputs}, {"limit": 5})
        assert judgement.verdict is UNCLEAR
        assert judgement.reason.startswith("1 of 1 trials are void: trial 1: only 0 probes were sent before the fault")


LOSSY = stream((FAULT, FAULT + 1), (FAULT + 4, FAULT + 6))
"""Of which after the recovery a quarter is lost."""


@pytest.mark.parametrize(
    ("spans", "said"),
    [
        ([(3, 12, 0.25)], "25.0% of the probes were lost, while other programs used 25% of the processors"),
        ([(3, 6, 0.9), (6, 12, 0.0)], "while other programs used 30% of the processors"),
        ([(3, 6, 0.0), (6, 7, 0.9), (7, 12, 0.0)], "of the probes were lost in trial 1"),
        ([(3, 5, 0.0)], "25.0% of the probes were lost, while for 6.0 s nobody saw what other programs used"),
    ],
)
def test_what_other_programs_used_counts_by_how_long_they_did(
    spans: list[tuple[float, float, float]], said: str
) -> None:
    judgement = run("failover-gap", {"stream": LOSSY, "cause": act(), "noise": machine(*spans)}, {"limit": 5})
    assert said in judgement.reason


def test_exactly_what_is_allowed_may_be_lost_on_a_busy_machine_too() -> None:
    inputs = {"stream": LOSSY, "cause": act(), "noise": machine((0, 12, 0.5))}
    assert run("failover-gap", inputs, {"limit": 5, "lost_after": 0.25}).verdict is PASS


def test_a_quarter_of_the_time_unseen_may_have_been_a_quarter_of_the_machine() -> None:
    """Of five seconds since the fault three were seen, and one is always missed."""
    for last, verdict in ((8.0, UNCLEAR), (7.999, FAIL)):
        probes = stream((FAULT, FAULT + 1), (FAULT + 2, FAULT + 3), seconds=last + 0.001)
        inputs = {"stream": probes, "cause": act(), "noise": machine((3, 6, 0.0))}
        assert run("failover-gap", inputs, {"limit": 5}).verdict is verdict


def test_how_long_nobody_looked_is_told_to_the_last_probe() -> None:
    probes = stream((FAULT, FAULT + 1), (FAULT + 4, FAULT + 6), period=0.1)
    inputs = {"stream": probes, "cause": act(), "noise": machine((3, 5, 0.0))}
    assert "while for 5.9 s nobody saw" in run("failover-gap", inputs, {"limit": 5, "run": 5}).reason


def test_what_other_programs_used_is_on_record_and_voids_nothing() -> None:
    spans = [(1, 0.1), (4, 0.9), (40, 1.0)]
    rows = tuple({"t": t * S, "until": (t + 1) * S, "foreign_cpu": share} for t, share in spans)
    inputs = {"stream": stream((FAULT, FAULT + 1)), "cause": act(), "noise": Evidence("noise", "c", "n", {}, rows)}
    judgement = run("failover-gap", inputs, {"limit": 5})
    assert judgement.verdict is PASS
    foreign = measured(judgement, "foreign CPU")
    assert (foreign.value, foreign.n) == (0.9, 1), "the share while the stream ran"


@pytest.mark.parametrize(
    ("busy", "verdict"),
    [([0.5] * 12, UNCLEAR), ([0.2] * 12, FAIL), ([1.0] * 2 + [0.2] * 10, FAIL), ([1.0, 0.0] * 6, UNCLEAR)],
    ids=["half", "a fifth", "before the fault", "in half of the time"],
)
def test_losses_after_the_recovery_are_nobodys_while_other_programs_take_the_machine(
    busy: list[float], verdict: Verdict
) -> None:
    rows = tuple({"t": t * S, "until": (t + 1) * S, "foreign_cpu": share} for t, share in enumerate(busy))
    noise = Evidence("noise", "c", "n", {}, rows)
    lossy = stream((FAULT, FAULT + 1), (FAULT + 4, FAULT + 6))
    judgement = run("failover-gap", {"stream": lossy, "cause": act(), "noise": noise}, {"limit": 5})
    assert judgement.verdict is verdict
    assert ("other programs used" in judgement.reason) is (verdict is UNCLEAR)
    whole = {"stream": stream((FAULT, FAULT + 1)), "cause": act(), "noise": noise}
    assert run("failover-gap", whole, {"limit": 5}).verdict is PASS, "who lost nothing was not starved"


def test_a_quantile_needs_the_trials_that_bound_it() -> None:
    trials = [stream((FAULT, FAULT + 1), seconds=6, period=0.01)] * 28
    few = judged(*trials, quantile=0.9, limit=2, run=20)
    assert few.verdict is UNCLEAR
    assert few.reason == "too few trials: p90 from 28 trials at 95% confidence has no upper bound"
    slow = stream((FAULT, FAULT + 2.5), seconds=6, period=0.01)
    assert judged(*trials, trials[0], quantile=0.9, limit=2, run=20).verdict is PASS
    enough = judged(*trials * 2, slow, quantile=0.9, limit=2, run=20)
    assert enough.verdict is PASS, "one of 57 beyond the limit leaves p90 below it"
    assert judged(*trials * 2, slow, limit=2, run=20).verdict is FAIL, "without a quantile every trial has to meet it"
    assert judged(*[slow] * 10, trials[0], quantile=0.5, limit=2, run=20).verdict is FAIL


def test_detection_and_announcement_are_split_off() -> None:
    def frame(t: float, mac: str, form: str) -> dict[str, Any]:
        return {"t": round(t * S), "address": "a", "mac": mac, "form": form, "dst": "x", "flags": {}}

    frames = (
        frame(1, "me", "asked"), frame(1.1, "old", "arp-reply"), frame(5.5, "me", "asked"),
        frame(6.5, "new", "arp-reply"), frame(6.75, "new", "garp-request"), frame(7, "old", "garp-request"),
    )  # fmt: skip
    inputs = {"stream": stream((FAULT, FAULT + 4), address="a"), "cause": act()}
    others = tuple({**frame(5.1, "new", "garp-request"), "address": each} for each in ("b", "c"))
    answers = Evidence[Any]("answers", "c", "a", {}, (*frames[:2], *others, *frames[2:]))
    judgement = run("failover-gap", {**inputs, "answers": answers}, {"limit": 5})
    assert measured(judgement, "detection").value == pytest.approx(3.5)
    assert measured(judgement, "announcement").value == pytest.approx(3.75)
    routes = Evidence[Any](
        "routes", "c", "r", {}, tuple({"t": round(t * S), "prefix": "p", "next_hops": []} for t in (1, 5.25, 8))
    )
    assert measured(run("failover-gap", {**inputs, "routes": routes}, {"limit": 5}), "detection").value == 2.25


def test_a_takeover_without_outage_needs_no_longer_stream() -> None:
    def frame(t: float, mac: str) -> dict[str, Any]:
        return {"t": round(t * S), "address": "a", "mac": mac, "form": "garp-request", "dst": "x", "flags": {}}

    taken = Evidence[Any]("answers", "c", "a", {}, (frame(1, "old"), frame(FAULT + 1.5, "new")))
    kept = Evidence[Any]("answers", "c", "a", {}, (frame(1, "old"), frame(FAULT + 1.5, "old")))
    for seconds, answers, verdict in (
        (5, taken, PASS), (4.551, taken, PASS), (4.55, taken, UNCLEAR),
        (5, kept, UNCLEAR), (8, kept, UNCLEAR), (8.001, kept, PASS),
    ):  # fmt: skip
        inputs = {"stream": stream(seconds=seconds, address="a"), "cause": act(), "answers": answers}
        assert run("failover-gap", inputs, {"limit": 5}).verdict is verdict


@pytest.mark.parametrize(
    ("taken", "form", "override", "gap", "verdict"),
    [
        (1, "arp-reply", None, 8, UNCLEAR),  # it answers who asks, and tells nobody else
        (1, "na-unsolicited", False, 8, UNCLEAR),
        (1, "na-unsolicited", True, 8, FAIL),
        (1, "garp-request", None, 8, FAIL),
        (1, "arp-reply", None, 4, PASS),
        (5, "arp-reply", None, 8, UNCLEAR),
        (5.001, "arp-reply", None, 8, FAIL),  # the takeover itself comes too late
        (-0.0001, "arp-reply", None, 8, UNCLEAR),  # with the fault is after it
        (-0.001, "arp-reply", None, 8, FAIL),
    ],
)
def test_a_gap_that_only_a_missing_announcement_made_is_not_the_takeovers(
    taken: float, form: str, override: bool | None, gap: float, verdict: Verdict
) -> None:
    def frame(t: float, mac: str, form: str, address: str = "a") -> dict[str, Any]:
        flags = {} if override is None else {"override": override}
        return {"t": round(t * S), "address": address, "mac": mac, "form": form, "dst": "x", "flags": flags}

    of_another = frame(FAULT + taken, "new", "garp-request", "b")
    frames = (frame(1, "old", "arp-reply"), frame(FAULT + taken, "new", form), of_another)
    answers = Evidence[Any]("answers", "c", "a", {}, frames)
    inputs = {"stream": stream((FAULT, FAULT + gap), address="a"), "cause": act(), "answers": answers}
    judgement = run("failover-gap", inputs, {"limit": 5})
    assert judgement.verdict is verdict
    assert ("announced nothing that overrides" in judgement.reason) is (verdict is UNCLEAR)


@pytest.mark.parametrize(
    ("form", "flags", "heeded"),
    [
        ("garp-reply", {"frame_source": "new"}, True),
        ("garp-reply", {"frame_source": "a switch"}, False),
        ("garp-reply", {"frame_source": "somebody"}, False),
        ("na-unsolicited", {"override": True, "hop_limit": 255, "link_layer": "new"}, True),
        ("na-unsolicited", {"override": True, "hop_limit": 64, "link_layer": "new"}, False),
        ("na-unsolicited", {"override": True, "hop_limit": 255, "link_layer": None}, False),
        ("na-unsolicited", {"override": False, "hop_limit": 255, "link_layer": "new"}, False),
    ],
)
def test_an_announcement_that_nobody_heeds_is_none(form: str, flags: dict[str, Any], heeded: bool) -> None:
    frame = {"t": round(4 * S), "address": "10.0.0.9", "mac": "new", "form": form, "dst": "x"}
    as_read = json.loads(json.dumps({**frame, "flags": flags}))  # what is equal is not the same
    answers = Evidence[Any]("answers", "c", "a", {}, (as_read,))
    inputs = {"stream": stream((FAULT, FAULT + 8), address="10.0.0.9"), "cause": act(), "answers": answers}
    judgement = run("failover-gap", inputs, {"limit": 5})
    assert ("announced nothing that overrides" in judgement.reason) is not heeded


def test_what_nodes_say_of_other_addresses_is_no_sign() -> None:
    def frame(t: float, mac: str, address: str) -> dict[str, Any]:
        whole = {"t": round(t * S), "address": address, "mac": mac, "form": "garp-request", "dst": "x", "flags": {}}
        as_read: dict[str, Any] = json.loads(json.dumps(whole))
        return as_read

    frames = [frame(4, "n2", each) for each in ("10.0.0.1", "10.0.0.3")] + [frame(5, "n2", "10.0.0.2")]
    answers = Evidence[Any]("answers", "c", "a", {}, tuple(frames))
    inputs = {"stream": stream((FAULT, FAULT + 4), address="10.0.0.2"), "cause": act(), "answers": answers}
    judgement = run("failover-gap", inputs, {"limit": 5})
    assert (measured(judgement, "detection").value, measured(judgement, "announcement").value) == (2, 2)


def test_a_sign_in_the_moment_of_the_fault_came_at_once() -> None:
    def frame(t: int, mac: str) -> dict[str, Any]:
        return {"t": t, "address": "a", "mac": mac, "form": "garp-request", "dst": "x", "flags": {}}

    (fault,) = act().rows
    inputs = {"stream": stream((FAULT, FAULT + 4), address="a"), "cause": act()}
    heard = Evidence[Any]("answers", "c", "a", {}, (frame(S, "old"), frame(fault["began"], "new")))
    judgement = run("failover-gap", {**inputs, "answers": heard}, {"limit": 5})
    assert (measured(judgement, "detection").value, measured(judgement, "announcement").value) == (0, 0)
    for t, detected in ((fault["effective"], [0.0]), (fault["effective"] - 1, [])):
        routes = Evidence[Any]("routes", "c", "r", {}, ({"t": t, "prefix": "p", "next_hops": []},))
        judgement = run("failover-gap", {**inputs, "routes": routes}, {"limit": 5})
        assert [each.value for each in judgement.measurements if each.name == "detection"] == detected


def test_a_limit_at_either_end_of_what_was_measured_is_kept_or_undecided() -> None:
    probes = stream((FAULT, FAULT + 4), address="a")
    assert judged(probes, limit=4.00105).verdict is PASS
    reply = {"t": 4 * S, "address": "a", "mac": "new", "form": "arp-reply", "dst": "x", "flags": {}}
    inputs = {"stream": probes, "cause": act(), "answers": Evidence[Any]("answers", "c", "a", {}, (reply,))}
    judgement = run("failover-gap", inputs, {"limit": 3.99895})
    assert judgement.verdict is UNCLEAR
    assert "lies within what was measured: 3.999 to 4.001 s" in judgement.reason


def test_a_trial_without_a_number_is_the_first() -> None:
    alone = run("failover-gap", {"stream": stream(drops=1), "cause": act()}, {"limit": 5})
    assert alone.reason == "1 of 1 trials are void: trial 1: the kernel dropped 1 packets of the capture"
    assert measured(alone, "void trials").method == "trial 1: the kernel dropped 1 packets of the capture"
    leaky = run("failover-gap", {"stream": LOSSY, "cause": act()}, {"limit": 5})
    assert leaky.reason == "after the recovery 25.0% of the probes were lost in trial 1, 1.0% are allowed"
    second = judged(stream(), stream(drops=1))
    assert second.reason == "1 of 2 trials are void: trial 2: the kernel dropped 1 packets of the capture"
    assert judged(stream((FAULT, FAULT + 1)), LOSSY).reason == leaky.reason.replace("trial 1", "trial 2")


def test_the_numbers_beside_the_gap_are_told_of_the_trials_that_count() -> None:
    gaps = [stream((FAULT, FAULT + each), seconds=9) for each in (1, 4, 2, 3)]
    judgement = judged(*gaps, replace(stream(drops=1), rows=stream(seconds=9).rows))
    assert measured(judgement, "median gap").value == pytest.approx(2.5)
    assert measured(judgement, "median gap").method == "middles of the intervals, too few for an interval"
    assert measured(judgement, "void trials").value == 0.2
    unended = judged(stream((FAULT, 99), seconds=6))
    assert measured(unended, "median gap").value is None
    assert measured(unended, "lost after recovery").value == 0
    held = measured(judged(paused(3.5, 0.5, 0.25)), "held up")
    assert held.value == 0.5
    assert held.method.endswith("of that it waited for a processor 0.2500 s")
    held = measured(judgement, "held up")
    assert (held.value, held.method[-9:]) == (0, " 0.0000 s"), "nothing was late"
    six = judged(*gaps[:3] * 2)
    assert measured(six, "median gap").method == "middles of the intervals, 95 % confidence interval"
    assert measured(six, "median gap").interval == pytest.approx((1.0, 4.0), abs=0.001)


def test_what_so_many_trials_bound_is_told_in_whole_percent() -> None:
    one, several = stream((FAULT, FAULT + 1), seconds=6, period=0.01), {"limit": 2, "run": 20}
    for n, quantile in ((1, 5), (2, 22), (29, 90)):
        assert f"worst of {n} trials, an upper bound of p{quantile} at 95%" in judged(*[one] * n, **several).reason
    few = judged(one, quantile=0.9, limit=0.5, run=20)
    assert (few.verdict, few.reason) == (
        UNCLEAR,
        "too few trials: p90 from 1 trials at 95% confidence has no upper bound",
    )
    low = measured(judged(*[one] * 5, quantile=0.1, **several), "failover gap")
    assert low.interval == (0.0, pytest.approx(1.01, abs=0.001)), "of a low quantile there is no lower bound"


def test_a_row_of_losses_is_put_down_to_dead_endpoints_up_to_what_chance_makes_in_a_run() -> None:
    def recovered(lost: int, **bound: Any) -> bool:
        probes = stream((FAULT + 1, FAULT + 1 + (lost - 0.5) / 1000))
        return measured(judged(probes, **bound), "first good packet").value is not None

    third = {"dead_share": 1 / 3}  # of which ten in a row come once in a thousand runs of fifty
    assert [recovered(lost, **third) for lost in (1, 9, 10, 11, 12)] == [False, False, False, True, True]
    assert recovered(1), "without dead endpoints no loss is chance"


def test_what_dead_endpoints_may_have_lost_after_an_answer_makes_no_outage_longer() -> None:
    def least(lost: int) -> float:
        ended = FAULT + 0.502 + (lost - 0.5) / 1000
        probes = stream((FAULT, ended), lucky=(FAULT + 0.5002,))  # two answers, and then so many that are lost
        gap = measured(judged(probes, dead_share=1 / 3), "failover gap")
        return round(gap.interval[0] + TRIP, 6)

    assert [least(lost) for lost in (11, 20, 21)] == [0.489, 0.489, 0.512], "more than twice ten are none of theirs"
    assert measured(judged(stream(), dead_share=1 / 3), "lost after recovery").bound.value == 1.0, "any share may be"


def test_a_row_that_began_long_before_the_fault_may_have_been_chance_to_its_end() -> None:
    judgement = judged(stream((2.9895, 3.0015)), cause=ON_TIME, dead_share=1 / 3)
    assert measured(judgement, "failover gap").interval == (0.0, pytest.approx(0.00505))


def test_a_trial_of_which_no_more_is_known_lost_nothing_and_is_not_altered_afterwards() -> None:
    trial = failover.Trial(Interval(0.0, 1.0))
    assert (trial.lost, trial.lost_after, trial.late, trial.held) == (0, 0.0, 0.0, (0.0, 0.0))
    with pytest.raises(FrozenInstanceError):
        trial.lost = 1  # type: ignore[misc]


def test_how_many_probes_were_lost_is_told_without_an_outage_too() -> None:
    probes = stream((FAULT + 1, FAULT + 1.0095))
    judgement = judged(probes, dead_share=1 / 3)
    assert measured(judgement, "probes lost").value == 10
    assert measured(judgement, "lost after recovery").value == 10 / 9002, (
        "of those from two periods before the fault on"
    )


def test_a_gap_begins_with_the_first_probe_that_the_fault_may_have_met() -> None:
    early = judged(stream((2.99, FAULT + 1)), cause=ON_TIME)
    assert measured(early, "failover gap").interval == (pytest.approx(1.00095), pytest.approx(1.00305))
    over = judged(stream((2.9935, 2.9975)), cause=ON_TIME)
    assert measured(over, "first good packet").value is None, "what was over by then was none of it"
    assert measured(over, "failover gap").interval[0] == 0


# --- outages, as calibrations measure them too -----------------------------------------------------------------------


def probes(*answers: int | None, period: int = 100, start: int = 0) -> list[Any]:
    """Probes that are sent by the clock, each answered after so many ns, or not."""
    return [
        {"seq": n, "due": start + n * period, "sent": start + n * period, "endpoint": None,
         "received": None if trip is None else start + n * period + trip}
        for n, trip in enumerate(answers)
    ]  # fmt: skip


def outages(rows: Sequence[Any], began: int = 0, sustained: int = 3) -> tuple[Interval, int]:
    """The longest, ns, and how many."""
    (lower, upper), count = failover.outages(rows, began, 100, sustained)
    return Interval(round(lower * S, 6), round(upper * S, 6)), count


NEVER = float("inf")


@pytest.mark.parametrize(
    ("answers", "began", "found"),
    [
        ([], 0, ((0, 0), 0)),
        ([7], 0, ((0, 0), 0)),
        ([7] * 3, 0, ((0, 107), 0)),
        ([7] * 9, 500, ((0, 107), 0)),
        ([7, 60, 7, 7, 7], 0, ((0, 160), 0)),  # the first pair hides as much as any
        ([7] * 4 + [60] + [7] * 5, 600, ((0, 160), 0)),  # from the one before the first that may have been hit on
        ([7, 7, 7, 300, 7, 7, 7, 7], 600, ((0, 107), 0)),
        ([7, 7, 300, 7, 7, 7, 7, 7, 7], 700, ((0, 107), 0)),  # slow answers, long before
        ([7] * 5 + [None] + [7] * 5, 500, ((0, 207), 1)),
        ([7] * 5 + [None] * 3 + [7] * 5, 500, ((193, 407), 1)),
        ([7] * 5 + [None] * 3 + [7, 7, None] + [7] * 5, 500, ((493, 707), 1)),  # two answers are no run of three
        ([7] * 5 + [None] * 3 + [7] * 3 + [None] + [7] * 5, 500, ((193, 407), 2)),
        ([7] * 5 + [None] + [7] * 3 + [None] * 3 + [7] * 5, 500, ((193, 407), 2)),
        ([7] * 5 + [None] + [7] * 3 + [None] + [7] * 3 + [None] * 2 + [7, 7, None, 7, 7, 7], 500, ((393, 607), 3)),
        ([7] * 5 + [None] * 3 + [7] * 3, 500, ((193, 407), 1)),
        ([7] * 5 + [None] * 3 + [7] * 2, 500, ((193, NEVER), 1)),
        ([7] * 5 + [None] * 3, 500, ((193, NEVER), 1)),
        ([7] * 5 + [None], 500, ((0, NEVER), 1)),  # one alone, at the very end
        ([7] * 5 + [None] * 3 + [7] * 3 + [None] * 2, 500, ((193, 407), 1)),  # another begins too late to tell
        ([7] * 5 + [None] * 3 + [7] * 3 + [None] * 3, 500, ((193, NEVER), 2)),
        ([7] * 5 + [None] * 2 + [7] * 3 + [None] * 9, 500, ((793, NEVER), 2)),
        ([None] * 3 + [7] * 5, 0, ((193, 307), 1)),  # without a probe before
        ([7, None, None, 7, 7, 7], 0, ((93, 307), 1)),
        ([None] * 5 + [7] * 5, 300, ((293, 507), 1)),  # lost before the cause, and still
        ([None] * 3 + [7] * 5, 500, ((0, 107), 0)),  # lost only before
        ([None] * 3 + [7] * 7, 700, ((0, 107), 0)),  # or long before
        ([7] * 3 + [None] + [7] * 4 + [None] + [7] * 3, 300, ((0, 207), 2)),
        ([7] * 5 + [None] * 9 + [7] * 2, 500, ((793, NEVER), 1)),
        ([60, 7, 7, None, None, None, None, 7, 7, 7, 7], 300, ((240, 507), 1)),  # as late as the slowest before
        ([60, 7, 7, 7, None, None, None, None, 7, 7, 7, 7], 400, ((293, 507), 1)),  # too long before to say anything
        ([7, 60, None, None, None, None, 7, 7, 7, 7], 200, ((240, 507), 1)),
        ([7, 7, 7, None, None, None, None, 7, 7, 60, 7], 300, ((240, 507), 1)),  # or after
        ([7, 7, 7, None, None, None, None, 7, 7, 7, 60], 300, ((293, 507), 1)),
        ([None] * 4, 0, ((300, NEVER), 1)),
    ],
)  # fmt: skip
def test_the_longest_of_some_outages_is_found_and_how_many_there_were(
    answers: list[int | None], began: int, found: tuple[tuple[float, float], int]
) -> None:
    for crossing in range(len(answers)):  # what a clock shows means nothing, whatever its digits
        start = 2**20 - 3 - 100 * crossing
        assert outages(probes(*answers, start=start), start + began) == found
    assert outages(probes(*answers), began) == found


def test_a_probe_may_have_been_hit_as_long_before_as_answers_take() -> None:
    """What was sent three periods before was lost on its way back, if answers take so long."""
    lost = [None] * 4 + [7] * 7
    for trips, upper in (
        ([300, 7, 7, 7, 7, 7], 507),  # an answer took long
        ([300, 7, 7, 7, 7, 7, 7], 407),  # too long ago
        ([7, 7, 7, 7, 499, 7], 507),
        ([7, 7, 7, 7, 500, 7], 407),  # it came in the moment of the cause, and not before it
    ):
        found, count = outages(probes(*trips, *lost), 100 * (len(trips) + 3), 6)
        assert count == 1
        assert found.upper == upper, trips


def test_the_claim_says_what_was_seen_from_where() -> None:
    def method(*vantages: str) -> str:
        streams = [stream((FAULT, FAULT + 1), family="ipv6", vantage=each) for each in vantages]
        found: str = measured(judged(*streams), "failover gap").method
        return found

    assert method("client", "client").endswith("95% confidence, ipv6, client")
    assert method("client", "far-client").endswith("95% confidence, ipv6")


def test_a_trial_without_its_fault_is_inconclusive() -> None:
    judgement = run("failover-gap", {"stream.1": stream(), "stream.2": stream(), "cause.1": act()}, {"limit": 5})
    assert (judgement.verdict, judgement.reason) == (UNCLEAR, "there is no fault for trial 2")
    none = Evidence[Any]("faults", "c", "cause", {}, ())
    assert judged(stream(), cause=none).reason == "the evidence for 'cause' has no rows"


def test_too_few_trials_are_inconclusive() -> None:
    assert judged(stream(), trials=2).reason == "1 of 2 trials were recorded"


def test_trials_are_those_that_have_both_probes_and_a_fault() -> None:
    good, bad = stream((FAULT, FAULT + 1)), stream((FAULT, FAULT + 8))
    causes = {f"cause.{n}": act() for n in (1, 2)}
    whole = run("failover-gap", {"stream.1": good, "stream.2": bad, **causes}, {"limit": 4, "trials": 2})
    assert whole.verdict is FAIL
    left_out = run("failover-gap", {"stream.1": good, **causes}, {"limit": 4, "trials": 2})
    assert (left_out.verdict, left_out.reason) == (UNCLEAR, "1 of 2 trials were recorded")
    assert run("failover-gap", {"stream.1": good, **causes}, {"limit": 4}).reason == "there are no probes for trial 2"


@given(st.integers(1, 9), st.integers(1, 9))
@settings(max_examples=20, deadline=None)
def test_a_cause_stands_for_no_stream(streams: int, causes: int) -> None:
    inputs = {f"stream.{n}": stream((FAULT, FAULT + 1), seconds=6, period=0.01) for n in range(1, streams + 1)}
    inputs |= {f"cause.{n}": act() for n in range(1, causes + 1)}
    judgement = run("failover-gap", inputs, {"limit": 5, "trials": max(streams, causes)})
    assert (judgement.verdict is PASS) == (streams == causes)


@pytest.mark.parametrize("step", [3, -3, 0.51])
def test_a_trial_during_which_the_clock_was_set_is_void(step: float) -> None:
    probes = stream((FAULT, FAULT + 5), clock_step=round(step * S))
    judgement = judged(probes, limit=4)
    assert judgement.verdict is UNCLEAR
    assert f"the clock was set by {abs(step):.3f} s meanwhile, 0.5 s are tolerable" in judgement.reason


@pytest.mark.parametrize(
    ("gap", "step", "verdict"), [(1, 0.2, PASS), (3.9, 0.2, UNCLEAR), (4.1, 0.2, UNCLEAR), (5, -0.2, FAIL)]
)
def test_a_small_step_of_the_clock_widens_the_interval(gap: float, step: float, verdict: Verdict) -> None:
    judgement = judged(stream((FAULT, FAULT + gap), clock_step=round(step * S)), limit=4)
    assert judgement.verdict is verdict
    lower, upper = measured(judgement, "failover gap").interval
    assert (lower, upper) == pytest.approx((gap - 0.2, gap + 0.2), abs=0.002)
    (recovery,) = measured(judgement, "first good packet").samples
    assert recovery == pytest.approx((gap - 0.2, gap + 0.2), abs=0.002)


def test_a_step_of_the_clock_makes_no_gap_shorter_than_none() -> None:
    judgement = judged(stream((FAULT, FAULT + 0.1), clock_step=S // 5))
    assert measured(judgement, "failover gap").interval == pytest.approx((0, 0.301), abs=0.001)
    assert measured(judgement, "failover gap").interval[0] == 0
    assert measured(judgement, "first good packet").samples[0][0] == 0
    unbroken = measured(judged(stream(clock_step=S // 5)), "failover gap")
    assert unbroken.interval == (0.0, pytest.approx(0.20105))


def test_a_gap_that_ended_before_the_fault_was_seen_to_take_effect_took_no_time() -> None:
    judgement = judged(stream((FAULT - 0.001, FAULT)))
    assert measured(judgement, "first good packet").samples[0] == (0.0, pytest.approx(0.00015))


@pytest.mark.parametrize(
    ("seen", "verdict"), [(12, FAIL), (11, FAIL), (9, FAIL), (8, UNCLEAR), (4, UNCLEAR), (2, UNCLEAR), (0, UNCLEAR)]
)
def test_what_nobody_saw_other_programs_use_is_not_taken_for_nothing(seen: int, verdict: Verdict) -> None:
    rows = tuple({"t": t * S, "until": (t + 1) * S, "foreign_cpu": 0.1} for t in range(seen))
    inputs = {"cause": act(), "noise": Evidence("noise", "c", "n", {}, rows)}
    lossy = stream((FAULT, FAULT + 1), (FAULT + 4, FAULT + 6))
    judgement = run("failover-gap", {"stream": lossy, **inputs}, {"limit": 5})
    assert judgement.verdict is verdict
    assert ("s nobody saw what other programs used" in judgement.reason) is (verdict is UNCLEAR)
    assert run("failover-gap", {"stream": stream((FAULT, FAULT + 1)), **inputs}, {"limit": 5}).verdict is PASS
