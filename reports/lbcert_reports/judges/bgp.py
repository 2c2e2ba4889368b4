"""Judges of BGP announcement: sessions and routes as the routers have them."""

from collections.abc import Sequence
from ipaddress import ip_address

from lbcert_reports.evidence import Evidence, Fault, Route
from lbcert_reports.judges.registry import Judgement, Limit, Measurement, judge, listed, ruling
from lbcert_reports.judges.spans import effect, seconds, watched


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
    began, ended = watched(routes)
    start = effect(cause)["effective"] if cause else began
    problems, delays, spans = [], [], []
    for prefix, next_hops in expected.items():
        changes = [each for each in routes.rows if each["prefix"] == prefix]
        before = [each for each in changes if each["t"] <= start]
        states = [(start, before[-1]["next_hops"] if before else [])]
        states += [(each["t"], each["next_hops"]) for each in changes if each["t"] > start]
        settled = next((t for t, hops in reversed(_settled(states, next_hops))), None)
        if settled is None:
            if seconds(ended - start) >= within:
                problems.append(f"{prefix} had {_hops(states[-1][1])} after {seconds(ended - start):.2f} s")
            spans.append(seconds(ended - start) - within)
            continue
        delays.append(seconds(settled - start))
        spans.append(seconds(ended - settled) - hold)
        if delays[-1] > within:
            problems.append(f"{prefix} had {_hops(next_hops)} to stay only after {delays[-1]:.2f} s")
    return ruling(
        problems,
        "every prefix had its next hops in time and kept them",
        Measurement(
            "time to routes",
            max(delays, default=None),
            "s",
            len(delays),
            "slowest prefix, route messages of the router's kernel",
            bound=Limit(within, "<=", "within"),
            samples=tuple(delays),
        ),
        expected=f"{_routes(expected)} within {within:g} s" + (f", for {hold:g} s" if hold else ""),
        observed=_routes({prefix: _last(routes, prefix) for prefix in expected}),
        short="the routes were not watched for long enough" if min(spans, default=-1.0) < 0 else "",
    )


def _settled(states: Sequence[tuple[int, list[str]]], wanted: list[str]) -> list[tuple[int, list[str]]]:
    """The states at the end that are all as wanted, last first; empty if the last is not."""
    settled = []
    for state in reversed(states):
        if _canonical(state[1]) != _canonical(wanted):
            break
        settled.append(state)
    return settled


def _canonical(next_hops: list[str]) -> set[str]:
    return {str(ip_address(each)) for each in next_hops}


def _last(routes: Evidence[Route], prefix: str) -> list[str]:
    return next((each["next_hops"] for each in reversed(routes.rows) if each["prefix"] == prefix), [])


def _hops(next_hops: list[str]) -> str:
    return f"next hops {listed(sorted(next_hops))}" if next_hops else "no route"


def _routes(routes: dict[str, list[str]]) -> str:
    return "; ".join(f"{prefix}: {_hops(next_hops)}" for prefix, next_hops in routes.items())
