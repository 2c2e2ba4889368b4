"""Each judge of BGP passes what is right, and fails each defect with its reason."""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbcert_reports.evidence import Evidence
from lbcert_reports.judges import Judgement, run
from lbcert_reports.verdicts import Verdict

S = 1_000_000_000
EPOCH = -1_000
"""Begin of every watch, s: so that nothing works only because time begins at 0, or goes on for longer than since."""
PASS, FAIL, UNCLEAR = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
UP, DOWN, IDLE = "Established", "Active", "Idle"
N1, N2, N3 = "172.18.0.11", "172.18.0.12", "172.18.0.13"
PREFIX = "10.0.0.9/32"
ALL = {PREFIX: [N1, N2, N3]}


def at(t: float) -> int:
    """Seconds after the begin, as a time in ns."""
    return round((EPOCH + t) * S)


def act(t: float, name: str = "router-restart") -> Evidence[Any]:
    row = {
        "fault": name,
        "target": "r",
        "began": at(t) - 5,
        "effective": at(t),
        "healed": None,
        "proof": {},
    }
    return Evidence("faults", "c", "cause", {}, (row,))


def sessions(*states: tuple[float, str, str, int, int], ended: float = 60, **extra: int) -> Evidence[Any]:
    """Sessions of router r: (second, peer, state, times established, times dropped); up since the watch began."""
    rows = tuple(
        {
            "t": at(t), "router": "r", "peer": peer, "state": state, "uptime_ms": round(t * 1000),
            "established": established, "dropped": dropped, **extra,
        }
        for t, peer, state, established, dropped in states
    )  # fmt: skip
    as_read = tuple(json.loads(json.dumps(rows)))  # what is equal is not the same
    return Evidence("sessions", "c", "sessions", {"began": at(0), "ended": at(ended)}, as_read)


def routes(*changes: tuple[float, list[str]] | tuple[float, list[str], str], ended: float = 60) -> Evidence[Any]:
    rows = tuple(
        {"t": at(t), "prefix": prefix[0] if prefix else PREFIX, "next_hops": next_hops}
        for t, next_hops, *prefix in changes
    )
    return Evidence("routes", "c", "routes", {"began": at(0), "ended": at(ended)}, rows)


def says(judgement: Judgement, verdict: Verdict, *words: str) -> None:
    assert judgement.verdict is verdict, judgement
    for word in words:
        assert word in f"{judgement.reason} | {judgement.observed}", judgement


def value(judgement: Judgement, name: str) -> Any:
    return next(each.value for each in judgement.measurements if each.name == name)


BOTH = {"peers": {"r": [N1, "fd00::12"]}, "within": 10}


@pytest.mark.parametrize(
    ("states", "bound", "verdict", "reason"),
    [
        (
            [(1, N1, DOWN, 0, 0), (3, N1, UP, 1, 0), (4, "fd00:0::12", UP, 1, 0)],
            {},
            PASS,
            "2 of 2 sessions, the last after 4.00 s",
        ),
        (
            [(1, N1, UP, 1, 0), (3, N1, UP, 1, 0), (2, "fd00::12", UP, 1, 0), (9, N1, UP, 1, 0)],
            {},
            PASS,
            "2 of 2 sessions, the last after 2.00 s",
        ),
        (
            [(3, N1, UP, 1, 0), (14, "fd00::12", UP, 1, 0)],
            {},
            FAIL,
            "r's session with fd00::12 was up to stay only after 14.00 s",
        ),
        (
            [(3, N1, UP, 1, 0), (4, "fd00::12", DOWN, 0, 0)],
            {},
            FAIL,
            "r's session with fd00::12 was Active after 60.0 s",
        ),
        (
            [(3, N1, UP, 1, 0), (4, "fd00::12", IDLE, 0, 0), (4, N3, IDLE, 0, 0)],
            {},
            FAIL,
            "r's session with fd00::12 was Idle after 60.0 s",
        ),
        (
            [(1, N1, UP, 1, 0), (12, N1, UP, 1, 0), (13, "fd00::12", DOWN, 0, 0), (14, "fd00::12", UP, 1, 0)],
            {},
            FAIL,
            "r's session with fd00::12 was up to stay only after 14.00 s",
        ),
        ([(3, N1, UP, 1, 0)], {}, FAIL, "r's session with fd00::12 was never seen after 60.0 s"),
        ([(3, N1, UP, 1, 0), (4, "fd00::12", UP, 1, 0), (9, N1, DOWN, 1, 1)], {}, FAIL, "with 172.18.0.11 was Active"),
        (
            [(3, N1, UP, 1, 0), (4, "fd00::12", UP, 1, 0), (5, N3, UP, 1, 0)],
            {},
            FAIL,
            "with 172.18.0.13 that nobody expects",
        ),
        ([(3, N1, UP, 1, 0), (4, "fd00::12", UP, 1, 0), (5, N3, DOWN, 0, 0)], {}, PASS, "no other"),
        ([(3, N1, UP, 1, 0), (4, "fd00::12", UP, 1, 0), (5, N3, IDLE, 0, 0)], {}, PASS, "no other"),
        ([(3, N1, UP, 1, 0), (4, "fd00::12", UP, 1, 0), (5, N3, UP, 1, 0)], {"others": True}, PASS, "2 of 2"),
        ([(3, N1, UP, 1, 0)], {"within": 60}, FAIL, "r's session with fd00::12 was never seen after 60.0 s"),
        ([(3, N1, UP, 1, 0)], {"within": 90}, UNCLEAR, "watched for 60.0 s only, 90 s are needed"),
        ([], {}, FAIL, "r's session with 172.18.0.11 was never seen after 60.0 s"),
        ([], {"within": 90}, UNCLEAR, "watched for 60.0 s only, 90 s are needed"),
    ],
)
def test_sessions_established(states: Any, bound: dict[str, Any], verdict: Verdict, reason: str) -> None:
    says(run("sessions-established", {"sessions": sessions(*states)}, {**BOTH, **bound}), verdict, reason)


def test_sessions_are_timed_from_the_cause_and_one_that_never_broke_took_no_time() -> None:
    states = [(1, N1, UP, 1, 0), (21, N1, DOWN, 0, 0), (27.5, N1, UP, 1, 0), (2, "fd00::12", UP, 1, 0)]
    judgement = run("sessions-established", {"sessions": sessions(*states), "cause": act(20)}, BOTH)
    says(judgement, PASS)
    assert judgement.measurements[0].samples == (7.5, 0.0)
    assert judgement.measurements[0].value == 7.5


def test_of_sessions_that_came_up_late_each_is_told_with_its_own_time() -> None:
    states = [(n, peer, UP, 1, 0) for n, peer in ((12, N1), (14, N2), (13, N3))]
    judgement = run("sessions-established", {"sessions": sessions(*states)}, {"peers": {"r": HOPS}, "within": 10})
    assert judgement.reason == ", ".join(
        f"r's session with {peer} was up to stay only after {n}.00 s" for n, peer, *_ in states
    )


