"""Judges of BGP announcement: sessions and routes as the routers have them."""

import math
from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_network
from itertools import pairwise, takewhile
from typing import Any

from lbcert_reports.evidence import BgpClosing, BgpMessage, BgpPath, Evidence, Fault, Route, Session
from lbcert_reports.judges.registry import Judgement, Limit, Measurement, Unclear, judge, listed, ruling
from lbcert_reports.judges.spans import effect, seconds, watched
from lbcert_reports.verdicts import Verdict

ESTABLISHED = "Established"


@judge("sessions-established")
def sessions_established(
    sessions: Evidence[Session],
    cause: Evidence[Fault] | None = None,
    *,
    peers: dict[str, list[str]],
    within: float,
    others: bool = False,
) -> Judgement:
    """Each router has a session with every expected peer in time, keeps it, and has none with anybody else.

    Args:
        sessions: observed states of the sessions.
        cause: what made them come up; by default the begin of the watch counts.
        peers: for each router the addresses of its peers.
        within: how long it may take, s.
        others: whether further sessions are allowed.
    """
    began, ended = watched(sessions)
    start = effect(cause)["effective"] if cause else began
    span = seconds(ended - start)
    problems, delays, short = [], [], ""
    wanted = set(_expected(peers))
    states = _states(sessions)
    for router, peer in sorted(wanted):
        seen = states.get((router, peer), [])
        up = list(takewhile(lambda state: state["state"] == ESTABLISHED, reversed(seen)))
        if up:
            delays.append(max(0.0, seconds(up[-1]["t"] - start)))  # it may have been up all the while
            if delays[-1] > within:
                problems.append(f"{router}'s session with {peer} was up to stay only after {delays[-1]:.2f} s")
            continue
        short = f"watched for {span:.1f} s only, {within:g} s are needed"
        if span >= within:
            last = seen[-1]["state"] if seen else "never seen"
            problems.append(f"{router}'s session with {peer} was {last} after {span:.1f} s")
    if not others:
        strange = {key for key, each in states.items() if any(s["state"] == ESTABLISHED for s in each)} - wanted
        problems += [f"{router} has a session with {peer} that nobody expects" for router, peer in sorted(strange)]
    return ruling(
        problems,
        "every expected session came up, and no other",
        Measurement(
            "time to session",
            max(delays, default=None),
            "s",
            len(delays),
            "slowest session",
            bound=Limit(within, "<=", "within"),
            samples=tuple(delays),
        ),
        expected=f"{len(wanted)} sessions within {within:g} s",
        observed=f"{len(delays)} of {len(wanted)} sessions"
        + (f", the last after {max(delays):.2f} s" if delays else ""),
        short=short,
    )


@judge("session-stays-down", steps=[Verdict.PASS])
def session_stays_down(sessions: Evidence[Session], *, peers: dict[str, list[str]], hold: float) -> Judgement:
    """Sessions that must not come up do not, for as long as they are watched.

    Args:
        sessions: observed states of the sessions.
        peers: for each router the addresses of the peers with which it must have none.
        hold: how long they must have been watched, s.
    """
    began, ended = watched(sessions)
    states = _states(sessions)
    problems, unseen = [], []
    for router, peer in _expected(peers):
        seen = states.get((router, peer), [])
        if not seen:
            unseen.append(f"{router} with {peer}")
        if up := [state for state in seen if state["state"] == ESTABLISHED or state["established"] > 0]:
            problems.append(f"{router}'s session with {peer} was up at {seconds(up[0]['t'] - began):.2f} s")
    span = seconds(ended - began)
    short = f"watched for {span:.1f} s only, {hold:g} s are needed" if span < hold else ""
    return ruling(
        problems,
        "no session came up",
        Measurement("watched", span, "s", len(states), bound=Limit(hold, ">=", "hold")),
        expected=f"no session for {hold:g} s",
        observed=f"{len(problems)} sessions came up in {span:.1f} s",
        short=f"the router knows no such peer: {listed(unseen)}" if unseen else short,
    )


