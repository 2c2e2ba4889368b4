"""Each judge of connections passes what is right, and fails each defect with its reason."""

import json
from typing import Any

import pytest

from lbcert_reports.evidence import Evidence
from lbcert_reports.judges import Judgement, run
from lbcert_reports.verdicts import Verdict

S = 1_000_000_000
EPOCH = -1_000
"""Begin of every watch, s: so that nothing works only because time begins at 0, or goes on for longer than since."""
PASS, FAIL, UNCLEAR = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
NODES = ["n1", "n2", "n3"]


def at(t: float) -> int:
    """Seconds after the begin, as a time in ns."""
    return round((EPOCH + t) * S)


def connections(*parts: tuple[int, dict[str, Any]]) -> Evidence[Any]:
    """So many connections of each kind; by default alive for 60 s."""
    rows: list[dict[str, Any]] = []
    for n, changed in parts:
        for _ in range(n):
            row = {
                "id": len(rows), "source": f"172.18.0.5:{len(rows)}", "address": "10.0.0.9", "port": 80,
                "opened": at(0), "endpoint": "p1", "node": "n2", "outcome": "alive", "at": at(60), "last_reply": at(60),
                "rst_from": None, **changed,
            }  # fmt: skip
            rows.append(row)
    return Evidence("connections", "c", "connections", {}, as_read(rows))


def as_read(rows: list[dict[str, Any]]) -> tuple[Any, ...]:
    """Rows as evidence has them: what is equal is not the same."""
    return tuple(json.loads(json.dumps(rows)))


def act(t: float, name: str = "node-removed") -> Evidence[Any]:
    row = {
        "fault": name,
        "target": "n1",
        "began": at(t) - 5,
        "effective": at(t),
        "healed": None,
        "proof": {},
    }
    return Evidence("faults", "c", "cause", {}, (row,))


def says(judgement: Judgement, verdict: Verdict, *words: str) -> None:
    assert judgement.verdict is verdict, judgement
    for word in words:
        assert word in f"{judgement.reason} | {judgement.observed}", judgement


def value(judgement: Judgement, name: str) -> Any:
    return next(each.value for each in judgement.measurements if each.name == name)


RESET = {"outcome": "reset", "at": at(30), "rst_from": "p1"}


@pytest.mark.parametrize(
    ("parts", "bound", "verdict", "reason"),
    [
        ([(100, {})], {}, PASS, "0 broken and 0 stalled of 100"),
        ([(150, {})], {}, PASS, "0 broken and 0 stalled of 150"),
        ([(99, {}), (1, RESET)], {}, FAIL, "1 of 100 connections broke: 1 reset"),
        (
            [(98, {}), (1, RESET), (1, {"outcome": "stalled"})],
            {},
            FAIL,
            "2 of 100 connections broke: 1 reset, 1 stalled",
        ),
        ([(99, {}), (1, {"last_reply": at(57)})], {}, FAIL, "1 of 100 connections stalled, for up to 3.00 s"),
        (
            [(98, {}), (1, {"last_reply": at(57)}), (1, {"last_reply": at(40)})],
            {},
            FAIL,
            "2 of 100 connections stalled, for up to 20.00 s",
        ),
        ([(99, {}), (1, {"last_reply": at(57)})], {"stall": 5}, PASS, "every connection lived"),
        ([(99, {}), (1, {"last_reply": None})], {}, FAIL, "stalled, for up to 60.00 s"),
        ([(100, {}), (9, {**RESET, "endpoint": "p9"})], {"gone": ["p9"]}, PASS, "of 100"),
        ([(99, {})], {}, UNCLEAR, "99 connections, 100 are needed"),
        (
            [(99, {}), (1, {"at": at(9)})],
            {"hold": 60},
            UNCLEAR,
            "a connection was open for 9.0 s only, 60 s are needed",
        ),
        ([(99, {}), (1, RESET)], {"hold": 60}, FAIL, "1 reset"),
        ([(9, {})], {"gone": ["p1"], "count": 0, "hold": 0.5}, UNCLEAR, "a connection was open for 0.0 s only"),
        ([], {}, UNCLEAR, "has no rows"),
    ],
)
def test_no_resets(parts: Any, bound: dict[str, Any], verdict: Verdict, reason: str) -> None:
    says(run("no-resets", {"connections": connections(*parts)}, bound), verdict, reason)


