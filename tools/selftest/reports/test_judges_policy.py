"""Each judge of the data path passes what is right, and fails each defect with its reason."""

import json
import random
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lbcert_reports.evidence import Evidence, host
from lbcert_reports.judges import Judgement, run
from lbcert_reports.verdicts import Verdict

PASS, FAIL, UNCLEAR = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
VIP = "10.0.0.9"


def reply(**changed: Any) -> dict[str, Any]:
    return {
        "t": 1, "source": "172.18.0.5:1024", "vantage": "client", "address": VIP, "port": 80, "protocol": "tcp",
        "outcome": "ok", "client_seen": "172.18.0.5:1024", "endpoint": "p1", "node": "n1", "latency": 10**6, **changed,
    }  # fmt: skip


def replies(*parts: tuple[int, dict[str, Any]]) -> Evidence[Any]:
    """So many replies of each kind."""
    return Evidence("replies", "c", "replies", {}, tuple(reply(**each) for n, each in parts for _ in range(n)))


def flows(counts: Mapping[str, int], phase: str = "before") -> Evidence[Any]:
    nodes = [node for node, count in counts.items() for _ in range(count)]
    rows = tuple({"source": str(i), "node": node, "phase": phase} for i, node in enumerate(nodes))
    return Evidence("flows", "c", "flows", {}, rows)


def says(judgement: Judgement, verdict: Verdict, *words: str) -> None:
    assert judgement.verdict is verdict, judgement
    for word in words:
        assert word in f"{judgement.reason} | {judgement.observed}", judgement


def value(judgement: Judgement, name: str) -> Any:
    return next(each.value for each in judgement.measurements if each.name == name)


@pytest.mark.parametrize(
    ("parts", "bound", "verdict", "reason"),
    [
        ([(100, {}), (100, {"protocol": "udp"})], {"protocols": ["tcp", "udp"]}, PASS, "100 tcp, 100 udp; all ok"),
        ([(99, {}), (1, {"outcome": "reset"})], {}, FAIL, "1 of 100 requests failed: 1 tcp reset"),
        ([(98, {}), (2, {"outcome": "timeout"})], {"lost": 0.02}, PASS, "2 of 100 requests failed"),
        ([(99, {}), (1, {"outcome": "timeout"})], {"lost": 0.02}, PASS, "1 of 100 requests failed"),
        ([(98, {}), (2, {"outcome": "timeout"})], {"lost": 0.01}, FAIL, "2 of 100 requests failed: 2 tcp timeout"),
        ([(100, {})], {"protocols": ["tcp", "udp"]}, UNCLEAR, "0 requests of a protocol, 100 are needed"),
        ([(99, {})], {}, UNCLEAR, "99 requests of a protocol, 100 are needed"),
        ([], {}, UNCLEAR, "has no rows"),
    ],
)
def test_all_replies_ok(parts: Any, bound: dict[str, Any], verdict: Verdict, reason: str) -> None:
    says(run("all-replies-ok", {"replies": replies(*parts)}, bound), verdict, reason)


@pytest.mark.parametrize(("failed", "verdict"), [(10, Verdict.PASS), (150, Verdict.FAIL), (350, Verdict.PASS)])
def test_with_a_cause_only_requests_while_it_lasts_count(failed: int, verdict: Verdict) -> None:
    rows = [
        {**row, "t": t, "outcome": "timeout" if t == failed else "ok"} for t, row in enumerate(replies((400, {})).rows)
    ]
    cause = {"fault": "stop", "target": "x", "began": 99, "effective": 100, "healed": 300, "proof": {}}
    inputs = {
        "replies": Evidence("replies", "c", "replies", {}, tuple(rows)),
        "cause": Evidence("faults", "c", "cause", {}, (cause,)),
    }
    judged = run("all-replies-ok", inputs, {})
    assert judged.verdict is verdict
    assert judged.measurements[0].n == 200


def test_a_cause_during_which_nobody_asked_says_nothing() -> None:
    cause = {"fault": "stop", "target": "x", "began": 0, "effective": 10**30, "healed": None, "proof": {}}
    inputs = {"replies": replies((400, {})), "cause": Evidence("faults", "c", "cause", {}, (cause,))}
    assert run("all-replies-ok", inputs, {}).verdict is Verdict.INCONCLUSIVE


