"""Each judge of allocation passes what is right, and fails each defect with its reason."""

import json
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
POOL = ["10.0.0.0/30", "fd00::10 - fd00::12"]
A, B, C = "10.0.0.0", "10.0.0.1", "10.0.0.2"


def at(t: float) -> int:
    """Seconds after the begin, as a time in ns."""
    return round((EPOCH + t) * S)


def watch(*states: tuple[float, str, str | None], ended: float = 60, began: float = 0) -> Any:
    """A watch: (second, Service, addresses separated by blanks; None for deleted)."""
    rows = tuple(
        {
            "t": at(t),
            "service": service,
            "addresses": (addresses or "").split(),
            "present": addresses is not None,
        }
        for t, service, addresses in states
    )
    return Evidence("ingress", "c", "ingress", {"began": at(began), "ended": at(ended)}, rows)


def act(t: float, name: str = "pool-created") -> Evidence[Any]:
    row = {
        "fault": name,
        "target": "x",
        "began": at(t) - 5,
        "effective": at(t),
        "healed": None,
        "proof": {},
    }
    return Evidence("faults", "c", "cause", {}, (row,))


def warned(service: str, reason: str, type_: str = "Warning") -> Evidence[Any]:
    row = {"t": 1, "type": type_, "reason": reason, "message": "m", "kind": "Service", "name": service}
    return Evidence("events", "c", "events", {}, (json.loads(json.dumps(row)),))  # as read: equal, and not the same


def says(judgement: Judgement, verdict: Verdict, *words: str) -> None:
    assert judgement.verdict is verdict, judgement
    for word in words:
        assert word in f"{judgement.reason} | {judgement.observed}", judgement


PASS, FAIL, UNCLEAR = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("states", "bound", "verdict", "reason"),
    [
        ([(1, "a", ""), (3.5, "a", A)], {}, PASS, "slowest after 2.50 s"),
        ([(1, "a", ""), (2, "a", f"{A} fd00::11")], {"families": ["ipv4", "ipv6"]}, PASS, "every address"),
        ([(1, "a", ""), (2, "a", A)], {"families": ["ipv6"]}, FAIL, "a had 10.0.0.0 only after 59.0 s"),
        ([(1, "a", ""), (2, "a", "10.0.0.4")], {}, FAIL, "a was given 10.0.0.4, outside every pool"),
        ([(1, "a", ""), (2, "a", "fd00::13")], {}, FAIL, "a was given fd00::13, outside every pool"),
        ([(1, "a", ""), (2, "a", "nonsense")], {}, FAIL, "a was given nonsense, outside every pool"),
        ([(1, "a", ""), (2, "a", "10.0.0.9"), (3, "a", A)], {}, FAIL, "a was given 10.0.0.9"),
        ([(1, "a", ""), (31.5, "a", A)], {}, FAIL, "a got its address after 30.50 s"),
        ([(1, "a", ""), (2.5, "a", A)], {"within": 1}, FAIL, "a got its address after 1.50 s"),
        ([(1, "a", ""), (2, "a", A), (2, "b", "")], {}, FAIL, "b had no address after 58.0 s"),
        ([(1, "a", ""), (2, "a", A), (40, "b", "")], {}, UNCLEAR, "b was watched for 20.0 s only"),
        ([(40, "a", ""), (41, "a", A)], {"families": ["ipv4", "ipv6"]}, UNCLEAR, "a was watched for 20.0 s only"),
        ([(1, "a", ""), (2, "a", A)], {"pools": ["10.0.0.1/30"]}, PASS, "every address"),
        ([(1, "a", ""), (2, "a", A)], {"pools": ["::a00:0-::a00:3"]}, FAIL, "a was given 10.0.0.0, outside every"),
        ([(1, "a", ""), (2, "a", "::a00:1")], {"pools": POOL[:1]}, FAIL, "a was given ::a00:1, outside every"),
        ([(40, "b", ""), (40, "a", ""), (41, "a", A)], {}, UNCLEAR, "b was watched for 20.0 s only | 1 of 2 Services"),
        ([(1, "a", ""), (2, "a", A), (2, "b", "")], {"services": ["a"]}, PASS, "1 of 1 Services"),
        ([(1, "a", "")], {"services": ["b"]}, UNCLEAR, "the watch never showed b"),
        ([], {}, UNCLEAR, "the evidence for 'ingress' has no rows"),
    ],
)
def test_assigned_from_pool(states: Any, bound: dict[str, Any], verdict: Verdict, reason: str) -> None:
    says(run("assigned-from-pool", {"ingress": watch(*states)}, {"pools": POOL, **bound}), verdict, reason)