FATES: list[tuple[int, dict[str, Any]]] = [
    (45, {"node": "n1", **RESET}),
    (45, {"node": "n2"}),
    (12, {"node": "n3", **RESET}),
    (38, {"node": "n3"}),
]


def test_connection_fates_are_put_on_record_beside_the_theory() -> None:
    inputs = {"connections": connections(*FATES), "cause": act(20)}
    judgement = run("connection-fates", inputs, {"before": NODES, "after": ["n2", "n3"]})
    says(judgement, PASS, "on record", "83 alive, 57 reset; 12 of 95 on surviving nodes broke")
    assert {name: value(judgement, f"connections {name}") for name in ("alive", "reset", "refused", "stalled")} == {
        "alive": 83, "reset": 57, "refused": 0, "stalled": 0,
    }  # fmt: skip
    assert [each.n for each in judgement.measurements] == [140, 140, 140, 140, 140, 95]
    assert [each.method for each in judgement.measurements[:-1]] == ["", "RST from p1 (57)", "", "", ""]
    broken = judgement.measurements[-1]
    assert broken.value == pytest.approx(12 / 95)
    assert broken.interval == pytest.approx((0.067, 0.210), abs=1e-3)
    assert broken.method.endswith("theory (RFC 2992): 25.0%")
    assert broken.bound is None


@pytest.mark.parametrize(
    ("parts", "bound", "verdict", "reason"),
    [
        (FATES, {"excess": 0.05}, PASS, "within limits"),
        (
            FATES,
            {"excess": 0.05, "before": ["n2", "n1", "n3"]},
            FAIL,
            "12 of 95 connections on surviving nodes broke, theory moves 0.0%",
        ),
        (
            [(100, {"node": "n3", **RESET})],
            {"excess": 0.05},
            FAIL,
            "100 of 100 connections on surviving nodes broke, theory moves 25.0%",
        ),
        ([(90, {}), (10, RESET)], {"unclean": 0.0}, PASS, "within limits"),
        (
            [(90, {}), (9, RESET), (1, {"outcome": "stalled"})],
            {"unclean": 0.0},
            FAIL,
            "1 of 10 broken connections were not reset: 1 stalled",
        ),
        ([(90, {}), (9, RESET), (1, {"outcome": "timeout"})], {"unclean": 0.1}, PASS, "within limits"),
        ([(90, {}), (9, {"outcome": "refused"})], {"count": 99, "unclean": 0.0}, PASS, "within limits"),
        ([(90, {}), (10, {**RESET, "at": at(9)})], {}, UNCLEAR, "10 connections broke before node-removed"),
        ([(90, {}), (10, {**RESET, "at": None})], {}, UNCLEAR, "10 connections broke before node-removed"),
        ([(90, {}), (10, {**RESET, "at": at(20) - 5})], {}, PASS, "10 of 100 on surviving nodes broke"),
        ([(90, {}), (10, {**RESET, "node": "n4"})], {"after": [*NODES, "n4"]}, PASS, "10 of 100 on surviving nodes"),
        ([(150, {})], {"excess": 0.05, "before": NODES, "after": NODES}, PASS, "0 of 150 on surviving nodes broke"),
        ([(100, {})], {"excess": 0, "after": NODES}, UNCLEAR, "between 0.0% and 3.6%"),
        ([(100, RESET)], {"excess": 1, "after": NODES}, PASS, "100 of 100 on surviving nodes broke"),
        ([(90, {}), (10, RESET)], {"excess": 0.02, "before": None}, FAIL, "theory moves 0.0%"),
        ([(90, {}), (10, RESET)], {"excess": 0.18, "before": None}, PASS, "within limits"),
        ([(90, {"node": "n2"}), (10, {**RESET, "node": "n1"})], {"after": []}, PASS, "0 of 0 on surviving nodes broke"),
        ([(50, {})], {}, UNCLEAR, "50 connections, 100 are needed"),
    ],
)
def test_connection_fates_within_limits(parts: Any, bound: dict[str, Any], verdict: Verdict, reason: str) -> None:
    inputs = {"connections": connections(*parts), "cause": act(20)}
    says(run("connection-fates", inputs, {"before": NODES, "after": ["n2", "n3"], **bound}), verdict, reason)