def test_failed_requests_are_measured_with_their_interval_and_the_slowest_reply_among_those_that_came() -> None:
    refused: tuple[int, dict[str, Any]] = (10, {"outcome": "refused", "latency": 10**9})
    evidence = {"replies": replies((89, {}), (1, {"latency": 2 * 10**7}), refused)}
    failed, slowest = run("all-replies-ok", evidence, {}).measurements
    assert failed.value == 0.1
    assert failed.interval == pytest.approx((0.049, 0.1762), abs=1e-4)
    assert (slowest.value, slowest.n) == (0.02, 90)
    failed, slowest = run("all-replies-ok", {"replies": replies(refused)}, {}).measurements
    assert (failed.value, slowest.value, slowest.n) == (1, None, 0)


SEEN6 = {"source": "[fd00::5]:1024", "client_seen": "fd00:0:0::5"}
MAPPED = {"client_seen": "[::ffff:172.18.0.5]:1024"}
REWRITTEN = {"client_seen": "172.18.0.11:40000"}


@pytest.mark.parametrize(
    ("parts", "verdict", "reason"),
    [
        ([(20, {})], PASS, "20 of 20 requests"),
        ([(30, {})], PASS, "30 of 30 requests"),
        ([(20, SEEN6)], PASS, "20 of 20"),
        ([(20, MAPPED)], PASS, "20 of 20"),
        (
            [(19, {}), (1, REWRITTEN)],
            FAIL,
            "172.18.0.5 was seen as 172.18.0.11 | 19 of 20 requests; others saw 172.18.0.11",
        ),
        ([(19, {}), (1, {"client_seen": "172.18.0.9:1"})], FAIL, "seen as 172.18.0.9 | 19 of 20 requests"),
        ([(19, {}), (5, {"outcome": "timeout"})], UNCLEAR, "19 answered requests, 20 are needed"),
        ([(25, {"client_seen": None})], UNCLEAR, "0 answered requests"),
    ],
)
def test_source_preserved(parts: Any, verdict: Verdict, reason: str) -> None:
    says(run("source-preserved", {"replies": replies(*parts)}, {}), verdict, reason)


def test_how_often_the_source_was_preserved_is_measured_against_always() -> None:
    (measurement,) = run("source-preserved", {"replies": replies((30, {}), (10, REWRITTEN))}, {}).measurements
    assert (measurement.value, measurement.n) == (0.75, 40)
    assert measurement.bound == (1, ">=", "bound 'requests' of the requirement")


def test_source_recorded_never_fails_and_names_who_rewrote_it() -> None:
    evidence = {"replies": replies((6, {}), (18, REWRITTEN))}
    judgement = run("source-recorded", evidence, {"nodes": {"172.18.0.11": "n1"}})
    says(judgement, PASS, "an address of n1 in 18 requests, the client's own address in 6 requests")
    (measurement,) = judgement.measurements
    assert (measurement.value, measurement.n, measurement.bound) == (0.25, 24, None)
    unnamed = run("source-recorded", {"replies": replies((20, {"client_seen": "172.18.0.9:1"}))}, {})
    says(unnamed, PASS, "an address of 172.18.0.9 in 20")
    assert value(unnamed, "source preserved") == 0
    says(run("source-recorded", {"replies": replies((5, {}))}, {}), UNCLEAR, "5 answered requests, 20 are needed")
    nothing = run("source-recorded", {"replies": replies((20, {"client_seen": None}))}, {})
    says(nothing, UNCLEAR, "0 answered requests, 20 are needed | nothing")
    assert nothing.measurements[0].value is None


@given(st.ip_addresses(), st.integers(1, 65535))
def test_an_address_is_found_in_every_way_to_write_an_endpoint(ip: Any, port: int) -> None:
    expected = str(getattr(ip, "ipv4_mapped", None) or ip)
    assert host(str(ip)) == host(f"[{ip}]") == host(f"[{ip}]:{port}") == expected
    if ip.version == 4:
        assert host(f"{ip}:{port}") == expected


def answers(*owners: tuple[str, str]) -> Evidence[Any]:
    rows = tuple(
        {"t": t, "address": address, "mac": mac, "form": "arp-reply", "dst": "x", "flags": {}}
        for t, (address, mac) in enumerate(owners)
    )
    return Evidence("answers", "c", "answers", {}, rows)