@judge("sessions-closed")
def sessions_closed(
    sessions: Evidence[Session], cause: Evidence[Fault], *, peers: dict[str, list[str]], within: float
) -> Judgement:
    """Sessions that nobody wants any more are closed in time, and stay so.

    Args:
        sessions: observed states of the sessions, from before the cause on.
        cause: what made them unwanted.
        peers: for each router the addresses of the peers of these sessions.
        within: how long they may go on, s.
    """
    _, ended = watched(sessions)
    act = effect(cause)
    span = seconds(ended - act["effective"])
    states = _states(sessions)
    problems, delays, never, open_ = [], [], [], 0
    for router, peer in _expected(peers):
        seen = states.get((router, peer), [])
        if [state["state"] for state in seen if state["t"] < act["began"]][-1:] != [ESTABLISHED]:
            never.append(f"{router}'s session with {peer}")
            continue
        closed = list(takewhile(lambda state: state["state"] != ESTABLISHED, reversed(seen)))
        if closed:
            delays.append(max(0.0, seconds(closed[-1]["t"] - act["effective"])))
            if delays[-1] > within:
                problems.append(f"{router}'s session with {peer} was closed only after {delays[-1]:.2f} s")
        else:
            open_ += 1
            if span >= within:
                problems.append(f"{router}'s session with {peer} was still open after {span:.1f} s")
    short = f"watched for {span:.1f} s only, {within:g} s are needed" if open_ else ""
    return ruling(
        problems,
        "every session was closed",
        Measurement(
            "time to close",
            max(delays, default=None),
            "s",
            len(delays),
            "slowest session",
            bound=Limit(within, "<=", "within"),
            samples=tuple(delays),
        ),
        expected=f"no session {within:g} s after the cause",
        observed=f"{open_} of {open_ + len(delays)} sessions are still open",
        short=f"{listed(never)} was not up before" if never else short,
    )


@judge("sessions-never-reset")
def sessions_never_reset(sessions: Evidence[Session], *, peers: dict[str, list[str]], hold: float) -> Judgement:
    """Sessions that are up stay up: never another state, never a new one in place of the old.

    Args:
        sessions: observed states of the sessions, over everything that was done to disturb them.
        peers: for each router the addresses of its peers.
        hold: how long they must have been watched, s.
    """
    began, ended = watched(sessions)
    states = _states(sessions)
    problems, resets, short = [], 0, ""
    for router, peer in _expected(peers):
        seen = states.get((router, peer), [])
        if not seen or seen[0]["state"] != ESTABLISHED:
            short = f"{router}'s session with {peer} was not up at the begin"
            continue
        breaks = [
            later
            for earlier, later in pairwise(seen)
            if later["state"] != ESTABLISHED
            or later["dropped"] > earlier["dropped"]
            or later["established"] > earlier["established"]
            or _began_anew(earlier, later)
        ]
        drops = max(seen[-1]["dropped"] - seen[0]["dropped"], int(bool(breaks)))
        resets += drops
        if breaks:
            at = seconds(breaks[0]["t"] - began)
            problems.append(f"{router}'s session with {peer} was reset {drops} times, first seen at {at:.2f} s")
    span = seconds(ended - began)
    if span < hold:
        short = short or f"watched for {span:.1f} s only, {hold:g} s are needed"
    return ruling(
        problems,
        "no session was reset",
        Measurement("resets", resets, "count", len(states), "counters of the router", bound=Limit(0, "<=", "hold")),
        expected=f"0 resets in {hold:g} s",
        observed=f"{resets} resets in {span:.1f} s",
        short=short,
    )


def _began_anew(earlier: Session, later: Session) -> bool:
    """Whether a session is younger than an earlier look at it; routers tell its age in whole seconds."""
    age = seconds(later["uptime_ms"] * 1_000_000)
    return later["uptime_ms"] < earlier["uptime_ms"] or age + 1 < seconds(later["t"] - earlier["t"])


