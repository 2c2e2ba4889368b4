"""The judge of the probe itself: known gaps, and whether the stream measured them as they were.

The rule was fixed in advance. For each method of injection and each length the *bias* is the median of how much longer
a gap was measured than it was, by the middles of both intervals. A calibration is accepted if no gap is missed, none is
seen where none was, the truth lies in the interval that was measured for every single gap, no bias is larger than
one period of the probe and half the width of the interval in which the truth is known to lie, and the measured interval
is no wider than `sharp`, nor is that of the truth, by their medians. As in a trial, a gap at whose ends the probe was
late says nothing of how it measures, and one that was not as long as was meant nothing of that length; there have to be
others.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from lbcert_reports.evidence import Calibration, Evidence
from lbcert_reports.judges.registry import Judgement, Limit, Measurement, judge, listed
from lbcert_reports.judges.spans import seconds
from lbcert_reports.statistics import Interval
from lbcert_reports.verdicts import Verdict

CALIBRATION = "probe-calibration"

PERIODS = 5
"""In so many periods of the probe the length of a gap has to be known and measured; and so many fit into the shortest.
Two are what a punctual probe needs, four one that is late by a period at either end."""

LONGER = 0.02
"""How much longer than was meant a gap may be, s: 15 ms were seen of a link that was cut beside other work."""


@dataclass(frozen=True)
class Group:
    """All gaps of one length that were made in one way.

    Attributes:
        method: how they were made; empty for controls.
        size: the length that was meant, s; 0 for controls.
        n: how many there were that count.
        void: how many there were at whose ends the probe was more than a period late, or that were not as long as was
            meant.
        bias: median error, s.
        spread: least and greatest error of a single gap, s.
        allowed: largest bias that is accepted, s.
        flaws: what speaks against the probe.
    """

    method: str
    size: float
    n: int
    void: int
    bias: float
    spread: Interval
    allowed: float
    flaws: tuple[str, ...]


def groups(rows: Iterable[Calibration], period: int) -> list[Group]:
    """What known gaps come to, by length and method; the controls first."""
    found: dict[tuple[int, str], list[Calibration]] = {}
    for row in rows:
        found.setdefault((row["size"], row["method"]), []).append(row)
    return [_group(each, seconds(period)) for _, each in sorted(found.items())]


def sharp(size: float, period: float) -> float:
    """How wide the interval may be in which a gap's length is known, or measured, s."""
    return max(PERIODS * period, size / 10)


def _is_as_meant(row: Calibration) -> bool:
    """Whether a gap was about as long as was meant."""
    size, upper = seconds(row["size"]), seconds(row["injected_upper"])
    return not size or size <= upper <= size + max(LONGER, size / 10)