@pytest.mark.parametrize(
    ("states", "hold", "verdict", "reason"),
    [
        ([(1, N1, DOWN, 0, 0), (9, N1, "Connect", 0, 0)], 60, PASS, "0 sessions came up in 60.0 s"),
        ([(1, N1, DOWN, 0, 0), (9, N1, UP, 1, 0), (10, N1, DOWN, 1, 1)], 60, FAIL, "with 172.18.0.11 was up at 9.00 s"),
        ([(1, N1, DOWN, 0, 0), (10, N1, DOWN, 1, 1)], 60, FAIL, "was up at 10.00 s"),
        ([(1, N1, IDLE, 0, 0), (9, N1, UP, 0, 0)], 50, FAIL, "with 172.18.0.11 was up at 9.00 s"),
        ([(1, N1, IDLE, 0, 0), (9, N1, IDLE, 0, 0)], 50, PASS, "0 sessions came up in 60.0 s"),
        ([(1, N1, DOWN, 0, 0)], 61, UNCLEAR, "watched for 60.0 s only, 61 s are needed"),
        ([(1, N2, DOWN, 0, 0)], 60, UNCLEAR, "the router knows no such peer: r with 172.18.0.11"),
    ],
)
def test_session_stays_down(states: Any, hold: float, verdict: Verdict, reason: str) -> None:
    bound = {"peers": {"r": [N1]}, "hold": hold}
    says(run("session-stays-down", {"sessions": sessions(*states)}, bound), verdict, reason)


def test_a_peer_without_an_address_is_known_by_its_name_and_a_prefix_whatever_its_host_bits() -> None:
    unnumbered = sessions((1, "eth0", UP, 1, 0))
    says(run("sessions-established", {"sessions": unnumbered}, {"peers": {"r": ["eth0"]}, "within": 5}), PASS)
    for seen, expected in (("10.0.0.9/30", "10.0.0.8/30"), ("10.0.0.8/30", "10.0.0.9/30")):
        inputs = {"routes": routes((1, [N1], seen))}
        says(run("route-next-hops", inputs, {"expected": {expected: [N1]}, "within": 5}), PASS)


def test_the_age_of_a_session_is_told_to_the_millisecond_after_long_too() -> None:
    first, last = sessions((1, N1, UP, 1, 0), (2001, N1, UP, 1, 0), ended=2002).rows
    for uptime, verdict in ((1_999_000, PASS), (1_998_999, FAIL)):
        rows = (first, {**last, "uptime_ms": uptime})
        evidence = Evidence[Any]("sessions", "c", "sessions", {"began": at(0), "ended": at(2002)}, rows)
        says(run("sessions-never-reset", {"sessions": evidence}, {"peers": {"r": [N1]}, "hold": 60}), verdict)


def test_keepalives_that_are_exactly_as_far_apart_as_they_may_be_are_in_time() -> None:
    evidence = {"messages": messages(*keepalives(1, 2.25, 3.5, 4.75), ended=5)}
    says(run("keepalives-spaced", evidence, {"peers": {N1: 1}, "tolerance": 0.25}), PASS)


def test_every_peer_is_judged_whatever_became_of_those_before_it() -> None:
    two = {"peers": {"r": [N1, N2, N3]}}
    cause = act(10, "delete-peers")
    states = [(1, N1, DOWN, 0, 0), (1, N2, UP, 1, 0), (1, N3, UP, 1, 0)]
    closed = run("sessions-closed", {"sessions": sessions(*states), "cause": cause}, {**two, "within": 30})
    says(closed, FAIL, "with 172.18.0.12 was still open", "2 of 2 sessions are still open")
    kept = [*states, (9, N2, UP, 2, 1), (9, N3, UP, 3, 2)]
    reset = run("sessions-never-reset", {"sessions": sessions(*kept)}, {**two, "hold": 60})
    says(reset, FAIL, "with 172.18.0.12 was reset 1 times", "172.18.0.13 was reset 2 times", "3 resets in 60.0 s")
    assert (value(reset, "resets"), reset.measurements[0].n) == (3, 3)
    timed = sessions((1, N1, UP, 1, 0), hold=9).rows + sessions((1, N2, UP, 1, 0), hold=9, keepalive=4).rows
    evidence = Evidence[Any]("sessions", "c", "sessions", {}, timed)
    judgement = run("timers-negotiated", {"sessions": evidence}, {"peers": {"r": [N1, N2]}, "hold": 9})
    says(judgement, FAIL, "172.18.0.12 use a keepalive interval of 4 s")


def test_what_becomes_of_a_session_with_the_cause_is_its_effect() -> None:
    up, closing = sessions((1, N1, UP, 1, 0), (10, N1, DOWN, 1, 1)).rows
    for t in (at(10) - 5, at(10) - 2, at(10)):  # it began 5 ns before it was effective
        rows = ({**up, "state": DOWN}, {**up, "t": at(2)}, {**closing, "t": t})
        evidence = Evidence[Any]("sessions", "c", "sessions", {"began": at(0), "ended": at(60)}, rows)
        inputs = {"sessions": evidence, "cause": act(10, "delete-peers")}
        judgement = run("sessions-closed", inputs, {"peers": {"r": [N1]}, "within": 30})
        says(judgement, PASS, "0 of 1 sessions are still open")
        assert judgement.measurements[0].samples == (0,)


@pytest.mark.parametrize(
    ("states", "hold", "verdict", "reason"),
    [
        ([(1, N1, UP, 3, 2), (59, N1, UP, 3, 2)], 60, PASS, "0 resets in 60.0 s"),
        (
            [(1, N1, UP, 1, 0), (30, N1, DOWN, 1, 1), (31, N1, UP, 2, 1)],
            60,
            FAIL,
            "was reset 1 times, first seen at 30.00 s",
        ),
        ([(1, N1, UP, 1, 0), (30, N1, UP, 2, 1), (31, N1, UP, 4, 3)], 60, FAIL, "was reset 3 times"),
        ([(1, N1, UP, 1, 0), (30, N1, UP, 2, 0)], 60, FAIL, "was reset 1 times, first seen at 30.00 s"),
        ([(1, N1, UP, 1, 0), (30, N1, DOWN, 1, 0)], 60, FAIL, "was reset 1 times"),
        ([(1, N1, UP, 1, 0), (30, N1, IDLE, 1, 0)], 60, FAIL, "was reset 1 times"),
        ([(1, N1, UP, 1, 0), (30, N1, UP, 1, 1)], 60, FAIL, "was reset 1 times"),
        ([(1, N1, UP, 4, 3), (30, N1, UP, 6, 5), (31, N1, UP, 9, 8)], 60, FAIL, "was reset 5 times"),
        ([(1, N1, UP, 1, 0), (30, N1, DOWN, 1, 0), (31, N1, DOWN, 1, 0)], 60, FAIL, "1 times, first seen at 30.00 s"),
        ([(1, N1, UP, 4, 3), (30, N1, UP, 1, 0)], 60, PASS, "0 resets in 60.0 s"),  # the counters were cleared
        ([(1, N1, UP, 300, 299), (59, N1, UP, 300, 299)], 50, PASS, "0 resets in 60.0 s"),
        ([(1, N1, IDLE, 0, 0), (2, N1, UP, 1, 0)], 60, UNCLEAR, "r's session with 172.18.0.11 was not up at the begin"),
        ([(1, N1, DOWN, 0, 0), (2, N1, UP, 1, 0)], 60, UNCLEAR, "r's session with 172.18.0.11 was not up at the begin"),
        ([(1, N2, UP, 1, 0)], 60, UNCLEAR, "r's session with 172.18.0.11 was not up at the begin"),
        ([(1, N1, UP, 1, 0)], 90, UNCLEAR, "watched for 60.0 s only, 90 s are needed"),
    ],
)
def test_sessions_never_reset(states: Any, hold: float, verdict: Verdict, reason: str) -> None:
    bound = {"peers": {"r": [N1]}, "hold": hold}
    judgement = run("sessions-never-reset", {"sessions": sessions(*states)}, bound)
    says(judgement, verdict, reason)
    assert (value(judgement, "resets") > 0) == (verdict is FAIL)