@judge("timers-negotiated", steps=())
def timers_negotiated(
    sessions: Evidence[Session],
    *,
    peers: dict[str, list[str]],
    hold: float,
    least: float | None = None,
    keepalive: float | None = None,
) -> Judgement:
    """A session uses the smaller hold time of both sides, and keepalives at most a third of it apart.

    RFC 4271, sections 4.2 and 4.4.

    Args:
        sessions: observed states of the sessions.
        peers: for each router the addresses of its peers.
        hold: the hold time that is to be negotiated, s.
        least: the least that it may be instead, s, where one side may offer what it likes; by default `hold`.
        keepalive: longest interval between keepalives, s; by default a third of the hold time.
    """
    longest = keepalive if keepalive is not None else hold / 3
    shortest = hold if least is None else least
    states = _states(sessions)
    problems, holds, intervals, untold = [], [], [], []
    for router, peer in _expected(peers):
        up = [state for state in states.get((router, peer), ()) if state["state"] == ESTABLISHED]
        if not up or "hold" not in up[-1]:
            raise Unclear(f"{router} showed no established session with {peer} and its timers")
        holds.append(up[-1]["hold"])
        if not shortest <= holds[-1] <= hold:
            problems.append(f"{router} and {peer} negotiated the hold time {holds[-1]} s")
        if not up[-1].get("keepalive"):  # 0 is none, which only a hold time of 0 allows
            untold += [f"{router} with {peer}"] if holds[-1] else []
            continue
        intervals.append(up[-1]["keepalive"])
        if intervals[-1] > longest:
            problems.append(f"{router} and {peer} use a keepalive interval of {intervals[-1]} s")
    worst = max(holds, key=lambda each: abs(each - hold))
    return ruling(
        problems,
        "the sessions use the negotiated timers",
        Measurement(
            "hold time",
            worst,
            "s",
            len(holds),
            "worst session",
            bound=Limit(hold, "==" if shortest == hold else "<=", "hold"),
        ),
        Measurement(
            "keepalive interval",
            max(intervals, default=None),
            "s",
            len(intervals),
            "longest",
            bound=Limit(longest, "<=", "keepalive"),
        ),
        expected=f"hold time {f'{shortest:g} to ' if shortest < hold else ''}{hold:g} s,"
        f" keepalives at most {longest:g} s apart",
        observed=f"hold times {listed(sorted(set(holds)))} s, keepalive intervals {listed(sorted(set(intervals)))} s",
        short=f"the keepalive interval is not told: {listed(untold)}" if untold else "",
    )


@judge("keepalives-spaced", drops=[Verdict.FAIL])
def keepalives_spaced(
    messages: Evidence[BgpMessage], *, peers: dict[str, float], least: int = 4, tolerance: float = 0.1
) -> Judgement:
    """A speaker's KEEPALIVE messages are no further apart, on average, than they may be.

    On average, since a busy machine delays one and not the next. RFC 4271, section 4.4.

    Args:
        messages: the messages that passed the router's interface.
        peers: for each speaker's address the longest interval, s: a third of the negotiated hold time.
        least: how many there must be from each for a pass.
        tolerance: how much longer the average may be, s.
    """
    began, ended = watched(messages)
    problems, spacings, short = [], [], ""
    for peer, longest in peers.items():
        sent = [each["t"] for each in messages.rows if each["type"] == "KEEPALIVE" and _ip(each["source"]) == _ip(peer)]
        span = seconds(ended - (sent[0] if sent else began))
        if len(sent) < least:
            short = short or f"{peer} sent {len(sent)} keepalives in {span:.1f} s, {least} are needed"
        # The time since the last one counts if it is too long already: who falls silent sends no further one.
        ends = [*sent, ended] if sent and seconds(ended - sent[-1]) > longest + tolerance else sent
        average = seconds(ends[-1] - ends[0]) / (len(ends) - 1) if len(ends) > 1 else span
        if average > longest + tolerance:
            problems.append(f"{peer} sent keepalives {average:.2f} s apart, {longest:g} s are allowed")
        spacings.append(average)
    return ruling(
        problems,
        "keepalives came as often as the hold time demands",
        Measurement(
            "keepalive spacing",
            max(spacings, default=None),
            "s",
            len(spacings),
            "average of each speaker, largest",
            resolution=tolerance,
            bound=Limit(max(peers.values()), "<=", "peers"),
            samples=tuple(spacings),
        ),
        expected=listed(f"{peer} at most {longest:g} s apart" for peer, longest in peers.items()),
        observed=listed(f"{peer} {average:.2f} s apart" for peer, average in zip(peers, spacings, strict=True)),
        short=short,
    )


