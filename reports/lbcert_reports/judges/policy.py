"""Judges of the data path: who serves a request, how evenly, and what it sees of the client."""

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal

from lbcert_reports import statistics
from lbcert_reports.evidence import Answer, Connection, Evidence, Fault, Flow, Reply, host
from lbcert_reports.judges.registry import Judgement, Limit, Measurement, Unclear, judge, listed, ruling
from lbcert_reports.judges.spans import disturbed, effect, longest_silence, rows, seconds
from lbcert_reports.verdicts import Verdict

Member = Literal["node", "endpoint"]


@judge("all-replies-ok", drops=[Verdict.FAIL])
def all_replies_ok(
    replies: Evidence[Reply],
    cause: Evidence[Fault] | None = None,
    *,
    requests: int = 100,
    lost: float = 0.0,
    protocols: list[str] | None = None,
) -> Judgement:
    """Every request is answered, for every protocol.

    Args:
        replies: the requests.
        cause: a fault that was healed; only requests from its effect until then count.
        requests: how many there must be, for each protocol.
        lost: highest share that may fail.
        protocols: the protocols that must have been tried; by default those that were.
    """
    asked = rows(replies, "replies")
    if cause is not None:
        began, healed = effect(cause)["effective"], effect(cause)["healed"]
        asked = tuple(each for each in asked if began <= each["t"] and (healed is None or each["t"] < healed))
        if not asked:
            raise Unclear(f"no request was made during {effect(cause)['fault']}")
    tried = Counter(each["protocol"] for each in asked)
    bad = [each for each in asked if each["outcome"] != "ok"]
    share = len(bad) / len(asked)
    fewest = min(tried[protocol] for protocol in protocols or tried)
    how = ", ".join(
        f"{count} {protocol} {outcome}"
        for (protocol, outcome), count in sorted(Counter((e["protocol"], e["outcome"]) for e in bad).items())
    )
    interval = statistics.clopper_pearson(len(bad), len(asked))
    slowest = max((seconds(each["latency"]) for each in asked if each["outcome"] == "ok"), default=None)
    return ruling(
        [f"{len(bad)} of {len(asked)} requests failed: {how}"] if share > lost else [],
        "every request was answered" if not bad else f"{len(bad)} of {len(asked)} requests failed",
        Measurement(
            "failed requests",
            share,
            "share",
            len(asked),
            "Clopper-Pearson, 95 %",
            interval=interval,
            bound=Limit(lost, "<=", "lost"),
        ),
        Measurement("slowest reply", slowest, "s", len(asked) - len(bad)),
        expected=f"at most {lost:.1%} of {requests} requests fail",
        observed=", ".join(f"{count} {protocol}" for protocol, count in sorted(tried.items())) + f"; {how or 'all ok'}",
        short=f"{fewest} requests of a protocol, {requests} are needed" if fewest < requests else "",
    )


@judge("source-preserved", steps=())
def source_preserved(replies: Evidence[Reply], *, requests: int = 20) -> Judgement:
    """The endpoint sees the address that the client has, in every request.

    Args:
        replies: requests with what the endpoint saw.
        requests: how many answered requests it takes for a verdict.
    """
    seen = _seen(replies)
    changed = sorted({(source, other) for source, other in seen if source != other})
    same = sum(source == other for source, other in seen)
    return ruling(
        [f"{source} was seen as {other}" for source, other in changed],
        "every endpoint saw the client's own address",
        _preserved(seen, Limit(1.0, ">=", "requests")),
        expected="the endpoint sees the client's own address in every request",
        observed=f"{same} of {len(seen)} requests"
        + (f"; others saw {listed(sorted({other for _, other in changed}))}" if changed else ""),
        short=f"{len(seen)} answered requests, {requests} are needed" if len(seen) < requests else "",
    )


@judge("source-recorded", steps=())
def source_recorded(replies: Evidence[Reply], *, nodes: dict[str, str] | None = None, requests: int = 20) -> Judgement:
    """What the endpoint sees of the client is put on record; nothing is required of it.

    Args:
        replies: requests with what the endpoint saw.
        nodes: node of each address that a node has, to name who rewrote it.
        requests: how many answered requests there must be.
    """
    seen = _seen(replies)
    kinds = Counter(
        "the client's own address" if source == other else f"an address of {(nodes or {}).get(other, other)}"
        for source, other in seen
    )
    text = ", ".join(f"{kind} in {count} requests" for kind, count in kinds.most_common())
    return ruling(
        [],
        f"the endpoint saw {text}",
        _preserved(seen, None),
        expected="on record only",
        observed=text or "nothing",
        short=f"{len(seen)} answered requests, {requests} are needed" if len(seen) < requests else "",
    )