@pytest.mark.parametrize(
    ("states", "verdict", "reason"),
    [
        ([(1, N1, UP, 1, 0), (12, N1, DOWN, 1, 1)], PASS, "every session was closed"),
        ([(1, N1, UP, 1, 0), (12, N1, "gone", 0, 0)], PASS, "0 of 1 sessions are still open"),
        ([(1, N1, UP, 1, 0)], FAIL, "r's session with 172.18.0.11 was still open after 50.0 s"),
        ([(1, N1, UP, 1, 0), (12, N1, DOWN, 1, 1), (13, N1, UP, 2, 1)], FAIL, "was still open after 50.0 s"),
        ([(1, N1, UP, 1, 0), (45, N1, DOWN, 1, 1)], FAIL, "was closed only after 35.00 s"),
        ([(1, N1, UP, 1, 0), (12, N1, IDLE, 1, 1), (45, N1, DOWN, 1, 1)], PASS, "every session was closed"),
        ([(1, N1, IDLE, 0, 0), (12, N1, DOWN, 0, 0)], UNCLEAR, "was not up before"),
        ([(1, N1, DOWN, 0, 0), (12, N1, DOWN, 0, 0)], UNCLEAR, "r's session with 172.18.0.11 was not up before"),
        ([(1, N1, UP, 1, 0), (5, N1, DOWN, 1, 1)], UNCLEAR, "was not up before"),
        ([(1, N2, UP, 1, 0), (12, N2, DOWN, 1, 1)], UNCLEAR, "was not up before"),
    ],
)
def test_sessions_closed(states: Any, verdict: Verdict, reason: str) -> None:
    inputs = {"sessions": sessions(*states), "cause": act(10, "delete-peers")}
    says(run("sessions-closed", inputs, {"peers": {"r": [N1]}, "within": 30}), verdict, reason)


def test_an_open_session_that_was_watched_too_shortly_decides_nothing() -> None:
    inputs = {"sessions": sessions((1, N1, UP, 1, 0), ended=20), "cause": act(10, "delete-peers")}
    says(run("sessions-closed", inputs, {"peers": {"r": [N1]}, "within": 30}), UNCLEAR, "watched for 10.0 s only")
    says(run("sessions-closed", inputs, {"peers": {"r": [N1]}, "within": 10}), FAIL, "was still open after 10.0 s")


def test_of_two_peers_each_is_judged_by_its_own_numbers() -> None:
    """The first is as it should be, the second is not."""
    two = {"peers": {"r": [N1, N2]}}
    states = [(1, N1, UP, 1, 0), (1, N2, UP, 1, 0), (12, N1, DOWN, 1, 1), (45, N2, DOWN, 1, 1)]
    inputs = {"sessions": sessions(*states), "cause": act(10, "delete-peers")}
    closed = run("sessions-closed", inputs, {**two, "within": 30})
    assert closed.reason == "r's session with 172.18.0.12 was closed only after 35.00 s"
    half = run("sessions-closed", {**inputs, "sessions": sessions(*states[:3])}, {**two, "within": 30})
    says(half, FAIL, "172.18.0.12 was still open after 50.0 s", "1 of 2 sessions are still open")
    rows = [
        *sessions((1, N1, UP, 1, 0), hold=30, keepalive=9).rows,
        *sessions((2, N1, UP, 1, 0), hold=9, keepalive=3).rows,
        *sessions((1, N2, UP, 1, 0), hold=12, keepalive=4).rows,
    ]
    evidence = Evidence[Any]("sessions", "c", "sessions", {}, tuple(rows))
    timers = run("timers-negotiated", {"sessions": evidence}, {**two, "hold": 9})
    assert timers.reason == (
        "r and 172.18.0.12 negotiated the hold time 12 s, r and 172.18.0.12 use a keepalive interval of 4 s"
    )


@pytest.mark.parametrize(("uptime", "verdict"), [(58_000, PASS), (57_000, PASS), (56_999, FAIL), (0, FAIL)])
def test_a_session_that_is_younger_than_an_earlier_look_was_reset(uptime: int, verdict: Verdict) -> None:
    first, last = sessions((1, N1, UP, 1, 0), (59, N1, UP, 1, 0)).rows
    evidence = Evidence(
        "sessions", "c", "sessions", {"began": at(0), "ended": at(60)}, (first, {**last, "uptime_ms": uptime})
    )
    judgement = run("sessions-never-reset", {"sessions": evidence}, {"peers": {"r": [N1]}, "hold": 60})
    says(judgement, verdict)
    assert value(judgement, "resets") == (verdict is FAIL)


@pytest.mark.parametrize(
    ("timers", "bound", "verdict", "reason"),
    [
        ({"hold": 9, "keepalive": 3}, {}, PASS, "hold times 9 s, keepalive intervals 3 s"),
        ({"hold": 9, "keepalive": 1}, {}, PASS, "the sessions use"),
        ({"hold": 90, "keepalive": 3}, {}, FAIL, "r and 172.18.0.11 negotiated the hold time 90 s"),
        ({"hold": 3, "keepalive": 1}, {}, FAIL, "negotiated the hold time 3 s"),
        ({"hold": 9, "keepalive": 4}, {}, FAIL, "r and 172.18.0.11 use a keepalive interval of 4 s"),
        ({"hold": 9, "keepalive": 4}, {"keepalive": 4}, PASS, "the sessions use"),
        ({"hold": 10, "keepalive": 3.3}, {"hold": 10}, PASS, "the sessions use"),
        ({"hold": 6, "keepalive": 1}, {"least": 3}, PASS, "hold times 6 s"),
        ({"hold": 9}, {}, UNCLEAR, "the keepalive interval is not told: r with 172.18.0.11"),
        ({"hold": 9, "keepalive": 0}, {}, UNCLEAR, "the keepalive interval is not told"),
        ({"hold": 0, "keepalive": 0}, {"hold": 0}, PASS, "hold times 0 s"),
        ({"hold": 3, "keepalive": 1}, {"least": 3}, PASS, "hold times 3 s"),
        ({"hold": 2, "keepalive": 1}, {"least": 3}, FAIL, "negotiated the hold time 2 s"),
        ({"hold": 0, "keepalive": 0}, {"least": 3}, FAIL, "negotiated the hold time 0 s"),
        ({"hold": 10, "keepalive": 1}, {"least": 3}, FAIL, "negotiated the hold time 10 s"),
        ({}, {}, UNCLEAR, "r showed no established session with 172.18.0.11 and its timers"),
    ],
)
def test_timers_negotiated(timers: dict[str, int], bound: dict[str, Any], verdict: Verdict, reason: str) -> None:
    evidence = sessions((1, N1, UP, 1, 0), **timers)
    says(run("timers-negotiated", {"sessions": evidence}, {"peers": {"r": [N1]}, "hold": 9, **bound}), verdict, reason)


def test_the_worst_of_several_hold_times_is_measured() -> None:
    states = [
        {
            "t": at(1), "router": "r", "peer": peer, "state": UP, "uptime_ms": 0, "established": 1, "dropped": 0,
            "hold": hold, "keepalive": 1,
        }
        for peer, hold in ((N1, 9), (N2, 30), (N3, 12))
    ]  # fmt: skip
    evidence = Evidence[Any]("sessions", "c", "sessions", {}, tuple(states))
    judgement = run("timers-negotiated", {"sessions": evidence}, {"peers": {"r": [N1, N2, N3]}, "hold": 9.0})
    says(judgement, FAIL, "hold times 9, 12, 30 s")
    assert [(each.value, each.n) for each in judgement.measurements] == [(30, 3), (1, 3)]
    evidence.rows[1]["hold"] = 3
    assert (
        value(run("timers-negotiated", {"sessions": evidence}, {"peers": {"r": [N1, N2, N3]}, "hold": 9}), "hold time")
        == 3
    )