@pytest.mark.parametrize(
    ("parts", "owners", "verdict", "reason"),
    [
        ([(20, {})], [(VIP, "m1")], PASS, "20 of 20 replies"),
        ([(30, {})], [(VIP, "m1"), (VIP, "a router")], PASS, "30 of 30 replies"),
        ([(19, {}), (3, {"node": "n2"})], [(VIP, "m1")], FAIL, "3 replies of 10.0.0.9 came from n2, owned by n1"),
        ([(20, {})], [(VIP, "m1"), (VIP, "m2")], UNCLEAR, "10.0.0.9 has no single owner: it was answered by n1, n2"),
        ([(20, {})], [("10.0.0.8", "m1")], UNCLEAR, "it was answered by nobody"),
        ([(19, {}), (9, {"node": None})], [(VIP, "m1")], UNCLEAR, "19 answered requests, 20 are needed"),
    ],
)
def test_owner_endpoints_only(parts: Any, owners: Any, verdict: Verdict, reason: str) -> None:
    inputs = {"replies": replies(*parts), "answers": answers(*owners)}
    says(run("owner-endpoints-only", inputs, {"nodes": {"m1": "n1", "m2": "n2"}}), verdict, reason)


def test_who_only_asks_for_an_address_does_not_own_it() -> None:
    owned = answers((VIP, "m1"), (VIP, "m2"))
    asking = Evidence("answers", "c", "answers", {}, (owned.rows[0], {**owned.rows[1], "form": "asked"}))
    inputs = {"replies": replies((20, {})), "answers": asking}
    says(run("owner-endpoints-only", inputs, {"nodes": {"m1": "n1", "m2": "n2"}}), PASS)


def test_the_share_of_replies_from_the_owner_is_measured_against_all() -> None:
    def measured(*parts: tuple[int, dict[str, Any]]) -> tuple[Any, ...]:
        inputs = {"replies": replies(*parts), "answers": answers((VIP, "m1"))}
        (measurement,) = run("owner-endpoints-only", inputs, {"nodes": {"m1": "n1"}}).measurements
        return measurement.value, measurement.n, measurement.bound

    always = (1, ">=", "bound 'requests' of the requirement")
    assert measured((15, {}), (5, {"node": "n2"}), (9, {"outcome": "reset"})) == (0.75, 20, always)
    assert measured((9, {"outcome": "reset"})) == (None, 0, always)


MEMBERS = ["n1", "n2", "n3"]


@pytest.mark.parametrize(
    ("counts", "bound", "verdict", "reason"),
    [
        ({"n1": 1000, "n2": 1020, "n3": 980}, {}, PASS, "the worst deviation is at most 2.8%"),
        ({"n1": 900, "n2": 1050, "n3": 1050}, {}, UNCLEAR, "between 1.3% and 5.3%, 5.0% are allowed: more flows are"),
        (
            {"n1": 700, "n2": 1150, "n3": 1150},
            {},
            FAIL,
            "n1 got 23.3% instead of 33.3% (p 4.8e-30, effect size w 0.21)",
        ),
        ({"n1": 1500, "n2": 1500}, {}, FAIL, "n3 got 0.0% instead of 33.3%"),
        ({"n1": 1000, "n2": 1000, "n3": 990, "n4": 10}, {}, FAIL, "n4 got 10 of 3000 flows, and should get none"),
        ({"n1": 100, "n2": 100, "n3": 100}, {}, UNCLEAR, "300 flows, 1000 are needed"),
        ({"n1": 1000, "n2": 1020, "n3": 980}, {"least": 3000}, PASS, "the worst deviation is at most 2.8%"),
        ({"n1": 100, "n2": 100, "n3": 100}, {"least": 100}, UNCLEAR, "more flows are needed"),
        ({"n1": 33, "n2": 40, "n3": 27}, {"least": 50}, UNCLEAR, "more flows are needed"),
        ({"n1": 9600, "n2": 10200, "n3": 10200}, {}, PASS, "every share is within 5.0%"),
        ({"n1": 900, "n2": 1050, "n3": 1050}, {"margin": 0.01}, FAIL, "n1 got 30.0%"),
        ({"n1": 850, "n2": 1150, "n3": 1000}, {"effect": 0.1}, FAIL, "effect size w 0.12"),
        ({"n1": 850, "n2": 1150, "n3": 1000}, {"effect": 0.2}, UNCLEAR, "more flows are needed"),
    ],
)
def test_even_spread_of_flows(counts: dict[str, int], bound: dict[str, Any], verdict: Verdict, reason: str) -> None:
    says(run("even-spread", {"flows": flows(counts)}, {"members": MEMBERS, **bound}), verdict, reason)


