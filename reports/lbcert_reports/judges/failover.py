"""The judge of failover gaps: for how long nobody forwarded, as an interval, from open-loop probes.

A probe that was sent and not received is *lost*. An *outage* begins with a row of lost probes and ends with the
first packet of a *sustained run*: a received probe after which, for ``run`` probes, no such row follows. So a lucky
packet ends nothing. A probe is lost if its question or its answer meets the outage, so the true outage lies between

    lower: from when the first lost probe would have been answered to when the last lost one was sent, and
    upper: from when the last probe before was sent to when the first of the sustained run was answered,

by the times at which the probes were really sent: a late sender widens the interval and never shifts it.

One lost probe is such a row, unless Kubernetes itself goes on losing a share of them. Under policy Cluster the
endpoints of a dead node get their part of the flows until the node is NotReady, which is not the implementation's
doing. Such a case says which share that is (``dead_share``) and sends from many source ports. Then only a row too
long to be dead endpoints by chance is an outage: the time in which *nobody* forwarded. What is lost after the
recovery is measured apart.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from statistics import median

from lbcert_reports import statistics
from lbcert_reports.evidence import ANNOUNCEMENTS, Answer, Evidence, Fault, Noise, Route, Stream, probe_of
from lbcert_reports.judges.registry import Judgement, Limit, Measurement, Trials, judge, listed
from lbcert_reports.judges.spans import effect, nanoseconds, seconds
from lbcert_reports.statistics import Interval
from lbcert_reports.verdicts import Verdict

CHANCE = 0.001
"""How improbable a row of losses has to be, anywhere in a run, before it is not put down to dead endpoints."""

LATE_ANSWER = 0.1
"""How late an endpoint may answer on a busy machine, s: 45 ms were seen beside a second lab. Where less has to be told
apart it is less."""


BUSY = 0.25
"""The share of the processors that other programs may use before endpoints may lose probes because of them."""

UNSEEN = 1.0
"""For how long nobody may have looked what other programs used, s: who looks every second misses the last one."""


@dataclass(frozen=True)
class Trial:
    """What one trial showed.

    Attributes:
        gap: the longest outage, s; its upper end is infinite if it had not ended with the stream.
        recovery: from the fault's effect to the sustained run, s; None if there was no outage.
        lost: probes lost after the fault.
        lost_after: share of the probes lost after the first outage had ended.
        late: 99th percentile of the probes' lateness, s.
        held: the longest that a probe was late from before the fault on, s, and how long of that the probing process
            waited for a processor.
        foreign: largest share of the processors that other programs used meanwhile, if evidence tells.
        detect: from the fault's effect to the first sign that the implementation acted, s, if evidence tells.
        announce: from the fault's effect to the new owner's first unsolicited announcement, s, likewise.
        void: why the trial does not count; empty if it does.
    """

    gap: Interval
    recovery: Interval | None = None
    lost: int = 0
    lost_after: float = 0.0
    late: float = 0.0
    held: tuple[float, float] = (0.0, 0.0)
    foreign: float | None = None
    detect: float | None = None
    announce: float | None = None
    void: str = ""


@judge("failover-gap", drops=(), steps=())  # either voids a trial, or widens its interval
def failover_gap(
    stream: Trials[Stream],
    cause: Trials[Fault],
    answers: Trials[Answer] | None = None,
    routes: Trials[Route] | None = None,
    noise: Evidence[Noise] | None = None,
    *,
    limit: float,
    run: int = 50,
    dead_share: float = 0.0,
    lost_after: float | None = None,
    passing: bool = False,
    quantile: float | None = None,
    confidence: float = statistics.CONFIDENCE,
    resolution: float | None = None,
    void: float = 0.2,
) -> Judgement:
    """After a fault nobody forwards for no longer than the limit, and then forwarding stays.

    Args:
        stream: the probes of each trial.
        cause: the fault of each trial; probes due after it was healed do not count, unless it passes by itself.
        answers: frames heard during each trial: tell detection and announcement apart. A trial in which a node took
            over in time but did not announce it is void when its gap is too long: the caches of others made it so.
        routes: route changes during each trial: tell detection.
        noise: what the machine did besides: a punctual probe measures rightly on a busy one too, but endpoints that
            wait for a processor lose probes, so losses after the recovery void a trial in which others took a quarter.
        limit: longest outage, s.
        run: how many probes make a sustained run.
        dead_share: share of the probes that Kubernetes itself may lose after the recovery, below 1.
        lost_after: highest share that may be lost after the first outage; by default 0.01, or any if dead_share is
            set.
        passing: whether the fault passes by itself, as a restart does: what it takes with it counts to the end.
        quantile: the quantile of the outage that is held against the limit; by default every trial has to meet it,
            which bounds the quantile that the number of trials supports.
        confidence: confidence of that bound.
        resolution: what has to be told apart, s; by default a quarter of the limit, at least two periods. A trial is
            void if one probe in a hundred was later than half of it, or a single one from just before the fault on.
        void: highest share of the trials that may be void for a pass; if more than half are, nothing is said at all.
    """
    if missing := stream.keys() - cause.keys():
        return Judgement(Verdict.INCONCLUSIVE, f"there is no fault for trial {listed(sorted(missing))}")
    if missing := cause.keys() - stream.keys():
        return Judgement(Verdict.INCONCLUSIVE, f"there are no probes for trial {listed(sorted(missing))}")
    allowed = lost_after if lost_after is not None else (1.0 if dead_share else 0.01)
    trials: dict[str, Trial] = {}
    for name, probes in stream.items():
        precision = resolution or max(limit / 4, 2 * seconds(probes.meta["period"]))
        fault = effect(cause[name])
        newcomers = _of_newcomers(probes, (answers or {}).get(name), fault)
        detect, announce = _signs(newcomers, (routes or {}).get(name), fault)
        fault = {**fault, "healed": None} if passing else fault
        trial = _gap(probes, fault, detect, run=run, dead_share=dead_share, limit=limit, precision=precision)
        reason = trial.void or _unannounced(trial, newcomers, fault, limit)
        reason = reason or _starved(trial, noise, fault["effective"], probes, allowed)
        trials[name] = replace(trial, detect=detect, announce=announce, void=reason, foreign=_foreign(noise, probes))
    counted = {name: trial for name, trial in trials.items() if not trial.void}
    voided = {name: trial.void for name, trial in trials.items() if trial.void}
    claim, bound = _bound([trial.gap for trial in counted.values()], quantile, confidence)
    claim += _seen_from(stream.values())
    verdict, reason = _verdict(counted, bound, limit, allowed, claim)
    if len(voided) > (0.5 if verdict is Verdict.FAIL else void) * len(trials):
        void_text = "; ".join(f"trial {name or 1}: {why}" for name, why in voided.items())
        verdict, reason = Verdict.INCONCLUSIVE, f"{len(voided)} of {len(trials)} trials are void: {void_text}"
    return Judgement(
        verdict,
        reason,
        f"nobody forwards for at most {limit:g} s after the fault",
        _observed(counted, voided),
        (
            Measurement(
                "failover gap",
                _finite(bound.upper) if bound else None,
                "s",
                len(counted),
                claim,
                interval=_pair(bound),
                resolution=max((seconds(probes.meta["period"]) for probes in stream.values()), default=None),
                bound=Limit(limit, "<=", "limit"),
                samples=tuple(_pair(trial.gap) or (trial.gap.lower, None) for trial in counted.values()),
            ),
            *_details(trials, allowed, void),
        ),
        tuple(sorted({probe_of(probes.meta) for probes in stream.values()})),
    )


def outages(rows: Sequence[Stream], began: int, period: int, run: int) -> tuple[Interval, int]:
    """The longest interruption of a stream, as an interval, s, and how many there were.

    Args:
        rows: the probes, in the order in which they were sent; those before count as answered.
        began: when the cause began, ns.
        period: planned distance between two probes, ns.
        run: how many probes make a sustained run.
    """
    start = _first_hit(rows, began, period, run)
    found = _outages([row["received"] is None for row in rows], start, run, 0)
    return _longest(rows, found, start, 0, run), len(found)


def _gap(
    probes: Evidence[Stream],
    fault: Fault,
    detect: float | None,
    *,
    run: int,
    dead_share: float,
    limit: float,
    precision: float,
) -> Trial:
    """Measure one trial."""
    period, step = probes.meta["period"], _step(probes)
    healed = fault["healed"]
    rows = [row for row in sorted(probes.rows, key=lambda row: row["sent"]) if healed is None or row["due"] < healed]
    start = _first_hit(rows, fault["began"], period, run)
    hit = _hit(rows, fault["began"], period, run)
    # What holds up a probe holds up endpoints too: an answer that the fault cut off was not lost before it.
    owed = fault["began"] - nanoseconds(min(precision / 2, LATE_ANSWER))
    before = [row for row in rows if row["sent"] < min(hit, owed)][-run:]
    lost = [row["received"] is None for row in rows]
    late, held = _lateness(probes), _held([row for row in rows if row["sent"] >= hit - run * period])
    void = _unusable(probes, before, run, precision) or _unpunctual(late, held, precision)
    chance = math.ceil(math.log(CHANCE / run) / math.log(dead_share)) if dead_share else 0
    sent = [row["sent"] for row in rows]
    found = _outages(lost, start, run, chance)
    seen, gone = _longest(rows, found, start, chance, run), lost[start:]
    gap = Interval(max(0.0, seen.lower - step), seen.upper + step)
    if not gone:
        return Trial(gap, late=late, held=held, void=void or "no probe was sent after the fault")
    if not found:
        span = seconds(sent[-1] - fault["effective"])
        # When another node was seen to take over, and forwarding went on, there is nothing more to wait for.
        if span < min(limit, math.inf if detect is None else detect + seconds(run * period)):
            void = void or f"the stream ended {span:.2f} s after the fault, {limit:g} s are needed"
        return Trial(gap, None, sum(gone), _share(gone), late, held, void=void)
    first, end = found[0]
    recovered = seconds(_answered(rows[end]) - fault["began"]) if end is not None else math.inf
    return Trial(
        gap=gap,
        recovery=Interval(
            max(0.0, seconds(_last_sure(rows[first:end], chance) - fault["effective"]) - step), recovered + step
        ),
        lost=sum(gone),
        lost_after=_share(lost[end:]) if end is not None else 0.0,
        late=late,
        held=held,
        void=void,
    )


def _hit(rows: Sequence[Stream], began: int, period: int, run: int) -> int:
    """From when on probes may have been hit by what began then, ns: one that was on its way may."""
    return began - max([2 * period, *_trips(rows, began, run)])


def _first_hit(rows: Sequence[Stream], began: int, period: int, run: int) -> int:
    """The place of the first probe that may have been hit; past the last if there is none."""
    hit = _hit(rows, began, period, run)
    return next((i for i, row in enumerate(rows) if row["sent"] >= hit), len(rows))


def _longest(
    rows: Sequence[Stream], found: Sequence[tuple[int, int | None]], start: int, chance: int, run: int
) -> Interval:
    """The longest of some outages, s; without any what there may have been unseen from a place among the rows on."""
    if not found:
        good = [row for row in rows[max(0, start - 1) :] if row["received"] is not None]
        hidden = max((_answered(later) - earlier["sent"] for earlier, later in pairwise(good)), default=0)
        return Interval(0.0, seconds(hidden))
    gaps = [_interval(rows, outage, chance, run) for outage in found]
    return Interval(max(gap.lower for gap in gaps), max(gap.upper for gap in gaps))


def _outages(lost: Sequence[bool], start: int, run: int, chance: int) -> list[tuple[int, int | None]]:
    """First lost probe and first probe of the sustained run of each outage; None for one that does not end."""
    # The rows of losses that are too long for chance, as [first, past the last).
    spans, index = list[tuple[int, int]](), 0
    for gone, group in groupby(lost):
        length = len(list(group))
        if gone and length > chance and index + length > start:
            first = max(index, start)
            if spans and first - spans[-1][1] < run:
                first, _ = spans.pop()  # what came between was no sustained run
            spans.append((first, index + length))
        index += length
    outages: list[tuple[int, int | None]] = [*spans]
    if spans and len(lost) - spans[-1][1] < run:
        first, _ = spans.pop()
        # The end of the stream is too near to tell. A row that begins there is left alone for the same reason.
        is_told = len(lost) - first >= run or not spans
        outages = [*spans, *([(first, None)] if is_told else [])]
    return outages


def _interval(rows: Sequence[Stream], outage: tuple[int, int | None], chance: int, run: int) -> Interval:
    """The interval in which the length of an outage lies, s.

    The first lost probe may have met it as late as its answer would have come: as late as the slowest of those around.
    """
    first, end = outage
    before = rows[max(0, first - 1)]
    around = [*rows[max(0, first - run) : first], *(rows[end : end + run] if end is not None else ())]
    trip = max((_answered(row) - row["sent"] for row in around), default=0)
    lower = max(0.0, seconds(_last_sure(rows[first:end], chance) - rows[first]["sent"] - trip))
    return Interval(lower, seconds(_answered(rows[end]) - before["sent"]) if end is not None else math.inf)


def _last_sure(rows: Sequence[Stream], chance: int) -> int:
    """When the last probe of an outage was sent that dead endpoints did not lose, ns.

    The last of a row may have been lost to them when forwarding was back already. So may all of a row that followed
    an answer: chance makes one of more than ``chance`` now and then, of more than twice as many next to never.
    """
    first, *later = [list(group) for lost, group in groupby(rows, lambda row: row["received"] is None) if lost]
    *_, last = [first, *(row for row in later if len(row) > 2 * chance)]
    return last[max(0, len(last) - 1 - chance)]["sent"]


def _answered(row: Stream) -> int:
    """When a probe was answered; when it was sent, if it was not."""
    return row["received"] if row["received"] is not None else row["sent"]


def _trips(rows: Sequence[Stream], began: int, run: int) -> list[int]:
    """How long the last answers before a time took, ns."""
    answered = [row for row in rows if row["received"] is not None and row["received"] < began]
    return [_answered(row) - row["sent"] for row in answered[-run:]]


def _lateness(probes: Evidence[Stream]) -> float:
    """The 99th percentile of how late probes were handed to the kernel, s.

    The header tells where it can: a packet that had to wait for the neighbour's address left late through no fault
    of the sender's.
    """
    if (told := probes.meta.get("lateness", {}).get("p99")) is not None:
        return seconds(told)
    late = sorted(row["sent"] - row["due"] for row in probes.rows)
    return seconds(late[math.ceil(0.99 * len(late)) - 1]) if late else 0.0


def _unusable(probes: Evidence[Stream], before: Sequence[Stream], run: int, precision: float) -> str:
    """Why a trial cannot be measured; empty if it can."""
    if drops := probes.meta["kernel_drops"]:
        return f"the kernel dropped {drops} packets of the capture"
    if (step := _step(probes)) > precision / 2:
        return f"the clock was set by {step:.3f} s meanwhile, {precision / 2:g} s are tolerable"
    if len(before) < run:
        return f"only {len(before)} probes were sent before the fault, {run} are needed"
    if gone := sum(row["received"] is None for row in before):
        return f"{gone} of the last {len(before)} probes before the fault were lost already"
    return ""


def _step(probes: Evidence[Stream]) -> float:
    """By how much the clock was set while a stream ran, s."""
    return seconds(abs(probes.meta.get("clock_step", 0)))


def _held(rows: Sequence[Stream]) -> tuple[float, float]:
    """The longest that a probe was late, and how long of that its process waited for a processor, s."""
    late = [(seconds(row["late"]), seconds(row.get("waited", 0))) for row in rows if "late" in row]
    return max(late, default=(0.0, 0.0))


def _unpunctual(late: float, held: tuple[float, float], precision: float) -> str:
    """Why late probes void a trial; empty if they do not.

    A process that did not run for a while makes up for it when it goes on: one such time is enough, however many probes
    were punctual.
    """
    longest, waited = held
    if longest > precision / 2:
        cause = f"for {waited:.4f} s it waited for a processor, " if waited > longest / 2 else ""
        return f"the probe was held up for {longest:.4f} s, {cause}{precision / 2:g} s are tolerable"
    if late > precision / 2:
        return f"1 % of the probes were sent more than {late:.4f} s late, {precision / 2:g} s are tolerable"
    return ""


def _foreign(noise: Evidence[Noise] | None, probes: Evidence[Stream]) -> float | None:
    """The largest share of the processors that other programs used while a stream ran; None if nobody looked."""
    if noise is None or not probes.rows:
        return None
    return max((row["foreign_cpu"] for row in _spans(noise, probes.rows[0]["sent"], probes)), default=None)


def _spans(noise: Evidence[Noise], since: int, probes: Evidence[Stream]) -> list[Noise]:
    """What the machine did from a time (ns) to the end of a stream, which has to have rows."""
    ended = probes.rows[-1]["sent"]
    return [row for row in noise.rows if row["until"] >= since and row["t"] <= ended]


def _starved(trial: Trial, noise: Evidence[Noise] | None, since: int, probes: Evidence[Stream], allowed: float) -> str:
    """Why what was lost after the recovery says nothing: those who should answer had to wait; empty if it does.

    What other programs used counts on average from a time (ns) to the end of the stream. Where somebody looked, but not
    all the while, they may have used everything meanwhile.
    """
    if trial.lost_after <= allowed or noise is None:
        return ""
    spans = _spans(noise, since, probes)
    seen = seconds(sum(row["until"] - row["t"] for row in spans))
    used = seconds(sum(row["foreign_cpu"] * (row["until"] - row["t"]) for row in spans))
    unseen = seconds(probes.rows[-1]["sent"] - since) - seen - UNSEEN  # less than nothing if it was seen whole
    lost = f"after the recovery {trial.lost_after:.1%} of the probes were lost, while "
    if seen and used / seen >= BUSY:
        share = f"{used / seen:.0%}"
        return f"{lost}other programs used {share} of the processors: endpoints that wait for one lose probes too"
    if used + unseen >= BUSY * (seen + unseen):
        return f"{lost}for {unseen:.1f} s nobody saw what other programs used of the processors"
    return ""


def _of_newcomers(probes: Evidence[Stream], answers: Evidence[Answer] | None, fault: Fault) -> list[Answer]:
    """The frames about the address that was probed, of those who had not been heard before a fault began.

    Not before its effect: a write may take effect before it is answered.
    """
    probed = probes.meta.get("address")
    rows = answers.rows if answers else ()
    heard = [frame for frame in rows if frame["form"] != "asked" and frame["address"] == probed]
    old = {frame["mac"] for frame in heard if frame["t"] < fault["began"]}
    return [frame for frame in heard if frame["mac"] not in old]


def _signs(new: Sequence[Answer], routes: Evidence[Route] | None, fault: Fault) -> tuple[float | None, float | None]:
    """When the implementation was first seen to act, and to announce, from the fault's effect on, s."""
    acted = [frame["t"] for frame in new]
    acted += [route["t"] for route in (routes.rows if routes else ()) if route["t"] >= fault["effective"]]
    announced = [frame["t"] for frame in new if frame["form"] in ANNOUNCEMENTS]
    detect, announce = (
        max(0.0, seconds(min(times) - fault["effective"])) if times else None for times in (acted, announced)
    )
    return detect, announce


