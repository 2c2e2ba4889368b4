"""Each judge of configuration objects passes what is right, and fails each defect with its reason."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbcert_reports.evidence import Evidence
from lbcert_reports.judges import Judgement, run
from lbcert_reports.verdicts import Verdict

PASS, FAIL, UNCLEAR = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE

DENIED = 'admission webhook "pools.metallb.io" denied the request: '
TAKEN = (201, "")
REFUSED = (403, f"{DENIED}parsing address pool p: invalid CIDR")
INVALID = (422, 'BGPPeer.metallb.io "p" is invalid: spec.peerPort: Invalid value: 0')
NO_WEBHOOK = (500, 'Internal error occurred: failed calling webhook "pools.metallb.io": connection refused')


def answers(rows: Mapping[str, tuple[int, str]], operation: str = "create") -> Evidence[Any]:
    """What was answered: status and message by row."""
    return Evidence(
        "admissions",
        "c",
        "admissions",
        {},
        tuple(
            {
                "t": number,
                "row": row,
                "kind": "BGPPeer",
                "name": "lb/p",
                "operation": operation,
                "spec": {},
                "accepted": 200 <= status < 300,
                "status": status,
                "message": message,
            }
            for number, (row, (status, message)) in enumerate(rows.items())
        ),
    )


def says(judgement: Judgement, verdict: Verdict, *words: str) -> None:
    assert judgement.verdict is verdict, judgement
    for word in words:
        assert word in f"{judgement.reason} | {judgement.observed} | {judgement.expected}", judgement


def refused(rows: Mapping[str, tuple[int, str]], operation: str = "create", **words: list[str]) -> Judgement:
    """The judgement on rows that have to be refused; the row ``control`` is accepted unless it is given."""
    bound = {"rows": {row: words.get(row, []) for row in rows if row != "control"}, "control": ["control"]}
    return run("objects-refused", {"admissions": answers({"control": TAKEN, **rows}, operation)}, bound)


def test_objects_that_are_refused_with_a_reason_pass() -> None:
    judgement = refused({"a": REFUSED, "b": INVALID, "c": (400, "unknown field")}, a=["Invalid cidr"], b=["no port"])
    says(judgement, PASS, "every object was refused, with a reason")
    says(judgement, PASS, "3 of 3 were refused; 1 of 2 in the catalogue's words")
    says(judgement, PASS, "a refusal (HTTP 4xx) with a reason for each of 3 objects")
    (measurement,) = judgement.measurements
    assert (measurement.name, measurement.value, measurement.unit, measurement.n) == ("objects refused", 3, "count", 3)


@pytest.mark.parametrize(
    ("row", "verdict", "reason"),
    [
        (TAKEN, FAIL, "a (creation of BGPPeer lb/p) was accepted"),
        ((200, ""), FAIL, "a (creation of BGPPeer lb/p) was accepted"),
        ((400, "x"), PASS, ""),
        ((499, "x"), PASS, ""),
        ((403, "x\n y"), PASS, ""),
        ((399, "x"), UNCLEAR, "a (creation of BGPPeer lb/p) was not looked at: 399 x"),
        ((500, "x"), UNCLEAR, "was not looked at: 500 x"),
        ((0, ""), UNCLEAR, "was not looked at: 0"),
        (NO_WEBHOOK, UNCLEAR, "was not looked at: 500 Internal error occurred: failed calling webhook"),
        ((403, NO_WEBHOOK[1]), UNCLEAR, "was not looked at: 403"),
        ((400, 'admission webhook "w" does not support dry run'), UNCLEAR, "was not looked at: 400"),
        ((403, f"{DENIED}Unauthorized"), UNCLEAR, "was not looked at: 403"),
        *(((status, "x"), UNCLEAR, f"was not looked at: {status} x") for status in (401, 404, 405, 408, 409, 429)),
        ((422, ""), FAIL, "a (creation of BGPPeer lb/p) was refused without a reason"),
        ((422, " \n"), FAIL, "refused without a reason"),
        ((403, DENIED), FAIL, "refused without a reason"),
        ((403, DENIED.strip()), FAIL, "refused without a reason"),
        ((403, DENIED.replace(": ", " without explanation")), FAIL, "refused without a reason"),
        ((403, DENIED.replace(": ", "")), FAIL, "refused without a reason"),
        ((403, "denied the request"), FAIL, "refused without a reason"),
        ((403, f"{DENIED}no"), PASS, ""),
        ((403, f"said: {DENIED}"), PASS, ""),
    ],
)
def test_each_answer_to_an_object_that_has_to_be_refused(row: tuple[int, str], verdict: Verdict, reason: str) -> None:
    says(refused({"a": row}), verdict, reason)
    says(refused({"b": REFUSED, "a": row, "c": INVALID}), verdict, reason)


def test_an_update_is_called_one() -> None:
    says(refused({"a": TAKEN}, "update"), FAIL, "a (update of BGPPeer lb/p) was accepted")


def test_refusals_show_nothing_where_the_object_without_the_mistake_is_refused() -> None:
    judgement = refused({"a": REFUSED, "control": INVALID})
    says(
        judgement, UNCLEAR, "control (creation of BGPPeer lb/p), which is valid, is refused too: 422 BGPPeer.metallb.io"
    )
    says(
        refused({"a": REFUSED, "control": NO_WEBHOOK}), UNCLEAR, "control (creation of BGPPeer lb/p) was not looked at"
    )
    says(refused({"a": TAKEN, "control": INVALID}), FAIL, "a (creation of BGPPeer lb/p) was accepted")


def test_what_fails_counts_more_than_what_is_not_known() -> None:
    judgement = refused({"a": NO_WEBHOOK, "b": TAKEN, "c": REFUSED})
    says(judgement, FAIL, "b (creation of BGPPeer lb/p) was accepted", "1 of 3 were refused; 0 of 0 in the")


@pytest.mark.parametrize(
    ("judge", "bound"),
    [("objects-refused", {"rows": {"a": [], "z": []}, "control": ["b"]}), ("objects-accepted", {"rows": ["b", "z"]})],
)
def test_what_was_not_asked_leaves_it_open(judge: str, bound: dict[str, Any]) -> None:
    says(run(judge, {"admissions": answers({"a": REFUSED, "b": TAKEN})}, bound), UNCLEAR, "z was not asked")
    says(run(judge, {"admissions": answers({})}, bound), UNCLEAR, "the evidence for 'admissions' has no rows")


def test_a_control_that_was_not_asked_leaves_it_open() -> None:
    bound = {"rows": {"a": []}, "control": ["z"]}
    says(run("objects-refused", {"admissions": answers({"a": TAKEN})}, bound), UNCLEAR, "z was not asked")
    says(run("objects-refused", {"admissions": answers({"a": TAKEN})}, {**bound, "control": []}), UNCLEAR, "no control")


def test_a_row_that_was_asked_twice_leaves_it_open() -> None:
    twice = answers({"a": TAKEN})
    twice = Evidence(twice.kind, twice.case, twice.name, {}, twice.rows * 2)
    says(run("objects-accepted", {"admissions": twice}, {"rows": ["a"]}), UNCLEAR, "'a' was asked more than once")


@pytest.mark.parametrize(
    ("row", "verdict", "reason"),
    [
        (TAKEN, PASS, "every object was accepted"),
        (INVALID, FAIL, "a (creation of BGPPeer lb/p) was refused: 422 BGPPeer.metallb.io"),
        ((422, ""), FAIL, "was refused: 422"),
        (NO_WEBHOOK, UNCLEAR, "a (creation of BGPPeer lb/p) was not looked at: 500"),
        ((404, "page not found"), UNCLEAR, "was not looked at: 404 page not found"),
    ],
)
def test_each_answer_to_an_object_that_has_to_be_accepted(row: tuple[int, str], verdict: Verdict, reason: str) -> None:
    judgement = run("objects-accepted", {"admissions": answers({"a": row, "b": TAKEN})}, {"rows": ["a", "b"]})
    says(judgement, verdict, reason, f"{1 + (verdict is PASS)} of 2 were accepted", "each of 2 objects is accepted")
    (measurement,) = judgement.measurements
    assert (measurement.name, measurement.value, measurement.n) == ("objects accepted", 1 + (verdict is PASS), 2)
    assert run("objects-accepted", {"admissions": answers({"a": row, "b": TAKEN})}, {"rows": ["b"]}).verdict is PASS
    assert (
        run("objects-accepted", {"admissions": answers({"b": TAKEN, "a": row})}, {"rows": ["b", "a"]}).verdict
        is verdict
    )


def test_a_failure_counts_more_than_what_was_not_looked_at() -> None:
    both = answers({"a": NO_WEBHOOK, "b": INVALID})
    says(
        run("objects-accepted", {"admissions": both}, {"rows": ["a", "b"]}), FAIL, "b (creation", "0 of 2 were accepted"
    )


def test_a_long_message_is_cut() -> None:
    judgement = run("objects-accepted", {"admissions": answers({"a": (422, "x" * 400)})}, {"rows": ["a"]})
    assert judgement.reason.endswith(f"refused: 422 {'x' * 300}")


ROW = st.tuples(st.integers(200, 599), st.text(max_size=20))


@given(st.dictionaries(st.text(min_size=1), ROW, min_size=1, max_size=6))
def test_no_set_of_answers_is_good_by_both_judges_and_one_acceptance_always_fails(rows: dict[str, Any]) -> None:
    evidence = {"admissions": answers({**rows, "the control": TAKEN})}
    must = run("objects-refused", evidence, {"rows": {row: [] for row in rows}, "control": ["the control"]})
    may = run("objects-accepted", evidence, {"rows": list(rows)})
    assert {must.verdict, may.verdict} <= {PASS, FAIL, UNCLEAR}
    assert not (must.verdict is PASS and may.verdict is PASS)
    taken = [row for row, (status, _) in rows.items() if status < 300]
    if taken:
        assert must.verdict is FAIL
    if len(taken) == len(rows):
        assert may.verdict is PASS


ASKED = {"web": ["10.0.0.1"], "nodes": ["n1", "n2"]}
OTHER = {"web": ["10.0.0.1"], "nodes": []}


def orders(*values: Any) -> Evidence[Any]:
    rows = tuple({"t": number, "what": f"order {number}", "value": value} for number, value in enumerate(values, 1))
    return Evidence("objects", "c", "states", {}, rows)


@pytest.mark.parametrize(
    ("values", "verdict", "reason"),
    [
        ([ASKED, ASKED], PASS, "every order ended in the same state | 2 of 2 orders"),
        ([ASKED, OTHER], FAIL, "order 2 ended in nodes: [], not ['n1', 'n2'] | 1 of 2 orders ended in what"),
        ([OTHER, ASKED, ASKED], FAIL, "order 1 ended in nodes: [], not ['n1', 'n2'] | 2 of 3 orders ended in what"),
        ([ASKED, ASKED, ASKED], PASS, "every order ended in the same state | 3 of 3 orders"),
        ([OTHER, OTHER], UNCLEAR, "every order ended in nodes: [], not ['n1', 'n2']"),
        ([OTHER, {}], FAIL, "order 2 ended in nodes: None, not ['n1', 'n2'], web: None, not ['10.0.0.1']"),
        (["x", ASKED], FAIL, "order 1 ended in x"),
        (["", ""], UNCLEAR, "every order ended in nothing"),
        ([{**ASKED, "more": 1}, ASKED], FAIL, "order 1 ended in more: 1, not None"),
        ([ASKED], UNCLEAR, "1 of 2 orders were tried"),
        ([OTHER], UNCLEAR, "every order ended in"),
        ([], UNCLEAR, "the evidence for 'states' has no rows"),
    ],
)
def test_orders_agree(values: list[Any], verdict: Verdict, reason: str) -> None:
    says(run("orders-agree", {"states": orders(*values)}, {"orders": 2, "expected": ASKED}), verdict, reason)


def test_orders_agree_says_how_many_did_not() -> None:
    judgement = run("orders-agree", {"states": orders(ASKED, OTHER, ASKED)}, {"orders": 3, "expected": ASKED})
    says(judgement, FAIL, "the same state after each of 3 orders")
    (measurement,) = judgement.measurements
    assert measurement.name == "orders that ended in another state"
    assert (measurement.value, measurement.unit, measurement.n) == (1, "count", 3)


@given(st.lists(st.sampled_from([ASKED, OTHER, {}]), min_size=2, max_size=8))
def test_orders_agree_whatever_order_they_were_tried_in(values: list[Any]) -> None:
    bound = {"orders": len(values), "expected": ASKED}
    verdicts = {run("orders-agree", {"states": orders(*each)}, bound).verdict for each in (values, values[::-1])}
    same = all(each == values[0] for each in values)
    assert verdicts == {PASS if same and values[0] == ASKED else UNCLEAR if same else FAIL}