def test_a_hold_time_from_a_range_is_told_as_one() -> None:
    up = {"sessions": sessions((1, N1, UP, 1, 0), hold=3, keepalive=1)}
    judgement = run("timers-negotiated", up, {"peers": {"r": [N1]}, "hold": 9, "least": 3})
    assert judgement.expected == "hold time 3 to 9 s, keepalives at most 3 s apart"
    assert [each.bound[:2] for each in judgement.measurements if each.bound] == [(9, "<="), (3, "<=")]
    exact = run("timers-negotiated", up, {"peers": {"r": [N1]}, "hold": 9, "least": 9, "keepalive": 2})
    assert exact.expected == "hold time 9 s, keepalives at most 2 s apart"
    assert [each.bound[:2] for each in exact.measurements if each.bound] == [(9, "=="), (2, "<=")]


def negotiated(*looks: tuple[str, str, dict[str, int]], **bound: Any) -> Judgement:
    """What is said of timers after these looks at a peer, one a second: in which state it was, and its timers."""
    rows = [
        row
        for t, (peer, state, timers) in enumerate(looks, start=1)
        for row in sessions((t, peer, state, 1, 0), **timers).rows
    ]
    peers = {"r": sorted({peer for peer, *_ in looks})}
    return run(
        "timers-negotiated",
        {"sessions": Evidence[Any]("sessions", "c", "sessions", {}, tuple(rows))},
        {"peers": peers, "hold": 9, **bound},
    )


def test_the_last_look_at_a_session_that_is_up_says_what_its_timers_are() -> None:
    right = {"hold": 9, "keepalive": 3}
    for early in ({}, {"hold": 9}, {"hold": 9, "keepalive": 0}, {"hold": 90, "keepalive": 30}):
        says(negotiated((N1, UP, early), (N1, UP, right)), PASS)
    says(negotiated((N1, UP, right), (N1, UP, {})), UNCLEAR, "showed no established session")
    for down in (DOWN, IDLE):
        says(negotiated((N1, UP, right), (N1, down, {})), PASS)


def test_without_a_hold_time_a_session_needs_no_keepalives_and_every_other_does() -> None:
    none, some = {"hold": 0, "keepalive": 0}, {"hold": 9, "keepalive": 0}
    for first, last, peer in ((none, some, N2), (some, none, N1)):
        judgement = negotiated((N1, UP, first), (N2, UP, last), least=0)
        says(judgement, UNCLEAR)
        assert judgement.reason == f"the keepalive interval is not told: r with {peer}"


def test_the_timers_of_a_session_that_is_down_say_nothing() -> None:
    evidence = sessions((1, N1, DOWN, 0, 0), hold=9, keepalive=3)
    says(run("timers-negotiated", {"sessions": evidence}, {"peers": {"r": [N1]}, "hold": 9}), UNCLEAR)


@pytest.mark.parametrize(
    ("changes", "bound", "verdict", "reason"),
    [
        (
            [(10.2, [N1]), (10.5, [N3, N2, N1])],
            {},
            PASS,
            "next hops 172.18.0.11, 172.18.0.12, 172.18.0.13, the last after 0.500 s",
        ),
        (
            [(10.2, [N1]), (16, [N1, N2, N3])],
            {},
            FAIL,
            "10.0.0.9/32 had next hops 172.18.0.11, 172.18.0.12, 172.18.0.13 to stay only after 6.00 s",
        ),
        ([(10.2, [N1, N2])], {}, FAIL, "10.0.0.9/32 had next hops 172.18.0.11, 172.18.0.12 after 50.00 s"),
        ([(10.2, [N1, N2, N3, "172.18.0.14"])], {}, FAIL, "172.18.0.14 after 50.00 s"),
        ([(10.2, [N1, N2, N3]), (12, [])], {}, FAIL, "10.0.0.9/32 had no route after 50.00 s"),
        ([(10.2, [N1, N2, N3]), (12, []), (13, [N1, N2, N3])], {}, PASS, "the last after 3.000 s"),
        ([(10.2, [N1, N2, N3]), (18, []), (19, [N1, N2, N3])], {}, FAIL, "to stay only after 9.00 s"),
        ([(1, [N1, N2, N3])], {}, PASS, "the last after 0.000 s"),
        ([(10, [N1, N2, N3])], {}, PASS, "the last after 0.000 s"),
        ([(1, [N1]), (5, [N1, N2, N3])], {}, PASS, "the last after 0.000 s"),
        ([(10.2, [N1, N2, N3]), (12, [N1, N2, N3])], {}, PASS, "the last after 0.200 s"),
        ([(1, [N1, N2, N3]), (10, [N1])], {}, FAIL, "10.0.0.9/32 had next hops 172.18.0.11 after 50.00 s"),
        ([(10.2, [N1])], {"within": 50}, FAIL, "after 50.00 s"),
        ([], {}, FAIL, "10.0.0.9/32 had no route after 50.00 s"),
        ([], {"expected": {PREFIX: []}}, PASS, "no route"),
        ([(10.2, [N1, N2, N3])], {"hold": 55}, UNCLEAR, "was seen to stay so for 49.80 s only, 55 s are needed"),
        ([(10.2, [N1])], {"within": 55}, UNCLEAR, "watched for 50.00 s only, 55 s are needed"),
    ],
)
def test_route_next_hops(changes: Any, bound: dict[str, Any], verdict: Verdict, reason: str) -> None:
    inputs = {"routes": routes(*changes), "cause": act(10)}
    says(run("route-next-hops", inputs, {"expected": ALL, "within": 5, **bound}), verdict, reason)


def test_each_prefix_is_judged_and_compared_as_a_network() -> None:
    evidence = routes((1, [N1], "fd00::9/128"), (2, [N2], "10.0.0.8/32"))
    expected = {"fd00:0:0::9/128": [N1], "10.0.0.8/32": [N2]}
    judgement = run("route-next-hops", {"routes": evidence}, {"expected": expected, "within": 5})
    says(judgement, PASS)
    assert judgement.measurements[0].samples == (1.0, 2.0)
    assert judgement.observed.endswith(", the last after 2.000 s")
    assert judgement.expected.endswith("10.0.0.8/32: next hops 172.18.0.12 within 5 s")
    held = run("route-next-hops", {"routes": evidence}, {"expected": expected, "within": 5, "hold": 9})
    assert held.expected.endswith(" within 5 s, for 9 s")
    wrong = run("route-next-hops", {"routes": evidence}, {"expected": {**expected, PREFIX: [N3]}, "within": 5})
    says(wrong, FAIL, "10.0.0.9/32 had no route after 60.00 s")
    late = run("route-next-hops", {"routes": evidence}, {"expected": {PREFIX: [N3], **expected}, "within": 1.5})
    says(late, FAIL, "10.0.0.9/32 had no route after 60.00 s, 10.0.0.8/32 had next hops 172.18.0.12 to stay only after")
    assert late.reason.endswith(" 2.00 s")
    brief = run("route-next-hops", {"routes": evidence}, {"expected": expected, "within": 5, "hold": 58.5})
    says(brief, UNCLEAR, "10.0.0.8/32 was seen to stay so for 58.00 s only, 58.5 s are needed")