def test_even_spread_reports_counts_statistic_and_effect() -> None:
    judgement = run("even-spread", {"flows": flows({"n1": 1000, "n2": 1020, "n3": 980})}, {"members": MEMBERS})
    assert judgement.expected == "n1 33.3%, n2 33.3%, n3 33.3%, each ± 5.0%"
    assert judgement.observed == "n1 1000 (33.3%), n2 1020 (34.0%), n3 980 (32.7%)"
    worst = judgement.measurements[0]
    assert worst.value == pytest.approx(0.02 / 3)
    assert worst.samples == (1000, 1020, 980)
    assert worst.bound == (0.05, "<=", "bound 'margin' of the requirement")
    assert value(judgement, "spread") == pytest.approx(0.67, abs=0.01)
    assert value(judgement, "effect size") == pytest.approx(0.0163, abs=1e-4)


def test_an_unevenness_that_the_control_route_has_too_is_the_routers() -> None:
    crooked = {"n1": 700, "n2": 1150, "n3": 1150}
    inputs = {"flows": flows(crooked), "control": flows({"n1": 690, "n2": 1155, "n3": 1155})}
    judgement = run("even-spread", inputs, {"members": MEMBERS})
    says(judgement, UNCLEAR, "the control route spreads alike (p 0.95): the unevenness is the router's")
    straight = run(
        "even-spread", {**inputs, "control": flows({"n1": 1000, "n2": 1000, "n3": 1000})}, {"members": MEMBERS}
    )
    says(straight, FAIL, "n1 got 23.3%")
    assert value(straight, "difference from control") < 1e-9
    assert value(straight, "effect of control") > 0.1
    alike = {"members": MEMBERS, "alpha": value(judgement, "difference from control")}
    says(run("even-spread", inputs, alike), UNCLEAR, "the control route spreads alike")
    assert [each.n for each in straight.measurements] == [3000, 3000, 3000, 6000, 6000]
    few = run("even-spread", {**inputs, "control": flows({"n1": 46, "n2": 77, "n3": 77})}, {"members": MEMBERS})
    assert [each.n for each in few.measurements][-2:] == [3200, 3200]


def test_a_spread_exactly_at_a_limit_is_not_uneven() -> None:
    inputs = {"flows": flows({"n1": 700, "n2": 1150, "n3": 1150})}
    p, effect, worst = (run("even-spread", inputs, {"members": MEMBERS}).measurements[at] for at in (1, 2, 0))
    assert p.value is not None
    assert worst.interval is not None
    wide = {"effect": 1.0, "margin": 0.2}
    for limit in ({"alpha": p.value}, {"margin": 0.2, "effect": effect.value}, {**wide, "margin": worst.interval[0]}):
        assert run("even-spread", inputs, {"members": MEMBERS, **limit}).verdict is not FAIL
    even = {"flows": flows({"n1": 1000, "n2": 1020, "n3": 980})}
    deviation = run("even-spread", even, {"members": MEMBERS}).measurements[0].interval
    assert deviation is not None
    says(run("even-spread", even, {"members": MEMBERS, "margin": deviation[1]}), PASS)
    for beyond in ({"alpha": p.value * 2}, {"margin": 0.2, "effect": 0.2}, {**wide, "margin": worst.interval[0] / 2}):
        assert run("even-spread", inputs, {"members": MEMBERS, **beyond}).verdict is FAIL


def test_the_largest_effect_that_can_hide_within_the_margin_is_the_limit() -> None:
    def limit(bound: dict[str, Any]) -> Any:
        inputs = {"flows": flows({"n1": 1000, "n2": 1000, "n3": 1000})}
        return run("expected-shares", inputs, bound).measurements[2].bound

    said = "bound 'effect' of the requirement"
    assert limit({"shares": dict.fromkeys(MEMBERS, 1 / 3)}) == (pytest.approx(0.15), "<=", said)
    uneven = {"n1": 0.375, "n2": 0.375, "n3": 0.25}
    assert limit({"shares": uneven, "margin": 0.03}) == (pytest.approx(0.03 * (28 / 3) ** 0.5), "<=", said)
    assert limit({"shares": uneven, "effect": 0.4}) == (0.4, "<=", said)


