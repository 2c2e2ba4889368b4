"""Judges of address allocation: which address a Service gets, when, and that it keeps it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network
from itertools import combinations, pairwise
from typing import NamedTuple

from lbcert_reports.evidence import Evidence, Fault, Ingress, KubernetesEvent
from lbcert_reports.judges.registry import (
    BoundError,
    Judgement,
    Limit,
    Measurement,
    Unclear,
    judge,
    listed,
    ruling,
)
from lbcert_reports.judges.spans import effect, nanoseconds, rows, seconds, watched
from lbcert_reports.verdicts import Verdict


@judge("assigned-from-pool")
def assigned_from_pool(
    ingress: Evidence[Ingress],
    cause: Evidence[Fault] | None = None,
    *,
    pools: list[str],
    within: float = 30.0,
    families: list[str] | None = None,
    services: list[str] | None = None,
) -> Judgement:
    """Every Service gets its address in time, and never one from outside the pools.

    Args:
        ingress: the watch of the Services.
        cause: what made an address available, if not the creation of the Service.
        pools: entries of the pools, CIDR or ``first-last``.
        within: how long it may take, s, from the cause or else from the Service's first appearance.
        families: families that the address must have, ``ipv4`` and ``ipv6``; by default any.
        services: the Services that are judged; by default all that were watched.
    """
    ranges = [_range(entry) for entry in pools]
    histories = _histories(ingress, services)
    ended = watched(ingress)[1]
    delays: dict[str, float] = {}
    problems, open_ended = [], []
    for service, states in histories.items():
        start = effect(cause)["effective"] if cause else states[0]["t"]
        outside = sorted({each for state in states for each in state["addresses"] if not _inside(each, ranges)})
        if outside:
            problems.append(f"{service} was given {listed(outside)}, outside every pool")
        strange = _families(each for state in states for each in state["addresses"]) - set(families or ())
        if families and strange:
            problems.append(f"{service} was given {listed(sorted(strange))} addresses, for which it did not ask")
        if modes := {mode for state in states for mode in state.get("modes", ())} - {"VIP"}:
            problems.append(f"{service} was published with ipMode {listed(sorted(modes))}, not VIP")
        first = next((state for state in states if _complete(state, families)), None)
        if first is None:
            if ended - start < nanoseconds(within):
                open_ended.append(f"{service} was watched for {seconds(ended - start):.1f} s only")
            else:
                partial = sorted({each for state in states for each in state["addresses"]})
                what = f"{listed(partial)} only" if partial else "no address"
                problems.append(f"{service} had {what} after {seconds(ended - start):.1f} s")
            continue
        delays[service] = max(0.0, seconds(first["t"] - start))
        if delays[service] > within:
            problems.append(f"{service} got its address after {delays[service]:.2f} s")
    expected = f"an address of {listed(pools)} within {within:g} s"
    if families:
        expected += f", of each of {listed(families)}"
    slowest = max(delays.values(), default=None)
    observed = f"{len(delays)} of {len(histories)} Services got an address"
    if slowest is not None:
        observed += f", the slowest after {slowest:.2f} s"
    measurement = replace(_slowest("time to address", delays, within), samples=tuple(delays.values()))
    return ruling(
        problems,
        "every address came in time and from the pools",
        measurement,
        expected=expected,
        observed=observed,
        short=listed(open_ended),
    )


@judge("stays-pending", steps=[Verdict.PASS])
def stays_pending(
    ingress: Evidence[Ingress],
    events: Evidence[KubernetesEvent] | None = None,
    *,
    services: list[str],
    refused: dict[str, list[str]] | None = None,
    hold: float = 10.0,
    reason: str | None = None,
) -> Judgement:
    """Services that cannot be satisfied have no address all the while, and an event says why.

    Args:
        ingress: the watch of the Services.
        events: Events about them; needed if a reason is expected.
        services: the Services that have to wait.
        refused: for each of them the addresses that it may not have, if this is about no other; by default any.
        hold: how long they must have been seen without address, s.
        reason: the expected reason of a Warning event, e.g. ``AllocationFailed``; ``*`` for any.
    """
    histories = _histories(ingress, services)
    ended = watched(ingress)[1]
    problems = []
    spans = []
    for service, states in histories.items():
        denied = _canonical(refused[service]) if refused else None
        for state in states:
            if given := [each for each in state["addresses"] if denied is None or denied & _canonical([each])]:
                after = seconds(state["t"] - states[0]["t"])
                problems.append(f"{service} was given {listed(given)} after {after:.2f} s")
                break
        last = next((state["t"] for state in states if not state["present"]), ended)
        spans.append(seconds(last - states[0]["t"]))
    if min(spans) >= hold:
        problems += _unwarned(events, reason, histories)
    what = "no address to which they are not entitled" if refused else "no address"
    expected = f"{what} for {hold:g} s" + (f" and a {_warning(reason)}" if reason else "")
    observed = f"{len(spans)} Services watched for at least {min(spans):.1f} s"
    measurement = Measurement(
        "watched without address", min(spans), "s", len(spans), "shortest", bound=Limit(hold, ">=", "hold")
    )
    short = f"watched for {min(spans):.1f} s only, {hold:g} s are needed" if min(spans) < hold else ""
    summary = "no address was given" if refused is None else "no address that was refused was given"
    return ruling(problems, summary, measurement, expected=expected, observed=observed, short=short)


@judge("assignment-stable", steps=[Verdict.PASS])
def assignment_stable(
    ingress: Evidence[Ingress],
    events: Evidence[KubernetesEvent] | None = None,
    *,
    hold: float,
    may_change: list[str] | None = None,
    services: list[str] | None = None,
    reason: str | None = None,
) -> Judgement:
    """An address that a Service has once been given never changes and never goes while the Service is there.

    Args:
        ingress: the watch of the Services, over everything that was done to disturb them.
        events: Events about them; needed if a reason is expected.
        hold: how long they must have been watched, s.
        may_change: Services to which the rule does not apply.
        services: the Services that are judged; by default all that were watched.
        reason: the expected reason of a Warning event about each of them, where what was done to it is refused.
    """
    histories = _histories(ingress, services)
    began, ended = watched(ingress)
    changes = []
    held = 0
    for service, states in histories.items():
        if service in (may_change or ()):
            continue
        present: list[str] = []
        for state in states:
            now = sorted(_canonical(state["addresses"])) if state["present"] else []
            if present and state["present"] and now != present:
                after = seconds(state["t"] - began)
                changes.append(f"{service} went from {listed(present)} to {listed(now) or 'none'} at {after:.2f} s")
            held += bool(now and not present)
            present = now
    span = seconds(ended - began)
    problems = changes + (_unwarned(events, reason, histories) if held and span >= hold else [])
    expected = f"0 changes over {hold:g} s" + (f" and a {_warning(reason)}" if reason else "")
    observed = f"{len(changes)} changes of {held} assignments over {span:.1f} s"
    measurement = Measurement(
        "changes", len(changes), "count", held, "watch of the API", bound=Limit(0, "<=", "the requirement")
    )
    short = f"watched for {span:.1f} s only, {hold:g} s are needed" if span < hold else ""
    if not held:
        short = "no Service had an address"
    return ruling(problems, "no assignment changed", measurement, expected=expected, observed=observed, short=short)


@judge("no-duplicates", steps=())
def no_duplicates(ingress: Evidence[Ingress], *, sharing: list[list[str]] | None = None, least: int = 1) -> Judgement:
    """At no instant two Services hold the same address, unless they share it by agreement.

    The watch is replayed in its order, which is the order in which the API server saw the changes.

    Args:
        ingress: the watch of the Services.
        sharing: groups of Services that may hold one address together.
        least: how many assignments it takes for a verdict.
    """
    began, _ = watched(ingress)
    agreed = {frozenset(pair) for group in sharing or () for pair in combinations(group, 2)}
    holders: dict[str, set[str]] = {}
    problems = []
    assignments = 0
    for state in rows(ingress, "ingress"):
        service, now = state["service"], _canonical(state["addresses"]) if state["present"] else set()
        for address, services in holders.items():
            if address not in now:
                services.discard(service)
        for address in sorted(now):
            others = holders.setdefault(address, set())
            assignments += service not in others
            problems += [
                f"{address} was held by {other} and {service} at {seconds(state['t'] - began):.2f} s"
                for other in sorted(others - {service})
                if service not in others and frozenset((service, other)) not in agreed
            ]
            others.add(service)
    if not assignments:
        raise Unclear("no Service was ever given an address")
    measurement = Measurement(
        "duplicates", len(problems), "count", assignments, "replay of the watch", bound=Limit(0, "<=", "sharing")
    )
    return ruling(
        problems,
        "no address was held twice",
        measurement,
        expected="0 duplicates",
        observed=f"{len(problems)} duplicates in {assignments} assignments",
        short=f"{assignments} assignments only, {least} are needed" if assignments < least else "",
    )


@judge("exact-addresses")
def exact_addresses(
    ingress: Evidence[Ingress],
    cause: Evidence[Fault] | None = None,
    *,
    expected: dict[str, list[str]] | list[str],
    within: float = 30.0,
) -> Judgement:
    """Services get exactly the addresses that they asked for, or together exactly a set of addresses.

    Args:
        ingress: the watch of the Services.
        cause: what made the addresses available, if not the creation of the Services.
        expected: for each Service its addresses; or the addresses that all Services together have in the end.
        within: how long it may take, s.
    """
    ended = watched(ingress)[1]
    if isinstance(expected, list):
        return _exact_set(_histories(ingress, None), expected, since=watched(ingress)[0], ended=ended, within=within)
    problems, delays, open_ended = [], {}, []
    for service, states in _histories(ingress, list(expected)).items():
        wanted = _canonical(expected[service])
        start = effect(cause)["effective"] if cause else states[0]["t"]
        wrong = [state for state in states if _canonical(state["addresses"]) - wanted]
        first = next((state for state in states if _canonical(state["addresses"]) == wanted), None)
        if wrong:
            problems.append(f"{service} was given {listed(wrong[0]['addresses'])}")
        elif first is None and ended - start < nanoseconds(within):
            open_ended.append(f"{service} was watched for {seconds(ended - start):.1f} s only")
        elif first is None:
            last = listed(states[-1]["addresses"]) or "no address"
            problems.append(f"{service} had {last} after {seconds(ended - start):.1f} s")
        else:
            delays[service] = max(0.0, seconds(first["t"] - start))
            if delays[service] > within:
                problems.append(f"{service} got its addresses after {delays[service]:.2f} s")
    wanted_text = "; ".join(f"{service}: {listed(each)}" for service, each in expected.items())
    observed = f"{len(delays)} of {len(expected)} Services got exactly what is expected"
    measurement = _slowest("time to address", delays, within)
    return ruling(
        problems,
        "every Service has exactly its addresses",
        measurement,
        expected=f"{wanted_text}, within {within:g} s",
        observed=observed,
        short=listed(open_ended),
    )


def _exact_set(
    histories: Mapping[str, Sequence[Ingress]], expected: list[str], *, since: int, ended: int, within: float
) -> Judgement:
    """All Services together have exactly these addresses in the end, and none ever had another."""
    wanted = _canonical(expected)
    seen = {each for states in histories.values() for state in states for each in _canonical(state["addresses"])}
    last = {each for states in histories.values() for each in _canonical(states[-1]["addresses"])}
    problems = [f"{each} was given" for each in sorted(seen - wanted)]
    missing = [f"{each} was not given" for each in sorted(wanted - last)]
    short = ""
    if missing and ended - since < nanoseconds(within):
        short = f"watched for {seconds(ended - since):.1f} s only, {within:g} s are needed"
    else:
        problems += missing
    return ruling(
        problems,
        "exactly the expected addresses were given",
        Measurement("addresses", len(last), "count", len(histories), bound=Limit(len(wanted), "==", "expected")),
        expected=f"exactly {listed(expected)}",
        observed=listed(sorted(last)) or "none",
        short=short,
    )


def _slowest(name: str, delays: Mapping[str, float], within: float) -> Measurement:
    """How long the slowest of some Services took, s, which is to be no longer than the bound `within`."""
    slowest = max(delays.values(), default=None)
    limit = Limit(within, "<=", "within")
    return Measurement(name, slowest, "s", len(delays), "slowest Service, watch of the API", bound=limit)


@judge("moved")
def moved(
    ingress: Evidence[Ingress], cause: Evidence[Fault], *, expected: dict[str, list[str]], within: float = 30.0
) -> Judgement:
    """Services that ask for something else have exactly that in time, and from then on.

    Args:
        ingress: the watch of the Services.
        cause: what they were asked to change for.
        expected: for each Service the addresses that it has to have; none, where it cannot have what it asks for.
        within: how long it may take, s, from the cause.
    """
    fault, ended = effect(cause), watched(ingress)[1]
    start, since = fault["effective"], fault["began"]
    problems, delays, open_ended = [], {}, []
    for service, states in _histories(ingress, list(expected)).items():
        wanted = _canonical(expected[service])
        untils = [*(state["t"] for state in states[1:]), ended]
        right = [_canonical(state["addresses"]) == wanted for state in states]
        strange = [
            state
            for state, until, is_right in zip(states, untils, right, strict=True)
            if until > start + nanoseconds(within) and not is_right
        ]
        first = next((state for state, so in zip(states, right, strict=True) if so and state["t"] >= since), None)
        if strange:
            has = listed(strange[-1]["addresses"]) or "no address"
            problems.append(f"{service} has {has}, though it asked for something else")
        elif first is None:
            open_ended.append(f"{service} was watched for {seconds(ended - start):.1f} s only")
        else:
            delays[service] = max(0.0, seconds(first["t"] - start))
    wanted_text = "; ".join(f"{service}: {listed(each) or 'no address'}" for service, each in expected.items())
    measurement = _slowest("time to move", delays, within)
    return ruling(
        problems,
        "every Service has what it asked for last",
        measurement,
        expected=f"{wanted_text}, within {within:g} s",
        observed=f"{len(delays)} of {len(expected)} Services have what they asked for last",
        short=listed(open_ended),
    )


@judge("pool-recorded")
def pool_recorded(
    ingress: Evidence[Ingress], cause: Evidence[Fault] | None = None, *, expected: dict[str, str], within: float = 30.0
) -> Judgement:
    """The annotation of a Service names the pool of its addresses in time, and from then on.

    Args:
        ingress: the watch of the Services.
        cause: what gave them their addresses, or took them; by default their creation.
        expected: for each Service the name of the pool; empty, where there must be no such annotation.
        within: how long it may take, s.
    """
    ended = watched(ingress)[1]
    problems, delays, open_ended = [], {}, []
    for service, states in _histories(ingress, list(expected)).items():
        start = effect(cause)["effective"] if cause else states[0]["t"]
        since = effect(cause)["began"] if cause else states[0]["t"]
        wanted, last = expected[service], states[-1].get("pool", "")
        if last != wanted and ended - start < nanoseconds(within):
            open_ended.append(f"{service} was watched for {seconds(ended - start):.1f} s only")
        elif last != wanted:
            problems.append(f"{service} names {last or 'no pool'}, not {wanted or 'none'}")
        else:
            others = [number for number, state in enumerate(states) if state.get("pool", "") != wanted]
            named = states[others[-1] + 1]["t"] if others else states[0]["t"]
            delays[service] = max(0.0, seconds(max(named, since) - start))
            if delays[service] > within:
                problems.append(f"{service} named {wanted or 'no pool'} only after {delays[service]:.2f} s")
    wanted_text = "; ".join(f"{service}: {pool or 'no pool'}" for service, pool in expected.items())
    return ruling(
        problems,
        "every Service names the pool of its addresses",
        _slowest("time to annotation", delays, within),
        expected=f"{wanted_text}, within {within:g} s",
        observed=f"{len(delays)} of {len(expected)} Services name it",
        short=listed(open_ended),
    )


@judge("order-stable")
def order_stable(ingress: Evidence[Ingress], *, services: list[str], least: int = 2) -> Judgement:
    """The addresses of a Service never change their order once they are published.

    Args:
        ingress: the watch of the Services, over everything that made the implementation look at them again.
        services: the Services.
        least: how many states of each with its addresses there must have been: it was looked at again.
    """
    began, _ = watched(ingress)
    problems, fewest = [], []
    for service, states in _histories(ingress, services).items():
        published = [state for state in states if len(state["addresses"]) > 1]
        fewest.append(len(published))
        orders = [[_spelled(each) for each in state["addresses"]] for state in published]
        for state, (before, now) in zip(published[1:], pairwise(orders), strict=True):
            if before != now and sorted(before) == sorted(now):
                after = seconds(state["t"] - began)
                problems.append(f"{service} went from {listed(before)} to {listed(now)} at {after:.2f} s")
    short = f"{min(fewest)} states with two addresses, {least} are needed" if min(fewest) < least else ""
    return ruling(
        problems,
        "no order changed",
        Measurement("changes of order", len(problems), "count", sum(fewest), bound=Limit(0, "<=", "the requirement")),
        expected="0 changes of order",
        observed=f"{len(problems)} changes in {sum(fewest)} states",
        short=short,
    )


@judge("in-sequence", steps=())
def in_sequence(ingress: Evidence[Ingress], *, expected: list[str]) -> Judgement:
    """Addresses are given in the predicted order: the lowest free one first.

    Args:
        ingress: the watch of Services that were created one at a time.
        expected: the addresses in the order in which they are to be given.
    """
    given: list[str] = []
    held: dict[str, set[str]] = {}
    for state in rows(ingress, "ingress"):
        now = _canonical(state["addresses"]) if state["present"] else set()
        in_order = map(_spelled, state["addresses"])
        given += [address for address in in_order if address not in held.get(state["service"], ())]
        held[state["service"]] = now
    problems = [
        f"the {number}. address was {got or 'none'}, not {wanted}"
        for number, (wanted, got) in enumerate(_paired(expected, given), start=1)
        if _spelled(wanted) != got
    ]
    right = sum(_spelled(wanted) == got for wanted, got in zip(expected, given, strict=False))
    measurement = Measurement("in order", right, "count", len(expected), bound=Limit(len(expected), "==", "expected"))
    return ruling(
        problems,
        "the addresses came in order",
        measurement,
        expected=", ".join(expected),
        observed=", ".join(given) or "none",
    )


@judge("reassigned")
def reassigned(
    ingress: Evidence[Ingress],
    cause: Evidence[Fault] | None = None,
    *,
    holder: str,
    waiter: str,
    within: float = 30.0,
    address: str | None = None,
) -> Judgement:
    """A Service that lets go of its address has none any more, and the one that waits for it gets it in time.

    Args:
        ingress: the watch of both Services.
        cause: what made the holder let go; by default the moment at which it was seen without address counts.
        holder: the Service that had the address.
        waiter: the Service that is to get it.
        within: how long it may take, s, from the cause.
        address: the address; by default the one that the holder had.
    """
    histories = _histories(ingress, [holder, waiter])
    ended = watched(ingress)[1]
    named = _canonical([address] if address else ())
    had = next((s for s in histories[holder] if s["addresses"] and named <= _canonical(s["addresses"])), None)
    if had is None:
        raise Unclear(f"{holder} never had an address that it could let go of")
    wanted = named or _canonical(had["addresses"])
    released = next((s for s in histories[holder] if s["t"] > had["t"] and not _holds(s, wanted)), None)
    got = next((state for state in histories[waiter] if wanted <= _canonical(state["addresses"])), None)
    start = effect(cause)["effective"] if cause else released["t"] if released else ended
    problems = []
    if got and (released is None or got["t"] < released["t"]):
        problems.append(f"{waiter} had {listed(sorted(wanted))} while {holder} still held it")
    if released is None:
        problems.append(f"{holder} still has {listed(sorted(wanted))}")
    elif seconds(released["t"] - start) > within:
        problems.append(f"{holder} kept it for {seconds(released['t'] - start):.2f} s")
    delay = max(0.0, seconds(got["t"] - start)) if got else None
    span = seconds(ended - start)
    short = ""
    if delay is None and cause and span < within:
        problems, short = [], f"watched for {span:.1f} s only, {within:g} s are needed"
    elif delay is None and released and span < within:
        short = f"watched for {span:.1f} s only, {within:g} s are needed"
    elif delay is None:
        problems.append(f"{waiter} did not get it within {span:.1f} s")
    elif delay > within:
        problems.append(f"{waiter} got it after {delay:.2f} s")
    return ruling(
        problems,
        "the address went over in time",
        Measurement("time to reassignment", delay, "s", 1, "watch of the API", bound=Limit(within, "<=", "within")),
        expected=f"{waiter} has {listed(sorted(wanted))} within {within:g} s",
        observed=f"after {delay:.2f} s" if delay is not None else f"{waiter} never had it",
        short=short,
    )


class _Range(NamedTuple):
    version: int
    first: int
    last: int


def _range(entry: str) -> _Range:
    """A pool entry, CIDR or ``first-last``, as a range of numbers."""
    try:
        first, dash, last = (part.strip() for part in entry.partition("-"))
        if dash:
            return _Range(ip_address(first).version, int(ip_address(first)), int(ip_address(last)))
        network = ip_network(first, strict=False)
        return _Range(network.version, int(network.network_address), int(network.broadcast_address))
    except ValueError as error:
        raise BoundError(f"pool entry {entry!r} is neither CIDR nor first-last: {error}") from error


def _inside(address: str, ranges: Iterable[_Range]) -> bool:
    """Whether an address lies in a range; one that is no address lies in none."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    return any(each.version == ip.version and each.first <= int(ip) <= each.last for each in ranges)


