"""A probe is believed if it measures known gaps as they are: bias, misses and phantoms are found, and nothing else."""

from collections.abc import Iterable, Sequence
from dataclasses import FrozenInstanceError, replace
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from known_gaps import BEGIN, evidence, injected, probed

from lbcert_reports.evidence import Evidence
from lbcert_reports.judges import Judgement, calibration, run
from lbcert_reports.judges.calibration import Gap, Group, groups, measure
from lbcert_reports.statistics import Interval
from lbcert_reports.verdicts import Verdict

S, MS = 1_000_000_000, 1_000_000
BOUND = {"methods": ["cut"], "sizes": [0.02, 1]}


def gap(
    size: float,
    off: float = 0.0,
    seen: int = 1,
    *,
    known: float = 0.0001,
    measured: float = 0.001,
    method: str = "cut",
    late: float = 0.0,
) -> Gap:
    """A known gap: how far off the middle was measured, and how far either end is from the middle, s."""
    truth, middle = Interval(size - known, size + known), size + off
    return Gap(method if size else "", size, truth, Interval(middle - measured, middle + measured), seen, late)


def judged(gaps: Iterable[Gap], *, period: int = MS, **bound: Any) -> Judgement:
    """What is said of gaps that were measured so."""
    inputs = {"gaps": evidence("calibration", ()), "stream": evidence("stream", (), period=period, kernel_drops=0)}
    with patch.object(calibration, "measure", lambda *_: list(gaps)):
        return run("probe-calibration", inputs, BOUND | bound)


def lasted(size: float, lower: float, upper: float, *, off: float = 0.001) -> Gap:
    """A gap that was called so long, lay between two bounds, and was measured so much wider, s."""
    return replace(gap(size), truth=Interval(lower, upper), measured=Interval(lower - off, upper + off))


CONTROL = gap(0, seen=0)


