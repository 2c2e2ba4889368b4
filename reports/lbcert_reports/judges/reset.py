"""Judges of connections under change: which live, which die, how, and who ended them."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Container, Sequence

from lbcert_reports import statistics
from lbcert_reports.evidence import Connection, Evidence, Fault, Flow, Reply, Route
from lbcert_reports.judges.registry import Judgement, Limit, Measurement, Trials, Unclear, judge, listed, ruling
from lbcert_reports.judges.spans import disturbed, effect, longest_silence, nanoseconds, rows, seconds, silence
from lbcert_reports.verdicts import Verdict

CLEAN = ("reset", "refused")
"""Ends that a client notices at once."""


@judge("no-resets")
def no_resets(
    connections: Evidence[Connection],
    control: Evidence[Connection] | None = None,
    *,
    count: int = 100,
    hold: float = 0.0,
    stall: float = 2.0,
    gone: list[str] | None = None,
) -> Judgement:
    """No connection breaks or stalls.

    Args:
        connections: the fates of long-lived connections.
        control: connections straight to endpoints over the same time: as much longer than their heartbeat as one of
            those was silent, the others may be too; where it was longer than `stall`, nothing says what broke others.
        count: how many it takes for a verdict.
        hold: how long each must have been open, s.
        stall: longest time without a reply, s; where the probe or the endpoints were late, so much longer. A probe
            that once was away for longer sees no stall, and passes nobody.
        gone: endpoints that were taken away on purpose; their connections do not count.
    """
    watched = [each for each in rows(connections, "connections") if each["endpoint"] not in (gone or ())]
    broken = [each for each in watched if each["outcome"] != "alive"]
    late = away = seconds(connections.meta.get("absence", 0))
    beside = longest_silence(control)
    if control and beside <= stall:
        late += max(0.0, beside - seconds(control.meta.get("heartbeat", 0)))
    stalled = [each for each in watched if each["outcome"] == "alive" and silence(each) > stall + late]
    open_for = min((seconds((each["at"] or each["opened"]) - each["opened"]) for each in watched), default=0.0)
    problems = [f"{len(broken)} of {len(watched)} connections broke: {_fates(broken)}"] if broken else []
    short = f"{len(watched)} connections, {count} are needed" if len(watched) < count else ""
    if stalled:
        worst = max(silence(each) for each in stalled)
        problems.append(f"{len(stalled)} of {len(watched)} connections stalled, for up to {worst:.2f} s")
    if problems and beside > stall:
        problems, short = [], disturbed(problems, beside)
    if away > stall:
        short = short or f"the probe did not look at its connections for {away:.2f} s, {stall:g} s are to be seen"
    if not broken and open_for < hold:
        short = short or f"a connection was open for {open_for:.1f} s only, {hold:g} s are needed"
    return ruling(
        problems,
        "every connection lived",
        Measurement("broken connections", len(broken), "count", len(watched), bound=Limit(0, "<=", "count")),
        Measurement("stalled connections", len(stalled), "count", len(watched), bound=Limit(0, "<=", "stall")),
        expected=f"0 of {count} connections break, none is silent for more than {stall:g} s",
        observed=f"{len(broken)} broken and {len(stalled)} stalled of {len(watched)}",
        short=short,
    )


@judge("connection-fates", steps=())
def connection_fates(
    connections: Trials[Connection],
    cause: Trials[Fault] | None = None,
    flows: Trials[Flow] | None = None,
    *,
    before: list[str] | None = None,
    after: list[str] | None = None,
    count: int = 100,
    excess: float | None = None,
    unclean: float | None = None,
) -> Judgement:
    """What became of connections when something changed: on record, and within limits where there are any.

    Connections of all trials are counted together, for the router's hash treats them alike. Those to one address are
    counted apart as well: what goes wrong with it must not hide among the others.

    Args:
        connections: the fates of long-lived connections to one address, of each trial.
        cause: what changed in each trial; connections that broke before it count against the suite.
        flows: which node each connection entered before; by default the one of its endpoint, as under Local.
        before: nodes among the next hops before, in the router's order, for the share that theory moves (RFC 2992).
        after: likewise afterwards; connections that entered a node that is gone are counted apart.
        count: how many connections it takes in each trial for a verdict.
        excess: how much more than theory says of the connections on surviving nodes may break (0.15 are 15 points).
        unclean: highest share of the broken ones that may time out or stall instead of being reset.
    """
    gone = set(before or ()) - set(after or ())
    every: list[Connection] = []
    stayed: dict[str, list[Connection]] = {}
    for trial, evidence in connections.items():
        seen = rows(evidence, "connections")
        _insist_on_cause(seen, (cause or {}).get(trial))
        every += seen
        stayed.setdefault(evidence.meta.get("address", ""), []).extend(
            _not_entering(seen, gone, (flows or {}).get(trial))
        )
    broken = [each for each in every if each["outcome"] != "alive"]
    dirty = [each for each in broken if each["outcome"] not in CLEAN]
    counts = [(sum(each["outcome"] != "alive" for each in those), len(those)) for those in stayed.values()]
    lost, left = sum(many for many, _ in counts), sum(of for _, of in counts)
    interval = statistics.clopper_pearson(lost, left)
    theory = float(statistics.hash_threshold(before, after).survivors) if before and after else 0.0
    problems, short = [], ""
    if excess is not None:
        # Some ten such counts are in every certificate: at 95 % every other would show one by chance.
        for many, of, level in ((lost, left, 0.99), *((*each, 0.998) for each in counts)):
            if statistics.clopper_pearson(many, of, level).lower > theory + excess:
                problems.append(
                    f"{many} of {of} connections on surviving nodes broke, theory moves {theory:.1%} (RFC 2992)"
                )
                break
        if interval.upper > theory + excess:
            short = (
                f"between {interval.lower:.1%} and {interval.upper:.1%} of the connections on surviving nodes broke, "
                f"at most {theory + excess:.1%} may: more connections are needed"
            )
    if unclean is not None and broken and len(dirty) / len(broken) > unclean:
        problems.append(f"{len(dirty)} of {len(broken)} broken connections were not reset: {_fates(dirty)}")
    origins = Counter(each["rst_from"] or "unknown" for each in broken if each["outcome"] == "reset")
    measurements = [
        Measurement(
            f"connections {outcome}",
            sum(each["outcome"] == outcome for each in every),
            "count",
            len(every),
            f"RST from {', '.join(f'{who} ({n})' for who, n in origins.most_common())}"
            if outcome == "reset" and origins
            else "",
        )
        for outcome in ("alive", "reset", "refused", "timeout", "stalled")
    ]
    measurements.append(
        Measurement(
            "broken on surviving nodes",
            lost / left if left else None,
            "share",
            left,
            f"Clopper-Pearson, 95 %; theory (RFC 2992): {theory:.1%}",
            interval=interval,
            bound=None if excess is None else Limit(theory + excess, "<=", "excess"),
        )
    )
    limits = [f"at most {theory + excess:.1%} of those on surviving nodes break"] if excess is not None else []
    limits += [f"at most {unclean:.1%} of the broken ones are not reset"] if unclean is not None else []
    return ruling(
        problems,
        "on record" if not limits else "the connections broke within limits",
        *measurements,
        expected=listed(limits) or "on record only",
        observed=f"{_fates(every)}; {lost} of {left} on surviving nodes broke",
        short=next(
            (
                f"{len(each.rows)} connections, {count} are needed"
                for each in connections.values()
                if len(each.rows) < count
            ),
            short,
        ),
    )


def _insist_on_cause(connections: Sequence[Connection], cause: Evidence[Fault] | None) -> None:
    """Say that nothing can be said if connections broke before what is to have broken them."""
    broken = [each["at"] for each in connections if each["outcome"] != "alive"]
    if cause and (early := sum(at is None or at < effect(cause)["began"] for at in broken)):
        raise Unclear(f"{early} connections broke before {effect(cause)['fault']}")


def _not_entering(
    connections: Sequence[Connection], nodes: Container[str], flows: Evidence[Flow] | None
) -> list[Connection]:
    """The connections that did not enter any of these nodes."""
    entered = {flow["source"]: flow["node"] for flow in flows.rows if flow["phase"] == "before"} if flows else {}
    return [each for each in connections if entered.get(each["source"], each["node"]) not in nodes]


@judge("flows-moved", steps=())
def flows_moved(
    flows: Evidence[Flow],
    control: Evidence[Flow] | None = None,
    *,
    before: list[str],
    after: list[str],
    margin: float = 0.05,
    least: int = 500,
) -> Judgement:
    """When the next hops change, no more flows move between surviving nodes than the router's hash moves anyway.

    Args:
        flows: the node of each flow in the phases ``before`` and ``after``.
        control: the same over hand-installed next hops, in place of the theory.
        before: nodes among the next hops before, in the router's order.
        after: likewise afterwards.
        margin: how much more may move (0.05 are 5 points).
        least: how many flows on surviving nodes it takes for a verdict.
    """
    moved, n = _moved(flows, after)
    interval = statistics.clopper_pearson(moved, n)
    theory = float(statistics.hash_threshold(before, after).survivors)
    reference, source = theory, "theory (RFC 2992)"
    if control is not None:
        reference = statistics.clopper_pearson(*_moved(control, after)).upper
        source = "the control route, upper confidence bound"
    limit = reference + margin
    short = f"{n} flows on surviving nodes, {least} are needed" if n < least else ""
    if control is not None and (beside := _moved(control, after)[1]) < least:
        short = short or f"{beside} flows on surviving nodes over the control route, {least} are needed"
    if interval.upper > limit:
        short = short or f"between {interval.lower:.1%} and {interval.upper:.1%} moved: more flows are needed"
    return ruling(
        [f"{moved} of {n} flows on surviving nodes moved, {source} says {reference:.1%}"]
        if interval.lower > limit
        else [],
        "no more flows moved than the router's hash moves",
        Measurement(
            "flows moved",
            moved / n if n else None,
            "share",
            n,
            f"Clopper-Pearson, 95 %; {source}: {reference:.1%}; theory {theory:.1%}",
            interval=interval,
            bound=Limit(limit, "<=", "margin"),
        ),
        expected=f"at most {limit:.1%} of the flows on surviving nodes move ({source} and {margin:.1%})",
        observed=f"{moved} of {n} flows ({moved / n:.1%})" if n else "no flow",
        short=short,
    )


@judge("new-connections-work", drops=[Verdict.FAIL])
def new_connections_work(
    replies: Evidence[Reply],
    cause: Evidence[Fault],
    *,
    within: float,
    rate: float = 0.0,
    window: float = 10.0,
    requests: int = 20,
) -> Judgement:
    """New connections work again in time after a change, and go on working.

    Args:
        replies: requests on new connections, before and after the change.
        cause: the change.
        within: until when after it requests may fail, s.
        rate: highest share of failures afterwards, in any window.
        window: length of a window, s.
        requests: how many requests after that it takes for a verdict.
    """
    start = effect(cause)["effective"]
    since = start + nanoseconds(within)
    ordered = sorted(rows(replies, "replies"), key=lambda each: each["t"])
    later = [each for each in ordered if each["t"] >= since]
    failed = [each for each in ordered if each["t"] >= start and each["outcome"] != "ok"]
    worst, at = _worst_window(later, nanoseconds(window))
    late = [each for each in failed if each["t"] >= since]
    how = ", ".join(f"{n} {outcome}" for outcome, n in sorted(Counter(each["outcome"] for each in late).items()))
    last = seconds(failed[-1]["t"] - start) if failed else 0.0
    return ruling(
        [
            f"{worst:.1%} of the new connections failed within {window:g} s from {seconds(at - start):.2f} s "
            f"after {effect(cause)['fault']} on ({how})"
        ]
        if worst > rate
        else [],
        "new connections worked in time",
        Measurement("last failure", last, "s", len(ordered), "from the cause's effect"),
        Measurement(
            "failures afterwards",
            worst,
            "share",
            len(later),
            f"worst window of {window:g} s",
            bound=Limit(rate, "<=", "rate"),
        ),
        expected=f"from {within:g} s on at most {rate:.1%} of new connections fail in any {window:g} s",
        observed=f"{len(late)} of {len(later)} failed after {within:g} s, the last failure came after {last:.2f} s",
        short=f"{len(later)} requests after {within:g} s, {requests} are needed" if len(later) < requests else "",
    )


@judge("forwards-once-announced", drops=[Verdict.FAIL])
def forwards_once_announced(
    replies: Evidence[Reply],
    routes: Evidence[Route],
    cause: Evidence[Fault],
    *,
    prefixes: list[str],
    window: float = 2.0,
    moments: int = 2,
) -> Judgement:
    """A node that is announced anew forwards from the first moment on: no new connection fails just after it.

    Args:
        replies: requests on new connections, to addresses of the prefixes.
        routes: every change of the router's routes.
        cause: what took next hops away and gave them back.
        prefixes: the prefixes.
        window: how long after each next hop that is added requests must not fail, s.
        moments: how often a next hop has to be added for a verdict.
    """
    added: list[tuple[int, str]] = []
    before: dict[str, set[str]] = {}
    for state in rows(routes, "routes"):
        hops = set(state["next_hops"])
        if state["prefix"] in prefixes and state["t"] > effect(cause)["began"]:
            added += [(state["t"], hop) for hop in sorted(hops - before.get(state["prefix"], hops))]
        before[state["prefix"]] = hops
    asked = rows(replies, "replies")
    problems, spans, seen, lost, probed = [], [], 0, 0, 0
    for t, hop in added:
        inside = [each for each in asked if t <= each["t"] < t + nanoseconds(window)]
        probed += bool(inside)
        failed = [each["t"] for each in inside if each["outcome"] != "ok"]
        seen, lost = seen + len(inside), lost + len(failed)
        spans.append(seconds(failed[-1] - t) if failed else 0.0)
        if failed:
            problems.append(
                f"{len(failed)} of {len(inside)} new connections failed within {window:g} s after {hop} was announced "
                f"again, the last {spans[-1]:.2f} s after it"
            )
    return ruling(
        problems,
        "every node forwarded as soon as it was announced",
        Measurement(
            "announced before it forwards",
            max(spans, default=None),
            "s",
            len(added),
            "from the route in the router's kernel to the last failure",
            bound=Limit(0, "<=", "window"),
            samples=tuple(spans),
        ),
        Measurement("failures after an announcement", lost, "count", seen, bound=Limit(0, "<=", "window")),
        expected=f"no new connection fails within {window:g} s after a next hop is added",
        observed=f"{lost} of {seen} failed after {len(added)} next hops that were added",
        short=f"a next hop was added {probed} times with requests after it, {moments} are needed"
        if probed < moments
        else "",
    )


def _fates(connections: Sequence[Connection]) -> str:
    """How many connections came to which end."""
    counts = Counter(each["outcome"] for each in connections)
    return ", ".join(f"{n} {outcome}" for outcome, n in counts.most_common())


def _moved(flows: Evidence[Flow], after: Sequence[str]) -> tuple[int, int]:
    """How many flows moved, of how many whose node survived and that were seen in both phases."""
    old = {flow["source"]: flow["node"] for flow in rows(flows, "flows") if flow["phase"] == "before"}
    new = {flow["source"]: flow["node"] for flow in flows.rows if flow["phase"] == "after"}
    both = [source for source, node in old.items() if source in new and node in after]
    return sum(old[source] != new[source] for source in both), len(both)


def _worst_window(replies: Sequence[Reply], length: int) -> tuple[float, int]:
    """The highest share of failures in any window of this length (ns), and where it begins (ns).

    A window begins with a failure, or ends with the last reply: so none is cut short by the end.
    """
    times = [each["t"] for each in replies]
    worst, at = 0.0, 0
    for reply in replies:
        if reply["outcome"] != "ok":
            begin = max(times[0], min(reply["t"], times[-1] - length + 1))
            inside = replies[bisect_left(times, begin) : bisect_left(times, begin + length)]
            share = sum(each["outcome"] != "ok" for each in inside) / len(inside)
            if share > worst:
                worst, at = share, begin
    return worst, at
