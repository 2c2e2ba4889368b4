"""Each judge of layer 2 passes what is right, and fails each defect with its reason."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbcert_reports.evidence import Evidence
from lbcert_reports.judges import REGISTRY, Judgement, run
from lbcert_reports.verdicts import Verdict

S = 1_000_000_000
EPOCH = -1_000
"""Begin of every watch, s: so that nothing works only because time begins at 0, or goes on for longer than since."""
V4, V6 = "10.0.0.9", "fd00::9"
ME, ONE, TWO, THREE = "02:00:00:00:00:00", "02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03"
NODES = {ONE: "n1", TWO: "n2", THREE: "n3"}
BROADCAST, ALL_NODES = "ff:ff:ff:ff:ff:ff", "33:33:00:00:00:01"
PASS, FAIL, UNCLEAR, ERROR = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.ERROR


def at(t: float) -> int:
    """Seconds after the begin, as a time in ns."""
    return round((EPOCH + t) * S)


def frame(t: float, mac: str, form: str, address: str = V4, dst: str | None = None, **flags: Any) -> dict[str, Any]:
    default = BROADCAST if form.startswith("garp") else ALL_NODES if form == "na-unsolicited" else ME
    return {
        "t": at(t), "address": address, "mac": mac, "form": form, "dst": dst or default, "flags": flags,
    }  # fmt: skip


def asked(t: float, address: str = V4) -> dict[str, Any]:
    return frame(t, ME, "asked", address, BROADCAST)


def dialogue(
    began: float,
    ended: float,
    mac: str | None,
    address: str = V4,
    every: float = 0.5,
    delay: float = 0.001,
    **flags: Any,
) -> list[dict[str, Any]]:
    """Questions at a distance, each answered by one hardware address, or by nobody."""
    frames = []
    form = "na-solicited" if ":" in address else "arp-reply"
    for index in range(round((ended - began) / every)):
        t = began + index * every
        frames.append(asked(t, address))
        if mac is not None:
            frames.append(frame(t + delay, mac, form, address, **flags))
    return frames


def heard(*parts: Iterable[dict[str, Any]], **meta: Any) -> Evidence[Any]:
    return Evidence("answers", "c", "answers", meta, tuple(row for part in parts for row in part))


def act(t: float, name: str = "node-power-off", healed: float | None = None) -> Evidence[Any]:
    row = {
        "fault": name,
        "target": "n1",
        "began": at(t) - 5,
        "effective": at(t),
        "healed": None if healed is None else at(healed),
        "proof": {},
    }
    return Evidence("faults", "c", "cause", {}, (row,))


def says(judgement: Judgement, verdict: Verdict, *words: str) -> None:
    assert judgement.verdict is verdict, judgement
    for word in words:
        assert word in f"{judgement.reason} | {judgement.observed}", judgement


def value(judgement: Judgement, name: str) -> Any:
    return next(each.value for each in judgement.measurements if each.name == name)


STEADY = dialogue(0, 10, ONE)


@pytest.mark.parametrize(
    ("frames", "bound", "verdict", "reason"),
    [
        (STEADY, {}, PASS, "10.0.0.9: 20 answers from n1"),
        (dialogue(0, 10, ONE, V6), {}, PASS, "fd00::9: 20 answers from n1"),
        ([*STEADY, frame(5.01, TWO, "arp-reply")], {}, FAIL, "10.0.0.9 was answered by n1, n2"),
        ([*STEADY, frame(5.01, TWO, "garp-request")], {}, FAIL, "10.0.0.9 was answered by n1, n2"),
        ([*STEADY, frame(5.01, ONE, "arp-reply", frame_source=TWO)], {}, FAIL, "answered by n1, n2"),
        ([*STEADY, frame(5.01, "0a:0b", "arp-reply")], {}, FAIL, "answered by 0a:0b, which no node has"),
        (dialogue(0, 10, None), {}, FAIL, "0 of 20 questions for 10.0.0.9 were answered within 1 s"),
        (dialogue(0, 9, ONE) + dialogue(9, 10, None), {}, FAIL, "18 of 20 questions for 10.0.0.9"),
        (dialogue(0, 9, ONE) + dialogue(9, 10, None), {"answered": 0.9}, PASS, "one node only"),
        (dialogue(0, 10, ONE, delay=0.3), {"within": 0.2}, FAIL, "0 of 20 questions"),
        (STEADY + dialogue(0, 10, TWO, "10.0.0.8"), {}, PASS, "10.0.0.8: 20 answers from n2"),
        (STEADY + dialogue(0, 4, TWO, "10.0.0.8"), {}, UNCLEAR, "only 8 questions were asked for an address, 10 are"),
        (STEADY + dialogue(0, 4, TWO, "10.0.0.8"), {"addresses": [V4]}, PASS, "one node only"),
        (STEADY, {"addresses": [V4, V6]}, UNCLEAR, "nobody asked for fd00::9"),
        (STEADY, {"addresses": []}, UNCLEAR, "there is no address to judge"),
        (dialogue(0, 10, None), {"answered": 0}, UNCLEAR, "nobody answered for 10.0.0.9"),
        (dialogue(0, 5, ONE) + dialogue(5, 10, None), {"answered": 0}, PASS, "one node only"),
        (
            [*STEADY, frame(5.1, TWO, "arp-reply"), *dialogue(0, 10, None, "10.0.0.8")],
            {"answered": 0}, FAIL, "10.0.0.9 was answered by n1, n2",
        ),
        ([*STEADY, frame(5.1, TWO, "arp-reply")], {"answered": 0}, FAIL, "answered by n1, n2"),
        (
            [each for t in range(20) for each in (asked(t / 2), frame(t / 2 + 0.1, ONE, "garp-reply"))],
            {}, PASS, "one node only",
        ),
        ([], {}, UNCLEAR, "has no rows"),
        (STEADY, {"owners": {V4: "n1"}}, PASS, "one node only"),
        (STEADY, {"owners": {V4: "n2"}}, FAIL, "10.0.0.9 was answered by n1, not by n2"),
        (STEADY, {"owners": {V6: "n2"}}, PASS, "one node only"),
        ([*STEADY, frame(5.1, TWO, "arp-reply")], {"owners": {V4: "n1"}}, FAIL, "10.0.0.9 was answered by n1, n2"),
        (dialogue(0, 10, None), {"owners": {V4: "n1"}, "answered": 0}, UNCLEAR, "nobody answered for 10.0.0.9"),
    ],
)  # fmt: skip
def test_one_announcer(frames: Any, bound: dict[str, Any], verdict: Verdict, reason: str) -> None:
    says(run("one-announcer", {"answers": heard(frames, ended=at(12))}, {"nodes": NODES, **bound}), verdict, reason)


@pytest.mark.parametrize(
    ("again", "asks", "verdict", "reason"),
    [
        (10, 10, PASS, "30 answers from n1"),
        (11, 10, FAIL, f"{ONE} answered 20 questions for 10.0.0.9 31 times"),
        (11, 20, FAIL, f"{ONE} answered 20 questions for 10.0.0.9 31 times"),
        (20, 21, UNCLEAR, "only 20 questions"),
    ],
)
def test_every_question_is_answered_once(again: int, asks: int, verdict: Verdict, reason: str) -> None:
    frames = [*STEADY, *(frame(0.5 * number + 0.002, ONE, "arp-reply") for number in range(again))]
    says(run("one-announcer", {"answers": heard(frames)}, {"nodes": NODES, "asks": asks}), verdict, reason)


def test_announcements_are_no_second_answers() -> None:
    frames = [*STEADY, *(frame(0.5 * number + 0.1, ONE, "garp-request") for number in range(20))]
    says(run("one-announcer", {"answers": heard(frames)}, {"nodes": NODES}), PASS)


def test_one_announcer_measures_the_share_that_was_answered() -> None:
    answers = heard(dialogue(0, 9, ONE), dialogue(9, 10, None), ended=at(11))
    judgement = run("one-announcer", {"answers": answers}, {"nodes": NODES})
    (measurement,) = judgement.measurements
    assert (measurement.value, measurement.unit, measurement.bound) == (
        0.9, "share", (0.99, ">=", "bound 'answered' of the requirement"),
    )  # fmt: skip


TO_ALL = [each for t in range(20) for each in (asked(t / 2, V6), frame(t / 2 + 0.001, ONE, "na-unsolicited", V6))]
"""Every question is answered to all nodes, as one without a source address is."""


@pytest.mark.parametrize(
    ("frames", "bound", "verdict", "reason"),
    [
        (TO_ALL, {}, PASS, "100.0% answered in time, the slowest after 1.0 ms"),
        (TO_ALL, {"everybody": False}, FAIL, "0 of 20 questions for fd00::9"),
        (dialogue(0, 10, ONE, V6), {}, FAIL, "0 of 20 questions for fd00::9"),
        ([*TO_ALL, frame(3.1, ONE, "na-unsolicited", V6, dst=ME)], {}, FAIL, "1 answers about fd00::9 went to"),
        ([*TO_ALL, frame(3.1, ONE, "na-unsolicited", V6, dst=ME)], {}, FAIL, "not to all nodes"),
        ([each for each in TO_ALL if each["t"] < at(7)], {}, PASS, "every question"),
        ([*TO_ALL[:30], *(asked(t, V6) for t in range(8, 12))], {}, FAIL, "15 of 19 questions for fd00::9"),
    ],
)
def test_answers_may_have_to_go_to_all_nodes(frames: Any, bound: dict[str, Any], verdict: Verdict, reason: str) -> None:
    inputs = {"answers": heard(frames, ended=at(22))}
    judgement = run("answers-asked", inputs, {"nodes": NODES, "everybody": True, **bound})
    says(judgement, verdict, reason)
    assert (
        judgement.expected == f"an answer to {'all nodes' if bound.get('everybody', True) else 'the asker'} within 1 s"
    )


NDP = {"flags": {"hop_limit": 255}}


@pytest.mark.parametrize(
    ("frames", "bound", "verdict", "reason"),
    [
        (STEADY, {}, PASS, "100.0% answered in time, the slowest after 1.0 ms"),
        (dialogue(0, 10, ONE, V6, hop_limit=255), NDP, PASS, "every question"),
        (dialogue(0, 10, ONE, V6, hop_limit=64), NDP, FAIL, "20 frames about fd00::9 had hop_limit 64, not 255"),
        (dialogue(0, 10, ONE, V6), NDP, FAIL, "had hop_limit None, not 255"),
        (
            dialogue(0, 10, ONE, delay=0.4),
            {"within": 0.3},
            FAIL,
            "0 of 20 questions for 10.0.0.9 were answered within 0.3",
        ),
        ([*STEADY, frame(1.1, ONE, "arp-reply", dst=BROADCAST)], {}, FAIL, "1 answers about 10.0.0.9 went to ff:ff"),
        (
            [*STEADY, *(frame(t, ONE, "arp-reply", dst=dst) for t, dst in ((1.1, BROADCAST), (2.1, TWO)))],
            {},
            FAIL,
            "2 answers about 10.0.0.9 went to ff:ff",
        ),
        ([frame(1, ONE, "arp-reply", dst=BROADCAST)], {}, UNCLEAR, "only 0 questions"),
        (dialogue(0, 5, ONE, delay=0.003) + dialogue(5, 10, ONE), {}, PASS, "the slowest after 3.0 ms"),
        (dialogue(0, 10, ONE, frame_source=TWO), {}, FAIL, "02:00:00:00:00:02 spoke for 10.0.0.9 with the hardware"),
        (dialogue(0, 10, "0a:0b"), {}, FAIL, "answered by 0a:0b, which no node has"),
        (dialogue(0, 10, ONE, V6, link_layer=ONE), {}, PASS, "every question"),
        (
            dialogue(0, 10, ONE, V6, link_layer=None),
            {},
            FAIL,
            "20 frames about fd00::9 had no link-layer address option",
        ),
        (dialogue(0, 4, ONE), {}, UNCLEAR, "only 8 questions"),
        (dialogue(0, 9, ONE) + dialogue(9, 10, None), {"answered": 0.9}, PASS, "90.0% answered in time"),
        ([asked(t, V6) for t in range(20)], {}, FAIL, "0 of 20 questions for fd00::9"),
    ],
)
def test_answers_asked(frames: Any, bound: dict[str, Any], verdict: Verdict, reason: str) -> None:
    says(run("answers-asked", {"answers": heard(frames, ended=at(22))}, {"nodes": NODES, **bound}), verdict, reason)


@pytest.mark.parametrize(
    ("frames", "cause", "within", "verdict", "reason"),
    [
        (dialogue(0, 10, None), None, 0, PASS, "no answer"),
        (
            [*dialogue(0, 10, None), frame(5.1, TWO, "arp-reply")],
            None,
            0,
            FAIL,
            "was answered 1 times by 02:00:00:00:00:02",
        ),
        ([*dialogue(0, 10, None), frame(5.1, TWO, "garp-request")], None, 0, FAIL, "answered 1 times"),
        (dialogue(0, 7, ONE) + dialogue(7, 14, None), 5, 5, PASS, "no answer later than 1.50 s after the cause"),
        (dialogue(0, 12, ONE) + dialogue(12, 14, None), 5, 5, FAIL, "was answered 4 times by 02:00:00:00:00:01"),
        (dialogue(0, 7, ONE) + dialogue(7, 11, None), 5, 5, UNCLEAR, "only 2 questions"),
        (dialogue(0, 5, ONE) + dialogue(5, 14, None), 5, 5, PASS, "no answer later than 0.00 s after the cause"),
        (dialogue(0, 12, ONE) + dialogue(12, 20, None), 10, 5, PASS, "no answer later than 1.50 s"),
        (dialogue(0, 7, ONE) + dialogue(7, 12.5, None), 5, 5, PASS, "no answer later than 1.50 s"),
        (
            [*dialogue(0, 7, ONE), frame(9.999, ONE, "arp-reply"), *dialogue(7, 14, None)],
            5,
            5,
            PASS,
            "no answer later than 5.00 s after the cause",
        ),
        ([*dialogue(0, 14, None), frame(10, ONE, "arp-reply")], 5, 5, FAIL, "was answered 1 times"),
        (dialogue(0, 10, None, "10.0.0.8"), None, 0, UNCLEAR, "nobody asked for 10.0.0.9"),
    ],
)
def test_nobody_answers(frames: Any, cause: float | None, within: float, verdict: Verdict, reason: str) -> None:
    inputs = {"answers": heard(frames), **({"cause": act(cause)} if cause is not None else {})}
    says(run("nobody-answers", inputs, {"addresses": [V4], "within": within}), verdict, reason)


TOGETHER = [
    each
    for t in range(20)
    for each in (asked(t / 2), frame(t / 2 + 0.001, ONE, "arp-reply"), frame(t / 2 + 0.002, TWO, "arp-reply"))
]
"""Every question is answered by two."""


@pytest.mark.parametrize(
    ("frames", "bound", "verdict", "reason"),
    [
        (STEADY, {}, PASS, "0 changes in 9.5 s"),
        (STEADY, {"changes": 1}, PASS, "0 changes in 9.5 s"),
        (dialogue(0, 5, ONE) + dialogue(5, 10, TWO), {}, FAIL, "10.0.0.9 changed its node 1 times: n1 → n2"),
        (dialogue(0, 5, ONE) + dialogue(5, 10, TWO), {"changes": 1}, PASS, "1 changes"),
        ([*STEADY, frame(5.1, TWO, "arp-reply")], {"changes": 1}, FAIL, "changed its node 2 times: n1 → n2 → n1"),
        ([*STEADY, frame(5.1, "0a:0b", "arp-reply")], {}, FAIL, "which no node has"),
        (STEADY, {"hold": 20}, UNCLEAR, "answers were heard over 9.5 s only, 20 s are needed"),
        (dialogue(0, 10, None), {}, UNCLEAR, "answers were heard over 0.0 s only"),
        (TOGETHER, {}, UNCLEAR, "10.0.0.9 is answered by n1, n2 at once"),
        (TOGETHER, {"changes": 2}, FAIL, "changed its node"),
        (TOGETHER[:9] + STEADY[6:], {}, FAIL, "changed its node"),
        (TOGETHER[:30] + STEADY[20:], {}, FAIL, "changed its node"),
        (TOGETHER[:33] + STEADY[22:], {}, UNCLEAR, "10.0.0.9 is answered by n1, n2 at once"),
        ([*STEADY, *(frame(t / 2 + 0.1, TWO, "garp-request") for t in range(20))], {}, FAIL, "its node 39 times"),
        (TOGETHER[:9] + STEADY[6:14] + dialogue(3.5, 10, None), {"hold": 1}, FAIL, "changed its node"),
    ],
)
def test_never_alternates(frames: Any, bound: dict[str, Any], verdict: Verdict, reason: str) -> None:
    says(run("never-alternates", {"answers": heard(frames)}, {"nodes": NODES, "hold": 9, **bound}), verdict, reason)


def test_only_the_first_nodes_of_an_address_that_changes_it_often_are_named() -> None:
    frames = [each for t in range(8) for each in dialogue(t, t + 1, TWO if t % 2 else ONE)]
    judgement = run("never-alternates", {"answers": heard(frames)}, {"nodes": NODES, "hold": 7})
    says(judgement, FAIL, "7 changes in 7.5 s")
    assert judgement.reason == "10.0.0.9 changed its node 7 times: n1 → n2 → n1 → n2 → n1 → n2"
    silent = run("never-alternates", {"answers": SILENT}, {"nodes": NODES, "hold": 0})
    assert (value(silent, "changes"), silent.observed) == (0, "0 changes in 0.0 s")


@pytest.mark.parametrize("judge", ["one-announcer", "answers-asked"])
def test_a_question_just_before_the_end_is_none_and_no_answer_is_missed(judge: str) -> None:
    judgement = run(judge, {"answers": heard([asked(9.9)], ended=at(10))}, {"nodes": NODES})
    says(judgement, UNCLEAR, "only 0 questions were asked")
    assert value(judgement, "questions answered") == 0


DEAF = [*dialogue(0, 5, ONE), frame(9, TWO, "garp-request"), *dialogue(5, 16, None)]
"""Another node takes an address over, says so, and answers no question."""

MOVED = dialogue(0, 5, ONE) + dialogue(5, 9, None) + dialogue(9, 20, TWO)


@pytest.mark.parametrize(
    ("frames", "bound", "verdict", "reason"),
    [
        (MOVED, {}, PASS, "10.0.0.9: n1 → n2"),
        (MOVED, {"to": ["n2", "n3"]}, PASS, "every address is where it should be"),
        (MOVED, {"to": ["n3"]}, FAIL, "10.0.0.9 was answered by n2, not by n3"),
        (MOVED, {"within": 3}, FAIL, "10.0.0.9 moved after 4.00 s"),
        (DEAF, {}, FAIL, "10.0.0.9 is announced by n2, and answered by nobody"),
        (
            [*dialogue(0, 5, ONE), *dialogue(6, 8, TWO), frame(9, THREE, "garp-request"), *dialogue(9.5, 20, None)],
            {"most": 2}, FAIL, "10.0.0.9 is announced by n3, and answered by nobody",
        ),
        (
            [*dialogue(0, 5, ONE), *dialogue(6, 8, TWO), frame(9, THREE, "garp-request"), *dialogue(9.5, 12, None)],
            {"most": 2}, UNCLEAR, "no question about 10.0.0.9 was answered by n3",
        ),
        (dialogue(0, 5, ONE) + dialogue(5, 15.5, None), {}, FAIL, "10.0.0.9 is answered by nobody"),
        (
            [*dialogue(0, 5, ONE), frame(9, TWO, "garp-request"), *dialogue(9.5, 15.5, None)],
            {}, FAIL, "10.0.0.9 is announced by n2, and answered by nobody",
        ),
        (DEAF[:-5], {}, UNCLEAR, "no question about 10.0.0.9 was answered by n2"),
        ([*MOVED, frame(12.1, THREE, "arp-reply")], {}, FAIL, "moved 3 times: n1 → n2 → n3 → n2"),
        (MOVED + dialogue(16, 20, ONE, delay=0.002), {}, FAIL, "was answered by n1, n2 after the move"),
        (dialogue(0, 20, ONE), {}, FAIL, "10.0.0.9 is still answered by n1"),
        (dialogue(0, 5, ONE) + dialogue(5, 20, None), {}, FAIL, "10.0.0.9 is answered by nobody"),
        (dialogue(0, 6, ONE) + dialogue(6, 20, None), {}, FAIL, "10.0.0.9 is answered by nobody"),
        (dialogue(0, 6.5, ONE) + dialogue(6.5, 20, None), {"within": 3}, FAIL, "10.0.0.9 is answered by nobody"),
        (
            dialogue(0, 16, ONE) + dialogue(16, 20, TWO), {"least": 0, "to": ["n2"], "overlap": 1},
            FAIL, "10.0.0.9 was answered by n1, not by n2",
        ),
        (dialogue(0, 8, ONE), {"to": ["n2"]}, UNCLEAR, "heard for 2.5 s after the cause only, 10 s"),
        (MOVED, {"least": 2, "most": 2}, FAIL, "10.0.0.9 moved 1 times only: n1 → n2"),
        (MOVED, {"least": 2, "most": 2, "within": 14.501}, FAIL, "10.0.0.9 moved 1 times only: n1 → n2"),
        (MOVED + dialogue(20, 30, ONE), {"least": 2, "most": 2, "within": 16}, PASS, "n1 → n2 → n1"),
        (
            [frame(6.1, TWO, "garp-request"), *dialogue(0, 20, ONE)],
            {"least": 0, "overlap": 20}, PASS, "every address is where it should be",
        ),
        (dialogue(0, 5, ONE) + dialogue(5, 9, None), {}, UNCLEAR, "heard for 3.5 s after the cause only, 10 s"),
        (dialogue(0, 20, ONE), {"least": 0, "most": 0}, PASS, "10.0.0.9: n1"),
        (MOVED, {"least": 0, "most": 0}, FAIL, "10.0.0.9 moved 1 times: n1 → n2"),
        (dialogue(0, 5, ONE) + dialogue(5, 20, None), {"least": 0, "most": 0}, FAIL, "is answered by nobody"),
        (MOVED + dialogue(20, 30, ONE), {"least": 1, "most": 2}, PASS, "n1 → n2 → n1"),
        (MOVED + dialogue(20, 30, ONE) + dialogue(30, 31, TWO), {"most": 2}, FAIL, "moved 3 times"),
        ([*MOVED, frame(8.0, "0a:0b", "arp-reply")], {}, FAIL, "which no node has"),
        (dialogue(5, 20, ONE), {}, UNCLEAR, "nobody answered for 10.0.0.9 before node-power-off"),
        (dialogue(0, 2, THREE) + dialogue(2, 5, ONE) + MOVED[20:], {}, PASS, "10.0.0.9: n1 → n2"),
        (dialogue(0, 4.5, ONE) + dialogue(4.5, 5, THREE) + MOVED[20:], {}, PASS, "10.0.0.9: n3 → n2"),
        (
            [*dialogue(0, 9, ONE), frame(10, ONE, "arp-reply"), *dialogue(10.5, 20, None)],
            {}, FAIL, "10.0.0.9 is still answered by n1",
        ),
        (
            [*dialogue(0, 9, ONE), frame(9.99999, ONE, "arp-reply"), *dialogue(10.5, 20, None)],
            {}, FAIL, "10.0.0.9 is answered by nobody",
        ),
        ([*MOVED[:-16], frame(15, THREE, "garp-reply")], {"most": 2, "to": ["n2"]}, FAIL, "by n3, not by n2"),
        ([*dialogue(0, 14.5, ONE), frame(15, ONE, "arp-reply")], {}, FAIL, "10.0.0.9 is still answered by n1"),
        (
            dialogue(0, 5, ONE) + dialogue(5, 8, None) + dialogue(8, 9, TWO) + dialogue(9, 20, ONE),
            {"most": 2, "to": ["n1"]}, PASS, "n1 → n2 → n1",
        ),
        ([*MOVED, frame(14, ONE, "arp-reply")], {"most": 3, "to": ["n2"]}, PASS, "n1 → n2 → n1 → n2"),
    ],
)  # fmt: skip
def test_owner_moves(frames: Any, bound: dict[str, Any], verdict: Verdict, reason: str) -> None:
    inputs = {"answers": heard(frames), "cause": act(5)}
    says(run("owner-moves", inputs, {"nodes": NODES, "within": 10, **bound}), verdict, reason)


@pytest.mark.parametrize(
    ("frames", "within", "verdict", "reason"),
    [
        (MOVED, 5, PASS, "every address was answered again in time"),
        (MOVED, 4, FAIL, "10.0.0.9 was answered by nobody for 4.50 s, from 0.00 s on"),
        (MOVED, 4.5, PASS, "unanswered for 4.50 s at most"),
        (dialogue(0, 2, ONE) + dialogue(2, 4, None) + dialogue(4, 20, ONE), 1, PASS, "unanswered for 0.50 s at most"),
        ([*dialogue(0, 150, ONE), frame(155, ONE, "arp-reply")], 1, PASS, "unanswered for 0.50 s at most"),
        ([*dialogue(0, 9, ONE), frame(10, ONE, "arp-reply")], 5, PASS, "every address"),
        (dialogue(0, 20, ONE), 1, PASS, "every address"),
        (dialogue(0, 7, ONE) + dialogue(7, 20, None), 5, FAIL, "answered by nobody for 13.00 s, from 1.50 s on"),
        (dialogue(0, 2, None) + dialogue(2, 5, ONE) + dialogue(5, 6, None) + dialogue(6, 20, ONE), 2, PASS, "every"),
        (
            [*dialogue(0, 7, ONE), frame(9.0, TWO, "garp-request"), *dialogue(7, 12, None)],
            3,
            FAIL,
            "by nobody for 5.00",
        ),
        (dialogue(0, 8, ONE), 5, UNCLEAR, "heard for 2.5 s after the cause only, 5 s are needed"),
        (
            dialogue(0, 8, ONE) + dialogue(18, 20, ONE),
            5,
            UNCLEAR,
            "nobody answered for 10.0.0.9, nor asked for some of",
        ),
        (dialogue(0, 8, ONE) + dialogue(11, 18, None) + dialogue(18, 20, ONE), 5, FAIL, "by nobody for 10.50 s, from"),
        (dialogue(5, 20, ONE), 5, UNCLEAR, "nobody answered for 10.0.0.9 before node-power-off"),
        ([*dialogue(0, 3, ONE), *(frame(t, ONE, "arp-reply") for t in (9, 20))], 1, PASS, "unanswered for 0.00 s"),
        (
            [*dialogue(0, 8, ONE), *dialogue(10, 15, None), frame(15, ONE, "arp-reply")],
            5,
            UNCLEAR,
            "for 7.50 s nobody answered for 10.0.0.9, nor asked for some of that",
        ),
        (
            [*dialogue(0, 20, ONE), asked(20), *[frame(20, ONE, "arp-reply")] * 2, frame(20.1, ONE, "garp-request")],
            1,
            PASS,
            "unanswered for 0.50 s at most",
        ),
    ],
)
def test_answered_again(frames: Any, within: float, verdict: Verdict, reason: str) -> None:
    inputs = {"answers": heard(frames), "cause": act(5)}
    says(run("answered-again", inputs, {"within": within}), verdict, reason)


def test_a_silence_that_ends_as_the_fault_begins_is_not_of_its_making() -> None:
    first = {**frame(5, ONE, "arp-reply"), "t": at(5) - 5}  # it begins 5 ns before it is effective
    for since, verdict in ((first, PASS), ({**first, "t": at(5) - 4}, FAIL)):
        answers = heard(dialogue(0, 1, ONE), dialogue(1, 5, None), [since], dialogue(5, 20, ONE))
        says(run("answered-again", {"answers": answers, "cause": act(5)}, {"within": 1}), verdict)


@pytest.mark.parametrize(
    ("frames", "healed", "verdict", "reason"),
    [
        (dialogue(0, 5, ONE) + dialogue(5, 12, None) + dialogue(12, 20, ONE), 11.9, UNCLEAR, "by nobody until"),
        (dialogue(0, 5, ONE) + dialogue(5, 12, None) + dialogue(12, 20, ONE), 12.001, UNCLEAR, "by nobody until"),
        (dialogue(0, 5, ONE) + dialogue(10.5, 12, None) + dialogue(12, 20, ONE), 12, UNCLEAR, "by nobody until"),
        (dialogue(0, 5, ONE) + dialogue(5, 8, None) + dialogue(8, 20, ONE), 9.6, FAIL, "by nobody for 3.50 s"),
        (dialogue(0, 5, ONE) + dialogue(5, 8, None) + dialogue(8, 20, ONE), 10.0005, FAIL, "by nobody for 3.50 s"),
        (dialogue(0, 20, ONE), 12.0005, PASS, "for 0.50 s at most"),
        (dialogue(0, 10, ONE) + dialogue(10, 12, None) + dialogue(12, 20, ONE), 11.5011, UNCLEAR, "by nobody until"),
        (dialogue(0, 5, ONE) + dialogue(5, 20, None), None, UNCLEAR, "by nobody until node-power-off was healed"),
        (dialogue(0, 5, ONE) + dialogue(5, 9, None) + dialogue(9, 20, TWO), 12, FAIL, "by nobody for 4.50 s"),
        (dialogue(0, 5, ONE) + dialogue(5, 6, None) + dialogue(6, 20, TWO), 12, PASS, "answered again in time"),
        (dialogue(0, 12, ONE) + dialogue(12, 17, None) + dialogue(17, 20, ONE), 11.9, PASS, "answered again in time"),
        (dialogue(0, 10, ONE) + dialogue(10, 12, None) + dialogue(12, 20, ONE), 11.501, PASS, "for 2.00 s at most"),
        (
            dialogue(0, 5, ONE) + dialogue(5, 8, None) + dialogue(8, 9, TWO) + dialogue(9, 20, None),
            13,
            FAIL,
            "by nobody for 3.50 s",
        ),
    ],
)
def test_a_silence_that_only_the_cure_ends_can_be_left_to_others(
    frames: Any, healed: float | None, verdict: Verdict, reason: str
) -> None:
    inputs = {"answers": heard(frames, ended=at(20)), "cause": act(5, healed=healed)}
    says(run("answered-again", inputs, {"within": 2, "lasting": False}), verdict, reason)


@pytest.mark.parametrize(
    ("began", "ended", "verdict"),
    [(6, 12, FAIL), (6, 20, FAIL), (13, 20, PASS), (11, 15, PASS), (10, 20, FAIL)],
    ids=["in the middle", "to the end", "afterwards", "across the cure", "until the cure"],
)
def test_a_silence_may_count_while_the_fault_lasts_only(began: float, ended: float, verdict: Verdict) -> None:
    frames = dialogue(0, began, ONE) + dialogue(began, ended, None) + dialogue(ended, 20, ONE)
    inputs = {"answers": heard(frames, ended=at(20)), "cause": act(5, healed=13)}
    says(run("answered-again", inputs, {"within": 2.5, "during": True}), verdict)


@pytest.mark.parametrize(
    ("announcer", "verdict", "reason"),
    [
        (ONE, PASS, "0 of 3 announcements"),
        (TWO, FAIL, "n2 announced 10.0.0.9 3 times and did not answer"),
    ],
)
def test_who_announces_an_address_answers_for_it(announcer: str, verdict: Verdict, reason: str) -> None:
    frames = [*dialogue(0, 20, ONE), *(frame(t, announcer, "garp-request") for t in (5.1, 6.1, 7.1))]
    inputs = {"answers": heard(frames, began=at(0), ended=at(20))}
    judgement = run("announced-by-owner", inputs, {"nodes": NODES})
    says(judgement, verdict, reason)
    assert value(judgement, "announcements without answers") == (3 if verdict is FAIL else 0)


@pytest.mark.parametrize(
    ("frames", "verdict", "reason"),
    [
        ([*MOVED, frame(8.2, TWO, "garp-request")], PASS, "0 of 1"),
        (dialogue(0, 9, ONE) + dialogue(9, 20, TWO) + [frame(8.2, TWO, "garp-request")], PASS, "0 of 1"),
        (dialogue(0, 9, ONE) + dialogue(9, 20, TWO) + [frame(7.9, TWO, "garp-request")], FAIL, "n2 announced"),
        (dialogue(0, 9, ONE) + dialogue(9, 20, TWO) + [frame(9.5, ONE, "garp-request")], PASS, "0 of 1"),
        (dialogue(0, 9, ONE) + dialogue(9, 20, TWO) + [frame(9.6, ONE, "garp-request")], FAIL, "n1 announced"),
        ([*dialogue(0, 20, None), frame(8, TWO, "garp-request")], PASS, "0 of 1"),
        (dialogue(0, 20, ONE), UNCLEAR, "nobody announced anything"),
        ([*dialogue(0, 20, ONE), frame(0.9, TWO, "garp-request")], UNCLEAR, "nobody announced anything"),
        ([*dialogue(0, 20, ONE), frame(19.1, TWO, "garp-request")], UNCLEAR, "nobody announced anything"),
        ([*dialogue(0, 20, ONE), frame(1, TWO, "garp-request")], FAIL, "1 of 1"),
        ([*dialogue(0, 20, ONE), *(frame(t, TWO, "garp-request") for t in (0.9, 5))], FAIL, "1 of 1"),
        ([*dialogue(0, 20, ONE), frame(19, TWO, "garp-request")], FAIL, "1 of 1"),
        (dialogue(0, 9, ONE) + dialogue(9, 20, TWO) + [frame(8.001, TWO, "garp-request")], PASS, "0 of 1"),
        (dialogue(0, 9, ONE) + dialogue(9, 20, TWO) + [frame(9.501, ONE, "garp-request")], PASS, "0 of 1"),
    ],
    ids=[
        "silence",
        "before",
        "too early",
        "after",
        "too late",
        "nobody answers",
        "none",
        "at the begin",
        "at the end",
        "just after the begin",
        "at the begin and later",
        "just before the end",
        "just before",
        "just after",
    ],
)
def test_an_announcement_may_come_shortly_before_and_after_answers(frames: Any, verdict: Verdict, reason: str) -> None:
    inputs = {"answers": heard(frames, began=at(0), ended=at(20))}
    says(run("announced-by-owner", inputs, {"nodes": NODES}), verdict, reason)


def test_the_old_owner_may_answer_beside_the_new_one_for_as_long_as_is_allowed() -> None:
    together = [frame(5.6, TWO, "garp-request"), frame(5.6, ONE, "garp-request")]
    frames = [*dialogue(0, 7, ONE, every=0.25), *together, *dialogue(5.7, 17, TWO)]
    inputs = {"answers": heard(frames), "cause": act(5)}
    says(run("owner-moves", inputs, {"nodes": NODES, "within": 10}), FAIL, "moved")
    says(run("owner-moves", inputs, {"nodes": NODES, "within": 10, "overlap": 1}), FAIL, "moved 3 times")
    says(run("owner-moves", inputs, {"nodes": NODES, "within": 10, "overlap": 1.15}), FAIL, "moved 3 times")
    says(run("owner-moves", inputs, {"nodes": NODES, "within": 10, "overlap": 1.151}), PASS, "n1 → n2")
    before = [frame(t, THREE, "arp-reply") for t in (0, 0.0005, 4.7)]
    later = {"answers": heard(before, frames), "cause": act(5)}
    says(run("owner-moves", later, {"nodes": NODES, "within": 10, "overlap": 1.5}), PASS, "n1 → n2")
    third = {"answers": heard(frames, [frame(6, THREE, "arp-reply")]), "cause": act(5)}
    says(run("owner-moves", third, {"nodes": NODES, "within": 10, "overlap": 1.5}), FAIL, "n1 → n2 → n3 → n2")


def test_a_late_answer_at_a_change_of_the_owner_is_no_change_of_its_own() -> None:
    stray = frame(5.051, ONE, "arp-reply")
    frames = [*dialogue(0, 5, ONE), *dialogue(5, 10, TWO), stray]
    bound = {"nodes": NODES, "hold": 5, "changes": 1}
    says(run("never-alternates", {"answers": heard(frames)}, bound), FAIL, "changed its node 3 times")
    says(run("never-alternates", {"answers": heard(frames)}, {**bound, "overlap": 1}), PASS)
    for t, verdict in ((6.001, PASS), (6.002, FAIL)):
        last = {"answers": heard(frames, [frame(t, ONE, "arp-reply")])}
        says(run("never-alternates", last, {**bound, "overlap": 1}), verdict)
    back = dialogue(0, 3, ONE) + dialogue(3, 5, TWO) + dialogue(5, 8, ONE) + dialogue(8, 10, TWO)
    says(run("never-alternates", {"answers": heard(back)}, {**bound, "overlap": 1}), FAIL, "changed its node 3 times")
    third = {"answers": heard([*frames, frame(5.1, THREE, "arp-reply")])}
    says(run("never-alternates", third, {**bound, "overlap": 1}), FAIL, "n1 → n2 → n3 → n2")


def test_the_announcement_of_a_stranger_at_a_change_of_the_owner_makes_no_late_answer_count() -> None:
    strange = frame(4.6, "0a:0b", "garp-request")
    answers = heard(dialogue(0, 5, ONE), [strange], dialogue(5, 10, TWO), [frame(5.7, ONE, "arp-reply")])
    bound = {"nodes": NODES, "hold": 5, "changes": 1, "overlap": 1}
    says(run("never-alternates", {"answers": answers}, bound), PASS, "1 changes")


def test_who_speaks_with_the_hardware_address_of_another_is_not_just_late() -> None:
    bound = {"nodes": NODES, "hold": 5, "overlap": 1}
    later = frame(5.1, ONE, "arp-reply", frame_source=TWO)
    answers = heard(dialogue(0, 5, ONE), dialogue(5, 10, TWO), [later])
    says(run("never-alternates", {"answers": answers}, {**bound, "changes": 1}), FAIL, "n1 → n2 → n1 → n2")
    answers = heard(dialogue(0, 5, ONE, frame_source=TWO), dialogue(5, 10, THREE), [frame(5.1, ONE, "arp-reply")])
    says(run("never-alternates", {"answers": answers}, {**bound, "changes": 20}), FAIL, "changed its node 22 times")


def test_what_is_heard_while_the_api_is_still_being_written_to_counts() -> None:
    deletion = Evidence[Any]("faults", "c", "cause", {}, ({**act(5).rows[0], "effective": at(5.2)},))
    frames = [*dialogue(0, 5, ONE), frame(5.1, TWO, "garp-request"), *dialogue(5.5, 16, TWO)]
    inputs = {"answers": heard(frames), "cause": deletion}
    judgement = run("owner-moves", inputs, {"nodes": NODES, "within": 10})
    says(judgement, PASS)
    assert value(judgement, "time to new owner") == 0
    says(run("gratuitous-announced", inputs, {"nodes": NODES}), PASS)


def test_what_is_heard_with_the_very_begin_of_the_fault_is_its_effect() -> None:
    """It began 5 ns before it was effective."""
    early = [{**frame(5, TWO, form), "t": at(5) - 5} for form in ("arp-reply", "garp-request")]
    inputs = {"answers": heard(dialogue(0, 5, ONE), early, dialogue(9, 20, TWO)), "cause": act(5)}
    moved = run("owner-moves", inputs, {"nodes": NODES, "within": 10})
    says(moved, PASS, "n1 → n2")
    assert value(moved, "time to new owner") == 0
    announced = run("gratuitous-announced", inputs, {"nodes": NODES})
    says(announced, PASS, "1 frames from n2")
    assert value(announced, "time to announcement") == 0
    only = {**inputs, "answers": heard(early[:1], dialogue(5, 20, TWO))}
    says(run("answered-again", only, {"within": 5}), UNCLEAR, "nobody answered for 10.0.0.9 before")
    says(run("owner-moves", only, {"nodes": NODES, "within": 5}), UNCLEAR, "nobody answered for 10.0.0.9 before")


def test_what_is_heard_after_the_fault_was_healed_is_no_move() -> None:
    frames = dialogue(0, 5, ONE) + dialogue(9, 12, TWO) + dialogue(12, 15, ONE)
    inputs = {"answers": heard(frames, [frame(12, ONE, "arp-reply")]), "cause": act(5, healed=12)}
    says(run("owner-moves", inputs, {"nodes": NODES, "within": 10}), PASS, "n1 → n2")
    says(run("owner-moves", inputs, {"nodes": NODES, "within": 3}), FAIL, "moved after 4.00 s")
    says(run("owner-moves", inputs, {"nodes": NODES, "within": 10, "to": ["n3"]}), FAIL, "by n2, not by n3")
    says(run("owner-moves", inputs, {"nodes": NODES, "within": 10, "to": ["n2"]}), PASS)
    says(run("owner-moves", inputs, {"nodes": NODES, "within": 10, "least": 0, "most": 2}), UNCLEAR, "7.0 s after")
    says(run("owner-moves", inputs, {"nodes": NODES, "within": 10, "least": 2, "most": 2}), UNCLEAR, "7.0 s after")


TWO_FOR_A_WHILE = dialogue(0, 5, ONE) + dialogue(5, 8, ONE, every=0.2) + dialogue(5.1, 8, TWO, every=0.2)


@pytest.mark.parametrize(
    ("frames", "bound", "verdict", "reason"),
    [
        (TWO_FOR_A_WHILE + dialogue(8, 12, TWO), {}, PASS, "one node came to answer alone"),
        (TWO_FOR_A_WHILE + dialogue(8, 12, TWO), {"within": 2}, FAIL, "10.0.0.9 only 2.90 s after the cause"),
        (dialogue(0, 12, ONE), {}, PASS, "1 tenures, at last n1"),
        (dialogue(0, 9, None) + dialogue(9, 12, ONE), {"within": 5}, PASS, "1 tenures, at last n1"),
        (dialogue(0, 9, None) + dialogue(9, 12, ONE), {"within": 3.9}, FAIL, "10.0.0.9 only 4.00 s after the cause"),
        (DEAF, {"within": 5}, FAIL, "10.0.0.9 is announced by n2, and answered by nobody, 10.5 s after the cause"),
        (DEAF, {}, UNCLEAR, "10.0.0.9 is announced by n2, and answered by nobody"),
        (TWO_FOR_A_WHILE, {}, UNCLEAR, "10.0.0.9 is answered by n1, n2"),
        (TWO_FOR_A_WHILE, {"within": 1}, FAIL, "10.0.0.9 is answered by n1, n2 2.9 s after the cause"),
        (TWO_FOR_A_WHILE + dialogue(8, 12, TWO), {"hold": 5}, UNCLEAR, "answered by"),
        (dialogue(0, 5, ONE) + dialogue(5, 12, None), {}, UNCLEAR, "answered by nobody"),
        (dialogue(0, 5, ONE) + dialogue(5, 12, None), {"within": 5}, FAIL, "answered by nobody"),
        (dialogue(0, 12, "0a:0b"), {}, FAIL, "which no node has"),
        (dialogue(0, 5, TWO) + dialogue(5, 12, ONE), {}, PASS, "1 tenures, at last n1"),
        ([*dialogue(0, 5, ONE), frame(5, TWO, "arp-reply"), *dialogue(5, 12, ONE)], {}, PASS, "2 tenures, at last n1"),
        ([frame(5, THREE, "arp-reply"), *TWO_FOR_A_WHILE], {}, UNCLEAR, "10.0.0.9 is answered by n1, n2 |"),
        ([*dialogue(0, 5, ONE), frame(8, TWO, "garp-request"), *dialogue(8.5, 12, TWO)], {}, PASS, "at last n2"),
        (
            [*dialogue(0, 7, ONE), frame(9, TWO, "garp-request"), *dialogue(7, 16, None)],
            {},
            UNCLEAR,
            "10.0.0.9 is announced by n2, and answered by nobody",
        ),
        (TWO_FOR_A_WHILE + dialogue(8, 12, TWO), {"within": 2.901}, PASS, "one node came to answer alone"),
        ([*TWO_FOR_A_WHILE, frame(8.901, TWO, "arp-reply")], {}, PASS, "at last n2"),
        ([*TWO_FOR_A_WHILE, frame(8.9, TWO, "arp-reply")], {}, UNCLEAR, "10.0.0.9 is answered by n1, n2"),
        (dialogue(0, 12, None), {"within": 5}, FAIL, "10.0.0.9 is answered by nobody 6.5 s after the cause"),
        ([*dialogue(0, 5.5, None), *dialogue(5.5, 12, ONE)], {"within": 0.1}, FAIL, "10.0.0.9 only 0.50 s"),
        ([*dialogue(0, 5, None), *dialogue(5.5, 12, ONE)], {"within": 0.1}, PASS, "1 tenures, at last n1"),
        (
            [*dialogue(0, 5.5, None), asked(5.5), frame(5.5, ONE, "arp-reply"), *dialogue(6, 12, ONE)],
            {"within": 0.1},
            FAIL,
            "10.0.0.9 only 0.50 s",
        ),
        (
            [*dialogue(0, 6, TWO), *dialogue(6, 9, ONE), frame(9, TWO, "garp-request"), *dialogue(9.5, 12, None)],
            {},
            UNCLEAR,
            "10.0.0.9 is announced by n2, and answered by nobody",
        ),
        (
            dialogue(0, 5, ONE) + dialogue(5, 16.5, None),
            {},
            FAIL,
            "10.0.0.9 is answered by nobody 11.0 s after the cause",
        ),
    ],
)
def test_settles_on_one(frames: Any, bound: dict[str, Any], verdict: Verdict, reason: str) -> None:
    inputs = {"answers": heard(frames), "cause": act(5)}
    says(run("settles-on-one", inputs, {"nodes": NODES, "within": 10, **bound}), verdict, reason)


@pytest.mark.parametrize(("since", "verdict"), [(11.001, PASS), (11, UNCLEAR)])
def test_questions_within_the_time_that_one_node_is_to_answer_for_may_wait(since: float, verdict: Verdict) -> None:
    answers = heard(dialogue(0, 11, ONE), [asked(since), asked(11.8)], ended=at(12))
    says(run("settles-on-one", {"answers": answers, "cause": act(5)}, {"nodes": NODES, "within": 10}), verdict)


def test_who_was_asked_by_nobody_any_more_was_not_seen_to_answer_alone() -> None:
    """The last of two that still answered was taken for the only one: the asking process got no processor any more."""
    two = dialogue(0, 8, ONE) + dialogue(0.05, 8, TWO)
    inputs = {"answers": heard(two, ended=at(20)), "cause": act(5)}
    says(run("settles-on-one", inputs, {"nodes": NODES, "within": 5}), UNCLEAR, "is answered by n1, n2")
    says(run("settles-on-one", inputs, {"nodes": NODES, "within": 1}), FAIL, "is answered by n1, n2 2.7 s after")


@pytest.mark.parametrize("least", [0, 1])
def test_who_was_asked_by_nobody_any_more_neither_kept_an_address_nor_lost_it(least: int) -> None:
    inputs = {"answers": heard(dialogue(0, 8, ONE), ended=at(20)), "cause": act(5)}
    judgement = run("owner-moves", inputs, {"nodes": NODES, "within": 8, "least": least, "most": 1})
    says(judgement, UNCLEAR, "answers were heard for 3.5 s after the cause only, 8 s are needed")


@pytest.mark.parametrize(("others", "named"), [((ONE, TWO, ONE), "n1, n2, n3"), ((ONE, TWO, ONE, TWO), "n1, n2")])
def test_who_was_among_the_last_four_to_answer_is_named_where_several_still_do(
    others: tuple[str, ...], named: str
) -> None:
    spoken = [frame(7 + number / 10, mac, "arp-reply") for number, mac in enumerate((TWO, ONE, TWO, THREE, *others))]
    inputs = {"answers": heard(dialogue(0, 7, ONE), spoken), "cause": act(5)}
    judgement = run("settles-on-one", inputs, {"nodes": NODES, "within": 10})
    says(judgement, UNCLEAR)
    assert judgement.reason == f"10.0.0.9 is answered by {named}"


@pytest.mark.parametrize(
    ("frames", "took"),
    [
        (TWO_FOR_A_WHILE + dialogue(8, 12, TWO), 2.901),
        (dialogue(0, 6, TWO) + dialogue(6, 12, ONE), 1.001),
        (dialogue(0, 12, ONE), 0),
        ([*dialogue(0, 5, ONE), frame(5.4, ONE, "garp-request"), *dialogue(5.5, 12, ONE)], 0),
        ([*(frame(t, mac, "garp-request") for t, mac in ((5.1, TWO), (5.4, ONE))), *dialogue(5.5, 12, ONE)], 0.4),
    ],
    ids=["two nodes for a while", "two nodes", "one node", "one node, asked later", "two nodes, asked later"],
)
def test_settles_on_one_measures_how_long_it_took(frames: Any, took: float) -> None:
    judgement = run("settles-on-one", {"answers": heard(frames), "cause": act(5)}, {"nodes": NODES, "within": 10})
    assert value(judgement, "time to one owner") == took


@pytest.mark.parametrize(
    "open_end",
    [
        dialogue(0, 12, ONE) + dialogue(0.1, 12, TWO),
        [*dialogue(0, 9, ONE), frame(9, TWO, "garp-request"), *dialogue(9.5, 12, None)],
        dialogue(0, 9, ONE) + dialogue(9, 12, None),
    ],
    ids=["several nodes", "announced only", "silent"],
)
def test_of_an_address_that_is_open_yet_nothing_is_measured_and_the_next_one_is(open_end: Any) -> None:
    answers = heard(open_end, dialogue(0, 6, TWO, V4B), dialogue(6, 12, ONE, V4B), ended=at(12))
    judgement = run("settles-on-one", {"answers": answers, "cause": act(5)}, {"nodes": NODES, "within": 10})
    says(judgement, UNCLEAR, "10.0.0.8: 2 tenures, at last n1")
    assert judgement.measurements[0].samples == (1.001,)


def test_owner_moves_measures_moves_and_the_time_to_the_new_owner() -> None:
    judgement = run("owner-moves", {"answers": heard(MOVED), "cause": act(5)}, {"nodes": NODES, "within": 10})
    assert value(judgement, "moves") == 1
    assert value(judgement, "time to new owner") == pytest.approx(4.001)
    assert judgement.measurements[1].resolution == 0.5


BURSTS = [9 + 1.1 * n for n in range(5)]
GARP = [frame(t, TWO, form, target=V4) for t in BURSTS for form in ("garp-request", "garp-reply")]
NA = [frame(t, TWO, "na-unsolicited", V6, override=True, solicited=False) for t in BURSTS]
MOVED6 = dialogue(0, 5, ONE, V6) + dialogue(5, 9, None, V6) + dialogue(9, 20, TWO, V6)
SCHEDULE = {"bursts": [0, 1.1, 2.2, 3.3, 4.4]}
OFTEN = [frame(t, TWO, "garp-reply", target=V4) for t in [*BURSTS, *(t + 0.1 for t in BURSTS), 9.2, 9.3, 9.4]]
LATE = [frame(t + 0.3, TWO, "garp-reply", target=V4) for t in BURSTS]


@pytest.mark.parametrize(
    ("frames", "bound", "verdict", "reason"),
    [
        (MOVED + GARP, {}, PASS, "10.0.0.9: 10 frames from n2, 5 garp-request + 5 garp-reply"),
        (MOVED + GARP, SCHEDULE, PASS, "every takeover was announced"),
        (MOVED + GARP[:4], SCHEDULE, FAIL, "n2 sent no burst for 10.0.0.9 at 2.2 s"),
        (MOVED + OFTEN[:12], SCHEDULE, PASS, "every takeover was announced"),
        (MOVED + OFTEN, SCHEDULE, FAIL, "n2 announced 10.0.0.9 13 times, 5 are declared"),
        (MOVED + OFTEN, {}, PASS, "every takeover was announced"),
        (MOVED + LATE, SCHEDULE, FAIL, "n2 announced 10.0.0.9 only 0.30 s after it first answered"),
        (MOVED + LATE, {}, PASS, "every takeover was announced"),
        (MOVED, {}, FAIL, "n2 took over 10.0.0.9 and announced nothing"),
        (MOVED, {**SCHEDULE, "manner": True}, UNCLEAR, "n2 took over 10.0.0.9 and announced nothing"),
        (MOVED + GARP[:4], {**SCHEDULE, "manner": True}, FAIL, "n2 sent no burst for 10.0.0.9 at 2.2 s"),
        (MOVED + GARP[4:], {"manner": True}, PASS, "every takeover"),
        ([*MOVED, frame(9, TWO, "garp-reply", dst=ME, target="10.0.0.7")], {"manner": True}, PASS, "every takeover"),
        ([*MOVED, frame(9, TWO, "garp-reply", frame_source=ONE)], {"manner": True}, PASS, "every takeover"),
        ([*MOVED, *GARP, frame(14.5, TWO, "garp-reply")], {"end": 5}, FAIL, "n2 still announced 10.0.0.9 5.50 s after"),
        ([*MOVED, *GARP, frame(14.1, TWO, "garp-reply")], {"end": 5}, PASS, "every takeover"),
        ([*MOVED, *GARP, frame(14.5, TWO, "garp-reply")], {"end": 5.25, "tolerance": 0.25}, PASS, "every takeover"),
        (
            [*MOVED, *(frame(9.126 + t, TWO, "garp-reply") for t in (0, 1, 2))],
            {"bursts": [0, 1.125, 1.875], "tolerance": 0.125}, PASS, "every takeover",
        ),
        (
            [*MOVED, *GARP, *(frame(t, TWO, "garp-reply") for t in (14.5, 16))],
            {"end": 5}, FAIL, "n2 still announced 10.0.0.9 5.50 s after",
        ),
        ([*MOVED, *GARP, frame(14.5, TWO, "garp-reply")], SCHEDULE, PASS, "every takeover"),
        ([*MOVED, frame(9, TWO, "garp-reply", dst=ALL_NODES)], {}, FAIL, f"announced 10.0.0.9 to {ALL_NODES} instead"),
        ([frame(3, ONE, "garp-request"), *MOVED], {}, FAIL, "announced nothing"),
        (MOVED + GARP[4:], {}, FAIL, "n2 announced 10.0.0.9 2.20 s after it first answered"),
        (MOVED + GARP[1::2], {"forms": ["garp-request"]}, FAIL, "n2 announced 10.0.0.9 without garp-request"),
        (MOVED + GARP, {"forms": ["garp-request", "garp-reply"]}, PASS, "every takeover"),
        ([*MOVED, frame(9, TWO, "garp-reply", dst=ME)], {}, FAIL, "announced 10.0.0.9 to 02:00:00:00:00:00 instead of"),
        ([*MOVED, frame(9, TWO, "garp-reply", target="10.0.0.7")], {}, FAIL, "10.0.0.9 with the target 10.0.0.7"),
        ([*MOVED, frame(9, TWO, "garp-reply", target="10.0.1.1")], {}, FAIL, "10.0.0.9 with the target 10.0.1.1"),
        ([*MOVED6, frame(9, TWO, "na-unsolicited", V6, BROADCAST)], {}, FAIL, f"announced fd00::9 to {BROADCAST}"),
        (
            [*MOVED, *(frame(9 + t, TWO, "garp-reply", target=f"10.0.0.{7 - t}") for t in range(3))],
            {}, FAIL, "10.0.0.9 with the target 10.0.0.7",
        ),
        (
            [*MOVED, *(frame(9 + t, TWO, "garp-reply", dst=dst) for t, dst in enumerate((ONE, ME, TWO)))],
            {}, FAIL, f"announced 10.0.0.9 to {ONE} instead",
        ),
        (
            [*MOVED6, *(frame(9 + t, TWO, "na-unsolicited", V6, override=each) for t, each in enumerate((1, 2, 3)))],
            {"flags": {"override": True}}, FAIL, "2 frames about fd00::9 had override 2, not True",
        ),
        (MOVED6 + NA, {"flags": {"override": True}}, PASS, "fd00::9: 5 frames from n2, 5 na-unsolicited"),
        (
            [*MOVED6, frame(9, TWO, "na-unsolicited", V6, override=False)],
            {"flags": {"override": True}}, FAIL, "1 frames about fd00::9 had override False, not True",
        ),
        (dialogue(0, 20, ONE), {}, UNCLEAR, "no other node took over 10.0.0.9 after node-power-off"),
    ],
)  # fmt: skip
def test_gratuitous_announced(frames: Any, bound: dict[str, Any], verdict: Verdict, reason: str) -> None:
    inputs = {"answers": heard(frames), "cause": act(5)}
    says(run("gratuitous-announced", inputs, {"nodes": NODES, **bound}), verdict, reason)


def test_who_sends_a_frame_with_its_own_hardware_address_speaks_for_nobody_else() -> None:
    frames = json.loads(json.dumps(dialogue(0, 10, ONE, frame_source=ONE)))  # as read: equal, and not the same
    says(run("answers-asked", {"answers": heard(frames, ended=at(12))}, {"nodes": NODES}), PASS)
    announced = {"answers": heard(json.loads(json.dumps(MOVED + GARP))), "cause": act(5)}
    says(run("gratuitous-announced", announced, {"nodes": NODES}), PASS)


def test_of_all_that_speak_for_another_the_first_is_named() -> None:
    answers = heard(dialogue(0, 5, ONE, frame_source=TWO), dialogue(5, 10, ONE, frame_source=THREE), ended=at(12))
    judgement = run("answers-asked", {"answers": answers}, {"nodes": NODES})
    assert judgement.reason == f"{TWO} spoke for 10.0.0.9 with the hardware address {ONE}"


def test_an_address_that_is_not_announced_or_not_yet_leaves_the_next_one_to_be_judged() -> None:
    frames = [*MOVED, *SOON, frame(7.5, TWO, "garp-request", V4B)]
    for healed, verdict, said in ((None, FAIL, ""), (9.9, UNCLEAR, " for 0.90 s")):
        inputs = {"answers": heard(frames, ended=at(20)), "cause": act(5, healed=healed)}
        judgement = run("gratuitous-announced", inputs, {"nodes": NODES})
        says(judgement, verdict, f"10.0.0.9: nothing from n2{said}, 10.0.0.8: 1 frames from n2, 1 garp-request")
        assert value(judgement, "time to announcement") == 0.499


def test_an_announcement_without_link_layer_option_fails() -> None:
    def taken_over(link_layer: str | None) -> Judgement:
        frames = [*dialogue(0, 5, ONE, V6), frame(9, TWO, "na-unsolicited", V6, link_layer=link_layer)]
        return run("gratuitous-announced", {"answers": heard(frames), "cause": act(5)}, {"nodes": NODES})

    says(taken_over(TWO), PASS)
    says(taken_over(None), FAIL, "1 frames about fd00::9 had no link-layer address option")


def test_what_is_announced_after_the_fault_was_healed_does_not_count() -> None:
    late = {"answers": heard(MOVED, GARP, [frame(14.5, TWO, "garp-reply")]), "cause": act(5, healed=14)}
    says(run("gratuitous-announced", late, {"nodes": NODES, "end": 5}), PASS)
    for healed in (8.9, 9):
        cured = {"answers": heard(MOVED, GARP), "cause": act(5, healed=healed)}
        bound = {"nodes": NODES, **SCHEDULE, "manner": True}
        says(run("gratuitous-announced", cured, bound), UNCLEAR, "no other node")


def test_a_fault_that_was_healed_before_the_announcement_was_due_shows_nothing() -> None:
    for healed, verdict, said in ((9.9, UNCLEAR, " for 0.90 s"), (10.001, FAIL, "")):  # a second is granted
        soon = {"answers": heard(MOVED), "cause": act(5, healed=healed)}
        says(run("gratuitous-announced", soon, {"nodes": NODES}), verdict, f"10.0.0.9: nothing from n2{said}")
    good = {"answers": heard(MOVED, GARP), "cause": act(5, healed=9.5)}
    says(run("gratuitous-announced", good, {"nodes": NODES}), PASS)


def test_an_answer_to_one_that_asks_it_alone_needs_no_link_layer_option() -> None:
    bare = dialogue(0, 10, ONE, V6, link_layer=None)
    for mac, verdict in ((ONE, PASS), ("12:00:00:00:00:01", PASS), ("33:33:ff:00:00:09", FAIL), (BROADCAST, FAIL)):
        frames = [{**each, "dst": mac} if each["form"] == "asked" else each for each in bare]
        says(run("answers-asked", {"answers": heard(frames, ended=at(12))}, {"nodes": NODES}), verdict)


def test_an_announcement_of_another_hardware_address_fails_for_itself_and_moves_nothing() -> None:
    stranger = frame(5.12, "02:00:00:00:00:99", "garp-request", frame_source=TWO)
    inputs = {"answers": heard(MOVED, [stranger]), "cause": act(5)}
    says(run("gratuitous-announced", inputs, {"nodes": NODES}), FAIL, f"{TWO} spoke for {V4} with the hardware address")
    says(run("owner-moves", inputs, {"nodes": NODES, "within": 5}), PASS)
    says(run("never-alternates", {"answers": inputs["answers"]}, {"nodes": NODES, "hold": 1, "changes": 1}), PASS)


def test_gratuitous_announced_measures_delay_and_schedule() -> None:
    judgement = run("gratuitous-announced", {"answers": heard(MOVED, GARP), "cause": act(5)}, {"nodes": NODES})
    assert value(judgement, "time to announcement") == 0.0
    (schedule,) = judgement.measurements[1].samples or ()
    assert schedule == pytest.approx([0, 0, 1.1, 1.1, 2.2, 2.2, 3.3, 3.3, 4.4, 4.4])


def test_who_was_the_first_to_take_over_is_the_one_that_has_to_announce() -> None:
    frames = [*MOVED, *GARP, frame(21, THREE, "arp-reply"), frame(22, THREE, "garp-reply", dst=ME)]
    says(run("gratuitous-announced", {"answers": heard(frames), "cause": act(5)}, {"nodes": NODES}), PASS, "from n2")


def test_as_many_bursts_are_named_as_a_schedule_has() -> None:
    def expected(bursts: int) -> str:
        bound = {"nodes": NODES, "bursts": list(range(bursts))}
        return run("gratuitous-announced", {"answers": heard(MOVED, GARP), "cause": act(5)}, bound).expected

    assert expected(9).endswith(", 7.0, 8.0 s")
    assert expected(10).endswith(", 7.0, 8.0 and 1 more s")


def owned(*counts: int) -> Evidence[Any]:
    """So many addresses on each of the nodes."""
    macs = [mac for mac, count in zip(NODES, counts, strict=True) for _ in range(count)]
    return heard(*(dialogue(0, 1, mac, f"10.0.1.{index}") for index, mac in enumerate(macs)))


@pytest.mark.parametrize(
    ("counts", "verdict", "reason"),
    [
        ((20, 20, 20), PASS, "n1: 20, n2: 20, n3: 20 (p 1)"),
        ((14, 26, 20), PASS, "n1: 14"),
        ((40, 10, 10), FAIL, "a spread this uneven has the probability 3.1e-07 (effect size w 0.71)"),
        ((30, 30, 0), FAIL, "n3 owns no address"),
        ((60, 0, 0), FAIL, "n2 owns no address"),
        ((3, 4, 3), UNCLEAR, "10 addresses, 15 are needed"),
        ((5, 5, 4), UNCLEAR, "14 addresses, 15 are needed"),
        ((5, 5, 5), PASS, "n1: 5, n2: 5, n3: 5"),
        ((8, 7, 0), PASS, "n1: 8, n2: 7, n3: 0"),
    ],
)
def test_spread_over_nodes(counts: tuple[int, int, int], verdict: Verdict, reason: str) -> None:
    says(run("spread-over-nodes", {"answers": owned(*counts)}, {"nodes": NODES}), verdict, reason)


def test_a_spread_exactly_as_improbable_as_allowed_is_even() -> None:
    crooked = {"answers": owned(40, 10, 10)}
    p = value(run("spread-over-nodes", crooked, {"nodes": NODES}), "spread")
    says(run("spread-over-nodes", crooked, {"nodes": NODES, "alpha": p}), PASS)
    says(run("spread-over-nodes", crooked, {"nodes": NODES, "alpha": p * 2}), FAIL, "a spread this uneven")
    empty = (1 - 1 / 3) ** 15
    says(run("spread-over-nodes", {"answers": owned(8, 7, 0)}, {"nodes": NODES, "alpha": empty}), PASS)
    says(
        run("spread-over-nodes", {"answers": owned(8, 7, 0)}, {"nodes": NODES, "alpha": empty * 2}), FAIL, "n3 owns no"
    )


def test_an_address_belongs_to_the_node_that_answered_for_it_last() -> None:
    evidence = heard(owned(20, 20, 20).rows, [frame(2, THREE, "arp-reply", "10.0.1.0")])
    says(run("spread-over-nodes", {"answers": evidence}, {"nodes": NODES}), PASS, "n1: 19, n2: 20, n3: 21")


def test_spread_over_nodes_says_nothing_while_an_address_is_silent() -> None:
    evidence = heard(owned(20, 20, 20).rows, dialogue(0, 1, None, "10.0.2.1"))
    says(run("spread-over-nodes", {"answers": evidence}, {"nodes": NODES}), UNCLEAR, "nobody answered for 10.0.2.1")
    silent = heard(dialogue(0, 1, None))
    says(run("spread-over-nodes", {"answers": silent}, {"nodes": NODES}), UNCLEAR, "no address was answered")


@pytest.mark.parametrize(
    ("judge", "inputs", "bound"),
    [
        ("one-announcer", {"answers": heard(dialogue(0, 5, ONE, delay=0.25))}, {"within": 0.25}),
        ("answers-asked", {"answers": heard(dialogue(0, 5, ONE, delay=0.25))}, {"within": 0.25}),
        ("never-alternates", {"answers": heard(dialogue(0, 10, ONE))}, {"hold": 9.5}),
        (
            "owner-moves",
            {"answers": heard(dialogue(0, 5, ONE), [frame(9, TWO, "arp-reply")], ended=at(9)), "cause": act(5)},
            {"within": 4},
        ),
        (
            "owner-moves",
            {"answers": heard(dialogue(0, 15, ONE), ended=at(15)), "cause": act(5)},
            {"within": 10, "least": 0},
        ),
        (
            "gratuitous-announced",
            {"answers": heard(MOVED, [frame(10.001, TWO, "garp-reply")]), "cause": act(5)},
            {"within": 1},
        ),
    ],
)
def test_exactly_at_the_bound_is_within_it(judge: str, inputs: Any, bound: dict[str, Any]) -> None:
    says(run(judge, inputs, {"nodes": NODES, **bound}), PASS)


def test_as_many_questions_as_are_needed_are_enough() -> None:
    for judge in ("one-announcer", "answers-asked"):
        says(run(judge, {"answers": heard(dialogue(0, 5, ONE))}, {"nodes": NODES}), PASS)
    says(run("nobody-answers", {"answers": heard(dialogue(0, 2.5, None))}, {"addresses": [V4]}), PASS)
    says(run("nobody-answers", {"answers": heard(dialogue(0, 2, None))}, {"addresses": [V4]}), UNCLEAR)


def test_questions_just_before_the_end_of_the_watch_may_be_unanswered() -> None:
    frames = dialogue(0, 9, ONE) + dialogue(9, 10, None)
    judgement = run("one-announcer", {"answers": heard(frames, ended=at(9.9))}, {"nodes": NODES})
    says(judgement, PASS)
    assert value(judgement, "questions answered") == 1
    says(run("one-announcer", {"answers": heard(frames, ended=at(10))}, {"nodes": NODES}), FAIL, "18 of 19 questions")
    says(run("answers-asked", {"answers": heard(frames, ended=at(9.9))}, {"nodes": NODES}), PASS)


def test_who_answers_two_of_three_questions_is_found_out_once_all_had_their_time() -> None:
    frames = [
        each
        for number in range(120)
        for each in dialogue(number / 50, number / 50 + 0.02, ONE if number % 3 else None, every=0.02)
    ]
    bound = {"nodes": NODES, "within": 1}
    says(
        run("answers-asked", {"answers": heard(frames, began=at(0), ended=at(3.5))}, bound), FAIL, "80 of 120 questions"
    )


def test_an_answer_may_come_after_the_next_question() -> None:
    frames = dialogue(0, 10, ONE, every=0.1, delay=0.85)
    judgement = run("answers-asked", {"answers": heard(frames, ended=at(12))}, {"nodes": NODES})
    says(judgement, PASS, "100.0% answered in time, the slowest after 850.0 ms")
    says(run("answers-asked", {"answers": heard(frames)}, {"nodes": NODES, "within": 0.8}), FAIL, "0 of")


@given(end=st.integers(10 * S, 10_000 * S), before=st.integers(0, S - 1))
def test_a_question_less_than_the_time_of_an_answer_before_the_end_is_none_whenever_that_is(
    end: int, before: int
) -> None:
    last = {**asked(0), "t": at(0) + end - before}
    answers = heard(dialogue(0, 5, ONE), [last], ended=at(0) + end)
    judgement = run("answers-asked", {"answers": answers}, {"nodes": NODES})
    assert value(judgement, "questions answered") == 1


@pytest.mark.parametrize(("t", "share"), [(2, 0), (2.001, 0.5)], ids=["late", "lost"])
def test_an_answer_after_up_to_twice_the_time_is_late_and_one_after_that_is_to_the_next_question(
    t: float, share: float
) -> None:
    answers = heard([asked(0), asked(1.5), frame(t, ONE, "arp-reply")], ended=at(5))
    judgement = run("answers-asked", {"answers": answers}, {"nodes": NODES, "within": 1})
    assert value(judgement, "questions answered") == share


def test_an_answer_counts_for_one_question_only() -> None:
    frames = [frame(0.1, ONE, "arp-reply")] + [asked(t) for t in range(1, 11)] + [frame(10.1, ONE, "arp-reply")] * 3
    judgement = run("one-announcer", {"answers": heard(frames)}, {"nodes": NODES})
    says(judgement, FAIL, "1 of 10 questions for 10.0.0.9")
    assert value(judgement, "questions answered") == 0.1


def test_how_long_a_released_address_was_answered_is_measured() -> None:
    inputs = {"answers": heard(dialogue(0, 7, ONE), dialogue(7, 14, None)), "cause": act(5)}
    judgement = run("nobody-answers", inputs, {"addresses": [V4], "within": 5})
    assert value(judgement, "last answer") == pytest.approx(1.501)
    assert judgement.measurements[0].bound == (5.0, "<=", "bound 'within' of the requirement")
    assert run("nobody-answers", {"answers": heard(dialogue(0, 9, None))}, {"addresses": [V4]}).measurements == ()


def test_who_falls_silent_after_one_answer_did_not_come_to_answer() -> None:
    silent = dialogue(0, 5, ONE) + dialogue(5, 5.4, ONE) + dialogue(5.5, 30, None)
    inputs = {"answers": heard(silent), "cause": act(5)}
    says(run("settles-on-one", inputs, {"nodes": NODES, "within": 10, "hold": 5}), FAIL, "answered by nobody any more")
    says(run("settles-on-one", inputs, {"nodes": NODES, "within": 30, "hold": 5}), UNCLEAR, "by nobody any more")


def test_one_question_that_is_not_answered_yet_is_no_silence() -> None:
    for t in (10.5, 11.5):
        spoken = [*dialogue(0, 10, ONE), asked(10), frame(10, ONE, "arp-reply"), asked(t)]
        inputs = {"answers": heard(spoken, ended=at(11.6)), "cause": act(5)}
        says(run("settles-on-one", inputs, {"nodes": NODES, "within": 4, "hold": 1}), PASS)


def test_an_answer_of_the_same_instant_comes_after_its_question() -> None:
    frames = [each for t in range(20) for each in (frame(t, ONE, "arp-reply"), asked(t))]
    says(run("answers-asked", {"answers": heard(frames)}, {"nodes": NODES}), PASS, "the slowest after 0.0 ms")


V4B = "10.0.0.8"
SOON = dialogue(0, 5, ONE, V4B) + dialogue(5, 7, None, V4B) + dialogue(7, 20, TWO, V4B)
MOST = heard(dialogue(0, 9, ONE), dialogue(9, 10, None), dialogue(0, 10, TWO, V4B, delay=0.002), ended=at(12))
SILENT = heard(dialogue(0, 10, None), ended=at(12))
RELEASED = dialogue(0, 7, ONE) + dialogue(7, 14, None) + dialogue(0, 6, ONE, V4B) + dialogue(6, 14, None, V4B)
TAKEN = heard(MOVED, GARP, SOON, [frame(7.5, TWO, "garp-request", V4B)])
SAID = [*(frame(t, ONE, "garp-request") for t in (5, 6)), frame(7, TWO, "garp-reply")]


@pytest.mark.parametrize(
    ("judge", "answers", "bound", "expected", "observed", "measured"),
    [
        (
            "one-announcer", MOST, {"answered": 0.9},
            "one node answers, 90% of the questions within 1 s",
            "10.0.0.9: 18 answers from n1, 10.0.0.8: 20 answers from n2",
            [(0.9, 2, 0.9, None)],
        ),
        (
            "one-announcer", MOST, {"answered": 0},
            "one node answers",
            "10.0.0.9: 18 answers from n1, 10.0.0.8: 20 answers from n2",
            [(0.9, 2, 0, None)],
        ),
        (
            "answers-asked", MOST, {"answered": 0.9},
            "an answer to the asker within 1 s",
            "90.0% answered in time, the slowest after 2.0 ms",
            [(0.002, 2, 1, None), (0.9, 2, 0.9, None)],
        ),
        (
            "answers-asked", SILENT, {"flags": {"hop_limit": 255}},
            "an answer to the asker within 1 s with hop_limit 255",
            "0.0% answered in time",
            [(None, 0, 1, None), (0, 1, 0.99, None)],
        ),
        (
            "nobody-answers", heard(RELEASED), {"addresses": [V4, V4B], "within": 5},
            "no answer from 5 s after the cause on",
            "no answer later than 1.50 s after the cause",
            [(1.501, 2, 5, None)],
        ),
        (
            "nobody-answers", SILENT, {"addresses": [V4]},
            "no answer from 0 s after the cause on",
            "no answer later than 0.00 s after the cause",
            [(0, 1, 0, None)],
        ),
        (
            "never-alternates", heard(dialogue(0, 12, ONE), dialogue(0, 5, ONE, V4B), dialogue(5, 10, TWO, V4B)),
            {"hold": 9, "changes": 1},
            "at most 1 changes of the answering node in 9 s",
            "1 changes in 9.5 s",
            [(1, 2, 1, None)],
        ),
        (
            "owner-moves", heard(MOVED, SOON), {"within": 10},
            "1 moves, the first within 10 s",
            "10.0.0.9: n1 → n2, 10.0.0.8: n1 → n2",
            [(1, 2, 1, None), (4.001, 2, 10, 0.5)],
        ),
        (
            "owner-moves", heard(MOVED, dialogue(0, 20, ONE, V4B)), {"within": 10, "least": 0, "to": ["n1", "n2"]},
            "0 to 1 moves, the first within 10 s, to n1, n2",
            "10.0.0.9: n1 → n2, 10.0.0.8: n1",
            [(1, 2, 1, None), (None, 0, 10, 0.5)],
        ),
        (
            "owner-moves", heard(dialogue(0, 20, ONE)), {"within": 10, "least": 0, "most": 0},
            "the address stays where it is",
            "10.0.0.9: n1",
            [(0, 1, 0, None), (None, 0, 10, 0.5)],
        ),
        (
            "answered-again", heard(MOVED, SOON), {"within": 5},
            "no address is unanswered for more than 5 s",
            "10.0.0.9: unanswered for 4.50 s at most, 10.0.0.8: unanswered for 2.50 s at most",
            [(4.5, 2, 5, 0.5)],
        ),
        (
            "settles-on-one", heard(TWO_FOR_A_WHILE, dialogue(8, 12, TWO), dialogue(0, 12, ONE, V4B)), {"within": 10},
            "one node answers alone within 10 s",
            "10.0.0.9: 30 tenures, at last n2, 10.0.0.8: 1 tenures, at last n1",
            [(2.901, 2, 10, 0.5)],
        ),
        (
            "settles-on-one", heard(TWO_FOR_A_WHILE), {"within": 10},
            "one node answers alone within 10 s",
            "10.0.0.9: 30 tenures, at last n2",
            [(None, 0, 10, 0.5)],
        ),
        (
            "gratuitous-announced", TAKEN, {"forms": ["garp-request"], "flags": {"override": True}, "bursts": [0, 1.1]},
            "an announcement to everybody within 1 s as garp-request with override True, bursts at 0.0, 1.1 s",
            "10.0.0.9: 10 frames from n2, 5 garp-request + 5 garp-reply, "
            "10.0.0.8: 1 frames from n2, 1 garp-request",
            [(0.499, 2, 1, None), (1, 2, None, None)],
        ),
        (
            "gratuitous-announced", heard(MOVED), {},
            "an announcement to everybody within 1 s",
            "10.0.0.9: nothing from n2",
            [(None, 0, 1, None), (0, 0, None, None)],
        ),
        (
            "announced-by-owner", heard(dialogue(0, 20, ONE), SAID, began=at(0), ended=at(20)), {},
            "a node that announces an address answers within 1 s of it",
            "1 of 3 announcements were of nodes that did not",
            [(1, 3, 0, None)],
        ),
        (
            "spread-over-nodes", owned(14, 26, 20), {},
            "20 addresses on each node, p at least 0.001",
            "n1: 14, n2: 26, n3: 20 (p 0.165)",
            [(pytest.approx(0.1653, abs=1e-4), 60, 0.001, None), (pytest.approx(0.2449, abs=1e-4), 60, None, None)],
        ),
        (
            "spread-over-nodes", owned(6, 6, 5), {},
            "6 addresses on each node, p at least 0.001",
            "n1: 6, n2: 6, n3: 5 (p 0.943)",
            [(pytest.approx(0.9429, abs=1e-4), 17, 0.001, None), (pytest.approx(0.0832, abs=1e-4), 17, None, None)],
        ),
    ],
)  # fmt: skip
def test_each_judge_tells_what_it_expects_and_saw_and_its_numbers_with_their_limits(
    judge: str, answers: Any, bound: dict[str, Any], expected: str, observed: str, measured: list[tuple[Any, ...]]
) -> None:
    known = REGISTRY[judge]
    inputs = {"answers": answers, **({"cause": act(5)} if len(known.roles) > 1 else {})}
    judgement = run(judge, inputs, {**({"nodes": NODES} if "nodes" in known.bound else {}), **bound})
    assert (judgement.expected, judgement.observed) == (expected, observed)
    assert [
        (each.value, each.n, each.bound[0] if each.bound else None, each.resolution) for each in judgement.measurements
    ] == measured


STAYED = dialogue(0, 20, ONE)


@pytest.mark.parametrize(
    ("judge", "good", "bad", "bound", "problem"),
    [
        (
            "one-announcer", STAYED, dialogue(0, 15, ONE, V4B) + dialogue(15, 20, None, V4B), {},
            "30 of 40 questions for 10.0.0.8 were answered within 1 s",
        ),
        (
            "answers-asked", STAYED, dialogue(0, 15, ONE, V4B) + dialogue(15, 20, None, V4B), {},
            "30 of 40 questions for 10.0.0.8 were answered within 1 s",
        ),
        ("never-alternates", STAYED, SOON, {"hold": 9}, "10.0.0.8 changed its node 1 times: n1 → n2"),
        (
            "owner-moves", MOVED, [*SOON, frame(9.1, THREE, "arp-reply", V4B)], {"within": 10},
            "10.0.0.8 moved 3 times: n1 → n2 → n3 → n2",
        ),
        ("owner-moves", SOON, MOVED, {"within": 3}, "10.0.0.9 moved after 4.00 s"),
        (
            "owner-moves", MOVED, dialogue(0, 20, THREE, V4B), {"within": 10},
            "10.0.0.8 is still answered by n3",
        ),
        ("answered-again", SOON, MOVED, {"within": 3}, "10.0.0.9 was answered by nobody for 4.50 s, from 0.00 s on"),
        (
            "settles-on-one", dialogue(0, 20, ONE, V4B), TWO_FOR_A_WHILE + dialogue(8, 20, TWO), {"within": 2},
            "one node alone answered for 10.0.0.9 only 2.90 s after the cause",
        ),
        (
            "gratuitous-announced", [*MOVED, GARP[0]],
            [*SOON, *(frame(t, TWO, "garp-request", V4B) for t in (8.5, 14))], {"end": 5, "bursts": [0]},
            "n2 announced 10.0.0.8 1.50 s after it first answered, "
            "n2 announced 10.0.0.8 only 1.50 s after it first answered, "
            "n2 still announced 10.0.0.8 5.50 s after the first",
        ),
    ],
)  # fmt: skip
def test_of_two_addresses_each_is_judged_by_its_own_numbers(
    judge: str, good: Any, bad: Any, bound: dict[str, Any], problem: str
) -> None:
    known = REGISTRY[judge]
    inputs = {"answers": heard(good, bad, ended=at(21)), **({"cause": act(5)} if len(known.roles) > 1 else {})}
    judgement = run(judge, inputs, {**({"nodes": NODES} if "nodes" in known.bound else {}), **bound})
    assert (judgement.verdict, judgement.reason) == (FAIL, problem)