@pytest.mark.parametrize(
    ("changes", "verdict", "reason"),
    [
        ([(1, [N1, N2]), (10.1, [N1]), (10.5, [])], PASS, "no route, the last after 0.500 s"),
        ([(1, [N1, N2]), (17, [])], FAIL, "had no route to stay only after 7.00 s"),
        ([(1, [N1, N2]), (11, [N1])], FAIL, "10.0.0.9/32 had next hops 172.18.0.11 after 50.00 s"),
        ([(1, [N1]), (10.5, []), (30, [N1])], FAIL, "had next hops 172.18.0.11"),
        (
            [(1, [N1]), (2, [])],
            UNCLEAR,
            "10.0.0.9/32 was not there before service-deleted, so nothing could be withdrawn",
        ),
        ([], UNCLEAR, "was not there"),
    ],
)
def test_route_withdrawn(changes: Any, verdict: Verdict, reason: str) -> None:
    inputs = {"routes": routes(*changes), "cause": act(10, "service-deleted")}
    says(run("route-withdrawn", inputs, {"prefixes": [PREFIX], "within": 5}), verdict, reason)


@pytest.mark.parametrize(
    ("changes", "verdict", "reason"),
    [
        ([(1, [N1, N2, N3]), (10.1, []), (12, [N1]), (13, [N1, N2, N3])], PASS, "the last after 3.000 s"),
        ([(1, [N1, N2, N3]), (10.1, []), (12, [N1])], FAIL, "had next hops 172.18.0.11 after 50.00 s"),
        ([(1, [N1, N2, N3]), (10.1, []), (52, [N1, N2, N3])], FAIL, "to stay only after 42.00 s"),
        ([(1, [N1, N2, N3])], UNCLEAR, "router-restart took no next hop of 10.0.0.9/32 away"),
        ([(1, [N1, N2, N3]), (11, [N1, N2, N3, "172.18.0.14"]), (12, [N1, N2, N3])], UNCLEAR, "took no next hop"),
        ([(1, [N1, N2, N3]), (10 - 5e-9, [N1]), (12, [N1, N2, N3])], PASS, "the last after 2.000 s"),
    ],
)
def test_prefix_restored(changes: Any, verdict: Verdict, reason: str) -> None:
    inputs = {"routes": routes(*changes), "cause": act(10)}
    says(run("prefix-restored", inputs, {"expected": ALL, "within": 30}), verdict, reason)


@pytest.mark.parametrize(
    ("changes", "hold", "verdict", "reason"),
    [
        ([], 30, PASS, "0 routes in 60.0 s"),
        ([(3, [N1], "10.0.0.8/32")], 30, PASS, "there was no route"),
        ([(3, [N1]), (4, [])], 30, FAIL, "10.0.0.9/32 had next hops 172.18.0.11 at 3.00 s"),
        ([], 61, UNCLEAR, "watched for 60.0 s only, 61 s are needed"),
    ],
)
def test_never_routed(changes: Any, hold: float, verdict: Verdict, reason: str) -> None:
    judgement = run("never-routed", {"routes": routes(*changes)}, {"prefixes": [PREFIX], "hold": hold})
    says(judgement, verdict, reason)
    assert (judgement.measurements[0].value, judgement.measurements[0].n) == (60, 1)


def test_without_rows_or_a_watch_nothing_is_said_of_routes() -> None:
    nothing = Evidence[Any]("routes", "c", "routes", {}, ())
    judgement = run("never-routed", {"routes": nothing}, {"prefixes": [PREFIX], "hold": 1})
    says(judgement, UNCLEAR, "the routes 'routes' have no rows and do not say how long they were watched")


@pytest.mark.parametrize(
    ("changed", "expected", "verdict", "reason"),
    [
        ({}, {"as_path": [64512], "origin": "IGP", "local_pref": None}, PASS, "as_path [64512]"),
        ({"as_path": [64512, 64512]}, {"as_path": [64512]}, FAIL, "r has 10.0.0.9/32 with as_path [64512, 64512]"),
        ({"local_pref": 100}, {"local_pref": None}, FAIL, "with local_pref 100"),
        ({}, {"local_pref": 100}, FAIL, "with local_pref absent"),
        ({"communities": ["65000:2", "65000:1"]}, {"communities": ["65000:1", "65000:2"]}, PASS, "every path"),
        ({"communities": ["65000:1"]}, {"communities": []}, FAIL, "with communities ['65000:1']"),
        ({"prefix": "10.0.0.8/32"}, {"origin": "IGP"}, UNCLEAR, "0 paths, 1 are needed"),
        ({}, {"colour": 1}, UNCLEAR, "paths have no attribute 'colour'"),
    ],
)
def test_path_attributes(changed: Any, expected: dict[str, Any], verdict: Verdict, reason: str) -> None:
    path = {
        "t": 1, "router": "r", "prefix": PREFIX, "next_hop": N1, "as_path": [64512], "origin": "IGP",
        "local_pref": None, "med": None, "communities": [], **changed,
    }  # fmt: skip
    evidence = Evidence[Any]("paths", "c", "paths", {}, (path,))
    says(run("path-attributes", {"paths": evidence}, {"prefixes": [PREFIX], "expected": expected}), verdict, reason)


def test_every_path_to_every_prefix_is_judged_and_counted() -> None:
    def judged(count: int, *paths: tuple[str, str]) -> Judgement:
        rows = tuple({"t": 1, "router": "r", "prefix": prefix, "origin": origin} for prefix, origin in paths)
        bound = {"prefixes": [PREFIX, "10.0.0.8/32"], "expected": {"origin": "IGP"}, "count": count}
        return run("path-attributes", {"paths": Evidence[Any]("paths", "c", "paths", {}, rows)}, bound)

    both = [(PREFIX, "IGP"), (PREFIX, "IGP"), ("10.0.0.8/32", "IGP")]
    says(judged(1, *both), PASS)
    says(judged(0, *both), PASS)
    says(judged(2, *both), UNCLEAR, "1 paths, 2 are needed")
    says(judged(2, *both[::-1]), UNCLEAR, "1 paths, 2 are needed")
    wrong = judged(1, (PREFIX, "EGP"), (PREFIX, "IGP"), ("10.0.0.8/32", "EGP"))
    says(wrong, FAIL, "r has 10.0.0.9/32 with origin EGP, r has 10.0.0.8/32 with origin EGP", "origin EGP, origin IGP")
    (measurement,) = wrong.measurements
    assert (measurement.value, measurement.n, wrong.expected) == (2, 3, "origin IGP")
    assert measurement.bound is not None
    assert measurement.bound[:2] == (0, "<=")
    says(judged(1), UNCLEAR, "0 paths, 1 are needed | no path")


@pytest.mark.parametrize(("others", "verdict"), [(True, PASS), (False, FAIL)])
def test_paths_to_prefixes_that_nobody_asked_for_may_be_forbidden(others: bool, verdict: Verdict) -> None:
    rows = tuple({"t": 1, "router": "r", "prefix": each, "origin": "IGP"} for each in (PREFIX, "10.0.0.10/32"))
    bound = {"prefixes": [PREFIX], "expected": {"origin": "IGP"}, "others": others}
    judgement = run("path-attributes", {"paths": Evidence[Any]("paths", "c", "paths", {}, rows)}, bound)
    says(judgement, verdict, *(["r has 10.0.0.10/32, which nobody asked for"] if verdict is FAIL else []))