def test_assigned_from_pool_counts_from_the_cause_if_there_is_one() -> None:
    inputs = {"ingress": watch((1, "a", ""), (40, "a", A)), "cause": act(39)}
    judgement = run("assigned-from-pool", inputs, {"pools": POOL, "within": 2, "derivation": "docs"})
    says(judgement, PASS)
    (measurement,) = judgement.measurements
    assert (measurement.name, measurement.value, measurement.unit) == ("time to address", 1.0, "s")
    assert measurement.bound == (2.0, "<=", "docs")
    assert judgement.expected == "an address of 10.0.0.0/30, fd00::10 - fd00::12 within 2 s"
    says(run("assigned-from-pool", {**inputs, "cause": act(37)}, {"pools": POOL, "within": 2}), FAIL, "after 3.00 s")


@pytest.mark.parametrize(
    ("judge", "bound"),
    [
        ("assigned-from-pool", {"pools": POOL}),
        ("exact-addresses", {"expected": {"w": [A]}}),
        ("reassigned", {"holder": "h", "waiter": "w"}),
    ],
)
def test_an_address_that_was_there_before_the_cause_took_no_time(judge: str, bound: dict[str, Any]) -> None:
    inputs = {"ingress": watch((1, "h", A), (1, "w", ""), (3, "h", None), (4, "w", A)), "cause": act(4.5)}
    judgement = run(judge, inputs, bound)
    says(judgement, PASS)
    assert judgement.measurements[0].value == 0


@pytest.mark.parametrize(("modes", "verdict"), [(["VIP"], PASS), ([], PASS), (["VIP", "Proxy"], FAIL)])
def test_an_address_is_published_in_mode_vip_if_in_any(modes: list[str], verdict: Verdict) -> None:
    ingress = watch((1, "a", ""), (2, "a", A))
    ingress.rows[1]["modes"] = modes
    judgement = run("assigned-from-pool", {"ingress": ingress}, {"pools": POOL})
    says(judgement, verdict, *(["a was published with ipMode Proxy, not VIP"] if verdict is FAIL else []))


@pytest.mark.parametrize(("families", "verdict"), [(["ipv4"], FAIL), (["ipv4", "ipv6"], PASS), (None, PASS)], ids=str)
def test_nobody_is_given_an_address_of_a_family_for_which_it_did_not_ask(
    families: list[str] | None, verdict: Verdict
) -> None:
    ingress = watch((1, "a", ""), (2, "a", f"{A} fd00::10"))
    judgement = run("assigned-from-pool", {"ingress": ingress}, {"pools": POOL, "families": families})
    says(judgement, verdict, *(["a was given ipv6 addresses, for which it did not ask"] if verdict is FAIL else []))


def test_a_pool_that_is_none_is_our_error() -> None:
    judgement = run("assigned-from-pool", {"ingress": watch((1, "a", A))}, {"pools": ["10.0.0.0/33"]})
    says(judgement, Verdict.ERROR, "pool entry '10.0.0.0/33' is neither CIDR nor first-last")


@given(st.ip_addresses(v=4), st.integers(0, 40), st.integers(0, 60))
def test_an_address_is_inside_a_range_exactly_between_its_ends(first: Any, size: int, offset: int) -> None:
    if int(first) + size + 60 >= 2**32:
        return
    bound = {"pools": [f"{first} - {first + size}"]}
    judgement = run("assigned-from-pool", {"ingress": watch((1, "a", ""), (2, "a", str(first + offset)))}, bound)
    assert judgement.verdict is (PASS if offset <= size else FAIL)


@pytest.mark.parametrize(
    ("states", "events", "bound", "verdict", "reason"),
    [
        ([(1, "a", "")], warned("a", "AllocationFailed"), {"reason": "AllocationFailed"}, PASS, "no address"),
        ([(1, "a", "")], None, {}, PASS, "at least 59.0 s"),
        ([(1, "a", ""), (4, "a", A), (5, "a", "")], None, {}, FAIL, "a was given 10.0.0.0 after 3.00 s"),
        ([(1, "a", "")], warned("a", "Other"), {"reason": "X"}, FAIL, "no Warning event X (Warning events: Other)"),
        ([(1, "a", "")], warned("a", "X", "Normal"), {"reason": "X"}, FAIL, "(Warning events: none)"),
        ([(1, "a", "")], warned("b", "X"), {"reason": "X"}, FAIL, "a has no Warning event X"),
        ([(1, "a", "")], warned("0", "X"), {"reason": "X"}, FAIL, "a has no Warning event X"),
        ([(1, "a", "")], None, {"reason": "X"}, UNCLEAR, "no events were recorded"),
        ([(55, "a", "")], None, {}, UNCLEAR, "watched for 5.0 s only, 10 s are needed"),
        ([(55, "a", "")], warned("a", "Other"), {"reason": "X"}, UNCLEAR, "watched for 5.0 s only"),
        ([(50, "a", "")], warned("a", "Other"), {"reason": "X"}, FAIL, "a has no Warning event X"),
        ([(1, "a", "")], warned("a", "Other"), {"reason": "*"}, PASS, "no address was given"),
        ([(1, "a", "")], warned("b", "Other"), {"reason": "*"}, FAIL, "a has no Warning event (Warning events: none)"),
        ([(1, "a", ""), (6, "a", None)], None, {}, UNCLEAR, "watched for 5.0 s only"),
        ([(1, "b", "")], None, {}, UNCLEAR, "the watch never showed a"),
        ([(1, "a", ""), (4, "a", A)], None, {"refused": {"a": [B]}}, PASS, "no address that was refused was given"),
        (
            [(1, "a", ""), (4, "a", f"{A} {B}")],
            None,
            {"refused": {"a": [B]}},
            FAIL,
            "a was given 10.0.0.1 after 3.00 s",
        ),
    ],
)
def test_stays_pending(states: Any, events: Any, bound: dict[str, Any], verdict: Verdict, reason: str) -> None:
    inputs = {"ingress": watch(*states), **({"events": events} if events else {})}
    says(run("stays-pending", inputs, {"services": ["a"], **bound}), verdict, reason)