def _unannounced(trial: Trial, new: Sequence[Answer], fault: Fault, limit: float) -> str:
    """Why a gap is none of the takeover's: a node took over in time, but told nobody; empty if that was not so.

    Neighbours then go on sending to the lost node until their caches expire. That announcements have to be made, and
    have to override caches, is another requirement.
    """
    if trial.gap.lower <= limit:
        return ""
    in_time = [frame for frame in new if frame["t"] <= fault["effective"] + nanoseconds(limit)]
    if not in_time or any(_overrides(frame) for frame in in_time):
        return ""
    return "a node took over in time, but announced nothing that overrides the caches of others"


def _overrides(frame: Answer) -> bool:
    """Whether a frame makes everybody who knows the address send to its node from then on.

    A Neighbor Advertisement to all nodes does with the override flag, a link-layer address option, and the hop limit
    without which nobody takes it (RFC 4861, sections 7.1.2 and 7.2.5).
    """
    flags = frame["flags"]
    if flags.get("frame_source", frame["mac"]) != frame["mac"]:
        return False
    if frame["form"] == "na-unsolicited":
        heeded = flags.get("hop_limit", 255) == 255 and flags.get("link_layer", frame["mac"]) is not None
        return heeded and bool(flags.get("override"))
    return frame["form"] in ANNOUNCEMENTS


