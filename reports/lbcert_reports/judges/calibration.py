"""The judge of the probe itself: known gaps, and whether the stream measured them as they were.

They are measured by what measures the outages of trials (`failover.outages`). The rule was fixed in advance. For each
method of injection and each length the *bias* is the median of how much longer a gap was measured than it was, by the
middles of both intervals. A calibration is accepted if no gap is missed, none is seen where none was, the truth lies in
the interval that was measured for every single gap, no bias is larger than one period of the probe and half the width
of the interval in which the truth is known to lie, and the measured interval is no wider than `sharp`, nor is that of
the truth, by their medians. Where `FEW` gaps count their median says little of a bias: it may be half the width of the
measured interval, as each of them may. As in a trial, a gap at whose ends the probe or its answers were late says
nothing of how it measures, and one that was not as long as was meant nothing of that length; there have to be others.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from lbcert_reports.evidence import Calibration, Evidence, Stream, probe_of
from lbcert_reports.judges.failover import outages
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

RUN = 10
"""How many probes make a sustained run between two known gaps; as many again before and after are looked at."""

FEW = 4
"""A probe that is a little late now and then measures single gaps more than a period off, as its interval says."""

EDGE = 3
"""How many periods before and after a gap's ends the probe has to be punctual."""


@dataclass(frozen=True)
class Gap:
    """One gap of known length, and what the probe makes of it.

    Attributes:
        method: how it was made; empty for a control.
        size: the length that was meant, s; 0 for a control.
        truth: the interval in which its length is known to lie, s.
        measured: the interval that was measured, s; from 0 to what the probe may have overlooked if it saw none.
        seen: how many gaps the probe saw.
        late: the longest that a probe was late at its ends, or the process that answers, s; 0 if that was little.
    """

    method: str
    size: float
    truth: Interval
    measured: Interval
    seen: int
    late: float

    @property
    def error(self) -> float:
        """How much longer it was measured than it was, by the middles of both intervals, s."""
        return (sum(self.measured) - sum(self.truth)) / 2

    @property
    def holds(self) -> bool:
        """Whether what was measured is consistent with the truth: the two overlap."""
        return self.measured.lower <= self.truth.upper and self.truth.lower <= self.measured.upper

    @property
    def as_meant(self) -> bool:
        """Whether it was about as long as was meant."""
        return not self.size or self.size <= self.truth.upper <= self.size + max(LONGER, self.size / 10)


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


def measure(gaps: Evidence[Calibration], stream: Evidence[Stream], sizes: Iterable[float]) -> list[Gap]:
    """What a stream makes of known gaps.

    Args:
        gaps: the known gaps.
        stream: what probed meanwhile.
        sizes: the lengths that are asked for, s; a stream may be too slow for the others. Controls always are.
    """
    asked = {0.0, *sizes}
    rows = sorted(stream.rows, key=lambda row: row["sent"])
    sent = [row["sent"] for row in rows]
    answers = stream.meta.get("protocol") != "tcp"  # a kernel answers those, and no process
    return [
        _measured(each, rows, sent, stream.meta["period"], answers=answers)
        for each in gaps.rows
        if seconds(each["size"]) in asked
    ]


def _measured(gap: Calibration, rows: Sequence[Stream], sent: Sequence[int], period: int, *, answers: bool) -> Gap:
    margin = 2 * RUN * period
    around = rows[bisect_left(sent, gap["began"] - margin) : bisect_left(sent, gap["healed"] + margin)]
    measured, seen = outages(around, gap["began"], period, RUN)
    watched = seconds(gap["healed"] - gap["began"] + 2 * margin)  # nothing is known of one that had not ended then
    ends = ((gap["began"], gap["effective"]), (gap["healing"], gap["healed"]))
    late = [
        row["late"]
        for begin, end in ends
        for row in around
        if "late" in row and row["due"] <= end + EDGE * period and row["sent"] >= begin - EDGE * period
    ]
    return Gap(
        gap["method"],
        seconds(gap["size"]),
        Interval(seconds(gap["healing"] - gap["effective"]), seconds(gap["healed"] - gap["began"])),
        Interval(measured.lower, min(measured.upper, watched)),
        seen,
        seconds(max([gap["late"] if answers else 0, *late])),
    )