@pytest.mark.parametrize(
    ("judge", "bound", "expected"),
    [
        ("stays-pending", {"services": ["a"]}, "no address for 10 s"),
        ("stays-pending", {"services": ["a"], "reason": "X"}, "no address for 10 s and a Warning event X"),
        ("stays-pending", {"services": ["a"], "reason": "*"}, "no address for 10 s and a Warning event"),
        (
            "stays-pending", {"services": ["a"], "refused": {"a": [B]}},
            "no address to which they are not entitled for 10 s",
        ),
        ("assignment-stable", {"hold": 9}, "0 changes over 9 s"),
        ("assignment-stable", {"hold": 9, "reason": "X"}, "0 changes over 9 s and a Warning event X"),
        ("assigned-from-pool", {"pools": POOL[:1]}, "an address of 10.0.0.0/30 within 30 s"),
        (
            "assigned-from-pool", {"pools": POOL[:1], "families": ["ipv4", "ipv6"]},
            "an address of 10.0.0.0/30 within 30 s, of each of ipv4, ipv6",
        ),
    ],
)  # fmt: skip
def test_what_is_expected_is_told(judge: str, bound: dict[str, Any], expected: str) -> None:
    inputs = {"ingress": watch((1, "a", "")), "events": warned("a", "X")}
    inputs = inputs if judge != "assigned-from-pool" else {"ingress": inputs["ingress"]}
    assert run(judge, inputs, bound).expected == expected


@pytest.mark.parametrize(
    ("states", "bound", "verdict", "reason"),
    [
        ([(1, "a", ""), (2, "a", A), (3, "b", B), (9, "a", A)], {}, PASS, "0 changes of 2 assignments over 60.0 s"),
        ([(1, "a", A), (5, "a", B)], {}, FAIL, "a went from 10.0.0.0 to 10.0.0.1 at 5.00 s"),
        ([(1, "a", A), (5, "a", ""), (6, "a", A)], {}, FAIL, "a went from 10.0.0.0 to none at 5.00 s"),
        ([(1, "a", A), (5, "a", f"{A} {B}")], {}, FAIL, "a went from 10.0.0.0 to 10.0.0.0, 10.0.0.1"),
        ([(1, "a", f"{B} {A}"), (5, "a", f"{A} {B}")], {}, PASS, "no assignment changed"),
        ([(1, "a", A), (5, "a", B), (1, "b", C)], {"may_change": ["a"]}, PASS, "of 1 assignments"),
        ([(1, "a", A), (5, "a", B), (1, "b", C)], {"services": ["b"]}, PASS, "of 1 assignments"),
        ([(1, "a", A), (5, "a", None), (6, "a", B)], {}, PASS, "of 2 assignments"),
        ([(1, "a", A)], {"hold": 61}, UNCLEAR, "watched for 60.0 s only, 61 s are needed"),
        ([(1, "a", A), (5, "a", B)], {"hold": 61}, FAIL, "a went from"),
        ([(1, "a", "")], {}, UNCLEAR, "no Service had an address"),
    ],
)
def test_assignment_stable(states: Any, bound: dict[str, Any], verdict: Verdict, reason: str) -> None:
    says(run("assignment-stable", {"ingress": watch(*states)}, {"hold": 60, **bound}), verdict, reason)


@pytest.mark.parametrize(
    ("states", "events", "hold", "verdict", "reason"),
    [
        ([(1, "a", A)], warned("a", "Refused"), 60, PASS, "no assignment changed"),
        ([(1, "a", A), (2, "a", B)], warned("a", "Refused"), 60, FAIL, "a went from 10.0.0.0 to 10.0.0.1"),
        ([(1, "a", A)], warned("a", "Other"), 60, FAIL, "a has no Warning event Refused (Warning events: Other)"),
        ([(1, "a", A)], warned("a", "Other"), 59, FAIL, "a has no Warning event Refused"),
        ([(1, "a", A)], warned("a", "Other"), 61, UNCLEAR, "watched for 60.0 s only"),
        ([(1, "a", "")], warned("a", "Other"), 60, UNCLEAR, "no Service had an address"),
        ([(1, "a", A)], None, 60, UNCLEAR, "no events were recorded"),
    ],
)
def test_what_is_refused_to_a_service_with_an_address_is_said(
    states: Any, events: Any, hold: float, verdict: Verdict, reason: str
) -> None:
    inputs = {"ingress": watch(*states), **({"events": events} if events else {})}
    says(run("assignment-stable", inputs, {"hold": hold, "reason": "Refused"}), verdict, reason)