@pytest.mark.parametrize(
    ("rows", "flaw"),
    [
        ([gap(0.02, 0.0005), gap(0.02, -0.0005), gap(1, 0.0009), CONTROL], ""),
        ([*[gap(0.02, 0.002, measured=0.002)] * 5, gap(1), CONTROL], "of 0.02 s by cut were measured +0.0020 s off"),
        ([*[gap(0.02, -0.002, measured=0.002)] * 5, gap(1), CONTROL], "of 0.02 s by cut were measured -0.0020 s off"),
        ([*[gap(0.02, 0.002, measured=0.002)] * 4, gap(1), CONTROL], ""),
        ([*[gap(0.02, 0.002, measured=0.0019)] * 4, gap(1), CONTROL], ""),
        ([gap(0.02, 0.0015, measured=0.002), gap(1), CONTROL], ""),
        ([gap(0.02, 0.0012), gap(0.02), gap(1), CONTROL], "1 of 2 gaps of 0.02 s by cut were not what was measured"),
        ([gap(0.02, -0.0012), gap(0.02), gap(1), CONTROL], "1 of 2 gaps of 0.02 s by cut were not what was measured"),
        ([lasted(0.02, 0.02, 0.02), gap(1), CONTROL], ""),
        ([gap(0.02, 0.0012), gap(0.02, 0.0012), gap(1), CONTROL], "2 of 2 gaps of 0.02 s by cut were not what was "),
        ([gap(0.02), gap(1, 0.0015), CONTROL], "1 of 1 gaps of 1 s by cut were not what was measured"),
        ([gap(0.02), gap(0.02, seen=0), gap(1), CONTROL], "1 of 2 gaps of 0.02 s by cut were missed"),
        ([gap(0.02), gap(1, seen=2), CONTROL], "1 of 1 gaps of 1 s by cut were seen as several"),
        ([gap(0.02), gap(1), CONTROL, gap(0, seen=1)], "1 of 2 controls showed a gap"),
        ([gap(0.02), gap(1)], "no control was made"),
        ([gap(0.02, 9, late=0.0011), gap(0.02), gap(0.02), gap(1), gap(0, seen=3, late=1), CONTROL], ""),
        ([gap(0.02, 9, late=0.001), gap(1), CONTROL], "1 of 1 gaps of 0.02 s by cut were not what was measured"),
        (
            [gap(0.02, late=0.002), gap(0.02, late=0.0015), gap(1), CONTROL],
            "the probe was at least 0.0015 s late at the ends of all 2 gaps of 0.02 s by cut",
        ),
        ([gap(0.02), gap(1), gap(0, seen=0, late=0.1)], "the probe was at least 0.1000 s late at the ends of all 1 "),
        ([gap(0.02), CONTROL], "no gap of 1 s by cut was made"),
        (
            [lasted(0.02, 0, 20), gap(1), CONTROL],
            "all 1 gaps of 0.02 s by cut lasted anything from 0.0000 to 20.0000 s",
        ),
        ([lasted(0.02, 3, 3), gap(1), CONTROL], "all 1 gaps of 0.02 s by cut lasted anything from 3.0000 to 3.0000 s"),
        ([lasted(0.02, 0.01, 0.01), gap(1), CONTROL], "all 1 gaps of 0.02 s by cut lasted anything from 0.0100 to "),
        ([lasted(0.02, 0.035, 0.04), gap(0.02), gap(1), CONTROL], ""),
        ([lasted(0.02, 0.036, 0.041), gap(1), CONTROL], "all 1 gaps of 0.02 s by cut lasted anything from 0.0360 to "),
        ([lasted(0.02, 0.02, 0.026), gap(0.02, measured=0.0009), gap(1), CONTROL], ""),
        (
            [lasted(0.02, 0.02, 0.026), gap(1), CONTROL],
            "gaps of 0.02 s by cut were known to 0.0060 s only, 0.0050 s are tolerable",
        ),
        (
            [lasted(0.005, 0.005, 0.016), gap(0.02), gap(1), CONTROL],
            "gaps of 0.005 s by cut were known to 0.0110 s only, 0.0050 s are tolerable",
        ),
        ([lasted(1, 1, 1.09, off=0), gap(0.02), gap(0.02), CONTROL], ""),
        ([lasted(1, 1, 1.11), gap(0.02), CONTROL], "all 1 gaps of 1 s by cut lasted anything from 1.0000 to 1.1100 s"),
        ([lasted(0.02, 3, 3), gap(0.02), gap(0.02), gap(1), CONTROL], ""),
        (
            [gap(0.02, measured=0.02), gap(1), CONTROL],
            "gaps of 0.02 s by cut were measured to 0.0400 s only, 0.0050 s are tolerable",
        ),
        ([gap(0.02), gap(1, measured=0.051), CONTROL], "gaps of 1 s by cut were measured to 0.1020 s only, 0.1000 s"),
        ([gap(0.02, method="drop"), gap(1), CONTROL], "no gap of 0.02 s by cut was made"),
        ([], "no control was made, no gap of 0.02 s by cut was made, no gap of 1 s by cut was made"),
    ],
)  # fmt: skip
def test_a_calibration_is_accepted_only_without_a_flaw(rows: list[Gap], flaw: str) -> None:
    judgement = judged(rows)
    assert judgement.verdict is (Verdict.INCONCLUSIVE if flaw else Verdict.PASS)
    assert flaw in judgement.reason
    assert flaw or judgement.reason.endswith(" known gaps were measured as they are")


def test_each_flaw_is_told_for_itself() -> None:
    def reason(*rows: Gap) -> str:
        return judged([*rows, CONTROL], sizes=[0.02]).reason

    assert reason(gap(0.02), gap(0.02, seen=0)) == "1 of 2 gaps of 0.02 s by cut were missed"
    assert (
        reason(gap(0.02), gap(0.02, seen=2), gap(0.02, seen=3)) == "2 of 3 gaps of 0.02 s by cut were seen as several"
    )
    assert reason(gap(0.02, 0.003, measured=0.0012)) == (
        "1 of 1 gaps of 0.02 s by cut were not what was measured, "
        "gaps of 0.02 s by cut were measured +0.0030 s off, 0.0013 s are tolerable"
    )
    assert reason(lasted(0.02, 0.01, 0.015), lasted(0.02, 0.05, 0.06)) == (
        "all 2 gaps of 0.02 s by cut lasted anything from 0.0100 to 0.0600 s"
    )