@judge("attempts-spaced", drops=[Verdict.PASS])
def attempts_spaced(
    messages: Evidence[BgpMessage], *, peers: list[str], rate: float, spare: int = 3, least: int = 2
) -> Judgement:
    """A speaker that is refused tries again no more often, on average, than it may.

    Args:
        messages: the messages that passed the router's interface.
        peers: the speakers' addresses.
        rate: how often each may begin a session, by OPEN, per second.
        spare: how many more there may be: the first one, and some that follow fast before a speaker slows down.
        least: how many there must be from each for a pass: who does not try is not slow.
    """
    began, ended = watched(messages)
    span = seconds(ended - began)
    most = math.floor(rate * span) + spare
    counts = {
        peer: sum(each["type"] == "OPEN" and _ip(each["source"]) == _ip(peer) for each in messages.rows)
        for peer in peers
    }
    few = [peer for peer, count in counts.items() if count < least]
    return ruling(
        [f"{peer} began {count} sessions in {span:.1f} s" for peer, count in counts.items() if count > most],
        "no speaker tried more often than it may",
        Measurement(
            "sessions begun",
            max(counts.values(), default=None),
            "attempts",
            len(counts),
            "speaker with the most",
            bound=Limit(most, "<=", "rate"),
        ),
        expected=f"at most {most} in {span:.1f} s from each",
        observed=listed(f"{count} from {peer}" for peer, count in counts.items()),
        short=f"{listed(few)} began fewer than {least} sessions in {span:.1f} s" if few else "",
    )


@judge("silent-peer-left", drops=[Verdict.FAIL])
def silent_peer_left(
    messages: Evidence[BgpMessage],
    closings: Evidence[BgpClosing],
    *,
    peers: list[str],
    hold: float,
    tolerance: float = 1.0,
) -> Judgement:
    """A speaker leaves its session when it has heard nothing from the router for the hold time.

    It may say so by a NOTIFICATION, or just close the connection. RFC 4271, section 6.5.

    Args:
        messages: the messages that passed the router's interface, in both directions.
        closings: the segments that closed a connection.
        peers: the speakers' addresses.
        hold: the negotiated hold time, s.
        tolerance: how much sooner or later it may be, s.
    """
    ended = min(watched(messages)[1], watched(closings)[1])
    problems, delays, short = [], [], ""
    for peer in map(_ip, peers):
        heard = max((each["t"] for each in messages.rows if _ip(each["destination"]) == peer), default=None)
        if heard is None:
            raise Unclear(f"the router said nothing to {peer}, so it could not fall silent")
        left = [each["t"] for each in messages.rows if each["type"] == "NOTIFICATION" and _ip(each["source"]) == peer]
        left += [each["t"] for each in closings.rows if _ip(each["source"]) == peer]
        after = min((t for t in left if t > heard), default=None)
        delay = seconds((ended if after is None else after) - heard)
        if after is not None and delay < hold - tolerance:
            raise Unclear(f"{peer} left {delay:.2f} s after the router's last message, which is not the hold time")
        if delay > hold + tolerance:
            problems.append(f"{peer} {'kept its session for' if after is None else 'left only after'} {delay:.2f} s")
        elif after is None:
            short = short or f"{peer} was watched for {delay:.1f} s of silence only, {hold + tolerance:g} s are needed"
        if after is not None:
            delays.append(delay)
    return ruling(
        problems,
        "every speaker left the silent router after the hold time",
        Measurement(
            "silence until the speaker left",
            max(delays, default=None),
            "s",
            len(delays),
            "slowest speaker",
            bound=Limit(hold + tolerance, "<=", "hold"),
            samples=tuple(delays),
        ),
        expected=f"left after {hold:g} s of silence, {tolerance:g} s sooner or later",
        observed=f"{len(delays)} of {len(peers)} left" + (f", the last after {max(delays):.2f} s" if delays else ""),
        short=short,
    )