@pytest.mark.parametrize(("uptime", "verdict"), [(1_000, PASS), (999, FAIL)])
def test_a_session_whose_age_went_down_was_reset(uptime: int, verdict: Verdict) -> None:
    first, last = sessions((1, N1, UP, 1, 0), (1.5, N1, UP, 1, 0)).rows
    rows = (first, {**last, "uptime_ms": uptime})
    evidence = Evidence[Any]("sessions", "c", "sessions", {"began": at(0), "ended": at(60)}, rows)
    says(run("sessions-never-reset", {"sessions": evidence}, {"peers": {"r": [N1]}, "hold": 60}), verdict)


@pytest.mark.parametrize(
    ("local_pref", "verdict", "reason"),
    [(0, PASS, "local_pref 0"), (100, PASS, "local_pref 100"), (None, FAIL, "r has 10.0.0.9/32 without local_pref")],
)
def test_an_attribute_may_have_any_value_and_has_to_be_there(
    local_pref: int | None, verdict: Verdict, reason: str
) -> None:
    path = {
        "t": 1, "router": "r", "prefix": PREFIX, "next_hop": N1, "as_path": [], "origin": "IGP",
        "local_pref": local_pref, "med": None, "communities": [],
    }  # fmt: skip
    evidence = Evidence[Any]("paths", "c", "paths", {}, (path,))
    bound = {"prefixes": [PREFIX], "expected": {"as_path": []}, "present": ["local_pref"]}
    judgement = run("path-attributes", {"paths": evidence}, bound)
    says(judgement, verdict, reason)
    assert judgement.expected == "as_path [], some local_pref"


def messages(*sent: tuple[float, str, str], ended: float = 10) -> Evidence[Any]:
    """Messages to router r: (second, source, type)."""
    rows = tuple(
        {"t": at(t), "router": "r", "source": source, "destination": "172.18.0.1", "type": kind, "length": 19}
        for t, source, kind in sent
    )
    return Evidence("messages", "c", "messages", {"began": at(0), "ended": at(ended)}, rows)


def keepalives(*times: float, source: str = N1) -> list[tuple[float, str, str]]:
    return [(t, source, "KEEPALIVE") for t in times]


@pytest.mark.parametrize(
    ("sent", "ended", "verdict", "reason"),
    [
        (keepalives(1, 2, 3, 4), 5, PASS, "172.18.0.11 1.00 s apart"),
        (keepalives(1, 2, 3, 4, 5, 6), 7, PASS, "172.18.0.11 1.00 s apart"),
        (keepalives(1, 2, 3, 4), 5.1, PASS, "172.18.0.11 1.00 s apart"),
        (keepalives(1), 1.5, UNCLEAR, "172.18.0.11 sent 1 keepalives in 0.5 s"),
        (keepalives(1, 3), 3.5, FAIL, "172.18.0.11 sent keepalives 2.00 s apart"),
        (keepalives(1, 2.3, 3, 4), 5, PASS, "1.00 s apart"),  # one was late, and the next was not
        (keepalives(1, 2.1, 3.2, 4.3), 5, PASS, "1.10 s apart"),
        (keepalives(1, 2.2, 3.4, 4.6), 5, FAIL, "172.18.0.11 sent keepalives 1.20 s apart, 1 s are allowed"),
        ([*keepalives(1, 3, 5, 7), (2, N1, "UPDATE"), (4, N1, "UPDATE")], 8, FAIL, "2.00 s apart"),
        (keepalives(1, 2, 3, 4), 9, FAIL, "2.00 s apart"),  # it fell silent
        (keepalives(1, 2, 3), 3.5, UNCLEAR, "172.18.0.11 sent 3 keepalives in 2.5 s, 4 are needed"),
        (keepalives(1), 9, FAIL, "8.00 s apart"),
        ([], 9, FAIL, "172.18.0.11 sent keepalives 9.00 s apart"),
        ([], 1, UNCLEAR, "sent 0 keepalives in 1.0 s"),
        (keepalives(1, 2, 3, 4, source=N2), 5, FAIL, "172.18.0.11 sent keepalives 5.00 s apart"),
    ],
)
def test_keepalives_spaced(sent: Any, ended: float, verdict: Verdict, reason: str) -> None:
    judgement = run("keepalives-spaced", {"messages": messages(*sent, ended=ended)}, {"peers": {N1: 1.0}})
    says(judgement, verdict, reason)


def test_each_speaker_has_its_own_longest_interval() -> None:
    sent = [*keepalives(1, 2, 3, 4), *keepalives(1, 3, 5, 7, source="fd00::12")]
    judgement = run("keepalives-spaced", {"messages": messages(*sent, ended=7)}, {"peers": {N1: 1.0, "fd00:0::12": 2}})
    says(judgement, FAIL, "172.18.0.11 sent keepalives 1.50 s apart")  # silent since 4 s
    fine = [*keepalives(4, 5, 6, 7), *keepalives(1, 3, 5, 7, source="fd00::12")]
    judgement = run("keepalives-spaced", {"messages": messages(*fine, ended=7)}, {"peers": {N1: 1.0, "fd00:0::12": 2}})
    says(judgement, PASS, "172.18.0.11 1.00 s apart, fd00:0::12 2.00 s apart")
    assert judgement.expected == "172.18.0.11 at most 1 s apart, fd00:0::12 at most 2 s apart"
    (measurement,) = judgement.measurements
    assert (measurement.value, measurement.n, measurement.samples) == (2, 2, (1, 2))
    assert (measurement.resolution, measurement.bound) == (0.1, (2, "<=", "bound 'peers' of the requirement"))
    few = run("keepalives-spaced", {"messages": messages(ended=0.5)}, {"peers": {N1: 1.0, N2: 1.0}})
    says(few, UNCLEAR, "172.18.0.11 sent 0 keepalives in 0.5 s, 4 are needed")


@pytest.mark.parametrize(
    ("opens", "verdict", "reason"),
    [
        (range(10), PASS, "10 from 172.18.0.11"),
        (range(13), PASS, "13 from 172.18.0.11"),
        (range(14), FAIL, "172.18.0.11 began 14 sessions in 10.0 s"),
        (range(2), PASS, "2 from 172.18.0.11"),
        (range(1), UNCLEAR, "172.18.0.11 began fewer than 2 sessions in 10.0 s"),
    ],
)
def test_attempts_spaced(opens: Sequence[int], verdict: Verdict, reason: str) -> None:
    sent = [(0.5 * number, N1, "OPEN") for number in opens] + [(1.0, N1, "NOTIFICATION"), (1.0, N2, "OPEN")]
    inputs = {"messages": messages(*sent, ended=10)}
    judgement = run("attempts-spaced", inputs, {"peers": [N1], "rate": 1})
    says(judgement, verdict, reason)
    assert judgement.expected == "at most 13 in 10.0 s from each"
    (measurement,) = judgement.measurements
    assert (measurement.value, measurement.n) == (len(opens), 1)
    assert measurement.bound == (13, "<=", "bound 'rate' of the requirement")


def test_attempts_are_allowed_to_come_fast_at_first_and_the_rate_is_rounded_down() -> None:
    sent = [(0.5 * number, source, "OPEN") for number in range(5) for source in (N1, "fd00::12")]
    bound = {"peers": [N1, "fd00:0::12"], "rate": 0.39, "spare": 2}
    judgement = run("attempts-spaced", {"messages": messages(*sent, ended=10)}, bound)
    says(judgement, PASS, "5 from 172.18.0.11, 5 from fd00:0::12")
    says(run("attempts-spaced", {"messages": messages(*sent, ended=7)}, bound), FAIL, "began 5 sessions in 7.0 s")