def test_exactly_what_is_tolerable_is_tolerated() -> None:
    off = Gap("cut", 20.0, Interval(20.0, 20.0), Interval(19.125, 21.125), 1, 0.125)
    vague = Gap("cut", 20.0, Interval(20.0, 22.0), Interval(20.0, 22.0), 1, 0.0)
    touched = [
        Gap("cut", 20.0, Interval(20.5, 20.5), each, 1, 0.0) for each in (Interval(20.5, 21), Interval(20, 20.5))
    ]
    for rows in ([off] * 5, [vague], touched):
        judgement = judged([*rows, CONTROL], sizes=[20], period=125 * MS)
        assert judgement.verdict is Verdict.PASS, judgement.reason


def test_what_gaps_come_to_is_told_of_controls_and_of_those_that_do_not_count_too() -> None:
    rows = [
        gap(1, 0.25, measured=1, known=0.0),
        gap(0.02, late=1),
        gap(0.02, late=2),
        CONTROL,
        replace(CONTROL, late=1),
    ]
    none = Interval(0.0, 0.0)
    late = "the probe was at least 1.0000 s late at the ends of all 2 gaps of 0.02 s by cut"
    assert groups(rows, MS) == [
        Group("", 0, 1, 1, 0.0, none, 0.0, ()),
        Group("cut", 0.02, 0, 2, 0.0, none, 0.0, (late,)),
        Group("cut", 1, 1, 0, 0.25, Interval(0.25, 0.25), 1.0, (groups(rows, MS)[2].flaws)),
    ]


def test_what_was_measured_is_not_altered_afterwards() -> None:
    for made, name in ((CONTROL, "late"), (groups([CONTROL], MS)[0], "bias")):
        with pytest.raises(FrozenInstanceError):
            setattr(made, name, 1.0)


def test_the_period_of_the_probe_fits_into_the_shortest_gap() -> None:
    def with_period(period: int) -> Judgement:
        return judged([gap(0.02), gap(1), CONTROL], period=period)

    assert with_period(4 * MS).verdict is Verdict.PASS
    assert with_period(5 * MS).reason == "the probe's period is 0.005 s, too long for gaps of 0.02 s"
    assert with_period(10 * S).verdict is Verdict.INCONCLUSIVE


@given(st.floats(0.0026, 10), st.floats(0, 10), st.floats(0, 0.05))
def test_truth_that_is_not_known_makes_no_measurement_right(ignorance: float, width: float, middle: float) -> None:
    lower = max(0.0, 0.02 + middle - ignorance)
    worthless = lasted(0.02, lower, lower + 2 * ignorance, off=width)
    assert judged([worthless, gap(1), CONTROL]).verdict is Verdict.INCONCLUSIVE


errors = st.lists(st.floats(-0.0009, 0.0009), min_size=1, max_size=9)


@given(errors, st.floats(0.0, 0.0015), st.permutations([0.02, 1.0]))
def test_errors_within_a_period_are_accepted_however_late_the_probe_was(
    offs: list[float], late: float, sizes: list[float]
) -> None:
    rows = [gap(size, off, measured=0.001 + late) for size in sizes for off in offs]
    assert judged([*rows, CONTROL]).verdict is Verdict.PASS


@given(
    st.lists(st.floats(-0.0009, 0.0009), min_size=5, max_size=9),
    st.floats(0.0025, 10),
    st.sampled_from([-1, 1]),
    st.floats(0.0, 0.0003),
)
def test_a_bias_of_more_than_a_period_is_refused_however_wide_the_intervals_are(
    offs: list[float], bias: float, sign: int, known: float
) -> None:
    rows = [gap(20, off + sign * bias, known=known, measured=15) for off in offs]
    judgement = judged([*rows, CONTROL], sizes=[20])
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert "gaps of 20 s by cut were measured" in judgement.reason


@given(errors, st.lists(st.tuples(st.floats(-9, 9), st.floats(0.0011, 9), st.integers(0, 3)), min_size=1))
def test_gaps_at_whose_ends_the_probe_was_late_say_nothing_either_way(
    offs: list[float], void: list[tuple[float, float, int]]
) -> None:
    rows = [CONTROL, *(gap(size, off) for size in (0.02, 1) for off in offs)]
    late = [gap(0.02, off, seen, late=late) for off, late, seen in void]
    with_them, without = judged([*late, *rows]), judged(rows)
    assert (with_them.verdict, with_them.reason) == (without.verdict, without.reason)
    assert with_them.measurements[0].value == without.measurements[0].value
    assert with_them.measurements[0].method.endswith(f", {len(void)} void")
    alone = judged([*late, CONTROL, gap(1)])
    assert alone.verdict is Verdict.INCONCLUSIVE