@judge("identifiers-presented", steps=())
def identifiers_presented(sessions: Evidence[Session], *, identifier: str, least: int) -> Judgement:
    """Every speaker with a session has presented the BGP identifier that it was told.

    RFC 4271, section 4.2.

    Args:
        sessions: observed states of the sessions.
        identifier: the identifier.
        least: how many sessions there must be for a pass.
    """
    presented = {
        peer: up[-1].get("identifier", "")
        for (_, peer), states in _states(sessions).items()
        if (up := [state for state in states if state["state"] == ESTABLISHED])
    }
    others = [f"{peer} presented {got or 'no identifier'}" for peer, got in presented.items() if got != identifier]
    short = f"{len(presented)} sessions, {least} are needed" if len(presented) < least else ""
    return ruling(
        others,
        "every speaker presented the identifier",
        Measurement("other identifiers", len(others), "count", len(presented), bound=Limit(0, "<=", "identifier")),
        expected=f"{identifier} from each of {least}",
        observed=listed(sorted(set(presented.values()))) or "no session",
        short=short,
    )


CEASE = 6
"""The error code of a NOTIFICATION that ends a session for no fault of the peer's (RFC 4271, section 6.7)."""


@judge("orderly-close", drops=[Verdict.FAIL])
def orderly_close(
    messages: Evidence[BgpMessage], closings: Evidence[BgpClosing], cause: Evidence[Fault], *, peers: list[str]
) -> Judgement:
    """A speaker that ends a session says so by a NOTIFICATION with error code Cease, and does not just hang up.

    Args:
        messages: the messages that passed the router's interface.
        closings: the segments that closed a connection.
        cause: what made the speakers end their sessions.
        peers: the speakers' addresses.
    """
    since = effect(cause)["began"]
    problems, still_open, codes = [], [], []
    for peer in map(_ip, peers):
        said = [
            each.get("code", 0)
            for each in messages.rows
            if each["type"] == "NOTIFICATION" and _ip(each["source"]) == peer and each["t"] >= since
        ]
        hung_up = any(_ip(each["source"]) == peer and each["t"] >= since for each in closings.rows)
        codes += said[:1]
        if said and said[0] != CEASE:
            problems.append(f"{peer} ended its session with error code {said[0]}")
        elif not said and hung_up:
            problems.append(f"{peer} closed its session without a word")
        elif not said:
            still_open.append(peer)
    return ruling(
        problems,
        "every speaker said Cease",
        Measurement("sessions ended otherwise", len(problems), "count", len(peers), bound=Limit(0, "<=", "peers")),
        expected=f"a NOTIFICATION with error code {CEASE} from each of {len(peers)}",
        observed=f"{len(codes)} NOTIFICATIONs" + (f", error codes {listed(sorted(set(codes)))}" if codes else ""),
        short=f"{listed(still_open)} did not end the session" if still_open else "",
    )


@judge("route-next-hops")
def route_next_hops(
    routes: Evidence[Route],
    cause: Evidence[Fault] | None = None,
    *,
    expected: dict[str, list[str]],
    within: float,
    hold: float = 0.0,
) -> Judgement:
    """Each prefix has exactly the expected next hops in the router's kernel in time, and keeps them.

    Args:
        routes: every change of the router's routes.
        cause: what made the routes change; by default the begin of the watch counts.
        expected: for each prefix its next hops; an empty list for a prefix that is not to be there.
        within: how long it may take, s.
        hold: how long the routes must be seen to stay so, s.
    """
    return _routes(routes, cause, expected, within, hold)


@judge("route-withdrawn")
def route_withdrawn(
    routes: Evidence[Route],
    cause: Evidence[Fault],
    *,
    prefixes: list[str],
    within: float,
    hold: float = 0.0,
) -> Judgement:
    """Prefixes that were there are gone in time after a cause, and stay away.

    Args:
        routes: every change of the router's routes.
        cause: what made them go.
        prefixes: the prefixes.
        within: how long it may take, s.
        hold: how long they must be seen to stay away, s.
    """
    for prefix in prefixes:
        if not _at(routes, prefix, effect(cause)["began"]):
            raise Unclear(f"{prefix} was not there before {effect(cause)['fault']}, so nothing could be withdrawn")
    return _routes(routes, cause, {prefix: [] for prefix in prefixes}, within, hold)