def test_spread_over_endpoints_is_counted_from_replies() -> None:
    parts = [(1000, {"endpoint": each}) for each in ("p1", "p2", "p3")]
    bound = {"members": ["p1", "p2", "p3"], "over": "endpoint"}
    says(run("even-spread", {"replies": replies(*parts, (50, {"outcome": "reset"}))}, bound), PASS, "p1 1000 (33.3%)")
    unknown = replies(*parts, (2, {"endpoint": None}))
    says(run("even-spread", {"replies": unknown}, bound), UNCLEAR, "2 of 3002 replies do not say from which endpoint")
    says(run("even-spread", {"replies": replies((50, {"outcome": "reset"}))}, bound), UNCLEAR, "nothing was served")
    says(run("even-spread", {}, bound), UNCLEAR, "there is no evidence for 'replies' or 'flows'")
    says(run("even-spread", {"replies": replies(*parts)}, {"members": []}), UNCLEAR, "the bound has no members")


SHARES = {"a1": 0.25, "a2": 0.25, "b1": 0.5}


@pytest.mark.parametrize(
    ("counts", "verdict"),
    [((760, 740, 1500), PASS), ((1000, 1000, 1000), FAIL), ((880, 620, 1500), UNCLEAR)],
)
def test_expected_shares(counts: tuple[int, int, int], verdict: Verdict) -> None:
    parts = [(n, {"endpoint": endpoint}) for n, endpoint in zip(counts, SHARES, strict=True)]
    judgement = run("expected-shares", {"replies": replies(*parts)}, {"shares": SHARES})
    says(judgement, verdict)
    assert judgement.expected == "a1 25.0%, a2 25.0%, b1 50.0%, each ± 5.0%"


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 5), st.integers(0, 10**6))
def test_a_perfect_hash_never_fails(members: int, seed: int) -> None:
    rng = random.Random(seed)
    names = [f"n{index}" for index in range(members)]
    counts = dict.fromkeys(names, 0)
    for _ in range(3000):
        counts[rng.choice(names)] += 1
    assert run("even-spread", {"flows": flows(counts)}, {"members": names}).verdict is not FAIL


@pytest.mark.parametrize(
    ("moved", "followed", "verdict", "reason"),
    [
        (0, 100, PASS, "0 of 100 connections"),
        (0, 150, PASS, "0 of 150 connections"),
        (1, 100, FAIL, "0 went from n1 to n2 | 1 of 100"),
        (0, 99, UNCLEAR, "99 connections seen twice, 100 are needed"),
    ],
)
def test_connection_keeps_node(moved: int, followed: int, verdict: Verdict, reason: str) -> None:
    before = [{"source": str(i), "node": "n1", "phase": "before"} for i in range(200)]
    after = [{"source": str(i), "node": "n2" if i < moved else "n1", "phase": "after"} for i in range(followed)]
    evidence = Evidence[Any]("flows", "c", "flows", {}, (*before, *after))
    says(run("connection-keeps-node", {"flows": evidence}, {}), verdict, reason)


@pytest.mark.parametrize(
    ("moved", "silence", "verdict", "reason"),
    [
        (1, 2.0, FAIL, "0 went from n1 to n2"),
        (1, 2.01, UNCLEAR, "0 went from n1 to n2; but connections straight to endpoints were silent for up to 2.01 s"),
        (0, 2.01, PASS, "0 of 100 connections"),
    ],
)
def test_where_the_machine_stood_still_nothing_says_what_moved_a_connection(
    moved: int, silence: float, verdict: Verdict, reason: str
) -> None:
    nodes = [("n1", "n2" if i < moved else "n1") for i in range(100)]
    rows = [{"source": str(i), "node": node, "phase": "any"} for i, both in enumerate(nodes) for node in both]
    control = Evidence[Any]("connections", "c", "connections", {}, ({"silence": 0}, {"silence": round(silence * 1e9)}))
    inputs = {"flows": Evidence[Any]("flows", "c", "flows", {}, tuple(rows)), "control": control}
    says(run("connection-keeps-node", inputs, {}), verdict, reason)


def test_where_a_connection_went_first_is_named_and_how_many_moved_is_held_against_none() -> None:
    seen = {"a": ["n2", "n2", "n1"], "b": ["n1", "n3", "n1"], "c": ["n1"], "d": ["n3", "n3", "n3"]}
    rows = [{"source": each, "node": node, "phase": "after"} for each, nodes in seen.items() for node in nodes]
    evidence = Evidence[Any]("flows", "c", "flows", {}, tuple(json.loads(json.dumps(rows))))
    judgement = run("connection-keeps-node", {"flows": evidence}, {"connections": 3})
    says(judgement, FAIL, "a went from n2 to n1, b went from n1 to n3 | 2 of 3 connections")
    (measurement,) = judgement.measurements
    assert (measurement.value, measurement.n) == (2, 3)
    assert measurement.bound == (0, "<=", "bound 'connections' of the requirement")