@judge("owner-endpoints-only", steps=())
def owner_endpoints_only(
    replies: Evidence[Reply], answers: Evidence[Answer], *, nodes: dict[str, str], requests: int = 20
) -> Judgement:
    """Every reply comes from an endpoint on the node that announces the address.

    Args:
        replies: requests with the node of the endpoint that answered.
        answers: ARP or NDP answers over the same time.
        nodes: node of each hardware address.
        requests: how many answered requests it takes for a verdict.
    """
    owners: dict[str, set[str]] = {}
    for frame in rows(answers, "answers"):
        if frame["form"] != "asked" and frame["mac"] in nodes:
            owners.setdefault(frame["address"], set()).add(nodes[frame["mac"]])
    served = [each for each in rows(replies, "replies") if each["outcome"] == "ok" and each["node"]]
    for address in {each["address"] for each in served}:
        if len(owners.get(address, ())) != 1:
            who = listed(sorted(owners.get(address, ()))) or "nobody"
            raise Unclear(f"{address} has no single owner: it was answered by {who}")
    elsewhere = Counter((e["address"], e["node"]) for e in served if {e["node"]} != owners[e["address"]])
    right = len(served) - elsewhere.total()
    return ruling(
        [
            f"{count} replies of {address} came from {node}, owned by {listed(owners[address])}"
            for (address, node), count in sorted(elsewhere.items(), key=str)
        ],
        "every reply came from the owner's endpoints",
        Measurement(
            "replies from the owner",
            right / len(served) if served else None,
            "share",
            len(served),
            bound=Limit(1.0, ">=", "requests"),
        ),
        expected="every reply comes from an endpoint on the announcing node",
        observed=f"{right} of {len(served)} replies",
        short=f"{len(served)} answered requests, {requests} are needed" if len(served) < requests else "",
    )


@judge("even-spread", steps=())
def even_spread(
    replies: Evidence[Reply] | None = None,
    flows: Evidence[Flow] | None = None,
    control: Evidence[Flow] | None = None,
    *,
    members: list[str],
    over: Member = "node",
    margin: float = 0.05,
    alpha: float = 0.01,
    effect: float | None = None,
    least: int = 1000,
) -> Judgement:
    """Requests or flows spread evenly over nodes or endpoints.

    Two gates: equivalence (the confidence interval of the worst deviation lies within the margin) passes;
    significance together with size (p below alpha, and Cohen's w above the effect or the worst deviation surely
    beyond the margin) fails. Between them nothing is said: more flows are needed.

    Args:
        replies: requests, each a flow of its own.
        flows: flows, in place of requests.
        control: flows over hand-installed next hops in the same router: an unevenness that is there too is the
            router's.
        members: all nodes or endpoints that are to get a share.
        over: ``node`` or ``endpoint``.
        margin: how far a share may be from the expected one (0.05 are 5 points).
        alpha: level of significance.
        effect: Cohen's w from which on a significant deviation fails; by default the largest w that can hide
            within the margin.
        least: how many flows it takes for a verdict.
    """
    shares = dict.fromkeys(members, 1 / len(members)) if members else {}
    return _spread(_counted(replies, flows, over), shares, control, over, margin, alpha, effect, least)


@judge("expected-shares", steps=())
def expected_shares(
    replies: Evidence[Reply] | None = None,
    flows: Evidence[Flow] | None = None,
    control: Evidence[Flow] | None = None,
    *,
    shares: dict[str, float],
    over: Member = "endpoint",
    margin: float = 0.05,
    alpha: float = 0.01,
    effect: float | None = None,
    least: int = 1000,
) -> Judgement:
    """Requests or flows spread over nodes or endpoints in the expected shares, e.g. 25, 25 and 50 %.

    The rule is that of `even-spread`.

    Args:
        replies: requests, each a flow of its own.
        flows: flows, in place of requests.
        control: flows over hand-installed next hops in the same router.
        shares: the expected share of each member; they sum to 1.
        over: ``node`` or ``endpoint``.
        margin: how far a share may be from the expected one.
        alpha: level of significance.
        effect: Cohen's w from which on a significant deviation fails.
        least: how many flows it takes for a verdict.
    """
    return _spread(_counted(replies, flows, over), shares, control, over, margin, alpha, effect, least)


@judge("connection-keeps-node", drops=[Verdict.PASS], steps=())
def connection_keeps_node(
    flows: Evidence[Flow],
    control: Evidence[Connection] | None = None,
    *,
    connections: int = 100,
    stall: float = 2.0,
) -> Judgement:
    """No connection changes the node that it enters.

    Args:
        flows: the node that each connection was seen to enter, at least twice each (two phases).
        control: connections straight to endpoints over the same time; where one of them was silent for longer than
            `stall`, nothing says what moved others: the machine may have stood still for longer than a hold time.
        connections: how many connections it takes for a verdict.
        stall: s.
    """
    nodes: dict[str, list[str]] = {}
    for flow in rows(flows, "flows"):
        nodes.setdefault(flow["source"], []).append(flow["node"])
    followed = {source: each for source, each in nodes.items() if len(each) > 1}
    moved = {source: each for source, each in followed.items() if len(set(each)) > 1}
    problems = [
        f"{source} went from {one} to {next(n for n in more if n != one)}" for source, (one, *more) in moved.items()
    ]
    short = f"{len(followed)} connections seen twice, {connections} are needed" if len(followed) < connections else ""
    if problems and (beside := longest_silence(control)) > stall:
        problems, short = [], disturbed(problems, beside)
    return ruling(
        problems,
        "every connection kept its node",
        Measurement("connections moved", len(moved), "count", len(followed), bound=Limit(0, "<=", "connections")),
        expected="0 connections change their node",
        observed=f"{len(moved)} of {len(followed)} connections",
        short=short,
    )