def silence(
    *, heard: Sequence[float], notified: Sequence[float] = (), closed: Sequence[float] = (), ended: float = 12
) -> dict[str, Evidence[Any]]:
    """What passes a router that speaks to N1 and to the second peer at these seconds, and how both leave it."""
    rows: list[dict[str, Any]] = []
    for source, peer in (("172.18.0.1", N1), ("fd00::1", "fd00::12")):
        between = {"router": "r", "source": source, "destination": peer}
        back = {"router": "r", "source": peer, "destination": source}
        rows += [{"t": at(t), **between, "type": "KEEPALIVE", "length": 19} for t in heard]
        rows += [{"t": at(t), **back, "type": "KEEPALIVE", "length": 19} for t in range(int(ended))]
        rows += [{"t": at(t), **back, "type": "NOTIFICATION", "length": 21} for t in notified]
    ends = tuple(
        {"t": at(t), "router": "r", "source": peer, "destination": "172.18.0.1", "flag": "FIN"}
        for t in closed
        for peer in (N1, "fd00::12")
    )
    header = {"began": at(0), "ended": at(ended)}
    return {
        "messages": Evidence("messages", "c", "messages", header, tuple(rows)),
        "closings": Evidence("closings", "c", "closings", header, ends),
    }


@pytest.mark.parametrize(
    ("seen", "verdict", "reason"),
    [
        (silence(heard=[1, 2], notified=[5], closed=[5.01]), PASS, "2 of 2 left, the last after 3.00 s"),
        (silence(heard=[1, 2], closed=[5]), PASS, "2 of 2 left, the last after 3.00 s"),
        (silence(heard=[1, 2], notified=[4, 9]), PASS, "the last after 2.00 s"),
        (silence(heard=[1, 2], notified=[6]), PASS, "the last after 4.00 s"),
        (silence(heard=[1, 2], notified=[1.5, 5]), PASS, "the last after 3.00 s"),  # and came back in between
        (silence(heard=[1, 2], notified=[6.01]), FAIL, "172.18.0.11 left only after 4.01 s, fd00::12 left only after"),
        (silence(heard=[1, 2]), FAIL, "172.18.0.11 kept its session for 10.00 s, fd00::12 kept its session for 10.00"),
        (silence(heard=[1, 2], ended=6), UNCLEAR, "172.18.0.11 was watched for 4.0 s of silence only, 4 s are needed"),
        (silence(heard=[1, 2, 11], notified=[5]), UNCLEAR, "172.18.0.11 was watched for 1.0 s of silence only"),
        (silence(heard=[1, 2], notified=[3.99]), UNCLEAR, "172.18.0.11 left 1.99 s after the router's last message"),
        (silence(heard=[], notified=[5]), UNCLEAR, "the router said nothing to 172.18.0.11"),
    ],
)
def test_a_silent_peer_is_left(seen: Any, verdict: Verdict, reason: str) -> None:
    judgement = run("silent-peer-left", seen, {"peers": [N1, "fd00:0::12"], "hold": 3})
    says(judgement, verdict, reason)
    if judgement.measurements:
        (measurement,) = judgement.measurements
        assert measurement.bound == (4, "<=", "bound 'hold' of the requirement")
        assert (measurement.value, measurement.n) == (max(measurement.samples, default=None), len(measurement.samples))
        assert judgement.expected == "left after 3 s of silence, 1 s sooner or later"


def test_who_leaves_a_silent_peer_is_told_from_who_does_not() -> None:
    both = silence(heard=[2], closed=[5])
    closings = both["closings"]
    one = both | {"closings": dataclasses.replace(closings, rows=closings.rows[:1])}
    judgement = run("silent-peer-left", one, {"peers": ["fd00::12", N1], "hold": 3})
    says(judgement, FAIL, "fd00::12 kept its session for 10.00 s")
    assert judgement.reason == "fd00::12 kept its session for 10.00 s"
    assert judgement.observed == "1 of 2 left, the last after 3.00 s"
    shorter = both | {"closings": dataclasses.replace(closings, meta=closings.meta | {"ended": at(5)}, rows=())}
    says(run("silent-peer-left", shorter, {"peers": [N1], "hold": 3}), UNCLEAR, "watched for 3.0 s of silence only")


HOPS = [N1, N2, N3]


@pytest.mark.parametrize(
    ("judge", "inputs", "bound"),
    [
        ("sessions-established", {"sessions": sessions((10, N1, UP, 1, 0))}, {"peers": {"r": [N1]}, "within": 10}),
        ("session-stays-down", {"sessions": sessions((1, N1, DOWN, 0, 0))}, {"peers": {"r": [N1]}, "hold": 60}),
        ("sessions-never-reset", {"sessions": sessions((1, N1, UP, 1, 0))}, {"peers": {"r": [N1]}, "hold": 60}),
        (
            "sessions-closed",
            {"sessions": sessions((1, N1, UP, 1, 0), (40, N1, DOWN, 1, 1)), "cause": act(10)},
            {"peers": {"r": [N1]}, "within": 30},
        ),
        ("route-next-hops", {"routes": routes((5, HOPS))}, {"expected": ALL, "within": 5, "hold": 55}),
        ("route-next-hops", {"routes": routes((60, HOPS))}, {"expected": ALL, "within": 60}),
        (
            "route-withdrawn",
            {"routes": routes((1, HOPS), (60, [])), "cause": act(10)},
            {"prefixes": [PREFIX], "within": 50},
        ),
        (
            "prefix-restored",
            {"routes": routes((1, HOPS), (11, []), (60, HOPS)), "cause": act(10)},
            {"expected": ALL, "within": 50},
        ),
        ("never-routed", {"routes": routes()}, {"prefixes": [PREFIX], "hold": 60}),
    ],
)
def test_exactly_at_the_bound_is_within_it(judge: str, inputs: Any, bound: dict[str, Any]) -> None:
    says(run(judge, inputs, bound), PASS)


def test_a_judge_of_sessions_tells_the_slowest_or_that_there_is_none() -> None:
    def told(judge: str, evidence: Evidence[Any], bound: dict[str, Any], **inputs: Evidence[Any]) -> tuple[Any, ...]:
        judgement = run(judge, {"sessions": evidence, **inputs}, bound)
        (measurement,) = judgement.measurements
        assert measurement.bound is not None
        return measurement.value, measurement.n, measurement.samples, *measurement.bound[:2], judgement.expected

    two = {"peers": {"r": [N1, N2]}}
    up = sessions((3, N1, UP, 1, 0), (2, N2, UP, 1, 0))
    expected = "2 sessions within 10 s"
    assert told("sessions-established", up, {**two, "within": 10}) == (3, 2, (3, 2), 10, "<=", expected)
    assert told("sessions-established", sessions(), {**two, "within": 10}) == (None, 0, (), 10, "<=", expected)
    closed = sessions((3, N1, UP, 1, 0), (3, N2, UP, 1, 0), (14, N1, DOWN, 1, 1), (12, N2, DOWN, 1, 1))
    expected = "no session 30 s after the cause"
    bound = {**two, "within": 30}
    assert told("sessions-closed", closed, bound, cause=act(10)) == (4, 2, (4, 2), 30, "<=", expected)
    assert told("sessions-closed", up, bound, cause=act(10)) == (None, 0, (), 30, "<=", expected)
    down = sessions((3, N1, DOWN, 0, 0), (2, N2, DOWN, 0, 0), ended=50)
    expected = "no session for 9 s"
    assert told("session-stays-down", down, {**two, "hold": 9}) == (50, 2, None, 9, ">=", expected)


