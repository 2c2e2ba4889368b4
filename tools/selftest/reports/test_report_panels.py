"""The data of the pictures: what is drawn from which evidence."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import made_runs as made
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbcert_reports import panels
from lbcert_reports.evidence import Evidence
from lbcert_reports.timelines import COLUMNS, MOST_WINDOWS, timelines

SECOND = 1_000_000_000
MS = 1_000_000


def evidence(kind: str, rows: Iterable[Mapping[str, Any]], name: str = "", **meta: Any) -> Evidence[Any]:
    return Evidence(kind, "case", name or kind, meta, tuple(rows))


def fault(at: float, healed: float | None = None, name: str = "power-off") -> dict[str, Any]:
    began = round(at * SECOND)
    end = None if healed is None else round(healed * SECOND)
    return {"fault": name, "target": "n1", "began": began, "effective": began, "healed": end, "proof": {}}


def stream(length: float, *outages: tuple[float, float], period: int = 10 * MS) -> Evidence[Any]:
    """Probes from 0 on; lost while an outage lasts (s)."""
    rows = []
    for seq in range(round(length * SECOND / period)):
        t = seq * period
        lost = any(begin * SECOND <= t < end * SECOND for begin, end in outages)
        rows.append(
            {"seq": seq, "due": t, "sent": t, "received": None if lost else t, "endpoint": None if lost else "e"}
        )
    return evidence("stream", rows, period=period, kernel_drops=0)


def answers(*frames: tuple[float, str], form: str = "arp-reply") -> Evidence[Any]:
    return evidence(
        "answers",
        [
            {"t": round(t * SECOND), "address": "192.0.2.1", "mac": mac, "form": form, "dst": "", "flags": {}}
            for t, mac in frames
        ],
    )


def judgement(*measurements: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return made.verdict("L2-042", "pass", measurements=measurements, outcome="pass", inputs={"stream.1": "p"}, **fields)


def test_every_trial_of_a_failover_is_drawn_with_what_its_number_supports() -> None:
    gaps = made.measurement("failover gap", 6.0, samples=[[4.0, 4.2], [5.0, 5.2], [5.8, 6.0]], bound=(8.0, "<="))
    (panel,) = panels.failovers([judgement(gaps)], [fault(1)])
    assert panel["trials"] == [(4.0, 4.2), (5.0, 5.2), (5.8, 6.0)]
    assert panel["median"] == pytest.approx(5.1)
    assert panel["interval"] is None  # three trials give none
    assert panel["claim"]["value"] == 6.0
    assert panel["claim"]["quantile"] == pytest.approx(0.05 ** (1 / 3))
    assert panel["traffic"]


def test_an_outage_that_did_not_end_has_no_upper_end_and_bounds_nothing() -> None:
    (panel,) = panels.failovers([judgement(made.measurement(samples=[[4.0, None], [1.0, 1.1]]))], [fault(1)])
    assert panel["trials"] == [(4.0, None), (1.0, 1.1)]
    assert panel["claim"]["value"] is None
    assert panel["median"] is None


def test_phases_are_the_steps_between_the_moments_of_each_trial() -> None:
    times = {
        "failover gap": [5.0, 6.0],
        "detection": [4.0, 4.5],
        "announcement": [4.2, 4.5],
        "first good packet": [5.0, 6.0],
    }
    (panel,) = panels.failovers([judgement(*(made.measurement(n, samples=s) for n, s in times.items()))], [fault(1)])
    assert {name: pytest.approx(lengths) for name, lengths in panel["phases"].items()} == {
        "detect": [4.0, 4.5],
        "announce": [0.2, 0.0],
        "first packet": [0.8, 1.5],
    }


def test_a_phase_that_was_not_seen_in_every_trial_is_not_drawn() -> None:
    (panel,) = panels.failovers(
        [judgement(made.measurement("gap", samples=[5.0, 6.0]), made.measurement("detection", samples=[4.0]))],
        [fault(1)],
    )
    assert panel["phases"] == {}


def test_without_a_fault_a_time_is_no_failover() -> None:
    assert panels.failovers([judgement(made.measurement(samples=[1.0, 2.0]))], []) == []


def flows(phase: str, nodes: str, shift: int = 0) -> list[dict[str, str]]:
    return [{"source": f"10.0.0.1:{shift + number}", "node": node, "phase": phase} for number, node in enumerate(nodes)]


def test_a_spread_counts_flows_and_holds_them_against_equal_shares() -> None:
    panel = panels.spread([evidence("flows", flows("before", "a" * 60 + "b" * 40))])
    first, second = panel["phases"][0]["nodes"]
    assert (first["count"], first["share"], first["expected"]) == (60, 0.6, 0.5)
    assert second["band"][0] < 0.4 < second["band"][1]


@given(st.integers(20, 5000), st.integers(2, 8))
def test_the_band_of_a_perfect_spread_holds_its_expected_share_and_narrows_with_flows(n: int, nodes: int) -> None:
    low, high = panels._band(n, 1 / nodes, nodes)
    wide_low, wide_high = panels._band(n // 10 + 1, 1 / nodes, nodes)
    assert low <= 1 / nodes <= high
    assert high - low <= wide_high - wide_low + 1 / n


def test_flows_moved_are_those_that_left_a_node_that_was_still_there() -> None:
    panel = panels.spread([evidence("flows", flows("before", "aabbc") + flows("after", "abbba"))])
    (move,) = panel["moves"]
    assert (move["flows"], move["moved"], move["displaced"]) == (4, 1, 1)
    assert move["interval"][0] < move["share"] == 0.25 < move["interval"][1]


def test_a_control_is_no_step_of_a_move() -> None:
    panel = panels.spread([evidence("flows", flows("control", "ab") + flows("before", "ab") + flows("after", "ab"))])
    assert [(move["from"], move["to"]) for move in panel["moves"]] == [("before", "after")]


def test_files_that_are_judged_together_make_one_picture_and_ways_make_none() -> None:
    files = {
        "a": evidence("flows", flows("before", "ab")),
        "b": evidence("flows", flows("control", "ab")),
        "c": evidence("flows", flows("x", "ab")),
        "d": evidence("flows", flows("steady", "ab"), mode="l2", policy="Local"),
    }
    judged = judgement() | {"inputs": {"flows": "a", "control": "b"}, "bound": {"shares": {"a": 0.7, "b": 0.3}}}
    together, alone = panels.spreads(files, [judged])
    assert [phase["phase"] for phase in together["phases"]] == ["before", "control"]
    assert together["phases"][0]["nodes"][0]["expected"] == 0.7
    assert [phase["phase"] for phase in alone["phases"]] == ["x"]


def connection(outcome: str, **fields: Any) -> dict[str, Any]:
    return {"outcome": outcome, "opened": 0, "at": SECOND, "rst_from": None} | fields


def test_fates_are_counted_with_who_sent_the_resets() -> None:
    rows = [connection("alive"), connection("reset", rst_from="node n1"), connection("reset"), connection("timeout")]
    (panel,) = panels.fates([evidence("connections", rows)], [fault(1)])
    assert panel["outcomes"] == {"alive": 1, "stalled": 0, "reset": 2, "refused": 0, "timeout": 1}
    assert panel["resetsFrom"] == {"node n1": 1, "unknown": 1}
    assert panel["alive"][0] < 0.25 < panel["alive"][1]
    assert panel["during"] == ["power-off"]


def reply(source: str, seen: str | None, endpoint: str = "e1", outcome: str = "ok") -> dict[str, Any]:
    return {"t": SECOND, "source": source, "address": "192.0.2.1", "outcome": outcome, "client_seen": seen,
            "endpoint": endpoint, "node": "n1"}  # fmt: skip


@pytest.mark.parametrize(
    ("source", "seen", "kept"),
    [
        ("198.51.100.9:4000", "198.51.100.9:4000", 1),
        ("198.51.100.9:4000", "198.51.100.9", 1),
        ("[2001:db8::9]:4000", "2001:db8::9", 1),
        ("[2001:db8::9]:4000", "[2001:db8:0::9]:4000", 1),
        ("198.51.100.9:4000", "[::ffff:198.51.100.9]:4000", 1),
        ("198.51.100.9:4000", "no address", 0),
        ("198.51.100.9:4000", "10.0.0.1:4000", 0),
    ],
)
def test_the_source_survives_if_the_host_is_the_same(source: str, seen: str, kept: int) -> None:
    (panel,) = panels.paths([evidence("replies", [reply(source, seen)], mode="l2", policy="Local")])
    assert (panel["source"]["told"], panel["source"]["kept"]) == (1, kept)


def test_a_way_links_the_node_entered_with_the_endpoint_that_answered() -> None:
    way = {"mode": "bgp", "policy": "Cluster", "family": "ipv4"}
    replies = [
        reply("1.1.1.1:1", None, "e1"),
        reply("1.1.1.1:2", None, "e2"),
        reply("1.1.1.1:3", None, outcome="timeout"),
    ]
    entered = [{"source": "1.1.1.1:1", "node": "n1", "phase": "s"}, {"source": "1.1.1.1:2", "node": "n2", "phase": "s"}]
    (panel,) = panels.paths([evidence("replies", replies, **way), evidence("flows", entered, **way)])
    assert panel["links"] == [
        {"entry": "n1", "endpoint": "e1", "count": 1},
        {"entry": "n2", "endpoint": "e2", "count": 1},
    ]
    assert panel["outcomes"] == {"ok": 2, "timeout": 1}


def test_in_layer_2_traffic_enters_the_node_that_answers_for_the_address() -> None:
    replies = evidence("replies", [reply("1.1.1.1:1", None)], mode="l2", policy="Local")
    (panel,) = panels.paths([replies, answers((1, "02:01"))], {"02:01": "n7"})
    assert panel["entries"] == [{"node": "n7", "share": 1.0, "count": 1}]


def test_a_gap_runs_from_the_first_lost_probe_to_the_next_delivered_one() -> None:
    (window,) = timelines([stream(10, (3, 5.5))], [fault(3, 7)], {})
    (gap,) = window["lanes"][0]["gaps"]
    assert gap == {"from": pytest.approx(0.0, abs=0.01), "to": pytest.approx(2.5, abs=0.011), "lost": 250}
    assert window["outage"] == pytest.approx(2.5, abs=0.011)


def test_a_gap_ends_when_the_next_delivered_probe_was_really_sent() -> None:
    sent = {0: True, 1: True, 2: False, 3: False, 9: True, 10: True}
    rows = [
        {"seq": t, "due": t, "sent": t * SECOND, "received": t if got else None, "endpoint": None}
        for t, got in sent.items()
    ]
    (window,) = timelines([evidence("stream", rows, period=SECOND)], [], {})
    assert window["lanes"][0]["gaps"] == [{"from": 2.0, "to": 9.0, "lost": 2}]


def test_time_counts_from_the_fault_and_its_window_is_shaded_until_it_is_healed() -> None:
    (window,) = timelines([stream(10)], [fault(3, 7)], {})
    (shade,) = window["faults"]
    assert (shade["from"], shade["to"], shade["healed"]) == (0.0, 4.0, True)
    assert window["begin"] < 0 < 4 < window["end"]


def test_each_fault_has_a_window_and_those_with_the_longest_outages_are_kept() -> None:
    outages = [(10 * trial + 2, 10 * trial + 2 + trial / 4) for trial in range(1, 9)]
    faults = [fault(begin, begin + 4) for begin, _ in outages]
    windows = timelines([stream(100, *outages, period=20 * MS)], faults, {})
    assert [window["number"] for window in windows] == [4, 5, 6, 7, 8]
    assert len(windows) == MOST_WINDOWS
    assert all(window["of"] == 8 for window in windows)


def test_two_announcers_at_once_have_a_lane_each_at_the_same_time() -> None:
    (window,) = timelines([answers((0, "02:01"), (1, "02:02"), (1.1, "02:01"), (2, "02:02"))], [], {"02:01": "n1"})
    first, second = window["lanes"]
    assert first["label"] == "n1 answers for 192.0.2.1"
    assert second["label"] == "02:02 answers for 192.0.2.1"
    assert first["marks"]["arp-reply"][-1] > second["marks"]["arp-reply"][0]


def test_our_own_questions_are_no_answers() -> None:
    (window,) = timelines([answers((0, "02:01"), (2, "02:01")), answers((1, "02:99"), form="asked")], [], {})
    assert [lane["label"] for lane in window["lanes"]] == ["02:01 answers for 192.0.2.1"]


def test_a_route_holds_until_it_changes() -> None:
    rows = [{"t": 0, "prefix": "p", "next_hops": ["a", "b"]}, {"t": 4 * SECOND, "prefix": "p", "next_hops": []}]
    (window,) = timelines([evidence("routes", rows, router="r", began=0, ended=10 * SECOND)], [], {"a": "n1"})
    assert window["lanes"][0]["spans"] == [[0.0, 4.0, "up", "n1, b"], [4.0, 10.0, "down", "no route"]]


@given(
    st.lists(st.tuples(st.floats(0, 50), st.floats(0, 5)), max_size=8),
    st.sampled_from([1, 5, 20, 200]),
)
def test_a_lane_stays_small_whatever_was_lost_and_its_spans_follow_each_other(
    outages: list[tuple[float, float]], period: int
) -> None:
    (window,) = timelines([stream(20, *((a, a + b) for a, b in outages), period=period * 10 * MS)], [], {})
    spans = window["lanes"][0]["spans"]
    assert 0 < len(spans) <= COLUMNS + 1
    assert all(begin < end for begin, end, _ in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


@given(st.sets(st.integers(0, 10**10), min_size=1, max_size=3000))
def test_marks_closer_than_can_be_told_apart_become_one(times: set[int]) -> None:
    (window,) = timelines([answers(*((t / SECOND, "02:01") for t in sorted(times)))], [], {})
    marks = window["lanes"][0]["marks"]["arp-reply"]
    assert 0 < len(marks) <= min(len(times), COLUMNS + 1)


def test_a_fault_told_twice_is_one_with_the_time_of_its_healing() -> None:
    faults: list[dict[str, Any]] = []
    panels.merge_fault(faults, fault(1))
    panels.merge_fault(faults, fault(1, 5))
    assert [each["healed"] for each in faults] == [5 * SECOND]


def second(at: float, requests: int, failures: int = 0, users: int = 10, **errors: int) -> dict[str, Any]:
    latency = 2 * MS if requests else None
    return {
        "t": round(at * SECOND),
        "users": users,
        "requests": requests,
        "failures": failures,
        "p50": latency,
        "p95": latency,
        "p99": latency and 5 * latency,
        "errors": errors,
    }


def test_load_stands_beside_the_generators_limit_and_beside_the_probes_of_the_same_address() -> None:
    rows = [second(0, 0, users=0), second(1, 100), second(2, 40, 30, refused=30), second(3, 0), second(4, 100)]
    header = {"address": "192.0.2.1", "vantage": "client", "users": 10, "wanted": 100.0, "workers": 2}
    load = evidence("load", rows, **header, limit={"requests_per_second": 2000.0}, began=0, ended=4 * SECOND)
    same, other = stream(4, (1, 3)), stream(4, (0, 4))
    same = evidence("stream", same.rows, "same", address="192.0.2.1", period=10 * MS)
    other = evidence("stream", other.rows, "other", address="192.0.2.2", period=10 * MS)
    (panel,) = panels.loads([load, same, other], [fault(1)])
    assert panel["seconds"] == [[100, 0], [40, 30], [0, 0], [100, 0]]  # without users there was no load yet
    assert (panel["requests"], panel["failures"], panel["perSecond"]) == (240, 30, 70)
    assert (panel["wanted"], panel["limit"], panel["workers"], panel["users"]) == (100.0, 2000.0, 2, 10)
    assert (panel["probes"], panel["probesLost"]) == (400, 200)
    assert (panel["p50"], panel["p99"], panel["errors"]) == (0.002, 0.01, {"refused": 30})
    assert panel["during"] == ["power-off"]


def test_load_whose_limit_nobody_measured_says_so() -> None:
    (panel,) = panels.loads([evidence("load", [second(1, 0)])], [])
    assert (panel["limit"], panel["p50"], panel["probes"]) == (None, None, 0)


def test_a_second_of_load_is_delivered_partly_or_lost() -> None:
    rows = [second(1, 10), second(2, 10, 5), second(3, 10, 10), second(4, 0), second(5, 10)]
    (window,) = timelines([evidence("load", rows)], [], {})
    assert [span[2] for span in window["lanes"][0]["spans"]] == ["delivered", "partly", "lost", "lost", "delivered"]


def test_what_an_experiment_did_and_looked_at_has_a_lane_each_and_a_miss_shows() -> None:
    rows = [
        {"t": 0, "until": SECOND, "name": "owner", "type": "probe", "status": "succeeded", "met": True},
        {"t": SECOND, "until": 2 * SECOND, "name": "kill", "type": "action", "status": "succeeded", "met": None},
        {"t": 3 * SECOND, "until": 4 * SECOND, "name": "routes", "type": "probe", "status": "succeeded", "met": False},
    ]
    (window,) = timelines([evidence("activities", rows, began=0, ended=4 * SECOND)], [], {})
    looked, did = window["lanes"]
    assert looked["spans"] == [[0.0, 1.0, "up", "owner"], [3.0, 4.0, "down", "routes"]]
    assert did["spans"] == [[1.0, 2.0, "up", "kill"]]


def test_the_phases_of_a_control_are_told_apart_from_those_of_the_same_name() -> None:
    rows = tuple({"source": "c:1", "node": node, "phase": phase} for node, phase in (("n1", "before"), ("n2", "after")))
    own, control = Evidence("flows", "c", "own", {}, rows), Evidence("flows", "c", "beside", {"control": True}, rows)
    phases = [each["phase"] for each in panels.spread([own, control])["phases"]]
    assert phases == ["before", "after", "control before", "control after"]