@pytest.mark.parametrize(
    ("states", "sharing", "verdict", "reason"),
    [
        ([(1, "a", A), (2, "b", B)], [], PASS, "0 duplicates in 2 assignments"),
        ([(1, "a", A), (2, "a", None), (3, "b", A)], [], PASS, "0 duplicates"),
        ([(1, "a", A), (2, "a", B), (3, "b", A)], [], PASS, "0 duplicates in 3"),
        ([(1, "a", A), (2, "b", A), (3, "a", B)], [], FAIL, "10.0.0.0 was held by a and b at 2.00 s"),
        ([(1, "a", A), (2, "b", A), (3, "b", A)], [], FAIL, "1 duplicates in 2"),
        ([(1, "a", A), (2, "b", A)], [["a", "b"]], PASS, "0 duplicates"),
        ([(1, "a", A), (2, "b", A), (3, "c", A)], [["a", "b"]], FAIL, "10.0.0.0 was held by a and c at 3.00 s"),
        ([(1, "a", "")], [], UNCLEAR, "no Service was ever given an address"),
        ([], [], UNCLEAR, "has no rows"),
    ],
)
def test_no_duplicates(states: Any, sharing: Any, verdict: Verdict, reason: str) -> None:
    says(run("no-duplicates", {"ingress": watch(*states)}, {"sharing": sharing}), verdict, reason)


def test_few_assignments_do_not_show_that_there_are_no_duplicates() -> None:
    ingress = {"ingress": watch((1, "a", A), (2, "b", B))}
    says(run("no-duplicates", ingress, {"least": 2}), PASS)
    says(run("no-duplicates", ingress, {"least": 3}), UNCLEAR, "2 assignments only, 3 are needed")
    says(run("no-duplicates", {"ingress": watch((1, "a", A), (2, "b", A))}, {"least": 3}), FAIL)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["", A, B, None])), min_size=1))
def test_a_duplicate_is_found_if_and_only_if_two_hold_an_address_at_once(changes: list[tuple[str, str | None]]) -> None:
    held: dict[str, str | None] = {}
    doubled = given_any = False
    for service, address in changes:
        held[service] = address
        given_any |= bool(address)
        doubled |= any(list(held.values()).count(each) > 1 for each in (A, B))
    states = [(index, service, address) for index, (service, address) in enumerate(changes)]
    verdict = run("no-duplicates", {"ingress": watch(*states)}, {}).verdict
    assert verdict is (FAIL if doubled else PASS if given_any else UNCLEAR)


@pytest.mark.parametrize(
    ("states", "expected", "verdict", "reason"),
    [
        ([(1, "a", ""), (2, "a", B)], {"a": [B]}, PASS, "1 of 1 Services"),
        ([(1, "a", ""), (2, "a", "fd00:0::1")], {"a": ["fd00::1"]}, PASS, "1 of 1"),
        ([(1, "a", ""), (2, "a", A), (3, "a", C), (4, "a", B)], {"a": [B]}, FAIL, "a was given 10.0.0.0"),
        ([(1, "a", ""), (2, "a", B)], {"a": [B, "fd00::1"]}, FAIL, "a had 10.0.0.1 after 59.0 s"),
        ([(1, "a", "")], {"a": [B]}, FAIL, "a had no address after 59.0 s"),
        ([(1, "a", ""), (42, "a", B)], {"a": [B]}, FAIL, "a got its addresses after 41.00 s"),
        ([(50, "a", "")], {"a": [B]}, UNCLEAR, "a was watched for 10.0 s only"),
        ([(1, "a", ""), (1, "b", B), (2, "a", A)], [A, B], PASS, "were given | 10.0.0.0, 10.0.0.1"),
        ([(1, "a", "")], [A], FAIL, "10.0.0.0 was not given | none"),
        ([(1, "a", A), (1, "b", B)], [A], FAIL, "10.0.0.1 was given"),
        ([(1, "a", A), (2, "a", B)], [B], FAIL, "10.0.0.0 was given"),
        ([(1, "a", A), (1, "b", "")], [A, B], FAIL, "10.0.0.1 was not given"),
    ],
)
def test_exact_addresses(states: Any, expected: Any, verdict: Verdict, reason: str) -> None:
    says(run("exact-addresses", {"ingress": watch(*states)}, {"expected": expected}), verdict, reason)


def test_a_set_of_addresses_may_still_be_incomplete_when_the_watch_is_short() -> None:
    judgement = run("exact-addresses", {"ingress": watch((1, "a", A), ended=5)}, {"expected": [A, B]})
    says(judgement, UNCLEAR, "watched for 5.0 s only, 30 s are needed")