@given(errors, st.randoms())
def test_the_order_of_the_gaps_says_nothing(offs: list[float], chance: Any) -> None:
    rows = [CONTROL, *(gap(size, off) for size in (0.02, 1) for off in offs)]
    mixed = list(rows)
    chance.shuffle(mixed)
    assert groups(rows, MS) == groups(mixed, MS)
    assert judged(rows) == judged(mixed)


def test_bias_and_spread_are_stated_for_each_length_and_method() -> None:
    rows = [gap(1, off) for off in (0.0001, 0.0004, -0.0002)]
    judgement = judged([*rows, gap(1, 0.0003, method="drop"), CONTROL], methods=["cut", "drop"], sizes=[1])
    cut, drop = judgement.measurements
    assert (cut.name, cut.value, cut.n) == ("bias at 1 s by cut", pytest.approx(0.0001), 3)
    assert cut.method == "median +0.000100 s, single gaps -0.000200 to +0.000400 s"
    assert cut.bound is not None
    assert cut.bound[:2] == (pytest.approx(0.0011), "<=")
    assert (drop.name, drop.n) == ("bias at 1 s by drop", 1)


# --- what a stream makes of known gaps -------------------------------------------------------------------------------


def altered(stream: Evidence[Any], change: Any) -> Evidence[Any]:
    return replace(stream, rows=tuple(change(row) for row in stream.rows))


SIZES = [5 * MS, 20 * MS, 100 * MS]


def of(stream: Evidence[Any], gaps: Sequence[dict[str, Any]], **bound: Any) -> Judgement:
    asked = {"methods": ["cut"], "sizes": [0.005, 0.02, 0.1]} | bound
    return run("probe-calibration", {"gaps": evidence("calibration", gaps), "stream": stream}, asked)


def test_a_stream_that_sees_known_gaps_as_they_are_is_accepted_and_named() -> None:
    gaps = injected(0, *SIZES)
    judgement = of(probed(gaps), gaps)
    assert (judgement.verdict, judgement.reason) == (Verdict.PASS, "3 known gaps were measured as they are")
    assert judgement.probes == ("UDP over IPv6 every 1 ms from client",)


@given(
    st.lists(st.integers(5 * MS, 150 * MS), min_size=1, max_size=3),
    st.integers(0, MS),
    st.integers(1, 5 * MS),
    st.integers(),
)
def test_the_truth_lies_in_the_interval_whatever_the_phase_the_jitter_and_the_path(
    sizes: list[int], phase: int, trip: int, seed: int
) -> None:
    gaps = injected(0, *sizes, began=BEGIN + phase)
    stream = probed(gaps, trip=trip, seed=seed)
    measured = measure(evidence("calibration", gaps), stream, [size / S for size in sizes])
    assert len(measured) == 1 + len(sizes)
    for each in measured:
        assert each.holds
        assert each.measured.upper - each.measured.lower <= (4 * MS + 6 * trip) / S
    assert measured[0].seen == 0


@pytest.mark.parametrize("ends", [True, False])
def test_what_is_measured_does_not_hang_on_when_time_begins(*, ends: bool) -> None:
    def measured(began: int) -> Gap:
        (gap,) = gaps = injected(S, began=began)
        stream = altered(
            probed(gaps, begin=began), lambda row: row if ends or row["sent"] < gap["healed"] else unheard(row)
        )
        (found,) = measure(evidence("calibration", gaps), stream, [1])
        return found

    assert measured(0) == measured(BEGIN)


def test_gaps_for_which_a_stream_is_too_slow_are_none_of_its_own() -> None:
    gaps = injected(5 * MS, 20 * MS, 100 * MS, 0)
    slow = probed(gaps, 10 * MS)
    assert of(slow, gaps, sizes=[0.1]).verdict is Verdict.PASS
    assert [gap.size for gap in measure(evidence("calibration", gaps), slow, [0.1])] == [0.1, 0]
    assert of(slow, gaps).verdict is Verdict.INCONCLUSIVE