@judge("prefix-restored")
def prefix_restored(
    routes: Evidence[Route],
    cause: Evidence[Fault],
    *,
    expected: dict[str, list[str]],
    within: float,
    hold: float = 0.0,
) -> Judgement:
    """Prefixes that a fault took away come back in time with all their next hops, and stay.

    Args:
        routes: every change of the router's routes.
        cause: the fault.
        expected: for each prefix its next hops.
        within: how long it may take, s.
        hold: how long the routes must be seen to stay so, s.
    """
    fault = effect(cause)
    for prefix, next_hops in expected.items():
        after = [each["next_hops"] for each in routes.rows if each["t"] >= fault["began"] and _is(each, prefix)]
        if not any(_ips(next_hops) - _ips(each) for each in after):
            raise Unclear(f"{fault['fault']} took no next hop of {prefix} away, so nothing could come back")
    return _routes(routes, cause, expected, within, hold)


@judge("never-routed", steps=[Verdict.PASS])
def never_routed(routes: Evidence[Route], *, prefixes: list[str], hold: float) -> Judgement:
    """Prefixes that must not be announced have no route in the router, for as long as it is watched.

    Args:
        routes: every change of the router's routes; the header has to say when the watch began and ended.
        prefixes: the prefixes.
        hold: how long the router must have been watched, s.
    """
    began, ended = watched(routes)
    span = seconds(ended - began)
    seen = [each for each in routes.rows if each["next_hops"] and any(_is(each, prefix) for prefix in prefixes)]
    return ruling(
        [f"{each['prefix']} had {_hops(each['next_hops'])} at {seconds(each['t'] - began):.2f} s" for each in seen],
        "there was no route",
        Measurement("watched", span, "s", len(prefixes), bound=Limit(hold, ">=", "hold")),
        expected=f"no route to {listed(prefixes)} for {hold:g} s",
        observed=f"{len(seen)} routes in {span:.1f} s",
        short=f"watched for {span:.1f} s only, {hold:g} s are needed" if span < hold else "",
    )


@judge("path-attributes", steps=())
def path_attributes(
    paths: Evidence[BgpPath],
    *,
    prefixes: list[str],
    expected: dict[str, Any] | None = None,
    present: list[str] | None = None,
    count: int = 1,
    others: bool = True,
) -> Judgement:
    """The paths to a prefix carry the expected attributes.

    Args:
        paths: the paths in the routers' BGP tables, or as they were announced.
        prefixes: the prefixes whose paths are judged.
        expected: for each attribute its value: ``as_path``, ``origin``, ``local_pref``, ``med``, ``communities``,
            ``next_hop``; null for one that must be absent.
        present: attributes that must be there, with whatever value.
        count: how many paths there must be to each prefix at least.
        others: whether there may be paths to other prefixes.
    """
    if not expected and not present and others:
        raise Unclear("there is nothing to judge: the bound has no expected, and no present")
    expected, problems = expected or {}, []
    if not others:
        strange = [path for path in paths.rows if not any(_is(path, prefix) for prefix in prefixes)]
        problems += [f"{path['router']} has {path['prefix']}, which nobody asked for" for path in strange]
    counts, seen = [], []
    for prefix in prefixes:
        found = [path for path in paths.rows if _is(path, prefix)]
        counts.append(len(found))
        for path in found:
            for attribute, wanted in expected.items():
                got = _attribute(path, attribute)
                seen.append(f"{attribute} {got}")
                if got != (sorted(wanted) if attribute == "communities" and wanted else wanted):
                    problems.append(f"{path['router']} has {prefix} with {attribute} {_word(got)}")
            for attribute in present or ():
                got = _attribute(path, attribute)
                seen.append(f"{attribute} {_word(got)}")
                if got is None:
                    problems.append(f"{path['router']} has {prefix} without {attribute}")
    return ruling(
        problems,
        "every path carries the expected attributes",
        Measurement("paths with other attributes", len(problems), "count", len(seen), bound=Limit(0, "<=", "expected")),
        expected=listed(
            [
                *(f"{attribute} {_word(wanted)}" for attribute, wanted in expected.items()),
                *(f"some {attribute}" for attribute in present or ()),
            ]
        ),
        observed=listed(sorted(set(seen))) or "no path",
        short=f"{min(counts)} paths, {count} are needed" if min(counts) < count else "",
    )