def test_the_limits_of_fates_are_told_and_who_sent_a_reset_is_unknown_without_its_frame() -> None:
    parts = [(90, {}), (8, RESET), (1, {**RESET, "rst_from": None}), (1, {"outcome": "refused", "at": at(30)})]
    bound = {"before": ["n1", "n2", "n3"], "after": ["n2", "n3"], "excess": 0.05, "unclean": 0.1}
    judgement = run("connection-fates", {"connections": connections(*parts)}, bound)
    says(judgement, PASS, "within limits")
    assert judgement.expected == (
        "at most 30.0% of those on surviving nodes break, at most 10.0% of the broken ones are not reset"
    )
    assert judgement.measurements[1].method == "RST from p1 (8), unknown (1)"
    limit = judgement.measurements[-1].bound
    assert limit is not None
    assert limit[:2] == (pytest.approx(0.3), "<=")
    alone = run("connection-fates", {"connections": connections((100, {"node": "n1"}))}, bound)
    assert (alone.measurements[1].method, value(alone, "broken on surviving nodes")) == ("", None)


def test_more_broken_connections_than_theory_says_are_told_once() -> None:
    evidence = {"connections": connections((100, {"node": "n3", **RESET}))}
    judgement = run("connection-fates", evidence, {"before": NODES, "after": NODES[1:], "excess": 0.05})
    assert judgement.reason == "100 of 100 connections on surviving nodes broke, theory moves 25.0% (RFC 2992)"


def test_every_trial_needs_its_connections() -> None:
    trials = {"connections.1": connections((150, {})), "connections.2": connections((99, {}))}
    says(run("connection-fates", trials, {}), UNCLEAR, "99 connections, 100 are needed")
    says(run("connection-fates", trials, {"count": 99}), PASS)