@pytest.mark.parametrize(
    ("states", "verdict", "reason"),
    [
        ([(1, "a", A), (2, "b", B), (3, "a", None), (4, "c", A)], PASS, f"{A}, {B}, {A}"),
        ([(1, "a", A), (2, "b", C), (4, "c", A)], FAIL, "the 2. address was 10.0.0.2, not 10.0.0.1"),
        ([(1, "a", A), (2, "b", B), (3, "b", B)], FAIL, "the 3. address was none, not 10.0.0.0"),
        ([(1, "a", A)], FAIL, "the 2. address was none, not 10.0.0.1, the 3. address was none, not 10.0.0.0"),
    ],
)
def test_in_sequence(states: Any, verdict: Verdict, reason: str) -> None:
    says(run("in-sequence", {"ingress": watch(*states)}, {"expected": [A, B, A]}), verdict, reason)


@pytest.mark.parametrize(
    ("states", "cause", "verdict", "reason"),
    [
        ([(1, "h", A), (1, "w", ""), (5, "h", None), (7, "w", A)], 4.5, PASS, "after 2.50 s"),
        ([(1, "h", A), (1, "w", ""), (5, "h", ""), (7, "w", A)], None, PASS, "after 2.00 s"),
        ([(1, "h", A), (1, "w", ""), (5, "h", None), (7, "w", B)], 4.5, FAIL, "w did not get it within 55.5 s"),
        ([(1, "h", A), (1, "w", ""), (5, "h", None), (36, "w", A)], 4.5, FAIL, "w got it after 31.50 s"),
        ([(1, "h", A), (1, "w", ""), (3, "w", A), (5, "h", None)], 4.5, FAIL, "w had 10.0.0.0 while h still held it"),
        ([(1, "h", A), (1, "w", ""), (4.6, "w", A), (5, "h", None)], 4.5, FAIL, "w had 10.0.0.0 while h still held it"),
        ([(1, "h", f"{A} {B}"), (1, "w", ""), (5, "h", B)], 4.5, FAIL, "h still has 10.0.0.0, 10.0.0.1"),
        ([(1, "h", f"{A} {B}"), (1, "w", ""), (5, "h", ""), (6, "w", f"{A} {B}")], 4.5, PASS, "after 1.50 s"),
        ([(1, "h", A), (1, "w", "")], 4.5, FAIL, "h still has 10.0.0.0"),
        ([(1, "h", A), (1, "w", ""), (40, "h", None), (41, "w", A)], 4.5, FAIL, "h kept it for 35.50 s"),
        ([(1, "h", A), (1, "w", ""), (50, "h", None)], 50, UNCLEAR, "watched for 10.0 s only, 30 s are needed"),
        ([(1, "h", A), (1, "w", ""), (50, "h", None)], None, UNCLEAR, "watched for 10.0 s only"),
        ([(1, "h", ""), (1, "w", A)], 2, UNCLEAR, "h never had an address"),
        ([(0, "h", ""), (1, "h", A), (1, "w", ""), (5, "h", None), (7, "w", A)], 4.5, PASS, "after 2.50 s"),
        ([(1, "h", A), (1, "w", B), (5, "h", None), (5, "w", f"{A} {B}")], 4.5, PASS, "after 0.50 s"),
        ([(1, "h", A), (1, "w", ""), (41, "h", None), (42, "w", A)], 40, PASS, "after 2.00 s"),
        ([(1, "h", A), (1, "w", ""), (35, "h", None), (35, "w", A)], 5, PASS, "after 30.00 s"),
        ([(1, "h", A), (1, "w", ""), (31, "h", None)], 30, FAIL, "w did not get it within 30.0 s"),
        ([(1, "h", A), (1, "w", "")], 50, UNCLEAR, "watched for 10.0 s only, 30 s are needed"),
    ],
)
def test_reassigned(states: Any, cause: float | None, verdict: Verdict, reason: str) -> None:
    inputs = {"ingress": watch(*states), **({"cause": act(cause)} if cause is not None else {})}
    says(run("reassigned", inputs, {"holder": "h", "waiter": "w"}), verdict, reason)


@pytest.mark.parametrize(
    ("judge", "states", "bound", "reason"),
    [
        (
            "stays-pending", [(1, "a", ""), (4, "a", A), (5, "a", ""), (6, "a", B)], {"services": ["a"]},
            "a was given 10.0.0.0 after 3.00 s",
        ),
        ("exact-addresses", [(1, "a", A), (1, "b", B)], {"expected": [A]}, "10.0.0.1 was given"),
        (
            "assigned-from-pool", [(1, "a", ""), (2, "a", f"{A} fd00::10")], {"pools": POOL, "families": ["ipv4"]},
            "a was given ipv6 addresses, for which it did not ask",
        ),
    ],
)  # fmt: skip
def test_a_defect_is_told_once(judge: str, states: Any, bound: dict[str, Any], reason: str) -> None:
    judgement = run(judge, {"ingress": watch(*states)}, bound)
    assert (judgement.verdict, judgement.reason) == (FAIL, reason)


