"""A probe is believed if it measures known gaps as they are: bias, misses and phantoms are found, and nothing else."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbcert_reports.evidence import Evidence
from lbcert_reports.judges import Judgement, run
from lbcert_reports.judges.calibration import groups
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
) -> dict[str, Any]:
    """A known gap: how far off the middle was measured, and how far either end is from the middle, s."""
    middle, size_ns = round((size + off) * S), round(size * S)
    return {
        "t": 0, "method": method if size else "", "size": size_ns, "gaps_seen": seen, "late": round(late * S),
        "injected_lower": size_ns - round(known * S), "injected_upper": size_ns + round(known * S),
        "measured_lower": middle - round(measured * S), "measured_upper": middle + round(measured * S),
    }  # fmt: skip


def judged(rows: Iterable[dict[str, Any]], **bound: Any) -> Judgement:
    evidence = Evidence[Any]("calibration", "", "calibration", {"period": MS}, tuple(rows))
    return run("probe-calibration", {"gaps": evidence}, BOUND | bound)


def lasted(size: float, lower: float, upper: float, *, off: float = 0.001) -> dict[str, Any]:
    """A gap that was called so long, lay between two bounds, and was measured so much wider, s."""
    return gap(size) | {
        "injected_lower": round(lower * S), "injected_upper": round(upper * S),
        "measured_lower": round((lower - off) * S), "measured_upper": round((upper + off) * S),
    }  # fmt: skip


CONTROL = gap(0, seen=0)


@pytest.mark.parametrize(
    ("rows", "flaw"),
    [
        ([gap(0.02, 0.0005), gap(0.02, -0.0005), gap(1, 0.0009), CONTROL], ""),
        ([gap(0.02, 0.002, measured=0.01), gap(1), CONTROL], "gaps of 0.02 s by cut were measured +0.0020 s off"),
        ([gap(0.02, -0.002, measured=0.01), gap(1), CONTROL], "gaps of 0.02 s by cut were measured -0.0020 s off"),
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
        ([lasted(0.02, 0.02, 0.026), gap(0.02), gap(1), CONTROL], ""),
        (
            [lasted(0.02, 0.02, 0.026), gap(1), CONTROL],
            "gaps of 0.02 s by cut were known to 0.0060 s only, 0.0050 s are tolerable",
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
def test_a_calibration_is_accepted_only_without_a_flaw(rows: list[dict[str, Any]], flaw: str) -> None:
    judgement = judged(rows)
    assert judgement.verdict is (Verdict.INCONCLUSIVE if flaw else Verdict.PASS)
    assert judgement.reason.startswith(flaw or "3 known gaps were measured as they are")


def test_the_period_of_the_probe_fits_into_the_shortest_gap() -> None:
    def with_period(period: int) -> Judgement:
        rows = (gap(0.02), gap(1), CONTROL)
        evidence = Evidence[Any]("calibration", "", "calibration", {"period": period}, rows)
        return run("probe-calibration", {"gaps": evidence}, BOUND)

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


@given(errors, st.floats(0.0025, 10), st.sampled_from([-1, 1]), st.floats(0.0, 0.0003))
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