def test_what_happened_before_the_fault_or_to_others_takes_no_prefix_away() -> None:
    inputs = {"routes": routes((1, []), (2, HOPS), (11, [], "10.0.0.8/32")), "cause": act(10)}
    says(run("prefix-restored", inputs, {"expected": ALL, "within": 50}), UNCLEAR, "took no next hop")


def test_the_limit_of_each_judge_of_routes_and_sessions_is_told() -> None:
    up = {"sessions": sessions((1, N1, UP, 1, 0), hold=9, keepalive=3)}
    limits = [
        run("sessions-never-reset", up, {"peers": {"r": [N1]}, "hold": 60}).measurements[0].bound,
        run("timers-negotiated", up, {"peers": {"r": [N1]}, "hold": 9}).measurements[0].bound,
        run("timers-negotiated", up, {"peers": {"r": [N1]}, "hold": 9}).measurements[1].bound,
        run("never-routed", {"routes": routes()}, {"prefixes": [PREFIX], "hold": 5}).measurements[0].bound,
        run("route-next-hops", {"routes": routes()}, {"expected": ALL, "within": 5}).measurements[0].bound,
    ]
    assert [limit[:2] for limit in limits if limit] == [(0, "<="), (9, "=="), (3.0, "<="), (5, ">="), (5, "<=")]


def test_of_several_things_that_were_done_the_last_is_the_cause() -> None:
    causes = Evidence[Any]("faults", "c", "cause", {}, (*act(5).rows, *act(10).rows, *act(20).rows))
    inputs = {"routes": routes((1, [N1]), (20.5, HOPS)), "cause": causes}
    says(run("route-next-hops", inputs, {"expected": ALL, "within": 1}), PASS, "the last after 0.500 s")


def identified(*presented: str, state: str = UP) -> dict[str, Evidence[Any]]:
    """Sessions with N1 and those behind it, each with what it presented."""
    rows = tuple(
        {
            "t": at(number), "router": "r", "peer": f"172.18.0.{11 + number}", "state": state, "uptime_ms": 0,
            "established": 1, "dropped": 0, "identifier": identifier,
        }
        for number, identifier in enumerate(presented)
    )  # fmt: skip
    return {"sessions": Evidence("sessions", "c", "sessions", {"began": at(0), "ended": at(9)}, rows)}


@pytest.mark.parametrize(
    ("seen", "verdict", "reason"),
    [
        (identified("1.2.3.4", "1.2.3.4"), PASS, "every speaker presented the identifier"),
        (identified("1.2.3.4", "1.2.3.4", "1.2.3.4"), PASS, "1.2.3.4"),
        (identified("1.2.3.4", N2), FAIL, "172.18.0.12 presented 172.18.0.12"),
        (identified(N1), FAIL, "172.18.0.11 presented 172.18.0.11"),
        (identified("1.2.3.4", ""), FAIL, "172.18.0.12 presented no identifier"),
        (identified("1.2.3.4"), UNCLEAR, "1 sessions, 2 are needed"),
        (identified(N1, N2, state=DOWN), UNCLEAR, "0 sessions, 2 are needed"),
        (identified(), UNCLEAR, "0 sessions, 2 are needed"),
    ],
)
def test_identifiers_presented(seen: Any, verdict: Verdict, reason: str) -> None:
    judgement = run("identifiers-presented", seen, {"identifier": "1.2.3.4", "least": 2})
    says(judgement, verdict, reason)
    assert judgement.expected == "1.2.3.4 from each of 2"


@given(st.lists(st.sampled_from(["1.2.3.4", N1, "0.0.0.0"]), min_size=1, max_size=9))
def test_other_identifiers_are_counted(presented: list[str]) -> None:
    judgement = run("identifiers-presented", identified(*presented), {"identifier": "1.2.3.4", "least": 1})
    (measurement,) = judgement.measurements
    assert measurement.value == len(presented) - presented.count("1.2.3.4")
    assert judgement.verdict is (FAIL if measurement.value else PASS)


def test_what_a_session_presented_last_counts() -> None:
    rows = tuple(
        {
            "t": at(t), "router": "r", "peer": N1, "state": UP, "uptime_ms": 0, "established": 1, "dropped": 0,
            "identifier": identifier,
        }
        for t, identifier in ((1, N1), (2, "1.2.3.4"))
    )  # fmt: skip
    seen = {"sessions": Evidence[Any]("sessions", "c", "sessions", {"began": at(0), "ended": at(9)}, rows)}
    says(run("identifiers-presented", seen, {"identifier": "1.2.3.4", "least": 1}), PASS)


def goodbye(
    *said: tuple[float, str, int], hung_up: Sequence[tuple[float, str]] = (), ended: float = 20
) -> dict[str, Evidence[Any]]:
    """NOTIFICATIONs (second, source, error code), and segments that close connections, about a deletion at 10 s."""
    between = {"router": "r", "destination": "172.18.0.1"}
    meta = {"began": at(0), "ended": at(ended)}
    told = [
        {"t": at(t), **between, "source": source, "type": "NOTIFICATION", "length": 21, "code": code}
        for t, source, code in said
    ]
    told.append({"t": at(11), **between, "source": N1, "type": "KEEPALIVE", "length": 19})
    ends = tuple({"t": at(t), **between, "source": source, "flag": "FIN"} for t, source in hung_up)
    return {
        "messages": Evidence("messages", "c", "messages", meta, tuple(told)),
        "closings": Evidence("closings", "c", "closings", meta, ends),
        "cause": act(10, "delete-peers"),
    }


@pytest.mark.parametrize(
    ("seen", "verdict", "reason"),
    [
        (goodbye((11, N1, 6), (12, "fd00::12", 6)), PASS, "2 NOTIFICATIONs, error codes 6"),
        (goodbye((11, N1, 6), (12, "fd00::12", 6), hung_up=[(13, N1), (13, "fd00::12")]), PASS, "said Cease"),
        (goodbye((11, N1, 6), hung_up=[(13, "fd00::12")]), FAIL, "fd00::12 closed its session without a word"),
        (goodbye((11, N1, 6), (12, "fd00::12", 4)), FAIL, "fd00::12 ended its session with error code 4"),
        (goodbye((11, N1, 6), (12, "fd00::12", 4), (13, "fd00::12", 6)), FAIL, "with error code 4"),
        (goodbye((11, N1, 6), (9, "fd00::12", 6), hung_up=[(12, "fd00::12")]), FAIL, "fd00::12 closed"),
        (goodbye((11, N1, 6)), UNCLEAR, "fd00::12 did not end the session"),
        (goodbye((11, N1, 6), hung_up=[(9, "fd00::12")]), UNCLEAR, "fd00::12 did not end the session"),
        (goodbye(hung_up=[(13, N1), (13, "fd00::12")]), FAIL, "172.18.0.11 closed its session without a word"),
    ],
)
def test_orderly_close(seen: Any, verdict: Verdict, reason: str) -> None:
    judgement = run("orderly-close", seen, {"peers": [N1, "fd00:0::12"]})
    says(judgement, verdict, reason)
    assert judgement.expected == "a NOTIFICATION with error code 6 from each of 2"
    (measurement,) = judgement.measurements
    assert (measurement.value, measurement.n) == (len(judgement.reason.split(", ")) if verdict is FAIL else 0, 2)


@given(st.integers(0, 255))
def test_only_cease_is_an_orderly_close(code: int) -> None:
    judgement = run("orderly-close", goodbye((10, N1, code)), {"peers": [N1]})
    assert judgement.verdict is (PASS if code == 6 else FAIL)