def _bound(gaps: Sequence[Interval], quantile: float | None, confidence: float) -> tuple[str, Interval | None]:
    """What is held against the limit, and in words."""
    n = len(gaps)
    if not gaps:
        return "no trial counts", None
    if quantile is None:
        supported = statistics.supported_quantile(n, confidence)
        claim = f"worst of {n} trials, an upper bound of p{math.floor(100 * supported)} at {confidence:.0%} confidence"
        return claim, Interval(max(gap.lower for gap in gaps), max(gap.upper for gap in gaps))
    upper = statistics.quantile_upper_bound([gap.upper for gap in gaps], quantile, confidence)
    lower = statistics.quantile_lower_bound([gap.lower for gap in gaps], quantile, confidence)
    claim = f"p{100 * quantile:g} from {n} trials at {confidence:.0%} confidence"
    return claim, Interval(lower if lower is not None else 0.0, upper if upper is not None else math.inf)


def _seen_from(streams: Collection[Evidence[Stream]]) -> str:
    """What was probed and from where, in words, as far as it was the same in all trials."""
    told = ({probes.meta.get(key, "") for probes in streams} for key in ("family", "vantage"))
    return "".join(f", {word}" for word, *others in told if word and not others)


def _verdict(
    counted: Mapping[str, Trial], bound: Interval | None, limit: float, allowed: float, claim: str
) -> tuple[Verdict, str]:
    if bound is None:
        return Verdict.INCONCLUSIVE, claim
    if bound.lower > limit:
        return Verdict.FAIL, f"nobody forwarded for at least {bound.lower:.3f} s, {limit:g} s are allowed ({claim})"
    leaky = {name: trial.lost_after for name, trial in counted.items() if trial.lost_after > allowed}
    if leaky:
        worst = max(leaky, key=leaky.__getitem__)
        return (
            Verdict.FAIL,
            f"after the recovery {leaky[worst]:.1%} of the probes were lost in trial {worst or 1}, "
            f"{allowed:.1%} are allowed",
        )
    if bound.upper <= limit:
        return Verdict.PASS, f"nobody forwarded for at most {bound.upper:.3f} s, {limit:g} s are allowed ({claim})"
    if math.isinf(bound.upper) and all(math.isfinite(trial.gap.upper) for trial in counted.values()):
        return Verdict.INCONCLUSIVE, f"too few trials: {claim} has no upper bound"
    return (
        Verdict.INCONCLUSIVE,
        f"the limit of {limit:g} s lies within what was measured: {_text(bound)} ({claim})",
    )