def test_the_address_that_is_named_may_be_all_that_the_holder_had() -> None:
    inputs = {"ingress": watch((1, "h", A), (1, "w", ""), (5, "h", None), (7, "w", A)), "cause": act(4.5)}
    says(run("reassigned", inputs, {"holder": "h", "waiter": "w", "address": A}), PASS, "after 2.50 s")


@pytest.mark.parametrize(
    ("address", "release", "verdict", "reason"),
    [
        (B, (5, "h", A), PASS, "after 2.50 s"),
        (B, (5, "h", f"{A} {B}"), FAIL, "w had 10.0.0.1 while h still held it, h still has 10.0.0.1"),
        (C, (5, "h", A), UNCLEAR, "h never had an address"),
    ],
)
def test_what_a_service_lets_go_of_is_the_address_that_is_named(
    address: str, release: Any, verdict: Verdict, reason: str
) -> None:
    """It was given another before, and that was said twice."""
    states = [(1, "h", A), (2, "h", A), (3, "h", f"{A} {B}"), (3, "w", ""), release, (7, "w", B)]
    inputs = {"ingress": watch(*states), "cause": act(4.5)}
    says(run("reassigned", inputs, {"holder": "h", "waiter": "w", "address": address}), verdict, reason)


@pytest.mark.parametrize(
    ("judge", "states", "bound"),
    [
        ("assigned-from-pool", [(1, "a", ""), (31, "a", A)], {"pools": ["10.0.0.0-10.0.0.0"]}),
        ("stays-pending", [(50, "a", "")], {"services": ["a"]}),
        ("assignment-stable", [(1, "a", A)], {"hold": 60}),
        ("exact-addresses", [(1, "a", ""), (31, "a", A)], {"expected": {"a": [A]}}),
        ("reassigned", [(1, "h", A), (1, "w", ""), (5, "h", None), (35, "w", A)], {"holder": "h", "waiter": "w"}),
    ],
)
def test_exactly_at_the_bound_is_within_it(judge: str, states: Any, bound: dict[str, Any]) -> None:
    says(run(judge, {"ingress": watch(*states)}, bound), PASS)


@pytest.mark.parametrize(
    ("judge", "states", "bound"),
    [
        ("assigned-from-pool", [(30, "a", "")], {"pools": POOL}),
        ("exact-addresses", [(30, "a", "")], {"expected": {"a": [A]}}),
        ("exact-addresses", [(30, "a", B)], {"expected": [A, B], "within": 60}),
        ("reassigned", [(1, "h", A), (1, "w", ""), (30, "h", None)], {"holder": "h", "waiter": "w"}),
    ],
)
def test_an_address_that_never_came_is_missed_exactly_from_the_bound_on(
    judge: str, states: Any, bound: dict[str, Any]
) -> None:
    says(run(judge, {"ingress": watch(*states, ended=60)}, bound), FAIL)
    says(run(judge, {"ingress": watch(*states, ended=59.9)}, bound), UNCLEAR)


@pytest.mark.parametrize(
    ("judge", "states", "bound", "value", "n", "limit"),
    [
        ("assigned-from-pool", [(1, "a", ""), (3, "a", A), (1, "b", A)], {"pools": POOL}, 2.0, 2, (30.0, "<=")),
        ("assigned-from-pool", [(1, "a", "")], {"pools": POOL}, None, 0, (30.0, "<=")),
        ("stays-pending", [(1, "a", ""), (5, "b", "")], {"services": ["a", "b"]}, 55.0, 2, (10.0, ">=")),
        ("assignment-stable", [(1, "a", A), (2, "a", B)], {"hold": 60}, 1, 1, (0, "<=")),
        ("no-duplicates", [(1, "a", A), (2, "b", A)], {}, 1, 2, (0, "<=")),
        ("exact-addresses", [(1, "a", ""), (3, "a", A)], {"expected": {"a": [A]}}, 2.0, 1, (30.0, "<=")),
        ("exact-addresses", [(1, "a", "")], {"expected": {"a": [A]}}, None, 0, (30.0, "<=")),
        ("exact-addresses", [(1, "a", A)], {"expected": [A, B]}, 1, 1, (2, "==")),
        ("in-sequence", [(1, "a", A), (2, "b", B)], {"expected": [A, C]}, 1, 2, (2, "==")),
        ("in-sequence", [(1, "a", A), (2, "b", C)], {"expected": [A, B]}, 1, 2, (2, "==")),
        ("in-sequence", [(1, "a", A), (2, "b", B)], {"expected": [A, B, C]}, 2, 3, (3, "==")),
        (
            "reassigned", [(1, "h", A), (1, "w", ""), (5, "h", ""), (7, "w", A)],
            {"holder": "h", "waiter": "w"}, 2.0, 1, (30.0, "<="),
        ),
    ],
)  # fmt: skip
def test_each_judge_tells_its_number_and_the_limit(
    judge: str, states: Any, bound: dict[str, Any], value: float | None, n: int, limit: tuple[float, str]
) -> None:
    (measurement,) = run(judge, {"ingress": watch(*states)}, bound).measurements
    assert (measurement.value, measurement.n) == (value, n)
    assert measurement.bound is not None
    assert measurement.bound[:2] == limit