def groups(gaps: Iterable[Gap], period: int) -> list[Group]:
    """What known gaps come to, by length and method; the controls first.

    Args:
        gaps: as one probe measured them.
        period: of the probe, ns.
    """
    found: dict[tuple[float, str], list[Gap]] = {}
    for gap in gaps:
        found.setdefault((gap.size, gap.method), []).append(gap)
    return [_group(*kind, found[kind], seconds(period)) for kind in sorted(found)]


def sharp(size: float, period: float) -> float:
    """How wide the interval may be in which a gap's length is known, or measured, s."""
    return max(PERIODS * period, size / 10)


def _group(size: float, method: str, every: Sequence[Gap], period: float) -> Group:
    punctual = [gap for gap in every if gap.late <= period]
    gaps = [gap for gap in punctual if gap.as_meant]
    n, void = len(gaps), len(every) - len(gaps)
    named = f"gaps of {size:g} s by {method}" if size else "controls"
    if not gaps:
        if punctual:
            lower, upper = min(gap.truth.lower for gap in punctual), max(gap.truth.upper for gap in punctual)
            flaw = f"all {len(punctual)} {named} lasted anything from {lower:.4f} to {upper:.4f} s"
        else:
            late = min(gap.late for gap in every)
            flaw = f"the probe was at least {late:.4f} s late at the ends of all {void} {named}"
        return Group(method, size, 0, void, 0.0, Interval(0.0, 0.0), 0.0, (flaw,))
    if not size:
        phantoms = sum(bool(gap.seen) for gap in gaps)
        flaws = [f"{phantoms} of {n} controls showed a gap"] if phantoms else []
        return Group(method, size, n, void, 0.0, Interval(0.0, 0.0), 0.0, tuple(flaws))
    errors = sorted(gap.error for gap in gaps)
    known = median(gap.truth.upper - gap.truth.lower for gap in gaps)
    width = median(gap.measured.upper - gap.measured.lower for gap in gaps)
    bias, tolerable = median(errors), sharp(size, period)
    allowed = (max(period, width / 2) if n <= FEW else period) + known / 2
    flaws = [
        f"{count} of {n} {named} {problem}"
        for count, problem in (
            (sum(not gap.seen for gap in gaps), "were missed"),
            (sum(gap.seen > 1 for gap in gaps), "were seen as several"),
            (sum(not gap.holds for gap in gaps), "were not what was measured"),
        )
        if count
    ]
    if abs(bias) > allowed:
        flaws.append(f"{named} were measured {bias:+.4f} s off, {allowed:.4f} s are tolerable")
    elif known > tolerable:
        flaws.append(f"{named} were known to {known:.4f} s only, {tolerable:.4f} s are tolerable")
    elif width > tolerable:
        flaws.append(f"{named} were measured to {width:.4f} s only, {tolerable:.4f} s are tolerable")
    return Group(method, size, n, void, bias, Interval(errors[0], errors[-1]), allowed, tuple(flaws))


@judge(CALIBRATION)
def probe_calibration(
    gaps: Evidence[Calibration], stream: Evidence[Stream], *, methods: list[str], sizes: list[float]
) -> Judgement:
    """Gaps of known length are measured as they are, and none is seen where none is.

    For each method and size the bias is the median of how much longer a gap was measured than it was, by the middles of
    both intervals. It may be one period of the probe, and half the width of the interval in which the truth is known to
    lie; where fewer than five gaps count, half the width of the measured interval if that is more. The truth has to lie
    in the interval that was measured for each gap, none may be missed, and controls, in which nothing is cut, may show
    none. Truth and measurement may be five periods wide, or a tenth of the length, by their medians. A gap at whose
    ends the probe, or the process that answers it, was more than a period late is void, and so is one that was longer
    than was meant by more than 20 ms, or a tenth if that is more. Five periods have to fit into the shortest. A verdict
    on timing stands only if each of its probes has an accepted calibration before and after it.

    Args:
        gaps: the known gaps; of other lengths than are asked for there may be more.
        stream: the probes meanwhile.
        methods: the ways in which each size has to be made.
        sizes: the lengths that there have to be, s; a control there has to be too.
    """
    period = stream.meta["period"]
    there = groups(measure(gaps, stream, sizes), period)
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
        (probe_of(stream.meta),),
    )