def _details(every: Mapping[str, Trial], allowed: float, void: float) -> list[Measurement]:
    """The numbers beside the gap itself; how the machine did is told of void trials too."""
    trials = [trial for trial in every.values() if not trial.void]
    voided = {name: trial.void for name, trial in every.items() if trial.void}
    held, waited = max(trial.held for trial in every.values())
    n, foreign = len(every), [trial.foreign for trial in every.values() if trial.foreign is not None]
    middles = [(trial.gap.lower + trial.gap.upper) / 2 for trial in trials]
    likely = statistics.median_interval(middles)
    recoveries = [trial.recovery for trial in trials if trial.recovery is not None]
    details = [
        Measurement(
            "median gap",
            _finite(_median(middles)),
            "s",
            len(middles),
            "middles of the intervals" + (", 95 % confidence interval" if likely else ", too few for an interval"),
            interval=_pair(likely),
        ),
        Measurement(
            "first good packet",
            _finite(_median([(each.lower + each.upper) / 2 for each in recoveries])),
            "s",
            len(recoveries),
            "from the fault's effect to the sustained run, median",
            samples=tuple(_pair(each) for each in recoveries),
        ),
        Measurement("probes lost", sum(trial.lost for trial in trials), "count", len(trials), "all trials together"),
        Measurement(
            "lost after recovery",
            max((trial.lost_after for trial in trials), default=None),
            "share",
            len(trials),
            "worst trial",
            bound=Limit(allowed, "<=", "lost_after"),
            samples=tuple(trial.lost_after for trial in trials),
        ),
        Measurement(
            "lateness", max((trial.late for trial in trials), default=None), "s", len(trials), "p99, worst trial"
        ),
        Measurement(
            "held up",
            held,
            "s",
            n,
            f"longest that a single probe was late, worst trial; of that it waited for a processor {waited:.4f} s",
        ),
        Measurement(
            "void trials",
            len(voided) / n,
            "share",
            n,
            "; ".join(f"trial {name or 1}: {why}" for name, why in voided.items()),
            bound=Limit(void, "<=", "void"),
        ),
    ]
    if foreign:
        method = "largest share of all processors that other programs used, within a second, worst trial"
        details.append(Measurement("foreign CPU", max(foreign), "share", len(foreign), method, samples=tuple(foreign)))
    for name, values in (
        ("detection", [trial.detect for trial in trials if trial.detect is not None]),
        ("announcement", [trial.announce for trial in trials if trial.announce is not None]),
    ):
        if values:
            method = "from the fault's effect, median"
            details.append(Measurement(name, _median(values), "s", len(values), method, samples=tuple(values)))
    return details


def _observed(counted: Mapping[str, Trial], voided: Mapping[str, str]) -> str:
    text = "; ".join(_text(trial.gap) for trial in counted.values()) or "nothing"
    return text + (f" ({len(voided)} trials void)" if voided else "")


def _share(lost: Sequence[bool]) -> float:
    return sum(lost) / len(lost)


def _median(values: Sequence[float]) -> float | None:
    return median(values) if values else None


def _finite(value: float | None) -> float | None:
    return None if value is None or math.isinf(value) else value


def _pair(interval: Interval | None) -> tuple[float, float] | None:
    return None if interval is None or math.isinf(interval.upper) else (interval.lower, interval.upper)


def _text(interval: Interval) -> str:
    if math.isinf(interval.upper):
        return f"more than {interval.lower:.3f} s"
    return f"{interval.lower:.3f} to {interval.upper:.3f} s"