SPELLINGS = [("2001:db8::1", "2001:DB8:0::1"), ("10.0.0.1", "::ffff:10.0.0.1")]


@pytest.mark.parametrize(("one", "other"), SPELLINGS)
def test_an_address_is_the_same_however_it_is_spelled(one: str, other: str) -> None:
    twice = watch((1, "d/a", one), (2, "d/b", other))
    says(run("no-duplicates", {"ingress": twice}, {}), Verdict.FAIL, "was held by d/a and d/b")
    kept = watch((1, "d/a", one), (2, "d/a", other))
    says(run("assignment-stable", {"ingress": kept}, {"hold": 9}), Verdict.PASS)
    says(run("no-duplicates", {"ingress": kept}, {}), Verdict.PASS, "in 1 assignments")
    for expected in ([one], [other]):
        says(run("in-sequence", {"ingress": kept}, {"expected": expected}), Verdict.PASS)
        says(run("exact-addresses", {"ingress": kept}, {"expected": {"d/a": expected}}), Verdict.PASS)


@pytest.mark.parametrize(
    ("states", "expected", "ended", "verdict", "reason"),
    [
        ([(1, "a", A), (12, "a", B)], [B], 60, PASS, "1 of 1 Services"),
        ([(1, "a", A), (12, "a", ""), (13, "a", B)], [B], 60, PASS, "1 of 1 Services"),
        ([(1, "a", A), (12, "a", "")], [], 60, PASS, "1 of 1 Services"),
        ([(1, "a", B), (11, "a", B)], [B], 60, PASS, "1 of 1 Services"),
        ([(1, "a", A)], [B], 60, FAIL, "a has 10.0.0.0, though it asked for something else"),
        ([(1, "a", A), (12, "a", C)], [B], 60, FAIL, "a has 10.0.0.2, though"),
        ([(1, "a", A), (12, "a", f"{A} {B}")], [B], 60, FAIL, "a has 10.0.0.0, 10.0.0.1, though"),
        ([(1, "a", A), (12, "a", "")], [B], 60, FAIL, "a has no address, though"),
        ([(1, "a", A), (12, "a", B)], [], 60, FAIL, "a has 10.0.0.1, though"),
        ([(1, "a", A), (15.5, "a", B)], [B], 60, FAIL, "a has 10.0.0.0, though"),
        ([(1, "a", A), (12, "a", B), (40, "a", A)], [B], 60, FAIL, "a has 10.0.0.0, though"),
        ([(1, "a", A)], [B], 15, UNCLEAR, "a was watched for 5.0 s only"),
        ([(1, "a", A)], [B], 15.1, FAIL, "a has 10.0.0.0, though"),
        ([(1, "a", "")], [], 12, UNCLEAR, "a was watched for 2.0 s only"),
        ([(1, "b", A)], [B], 60, UNCLEAR, "the watch never showed a"),
    ],
)
def test_moved(states: Any, expected: list[str], ended: float, verdict: Verdict, reason: str) -> None:
    inputs = {"ingress": watch(*states, ended=ended), "cause": act(10, "request")}
    says(run("moved", inputs, {"expected": {"a": expected}, "within": 5}), verdict, reason)


def test_moved_tells_how_long_the_slowest_took_and_what_was_expected() -> None:
    states = watch((1, "a", A), (1, "b", B), (11, "a", ""), (12.5, "b", C))
    judgement = run("moved", {"ingress": states, "cause": act(10)}, {"expected": {"a": [], "b": [C]}, "within": 5})
    (measurement,) = judgement.measurements
    assert (measurement.value, measurement.bound and measurement.bound[:2]) == (2.5, (5.0, "<="))
    assert judgement.expected == "a: no address; b: 10.0.0.2, within 5 s"


def origins(*states: tuple[float, str], ended: float = 60) -> Any:
    """A watch of the Service a, whose annotation names pools: (second, pool)."""
    rows = tuple({"t": at(t), "service": "a", "addresses": [A], "present": True, "pool": pool} for t, pool in states)
    return Evidence("ingress", "c", "ingress", {"began": at(0), "ended": at(ended)}, rows)