def _seen(replies: Evidence[Reply]) -> list[tuple[str, str]]:
    """For each answered request the client's address, and that which the endpoint saw."""
    return [
        (host(each["source"]), host(each["client_seen"]))
        for each in rows(replies, "replies")
        if each["outcome"] == "ok" and each["client_seen"]
    ]


def _preserved(seen: list[tuple[str, str]], bound: Limit | None) -> Measurement:
    same = sum(source == other for source, other in seen)
    share = same / len(seen) if seen else None
    return Measurement("source preserved", share, "share", len(seen), "echo of the peer's address", bound=bound)


def _counted(replies: Evidence[Reply] | None, flows: Evidence[Flow] | None, over: Member) -> Counter[str]:
    """How many flows each member got."""
    if replies is not None:
        served: list[Mapping[str, Any]] = [each for each in rows(replies, "replies") if each["outcome"] == "ok"]
        if unknown := sum(each[over] is None for each in served):
            raise Unclear(f"{unknown} of {len(served)} replies do not say from which {over} they came")
        return Counter(each[over] for each in served)
    if flows is None:
        raise Unclear("there is no evidence for 'replies' or 'flows'")
    return Counter(flow["node"] for flow in rows(flows, "flows"))


def _spread(
    counts: Counter[str],
    shares: Mapping[str, float],
    control: Evidence[Flow] | None,
    over: Member,
    margin: float,
    alpha: float,
    effect: float | None,
    least: int,
) -> Judgement:
    """The two-gate rule."""
    if not shares:
        raise Unclear("no member is expected to get a share")
    expected = ", ".join(f"{member} {share:.1%}" for member, share in shares.items()) + f", each ± {margin:.1%}"
    if not (n := counts.total()):
        raise Unclear("nothing was served, so nothing was spread")
    observed = ", ".join(f"{member} {counts[member]} ({counts[member] / n:.1%})" for member in {**shares, **counts})
    if strange := sorted(counts.keys() - shares.keys()):
        reason = f"{listed(strange)} got {sum(counts[member] for member in strange)} of {n} flows, and should get none"
        return Judgement(Verdict.FAIL, reason, expected, observed)
    result = statistics.spread(counts, shares)
    largest = effect if effect is not None else margin * math.sqrt(sum(1 / share for share in shares.values()))
    measurements = [
        Measurement(
            "worst deviation",
            result.deviation,
            "share",
            n,
            f"{over} {result.worst}; simultaneous Clopper-Pearson, 95 %",
            interval=result.interval,
            bound=Limit(margin, "<=", "margin"),
            samples=tuple(counts[member] for member in shares),
        ),
        Measurement("spread", result.p, "p", n, "chi-square", bound=Limit(alpha, ">=", "alpha")),
        Measurement("effect size", result.effect, "w", n, "Cohen's w", bound=Limit(largest, "<=", "effect")),
    ]
    is_uneven = result.p < alpha and (result.effect > largest or result.interval.lower > margin)
    if control is not None:
        beside = Counter(flow["node"] for flow in rows(control, "control"))
        same = statistics.homogeneity(counts, beside)
        measurements.append(
            Measurement("difference from control", same.p, "p", n + beside.total(), "chi-square of homogeneity")
        )
        measurements.append(Measurement("effect of control", same.effect, "V", n + beside.total(), "Cramer's V"))
        if is_uneven and same.p >= alpha:
            reason = f"the control route spreads alike (p {same.p:.2g}): the unevenness is the router's"
            return Judgement(Verdict.INCONCLUSIVE, reason, expected, observed, tuple(measurements))
    return ruling(
        [
            f"{result.worst} got {counts[result.worst] / n:.1%} instead of {shares[result.worst]:.1%} "
            f"(p {result.p:.2g}, effect size w {result.effect:.2f})"
        ]
        if is_uneven
        else [],
        f"every share is within {margin:.1%} of what is expected, the worst deviation is at most "
        f"{result.interval.upper:.1%}",
        *measurements,
        expected=expected,
        observed=observed,
        short=_undecided(n, least, result.interval, margin),
    )


def _undecided(n: int, least: int, interval: statistics.Interval, margin: float) -> str:
    """Why a spread that is not shown to be uneven is not shown to be even either; empty if it is."""
    if n < least:
        return f"{n} flows, {least} are needed"
    if interval.upper > margin:
        return (
            f"the worst deviation is between {interval.lower:.1%} and {interval.upper:.1%}, "
            f"{margin:.1%} are allowed: more flows are needed"
        )
    return ""