def unheard(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"received": None}


def early(row: dict[str, Any]) -> dict[str, Any]:
    """As a probe that tells too early a time of what is answered."""
    return row | {"sent": row["sent"] - (2 * MS if row["received"] else 0)}


def aloof(row: dict[str, Any]) -> dict[str, Any]:
    """As a probe that takes the first five answers after a gap, and the last before it, for none."""
    near = any(each["began"] - 2 * MS < row["sent"] < each["healed"] + 5 * MS for each in injected(0, *SIZES)[1:])
    return row | {"received": None} if near else row


def deaf(row: dict[str, Any]) -> dict[str, Any]:
    """As a probe that overlooks every twentieth answer."""
    return row if row["seq"] % 20 else row | {"received": None}


def credulous(row: dict[str, Any]) -> dict[str, Any]:
    """As a probe that takes anything for an answer."""
    return row | {"received": row["received"] or row["sent"] + MS // 10}


@pytest.mark.parametrize(
    ("broken", "flaw"),
    [
        (early, "gaps of 0.005 s by cut were measured to 0.0084 s only, 0.0050 s are tolerable"),
        (aloof, "1 of 1 gaps of 0.005 s by cut were not what was measured"),
        (deaf, "1 of 1 controls showed a gap"),
        (credulous, "1 of 1 gaps of 0.005 s by cut were missed"),
    ],
)
def test_a_stream_that_tells_something_else_is_not_accepted(broken: Any, flaw: str) -> None:
    gaps = injected(0, *SIZES)
    judgement = of(altered(probed(gaps), broken), gaps)
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert flaw in judgement.reason


def test_a_probe_that_was_late_at_an_end_says_nothing_of_that_gap() -> None:
    gaps = injected(0, 5 * MS, 20 * MS, 20 * MS, 100 * MS)

    def held_up(row: dict[str, Any]) -> dict[str, Any]:
        near = 0 <= row["due"] - gaps[2]["healed"] < 2 * MS
        return row | {"sent": row["sent"] + 3 * MS, "received": None, "late": 3 * MS} if near else row

    judgement = of(altered(probed(gaps), held_up), gaps)
    assert judgement.verdict is Verdict.PASS
    assert [(each.n, each.method.endswith(", 1 void")) for each in judgement.measurements] == [
        (1, False), (1, True), (1, False),
    ]  # fmt: skip


def plain(period: int = MS) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A gap of a hundred periods after a thousand, and probes that are sent by the clock and answered at once."""
    cut, healed = BEGIN + 1000 * period, BEGIN + 1100 * period
    times = {"began": cut, "effective": cut, "healing": healed, "healed": healed}
    rows = [
        {"seq": seq, "due": t, "sent": t, "received": None if cut <= t < healed else t, "endpoint": None}
        for seq, t in enumerate(range(BEGIN, BEGIN + 2100 * period, period))
    ]
    return {"method": "cut", "size": healed - cut, "late": 0, **times}, rows


def seen_by(known: dict[str, Any], rows: Sequence[dict[str, Any]], period: int = MS, protocol: str = "udp") -> Gap:
    """What a probe makes of one known gap."""
    stream = evidence("stream", rows, period=period, kernel_drops=0, protocol=protocol)
    (found,) = measure(evidence("calibration", [known]), stream, [known["size"] / S])
    return found


def test_a_gap_lies_between_the_probes_at_its_ends() -> None:
    known, rows = plain()
    assert seen_by(known, rows) == Gap("cut", 0.1, Interval(0.1, 0.1), Interval(0.099, 0.101), 1, 0.0)
    slow = {**known, "effective": known["began"] + MS, "healed": known["healing"] + 2 * MS}
    assert seen_by(slow, rows).truth == Interval(0.099, 0.102)


@pytest.mark.parametrize(("answered", "seen"), [(9, 1), (10, 2), (11, 2)])
def test_ten_answers_in_a_row_end_a_gap_and_fewer_do_not(answered: int, seen: int) -> None:
    known, rows = plain()
    for row in rows[1040 : 1040 + answered]:
        row["received"] = row["sent"]
    assert seen_by(known, rows).seen == seen


@pytest.mark.parametrize(("after", "seen", "upper"), [(9, 1, 0.111), (10, 2, 0.14), (11, 1, 0.101), (21, 1, 0.101)])
def test_what_is_lost_too_long_after_a_gap_to_tell_is_none_of_it(after: int, seen: int, upper: float) -> None:
    known, rows = plain()
    rows[1100 + after]["received"] = None
    found = seen_by(known, rows)
    assert (found.seen, found.measured.upper) == (seen, upper)


def test_a_gap_that_never_ends_is_known_to_last_for_as_long_as_was_looked() -> None:
    known, rows = plain()
    for row in rows[1100:]:
        row["received"] = None
    assert seen_by(known, rows).measured.upper == 0.14
    known["began"] -= MS
    assert seen_by(known, rows).measured.upper == 0.141


@pytest.mark.parametrize(
    ("place", "near"),
    [(996, False), (997, True), (1003, True), (1004, False), (1096, False), (1097, True), (1103, True), (1104, False)],
)
def test_the_probe_has_to_be_punctual_three_periods_around_each_end(place: int, near: bool) -> None:
    known, rows = plain()
    rows[place] |= {"late": 7 * MS, "waited": 0}
    assert seen_by(known, rows).late == (0.007 if near else 0.0)
    assert seen_by(known, rows, protocol="tcp").late == (0.007 if near else 0.0)


def test_a_probe_counts_as_late_from_when_it_was_due_to_when_it_was_sent() -> None:
    for due, sent, near in ((990, 997, True), (1003, 1010, True), (1090, 1097, True), (1010, 1020, False)):
        known, rows = plain()
        rows[due] |= {"sent": rows[sent]["sent"], "late": (sent - due) * MS, "waited": 0}
        assert seen_by(known, rows).late == ((sent - due) / 1000 if near else 0.0)


def test_who_answered_late_is_told_beside_the_probe() -> None:
    known, rows = plain()
    rows[1000] |= {"late": 2 * MS, "waited": 0}
    told = [
        seen_by({**known, "late": late * MS}, rows, protocol=kind).late for late in (1, 3) for kind in ("udp", "tcp")
    ]
    assert told == [0.002, 0.002, 0.003, 0.002]


def test_a_gap_that_does_not_end_for_the_probe_is_not_accepted_and_has_a_length() -> None:
    gaps = injected(0, 20 * MS)
    ended = gaps[1]["healed"]
    judgement = of(altered(probed(gaps), lambda row: row | {"received": None} if row["sent"] > ended else row), gaps)
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert all(0 <= each.value <= 0.1 for each in judgement.measurements)


@pytest.mark.parametrize(("protocol", "voids"), [("udp", True), ("tcp", False)])
def test_answers_of_a_process_that_was_late_say_nothing_of_the_probe(protocol: str, voids: bool) -> None:
    gaps = injected(0, *SIZES)
    gaps[1]["late"] = MS + 1
    seen = probed(gaps)
    judgement = of(replace(seen, meta={**seen.meta, "protocol": protocol}), gaps)
    late = "the probe was at least 0.0010 s late at the ends of all 1 gaps of 0.005 s by cut"
    assert (judgement.reason == late) == voids
    assert (judgement.verdict is Verdict.PASS) != voids


@pytest.mark.parametrize("meta", [{"kernel_drops": 1}, {"clock_step": S}])
def test_a_disturbed_stream_is_not_accepted(meta: dict[str, Any]) -> None:
    gaps = injected(0, *SIZES)
    stream = probed(gaps)
    assert of(replace(stream, meta={**stream.meta, **meta}), gaps).verdict is Verdict.INCONCLUSIVE


def test_a_calibration_without_its_probes_is_not_accepted() -> None:
    asked = {"methods": ["cut"], "sizes": [0.005]}
    judgement = run("probe-calibration", {"gaps": evidence("calibration", injected(0, 5 * MS))}, asked)
    assert (judgement.verdict, judgement.reason) == (Verdict.INCONCLUSIVE, "there is no evidence for 'stream'")