@pytest.mark.parametrize(
    ("states", "expected", "ended", "verdict", "reason"),
    [
        ([(1, "old"), (12, "new")], "new", 60, PASS, "1 of 1 Services name it"),
        ([(1, "new")], "new", 60, PASS, "1 of 1 Services name it"),
        ([(1, "old"), (12, "")], "", 60, PASS, "1 of 1 Services name it"),
        ([(1, "old"), (15, "new")], "new", 60, PASS, "1 of 1 Services name it"),
        ([(1, "old"), (15.1, "new")], "new", 60, FAIL, "a named new only after 5.10 s"),
        ([(1, "old"), (15.1, "")], "", 60, FAIL, "a named no pool only after 5.10 s"),
        ([(1, "old")], "new", 60, FAIL, "a names old, not new"),
        ([(1, "old")], "new", 15, FAIL, "a names old, not new"),
        ([(1, "old")], "", 60, FAIL, "a names old, not none"),
        ([(1, "")], "new", 60, FAIL, "a names no pool, not new"),
        ([(1, "old"), (12, "new"), (40, "old")], "new", 60, FAIL, "a names old, not new"),
        ([(1, "old"), (12, "new"), (13, "old"), (40, "new")], "new", 60, FAIL, "a named new only after 30.00 s"),
        ([(1, "old")], "new", 14.9, UNCLEAR, "a was watched for 4.9 s only"),
        ([], "new", 60, UNCLEAR, "has no rows"),
    ],
)
def test_pool_recorded(states: Any, expected: str, ended: float, verdict: Verdict, reason: str) -> None:
    inputs = {"ingress": origins(*states, ended=ended), "cause": act(10)}
    says(run("pool-recorded", inputs, {"expected": {"a": expected}, "within": 5}), verdict, reason)


def test_the_pool_counts_from_the_service_on_if_nothing_else_caused_it() -> None:
    judgement = run("pool-recorded", {"ingress": origins((10, ""), (12.5, "p"))}, {"expected": {"a": "p"}})
    says(judgement, PASS)
    (measurement,) = judgement.measurements
    assert (measurement.value, measurement.bound and measurement.bound[:2]) == (2.5, (30.0, "<="))
    assert judgement.expected == "a: p, within 30 s"
    nothing = run("pool-recorded", {"ingress": watch((1, "a", A))}, {"expected": {"a": ""}})
    assert (nothing.verdict, nothing.expected) == (PASS, "a: no pool, within 30 s")


@given(st.lists(st.sampled_from(["", "p", "q"]), min_size=1))
def test_a_pool_is_recorded_if_it_is_named_at_last_and_in_time(pools: list[str]) -> None:
    states = [(11.0 + number, pool) for number, pool in enumerate(pools)]
    inputs = {"ingress": origins(*states, ended=100), "cause": act(10)}
    judgement = run("pool-recorded", inputs, {"expected": {"a": "p"}, "within": 5})
    late = pools[-1] != "p" or any(t > 14 and pool != "p" for t, pool in states)
    assert judgement.verdict is (FAIL if late else PASS)


@pytest.mark.parametrize(
    ("states", "verdict", "reason"),
    [
        ([f"{A} fd00::1", f"{A} fd00::1"], PASS, "0 changes in 2 states"),
        ([f"fd00::1 {A}", f"fd00:0::1 {A}"], PASS, "0 changes in 2 states"),
        ([f"fd00::1 {A}", f"{A} fd00::1"], FAIL, "a went from fd00::1, 10.0.0.0 to 10.0.0.0, fd00::1 at 2.00 s"),
        ([f"fd00::1 {A}", "", f"{A} fd00::1"], FAIL, "at 3.00 s"),
        ([A, f"fd00::1 {A}", f"fd00::1 {A}"], PASS, "0 changes in 2 states"),
        ([f"{A} fd00::1", f"{B} fd00::1"], PASS, "0 changes in 2 states"),
        ([f"{A} fd00::1", A, A], UNCLEAR, "1 states with two addresses, 2 are needed"),
        ([], UNCLEAR, "has no rows"),
    ],
)
def test_order_stable(states: Any, verdict: Verdict, reason: str) -> None:
    seen = watch(*((number, "a", each) for number, each in enumerate(states, start=1)))
    says(run("order-stable", {"ingress": seen}, {"services": ["a"]}), verdict, reason)


def test_every_change_of_order_is_counted_and_every_service_has_to_be_seen_again() -> None:
    turned = [f"{A} fd00::1", f"fd00::1 {A}", f"{A} fd00::1"]
    seen = watch((1, "b", f"{B} fd00::2"), *((number, "a", each) for number, each in enumerate(turned, start=2)))
    judgement = run("order-stable", {"ingress": seen}, {"services": ["a", "b"], "least": 1})
    (measurement,) = judgement.measurements
    assert (judgement.verdict, measurement.value, measurement.n) == (FAIL, 2, 4)
    assert measurement.bound
    assert measurement.bound[:2] == (0, "<=")
    says(run("order-stable", {"ingress": watch((1, "a", A))}, {"services": ["a"], "least": 1}), UNCLEAR, "0 states")


@given(st.lists(st.permutations([A, "fd00::1"]), min_size=2))
def test_an_order_is_stable_if_all_states_have_it(orders: list[list[str]]) -> None:
    seen = watch(*((number, "a", " ".join(each)) for number, each in enumerate(orders, start=1)))
    judgement = run("order-stable", {"ingress": seen}, {"services": ["a"]})
    assert judgement.verdict is (PASS if all(each == orders[0] for each in orders) else FAIL)