def _group(every: Sequence[Calibration], period: float) -> Group:
    size, method = seconds(every[0]["size"]), every[0]["method"]
    punctual = [row for row in every if seconds(row["late"]) <= period]
    rows = [row for row in punctual if _is_as_meant(row)]
    n, void = len(rows), len(every) - len(rows)
    named = f"gaps of {size:g} s by {method}" if size else "controls"
    if punctual and not rows:
        lower, upper = min(row["injected_lower"] for row in punctual), max(row["injected_upper"] for row in punctual)
        flaws = [f"all {len(punctual)} {named} lasted anything from {seconds(lower):.4f} to {seconds(upper):.4f} s"]
        return Group(method, size, 0, void, 0.0, Interval(0.0, 0.0), 0.0, tuple(flaws))
    if not rows:
        late = seconds(min(row["late"] for row in every))
        flaws = [f"the probe was at least {late:.4f} s late at the ends of all {void} {named}"]
        return Group(method, size, 0, void, 0.0, Interval(0.0, 0.0), 0.0, tuple(flaws))
    if not size:
        phantoms = sum(bool(row["gaps_seen"]) for row in rows)
        flaws = [f"{phantoms} of {n} controls showed a gap"] if phantoms else []
        return Group(method, size, n, void, 0.0, Interval(0.0, 0.0), 0.0, tuple(flaws))
    errors = sorted(
        seconds(row["measured_lower"] + row["measured_upper"] - row["injected_lower"] - row["injected_upper"]) / 2
        for row in rows
    )
    known = [seconds(row["injected_upper"] - row["injected_lower"]) / 2 for row in rows]
    bias, allowed = median(errors), period + median(known)
    outside = sum(
        row["measured_lower"] > row["injected_upper"] or row["injected_lower"] > row["measured_upper"] for row in rows
    )
    flaws = [
        f"{count} of {n} {named} {problem}"
        for count, problem in (
            (sum(not row["gaps_seen"] for row in rows), "were missed"),
            (sum(row["gaps_seen"] > 1 for row in rows), "were seen as several"),
            (outside, "were not what was measured"),
        )
        if count
    ]
    width = median(seconds(row["measured_upper"] - row["measured_lower"]) for row in rows)
    if abs(bias) > allowed:
        flaws.append(f"{named} were measured {bias:+.4f} s off, {allowed:.4f} s are tolerable")
    elif 2 * median(known) > sharp(size, period):
        flaws.append(f"{named} were known to {2 * median(known):.4f} s only, {sharp(size, period):.4f} s are tolerable")
    elif width > sharp(size, period):
        flaws.append(f"{named} were measured to {width:.4f} s only, {sharp(size, period):.4f} s are tolerable")
    return Group(method, size, n, void, bias, Interval(errors[0], errors[-1]), allowed, tuple(flaws))


@judge(CALIBRATION)
def probe_calibration(gaps: Evidence[Calibration], *, methods: list[str], sizes: list[float]) -> Judgement:
    """Gaps of known length are measured as they are, and none is seen where none is.

    For each method and size the bias is the median of how much longer a gap was measured than it was, by the middles of
    both intervals. It may be one period of the probe, and half the width of the interval in which the truth is known to
    lie. The truth has to lie in the interval that was measured for each gap, none may be missed, and controls, in which
    nothing is cut, may show none. Truth and measurement may be five periods wide, or a tenth of the length, by their
    medians. A gap at whose ends the probe was more than a period late is void, and so is one that was longer than was
    meant by more than 20 ms, or a tenth if that is more. Five periods have to fit into the shortest. Without an
    accepted calibration before and after it no verdict on timing stands.

    Args:
        gaps: the known gaps, and what was measured of them; the header holds the probe's period.
        methods: the ways in which each size has to be made.
        sizes: the lengths that there have to be, s; a control there has to be too.
    """
    period = gaps.meta.get("period", 0)
    there = groups(gaps.rows, period)
    done = {(group.size, group.method) for group in there}
    wanted = [(0.0, ""), *((size, method) for size in sizes for method in methods)]
    lacking = [f"no gap of {size:g} s by {method}" if size else "no control" for size, method in wanted]
    flaws = [text + " was made" for text, each in zip(lacking, wanted, strict=True) if each not in done]
    flaws += [flaw for group in there for flaw in group.flaws]
    if PERIODS * seconds(period) > min(sizes):
        flaws.append(f"the probe's period is {seconds(period):g} s, too long for gaps of {min(sizes):g} s")
    measured = [group for group in there if group.size]
    return Judgement(
        Verdict.INCONCLUSIVE if flaws else Verdict.PASS,
        listed(flaws) or f"{sum(group.n for group in measured)} known gaps were measured as they are",
        "known gaps are measured as they are, and none is seen where none is",
        "; ".join(f"{group.size:g} s by {group.method}: {group.bias:+.4f} s off" for group in measured),
        tuple(
            Measurement(
                f"bias at {group.size:g} s by {group.method}",
                abs(group.bias),
                "s",
                group.n,
                f"median {group.bias:+.6f} s, single gaps {group.spread.lower:+.6f} to {group.spread.upper:+.6f} s"
                + (f", {group.void} void" if group.void else ""),
                bound=Limit(group.allowed, "<=", "allowed"),
            )
            for group in measured
        ),
    )