def moved(between: int, n: int = 1000) -> Evidence[Any]:
    """Flows on n1, n2, n3; n1 leaves, and so many of those on n2 go to n3."""
    rows = []
    for index in range(n * 3 // 2):
        old = NODES[index % 3]
        new = "n3" if old == "n1" or (old == "n2" and index // 3 < between) else old
        rows += [
            {"source": str(index), "node": old, "phase": "before"},
            {"source": str(index), "node": new, "phase": "after"},
        ]
    return Evidence("flows", "c", "flows", {}, as_read(rows))


@pytest.mark.parametrize(
    ("evidence", "control", "bound", "verdict", "reason"),
    [
        (moved(250), None, {}, PASS, "250 of 1000 flows (25.0%)"),
        (moved(0), None, {}, PASS, "no more flows moved"),
        (moved(400), None, {}, FAIL, "400 of 1000 flows on surviving nodes moved, theory (RFC 2992) says 25.0%"),
        (moved(290), None, {}, UNCLEAR, "between 26.2% and 31.9% moved: more flows are needed"),
        (
            moved(100),
            None,
            {"before": ["n2", "n1", "n3"]},
            FAIL,
            "100 of 1000 flows on surviving nodes moved, theory (RFC 2992) says 0.0%",
        ),
        (moved(400), moved(400), {}, PASS, "no more flows moved"),
        (moved(400), moved(250), {}, FAIL, "the control route, upper confidence bound says 27.8%"),
        (moved(10, 100), None, {}, UNCLEAR, "100 flows on surviving nodes, 500 are needed"),
        (moved(100), moved(100), {"least": 1000}, PASS, "100 of 1000 flows (10.0%)"),
        (moved(10, 100), moved(10, 100), {}, UNCLEAR, "100 flows on surviving nodes, 500 are needed"),
        (moved(500), None, {"after": ["n2"], "margin": 1}, PASS, "500 of 500 flows (100.0%)"),
        (moved(0), None, {"before": ["n2", "n1", "n3"], "margin": 0}, UNCLEAR, "between 0.0% and 0.4% moved"),
        (moved(0), None, {"after": ["n4"]}, UNCLEAR, "0 flows on surviving nodes, 500 are needed | no flow"),
        (
            moved(100),
            moved(10, 100),
            {},
            UNCLEAR,
            "100 flows on surviving nodes over the control route, 500 are needed",
        ),
    ],
)
def test_flows_moved(evidence: Any, control: Any, bound: dict[str, Any], verdict: Verdict, reason: str) -> None:
    inputs = {"flows": evidence, **({"control": control} if control else {})}
    says(run("flows-moved", inputs, {"before": NODES, "after": ["n2", "n3"], **bound}), verdict, reason)


def test_flows_count_whichever_way_they_move() -> None:
    """As many that were on n3 go to n2 as the other way."""
    there = moved(200)
    swap = {"n1": "n1", "n2": "n3", "n3": "n2"}
    back = [{**row, "source": f"back {row['source']}", "node": swap[row["node"]]} for row in there.rows]
    both = Evidence[Any]("flows", "c", "flows", {}, (*there.rows, *as_read(back)))
    judgement = run("flows-moved", {"flows": both}, {"before": NODES, "after": ["n2", "n3"]})
    says(judgement, PASS, "400 of 2000 flows (20.0%)")


def requests(*failures: tuple[float, float], ended: float = 60, every: float = 0.1) -> Evidence[Any]:
    """Requests at 10 Hz, refused in the given spans of seconds."""
    rows = tuple(
        {
            "t": at(index * every),
            "source": "172.18.0.5:1",
            "vantage": "client",
            "address": "10.0.0.9",
            "port": 80,
            "protocol": "tcp",
            "client_seen": None,
            "endpoint": None,
            "node": None,
            "latency": 1,
            "outcome": "refused" if any(a <= index * every < b for a, b in failures) else "ok",
        }
        for index in range(round(ended / every))
    )
    return Evidence("replies", "c", "replies", {}, rows)


@pytest.mark.parametrize(
    ("evidence", "bound", "verdict", "reason"),
    [
        (requests(), {}, PASS, "0 of 380 failed after 2 s, the last failure came after 0.00 s"),
        (requests((20, 21.5)), {}, PASS, "the last failure came after 1.40 s"),
        (
            requests((20, 25)),
            {},
            FAIL,
            "30.0% of the new connections failed within 10 s from 2.00 s after node-removed on (30 refused)",
        ),
        (requests((40, 40.05)), {}, FAIL, "1.0% of the new connections failed within 10 s from 20.00 s"),
        (requests((40, 40.05)), {"rate": 0.01}, PASS, "1 of 380 failed"),
        (requests((59.9, 60)), {"rate": 0.01}, PASS, "1 of 380 failed"),
        (requests((40, 40.05)), {"rate": 0.05}, PASS, "1 of 380 failed"),
        (requests((59.9, 60)), {}, FAIL, "1.0% of the new connections failed within 10 s from 29.90 s after"),
        (requests((40, 40.05), (55, 55.05)), {}, FAIL, "1.0% of the new connections failed within 10 s from 20.00 s"),
        (requests((40, 40.15)), {"rate": 0.01}, FAIL, "2.0% of the new connections"),
        (requests(ended=23), {}, UNCLEAR, "10 requests after 2 s, 20 are needed"),
        (requests((5, 6)), {}, PASS, "the last failure came after 0.00 s"),
        (requests((20, 20.05)), {"within": 0}, FAIL, "from 0.00 s after node-removed on (1 refused)"),
    ],
)
def test_new_connections_work(evidence: Any, bound: dict[str, Any], verdict: Verdict, reason: str) -> None:
    inputs = {"replies": evidence, "cause": act(20)}
    says(run("new-connections-work", inputs, {"within": 2, **bound}), verdict, reason)


def test_the_last_window_ends_with_the_last_request_at_whichever_nanosecond_it_came() -> None:
    rows = tuple({**row, "t": row["t"] + 1} for row in requests((59.9, 60)).rows)
    inputs = {"replies": Evidence("replies", "c", "replies", {}, rows), "cause": act(20)}
    assert value(run("new-connections-work", inputs, {"within": 2}), "failures afterwards") == 0.01
    never = {"replies": requests(), "cause": act(20)}
    assert value(run("new-connections-work", never, {"within": 2}), "failures afterwards") == 0


def test_exactly_at_the_bound_is_within_it() -> None:
    quiet = connections((99, {}), (1, {"last_reply": at(59)}))
    says(run("no-resets", {"connections": quiet}, {"hold": 60, "stall": 1}), PASS)
    mixed = connections((90, {}), (5, RESET), (5, {"outcome": "timeout"}))
    says(run("connection-fates", {"connections": mixed}, {"unclean": 0.5}), PASS)
    says(run("connection-fates", {"connections": mixed}, {"unclean": 0.49}), FAIL)
    inputs = {"replies": requests((20, 22), ended=24), "cause": act(20)}
    says(run("new-connections-work", inputs, {"within": 2}), PASS)


def test_connections_and_requests_are_measured() -> None:
    judgement = run("no-resets", {"connections": connections((97, {}), (2, RESET), (1, {"last_reply": at(9)}))}, {})
    assert [(each.name, each.value, each.n) for each in judgement.measurements] == [
        ("broken connections", 2, 100),
        ("stalled connections", 1, 100),
    ]
    assert [each.bound[:2] for each in judgement.measurements if each.bound] == [(0, "<="), (0, "<=")]
    inputs = {"replies": requests((20, 21.5), (40, 40.15)), "cause": act(20)}
    judgement = run("new-connections-work", inputs, {"within": 2})
    last, afterwards = judgement.measurements
    assert last.value == pytest.approx(20.1)
    assert (last.n, last.bound) == (600, None)
    assert (afterwards.value, afterwards.n) == (0.02, 380)
    assert afterwards.bound == (0, "<=", "bound 'rate' of the requirement")
    mixed = tuple({**row, "outcome": "timeout"} if row["t"] > at(23) else row for row in requests((20, 25)).rows[:250])
    inputs["replies"] = Evidence("replies", "c", "replies", {}, mixed)
    says(run("new-connections-work", inputs, {"within": 2}), FAIL, "(11 refused, 19 timeout)")
    judgement = run("flows-moved", {"flows": moved(250)}, {"before": NODES, "after": ["n2", "n3"]})
    (measurement,) = judgement.measurements
    assert (measurement.value, measurement.n) == (0.25, 1000)
    assert measurement.interval == pytest.approx((0.2234, 0.2780), abs=1e-3)
    assert measurement.bound is not None
    assert measurement.bound[:2] == (0.3, "<=")
    assert measurement.method == "Clopper-Pearson, 95 %; theory (RFC 2992): 25.0%; theory 25.0%"
    assert judgement.expected == ("at most 30.0% of the flows on surviving nodes move (theory (RFC 2992) and 5.0%)")
    (measurement,) = run("flows-moved", {"flows": moved(0)}, {"before": NODES, "after": ["n4"]}).measurements
    assert (measurement.value, measurement.n) == (None, 0)


def hops(*states: tuple[float, str]) -> Evidence[Any]:
    """Next hops of a prefix, a letter each."""
    rows = [{"t": at(t), "prefix": "10.0.0.9/32", "next_hops": list(letters)} for t, letters in states]
    return Evidence("routes", "c", "routes", {}, tuple(rows))


def asked(*failures: tuple[float, float]) -> Evidence[Any]:
    """A request each 10 ms for 20 s, and when they fail."""
    rows = [
        {"t": at(n / 100), "outcome": "timeout" if any(a <= n / 100 < b for a, b in failures) else "ok"}
        for n in range(2000)
    ]
    return Evidence("replies", "c", "replies", {}, tuple(rows))


TWICE = hops((0, "abc"), (3, "bc"), (6, "abc"), (10, "ac"), (13, "abc"))


def announced(replies: Evidence[Any], routes: Evidence[Any]) -> Judgement:
    inputs = {"replies": replies, "routes": routes, "cause": act(2)}
    return run("forwards-once-announced", inputs, {"prefixes": ["10.0.0.9/32"]})


def test_a_node_that_forwards_once_it_is_announced_passes_whatever_was_lost_before() -> None:
    says(announced(asked((2.5, 5.9), (9, 12.9)), TWICE), PASS, "0 of 400 failed")


def test_a_node_that_is_announced_before_it_forwards_fails_with_how_long() -> None:
    judged = announced(asked((6.0, 6.8)), TWICE)
    says(judged, FAIL, "80 of 200 new connections failed", "after a was announced again, the last 0.79 s after it")
    span, failures = judged.measurements
    assert span.value == pytest.approx(0.79)
    assert (span.n, span.samples) == (2, (span.value, 0))
    assert (failures.value, failures.n) == (80, 400)
    assert [each.bound[:2] for each in judged.measurements if each.bound] == [(0, "<="), (0, "<=")]


def test_only_requests_within_the_window_after_an_announcement_count() -> None:
    says(announced(asked((5.99, 6), (8, 8.01)), TWICE), PASS, "0 of 400 failed after 2 next hops")
    says(announced(asked((6, 6.01), (14.99, 15)), TWICE), FAIL, "the last 0.00 s after it", "the last 1.99 s after it")


def test_every_next_hop_that_is_added_counts() -> None:
    both = hops((0, "abc"), (3, "a"), (6, "abc"), (9, "bc"), (12, "abc"))
    judged = announced(asked((6, 6.5)), both)
    says(judged, FAIL, "after b was announced again", "after c was announced again", "100 of 600 failed after 3 next")
    says(announced(asked(), both), PASS)
    other = tuple({**row, "prefix": "10.0.0.8/32"} for row in both.rows)
    says(announced(asked((6, 6.5)), Evidence("routes", "c", "routes", {}, other)), UNCLEAR, "added 0 times")


def test_what_was_added_at_the_very_moment_of_the_cause_is_not_its_effect() -> None:
    began = act(2).rows[0]["began"]
    rows = [{"t": t, "prefix": "10.0.0.9/32", "next_hops": list(to)} for t, to in ((at(0), "ab"), (began, "abc"))]
    says(announced(asked(), Evidence("routes", "c", "routes", {}, tuple(rows))), UNCLEAR, "added 0 times")


def test_a_node_that_was_never_announced_anew_says_nothing() -> None:
    says(announced(asked((6, 7)), hops((0, "abc"))), UNCLEAR, "added 0 times")


def test_a_next_hop_that_was_added_while_nobody_asked_says_nothing() -> None:
    silent = Evidence("replies", "c", "replies", {}, tuple(row for row in asked().rows if not at(5) < row["t"] < at(9)))
    says(announced(silent, TWICE), UNCLEAR, "2 are needed")


def test_a_next_hop_that_was_added_before_the_cause_does_not_count() -> None:
    says(announced(asked((1, 2)), hops((0, "ab"), (1, "abc"))), UNCLEAR, "added 0 times")


def test_a_silence_in_the_middle_of_a_connections_life_is_a_stall() -> None:
    says(run("no-resets", {"connections": connections((99, {}), (1, {"silence": 3 * S}))}, {}), FAIL, "3.00 s")


def test_a_silence_is_told_too_long_by_the_time_that_the_probe_was_absent() -> None:
    rows = connections((100, {"silence": 3 * S})).rows
    late = Evidence("connections", "c", "connections", {"absence": 2 * S}, rows)
    says(run("no-resets", {"connections": late}, {}), PASS, "0 stalled")


@pytest.mark.parametrize(("broken", "verdict"), [(13, PASS), (14, UNCLEAR), (32, UNCLEAR), (33, FAIL)])
def test_more_broken_connections_than_theory_says_are_no_chance_and_fewer_are_none(
    broken: int, verdict: Verdict
) -> None:
    fates = connections((broken, {"node": "n2", **RESET}), (71 - broken, {"node": "n3"}), (29, {"node": "n1", **RESET}))
    bound = {"before": ["n1", "n2", "n3"], "after": ["n2", "n3"], "excess": 0.05}
    told = "at most 30.0% may: more connections are needed" if verdict is UNCLEAR else ""
    says(run("connection-fates", {"connections": fates, "cause": act(1)}, bound), verdict, told)


def to(address: str, broken: int) -> Evidence[Any]:
    """A hundred connections to an address, of which so many break."""
    made = connections((broken, RESET), (100 - broken, {}))
    return Evidence("connections", address, "connections", {"address": address}, made.rows)


def test_connections_of_all_trials_are_counted_together() -> None:
    bound = {"before": NODES, "after": NODES, "excess": 0.1, "trials": 4}
    trials = {f"connections.{n}": to("10.0.0.1", 5) for n in range(4)}
    judgement = run("connection-fates", trials, bound)
    says(judgement, PASS, "20 of 400 on surviving nodes broke")
    assert value(judgement, "broken on surviving nodes") == 0.05
    says(
        run("connection-fates", {"connections": to("10.0.0.1", 5)}, bound | {"trials": 1}), UNCLEAR, "more connections"
    )
    says(run("connection-fates", trials, bound | {"trials": 5}), UNCLEAR, "4 of 5 trials")


def test_what_goes_wrong_with_one_address_does_not_hide_among_the_others() -> None:
    trials = {f"connections.{n}": to(f"10.0.0.{n}", 40 if n == 3 else 0) for n in range(8)}
    bound = {"before": NODES, "after": NODES, "excess": 0.1}
    says(run("connection-fates", trials, bound), FAIL, "40 of 100 connections on surviving nodes broke")


def test_connections_that_broke_before_the_cause_of_their_own_trial_say_nothing() -> None:
    inputs = {
        "connections.1": to("10.0.0.1", 5),
        "cause.1": act(1),
        "connections.2": to("10.0.0.1", 5),
        "cause.2": act(50),
    }
    says(run("connection-fates", inputs, {}), UNCLEAR, "5 connections broke before")


@pytest.mark.parametrize(
    ("beside", "heartbeat", "silence", "verdict"),
    [
        (0.9, 0.5, 2.3, PASS),
        (0.9, 0.5, 2.5, FAIL),
        (1.2, 0.5, 2.6, PASS),
        (0.2, 0.5, 1.9, PASS),
        (0.9, None, 2.9, PASS),
        (0.9, None, 2.900000001, FAIL),
        (2.0, None, 3.9, PASS),
        (2.0, None, 4.1, FAIL),
        (None, None, 2.0, PASS),
        (None, None, 2.1, FAIL),
    ],
)
def test_endpoints_that_answer_late_make_no_stall(
    beside: float | None, heartbeat: float | None, silence: float, verdict: Verdict
) -> None:
    rows = connections((10, {"silence": round(beside * S)})).rows if beside else ()
    control = Evidence(
        "connections", "c", "connections", {"heartbeat": round(heartbeat * S)} if heartbeat else {}, rows
    )
    silent = connections((100, {"silence": round(silence * S)}))
    says(run("no-resets", {"connections": silent, "control": control}, {}), verdict, "")


@pytest.mark.parametrize(("silence", "verdict"), [(2 * S, PASS), (2 * S + 1, FAIL)])
def test_a_stall_is_told_to_the_nanosecond_where_nothing_was_late(silence: int, verdict: Verdict) -> None:
    says(run("no-resets", {"connections": connections((100, {"silence": silence}))}, {}), verdict)


def test_without_a_control_the_shortest_stall_is_one_too() -> None:
    says(run("no-resets", {"connections": connections((100, {"silence": S // 2}))}, {"stall": 0.4}), FAIL, "0.50 s")


def test_a_connection_that_is_told_to_live_but_not_until_when_has_not_been_silent() -> None:
    says(run("no-resets", {"connections": connections((100, {"at": None}))}, {"stall": 0.5}), PASS)
    says(run("no-resets", {"connections": connections((100, {"at": None}))}, {"hold": 1}), UNCLEAR, "for 0.0 s only")


def test_where_straight_connections_stalled_too_neither_a_silence_nor_a_reset_decides_anything() -> None:
    # On a machine that stood still for 9 s a hold time of 3 s was over, and 59 of 100 connections were reset.
    control = connections((9, {}), (1, {"silence": 2 * S + 10**7}))
    told = "; but connections straight to endpoints were silent for up to 2.01 s as well"
    silent = run("no-resets", {"connections": connections((100, {"silence": 3 * S})), "control": control}, {})
    says(silent, UNCLEAR, f"100 of 100 connections stalled, for up to 3.00 s{told}")
    broken = {"connections": connections((98, {}), (1, RESET), (1, {"silence": 3 * S}))}
    reset = "1 of 100 connections broke: 1 reset, 1 of 100 connections stalled, for up to 3.00 s"
    says(run("no-resets", {**broken, "control": control}, {}), UNCLEAR, f"{reset}{told}", "1 broken and 1 stalled")
    says(run("no-resets", {**broken, "control": connections((10, {"silence": 2 * S}))}, {}), FAIL, "1 reset")
    says(run("no-resets", {"connections": connections((100, {})), "control": control}, {}), PASS)


def test_the_node_that_a_connection_entered_counts_and_not_that_of_its_endpoint() -> None:
    evidence = connections((60, {"node": "n2", **RESET}), (140, {"node": "n1"}))
    entered = [{"source": row["source"], "node": "n1", "phase": "before"} for row in evidence.rows[:60]]
    later = [{**each, "node": "n2", "phase": "after"} for each in entered]
    flows = Evidence("flows", "c", "flows", {}, (*entered, *later))
    bound = {"before": NODES, "after": NODES[1:], "excess": 0.05}
    says(run("connection-fates", {"connections": evidence}, bound), FAIL, "60 of 60")
    assert "0 of 0" in run("connection-fates", {"connections": evidence, "flows": flows}, bound).observed


@pytest.mark.parametrize(
    ("silence", "absence", "verdict"),
    [(0, 1, PASS), (0, 2, PASS), (0, 3, UNCLEAR), (50, 55, UNCLEAR), (60, 3, FAIL), (3.5, 1, FAIL)],
)
def test_a_probe_that_was_away_for_longer_than_a_stall_passes_nobody(
    silence: float, absence: float, verdict: Verdict
) -> None:
    rows = connections((100, {"silence": round(silence * S)})).rows
    away = Evidence("connections", "c", "connections", {"absence": round(absence * S)}, rows)
    says(run("no-resets", {"connections": away}, {}), verdict, "did not look at" if verdict is UNCLEAR else "")


def test_a_connection_that_broke_is_broken_however_long_the_probe_was_away() -> None:
    away = Evidence("connections", "c", "connections", {"absence": 9 * S}, connections((99, {}), (1, RESET)).rows)
    says(run("no-resets", {"connections": away}, {}), FAIL, "1 of 100 connections broke")


def test_frames_that_were_dropped_say_nothing_of_what_became_of_connections() -> None:
    lossy = Evidence("connections", "c", "connections", {"kernel_drops": 9}, connections((100, {})).rows)
    says(run("no-resets", {"connections": lossy}, {}), PASS)