def _complete(state: Ingress, families: Sequence[str] | None) -> bool:
    """Whether a state has an address, of every family that is wanted."""
    return set(families) <= _families(state["addresses"]) if families else bool(state["addresses"])


def _families(addresses: Iterable[str]) -> set[str]:
    """The families of addresses: ``ipv4``, ``ipv6``."""
    return {f"ipv{ip_address(each).version}" for each in addresses if _is_address(each)}


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _canonical(addresses: Iterable[str]) -> set[str]:
    """Addresses in the one form in which they can be compared."""
    return {_spelled(each) for each in addresses}


def _spelled(address: str) -> str:
    """An address in the form in which it can be compared; an IPv4 address mapped into IPv6 is the IPv4 address."""
    if not _is_address(address):
        return address
    ip = ip_address(address)
    return str(getattr(ip, "ipv4_mapped", None) or ip)


def _holds(state: Ingress, addresses: set[str]) -> bool:
    """Whether a Service has any of the addresses."""
    return state["present"] and bool(addresses & _canonical(state["addresses"]))


def _unwarned(events: Evidence[KubernetesEvent] | None, reason: str | None, services: Iterable[str]) -> list[str]:
    """Which of the Services no Warning event is about that has this reason (``*``: any), if one is expected."""
    if reason is None:
        return []
    if events is None:
        raise Unclear(f"no events were recorded, so none can show the reason {reason}")
    reasons = {
        service: {each["reason"] for each in events.rows if each["name"] == service and each["type"] == "Warning"}
        for service in services
    }
    return [
        f"{service} has no {_warning(reason)} (Warning events: {listed(sorted(given)) or 'none'})"
        for service, given in reasons.items()
        if not (given if reason == "*" else reason in given)
    ]


def _warning(reason: str) -> str:
    return "Warning event" if reason == "*" else f"Warning event {reason}"


def _histories(ingress: Evidence[Ingress], services: Sequence[str] | None) -> dict[str, list[Ingress]]:
    """The states of each Service from its first appearance on."""
    histories: dict[str, list[Ingress]] = {}
    for state in rows(ingress, "ingress"):
        if state["present"] or state["service"] in histories:
            histories.setdefault(state["service"], []).append(state)
    if services is None:
        if not histories:
            raise Unclear("no Service was seen")
        return histories
    if missing := [service for service in services if service not in histories]:
        raise Unclear(f"the watch never showed {listed(missing)}")
    return {service: histories[service] for service in services}


def _paired(expected: Sequence[str], given: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Expected addresses with what was given in their place."""
    for index, wanted in enumerate(expected):
        yield wanted, given[index] if index < len(given) else ""