def _attribute(path: BgpPath, attribute: str) -> Any:
    values: Mapping[str, Any] = path
    if attribute not in values:
        raise Unclear(f"paths have no attribute {attribute!r}")
    value = values[attribute]
    return sorted(value) if attribute == "communities" else value


def _word(value: object) -> str:
    return "absent" if value is None else str(value)


def _routes(
    routes: Evidence[Route],
    cause: Evidence[Fault] | None,
    expected: Mapping[str, Sequence[str]],
    within: float,
    hold: float,
) -> Judgement:
    """Judge when each prefix has its next hops to stay."""
    began, ended = watched(routes)
    start = effect(cause)["effective"] if cause else began
    span = seconds(ended - start)
    problems, delays, short = [], [], ""
    for prefix, next_hops in expected.items():
        states = [(start, _at(routes, prefix, start))]
        states += [(each["t"], each["next_hops"]) for each in routes.rows if each["t"] > start and _is(each, prefix)]
        settled = _settled(states, next_hops)
        if settled is None:
            if span >= within:
                problems.append(f"{prefix} had {_hops(states[-1][1])} after {span:.2f} s")
            short = f"watched for {span:.2f} s only, {within:g} s are needed"
            continue
        delays.append(seconds(settled - start))
        if delays[-1] > within:
            problems.append(f"{prefix} had {_hops(next_hops)} to stay only after {delays[-1]:.2f} s")
        if (stayed := span - delays[-1]) < hold:
            short = short or f"{prefix} was seen to stay so for {stayed:.2f} s only, {hold:g} s are needed"
    return ruling(
        problems,
        "every prefix had the expected next hops in time and kept them",
        Measurement(
            "time to routes",
            max(delays, default=None),
            "s",
            len(delays),
            "slowest prefix, route messages of the router's kernel",
            bound=Limit(within, "<=", "within"),
            samples=tuple(delays),
        ),
        expected=f"{_table(expected)} within {within:g} s" + (f", for {hold:g} s" if hold else ""),
        observed=_table({prefix: _at(routes, prefix, ended) for prefix in expected})
        + (f", the last after {max(delays):.3f} s" if delays else ""),
        short=short,
    )


def _settled(states: Sequence[tuple[int, Sequence[str]]], wanted: Sequence[str]) -> int | None:
    """Since when (ns) the next hops have been as wanted until the end; None if they are not in the end."""
    same = list(takewhile(lambda state: _ips(state[1]) == _ips(wanted), reversed(states)))
    return same[-1][0] if same else None


def _expected(peers: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """Each router with each of its peers.

    Raises:
        Unclear: if no router has any.
    """
    if not any(peers.values()):
        raise Unclear("there is no peer to judge")
    return sorted((router, _ip(peer)) for router, each in peers.items() for peer in each)


def _states(sessions: Evidence[Session]) -> dict[tuple[str, str], list[Session]]:
    """The states of each session, by router and peer, in order of time.

    None at all is an observation too: a router that accepts whoever comes shows no session until somebody did.
    """
    states: dict[tuple[str, str], list[Session]] = {}
    for state in sorted(sessions.rows, key=lambda state: state["t"]):
        states.setdefault((state["router"], _ip(state["peer"])), []).append(state)
    return states


def _at(routes: Evidence[Route], prefix: str, t: int) -> list[str]:
    """The next hops that a prefix had at a time; none if no route was seen until then."""
    return next((each["next_hops"] for each in reversed(routes.rows) if each["t"] <= t and _is(each, prefix)), [])


def _is(row: Route | BgpPath, prefix: str) -> bool:
    return ip_network(row["prefix"], strict=False) == ip_network(prefix, strict=False)


def _ip(text: str) -> str:
    """A peer's address in canonical form; an unnumbered peer's name as it is."""
    try:
        return str(ip_address(text))
    except ValueError:
        return text


def _ips(next_hops: Sequence[str]) -> set[str]:
    return {_ip(each) for each in next_hops}


def _hops(next_hops: Sequence[str]) -> str:
    return f"next hops {listed(sorted(next_hops))}" if next_hops else "no route"


def _table(routes: Mapping[str, Sequence[str]]) -> str:
    return "; ".join(f"{prefix}: {_hops(next_hops)}" for prefix, next_hops in routes.items())
