"""Probes of the steady-state hypotheses: what cases observe, over the span of time since the hypothesis began.

Every probe returns ``misses``, how often it found otherwise than its name says, beside the details; and every
hypothesis holds it against ``tolerance: {type: range, target: misses, range: [0, 0]}``. (A bare list as tolerance
means a range if it has two elements and one of them otherwise; and Chaos Toolkit ends a hypothesis with the first
probe that misses, which is why the observers record all the time.)
"""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from lbcert_chaos.bench import Bench, current
from lbcert_chaos.observers import PROBED_EVERY_SECONDS
from lbcert_fixtures.probes.layer2 import Answer
from lbcert_fixtures.probes.sessions import sessions
from lbcert_fixtures.probes.stream import StreamRow
from lbcert_fixtures.probes.watch import Row, Watch
from lbcert_fixtures.testbeds import TestbedError

PATIENCE_SECONDS: Final = 0.5
"""How long an answer may take that belongs to a span of time."""

_SLACK_SECONDS: Final = 10.0


def owner_is_unique(over: float = 2.0) -> dict[str, Any]:
    """Each layer 2 address is answered, and by one node alone.

    Args:
        over: how long it is looked at, s.
    """
    bench = current()
    answers = bench.observers.answers
    if answers is None:
        return {"misses": 0, "owners": {}}
    rows = _seen(bench, answers, over, lambda row: row["t"])
    names = {node.mac: node.name for node in bench.lab.nodes}
    owners = {address: sorted(_macs(rows, address)) for address in answers.addresses}
    return {
        "misses": sum(len(macs) != 1 or macs[0] not in names for macs in owners.values()),
        "owners": {address: [names.get(mac, mac) for mac in macs] for address, macs in owners.items()},
    }


def requests_are_served(over: float = 2.0) -> dict[str, Any]:
    """Every probe of every address is answered, on the segment and from behind the router.

    Args:
        over: how long it is looked at, s.
    """
    bench = current()
    until = bench.since + round(over * 1e9)
    lost, sent = {}, {}
    for name, stream in bench.observers.streams.items():
        rows = [row for row in _seen(bench, stream, over, lambda row: row["due"]) if row["due"] < until]
        lost[name] = sum(row["received"] is None for row in rows)
        sent[name] = len(rows)
    # a probe that was never sent shows as little as one that was lost
    unsent = sum(count < 0.9 * over / PROBED_EVERY_SECONDS for count in sent.values())
    return {"misses": sum(lost.values()) + unsent, "lost": lost, "sent": sent}


def routes_are_complete(over: float = 2.0) -> dict[str, Any]:
    """The router's kernel has a host route to each BGP address, over every node that is on the network, all the while.

    Args:
        over: how long it is looked at, s.
    """
    bench = current()
    watch = bench.observers.routes
    if watch is None:
        return {"misses": 0, "routes": {}}
    _until(watch, bench.since + round(over * 1e9))
    rows = watch.rows()
    found = {prefix: _during([r for r in rows if r["prefix"] == prefix], bench.since) for prefix in bench.prefixes()}
    wanted = {prefix: sorted(hops) for prefix, hops in bench.next_hops().items()}
    return {
        "misses": sum(each["next_hops"] != wanted[prefix] for prefix in wanted for each in found[prefix]),
        "routes": {prefix: found[prefix][-1]["next_hops"] for prefix in wanted},
    }


def sessions_are_established() -> dict[str, Any]:
    """The router has an established BGP session with every node that is on the network."""
    bench = current()
    if bench.observers.sessions is None:
        return {"misses": 0, "sessions": {}}
    states = {row["peer"]: row["state"] for row in sessions(bench.lab, "router")}
    told = {str(peer): states.get(str(peer), "none") for peer in bench.peers()}
    return {"misses": sum(state != "Established" for state in told.values()), "sessions": told}


def addresses_are_unchanged() -> dict[str, Any]:
    """Every Service has held the addresses that it had when the experiment began, ever since."""
    bench = current()
    assert bench.observers.ingress is not None
    held: dict[str, list[tuple[str, ...]]] = {}
    for row in bench.observers.ingress.rows():
        addresses = tuple(sorted(row["addresses"])) if row["present"] else ()
        known = held.setdefault(row["service"], [])
        if not known or known[-1] != addresses:
            known.append(addresses)
    return {
        "misses": sum(len(states) - 1 for states in held.values()) + (len(held) != len(bench.services)),
        "addresses": {service: list(states[-1]) for service, states in held.items()},
    }


def implementation_is_ready() -> dict[str, Any]:
    """Every pod of controller and speaker is ready, on every node that is on the network."""
    bench = current()
    parts = bench.profile.components
    unready, running = [], 0
    for component in (parts.controller, parts.speaker):
        for pod in bench.deployment.pods(component):
            if pod.spec.node_name in bench.lost() or pod.metadata.deletion_timestamp is not None:
                continue
            if any(c.type == "Ready" and c.status == "True" for c in pod.status.conditions or []):
                running += 1
            else:
                unready.append(pod.metadata.name)
    wanted = 1 + len(bench.lab.nodes) - len(bench.lost())
    return {"misses": len(unready) + max(0, wanted - running - len(unready)), "unready": unready, "ready": running}


def steady_state_returns(within: float, hold: float = 0.0, controller: bool = True) -> dict[str, Any]:
    """Wait until everything is as the hypothesis wants it, and stays so for a while.

    It is a probe of the method, between the fault and the hypothesis, and it fails nothing: what has not returned is
    the hypothesis' to say.

    Args:
        within: the longest to wait after the last fault's effect, s.
        hold: the shortest, for a fault whose effect comes late, s.
        controller: whether the controller has to be ready too.

    Returns:
        ``returned``: for each thing observed how long after the first fault's effect it was steady for good, s; null
        if it was not in time.
    """
    bench = current()
    first, last = bench.faults[0].fault.effective, bench.faults[-1].fault.effective
    deadline = max(last, bench.faults[-1].healed or 0) + round(within * 1e9)

    def left() -> float:
        return max(0.0, (deadline - time.time_ns()) / 1e9)

    _wait_until(bench, last + round(hold * 1e9))
    watching = bench.observers
    since: dict[str, int | None] = {}
    if watching.answers:
        for address in watching.answers.addresses:
            mac = watching.answers.until_settled(address, left(), SETTLED_SECONDS, since=last)
            since[f"owner of {address}"] = _owned_since(watching.answers.rows(), address, mac) if mac else None
    for name, stream in watching.streams.items():
        recent = time.time_ns() - round(SETTLED_SECONDS * 1e9)
        served = stream.until_recovered(left(), sustained=SETTLED_SECONDS, since=max(recent, last))
        since[f"requests {name}"] = _served_since(stream.rows(), served) if served else None
    if watching.routes and watching.sessions:
        complete = watching.routes.until_routes(bench.next_hops(), left())
        since["routes"] = watching.routes.rows()[-1]["t"] if complete else None
        up = watching.sessions.until_established(bench.peers(), left())
        since["sessions"] = watching.sessions.rows()[-1]["t"] if up else None
    if controller:
        _await_controller(bench, left())
    return {
        "fault": bench.faults[-1].fault.name,
        "returned": {name: None if at is None else max(0.0, (at - first) / 1e9) for name, at in since.items()},
    }


def _await_controller(bench: Bench, budget: float) -> None:
    part = bench.profile.components.controller
    with contextlib.suppress(TestbedError):  # whether it is ready is the hypothesis' to say
        bench.lab.kubectl(
            *("rollout", "status", f"{part.kind}/{part.name}", f"--namespace={bench.deployment.namespace}"),
            f"--timeout={max(1, round(budget))}s",
            timeout=budget + 5,
        )


SETTLED_SECONDS: Final = 1.5
"""How long something has to be steady to count as steady again."""


def _owned_since(rows: Sequence[Answer], address: str, mac: str) -> int:
    """When a MAC began to be the only one that answers for an address."""
    since = 0
    for row in reversed([r for r in rows if r["address"] == address and r["form"] != "asked"]):
        if row["mac"] != mac:
            break
        since = row["t"]
    return since


def _served_since(rows: Sequence[StreamRow], served: int) -> int:
    """When the run of answered probes began that a moment lies in."""
    since = served
    for row in reversed([each for each in rows if each["sent"] <= served]):
        if row["received"] is None:
            break
        since = row["sent"]
    return since


def _macs(rows: Sequence[Answer], address: str) -> set[str]:
    return {row["mac"] for row in rows if row["address"] == address and row["form"] != "asked"}


def _seen(bench: Bench, watch: Watch[Row], over: float, at: Callable[[Row], int]) -> list[Row]:
    """The rows since the hypothesis began, once they span the time and answers had time to come."""
    end = bench.since + round((over + PATIENCE_SECONDS) * 1e9)
    watch.until(lambda rows: rows and at(rows[-1]) >= end, over + PATIENCE_SECONDS + _SLACK_SECONDS)
    return [row for row in watch.rows() if at(row) >= bench.since]


def _until(watch: Watch[Any], end: int) -> None:
    """Let a watch that records changes only watch until a time."""
    watch.observe(max(0.0, (end - time.time_ns()) / 1e9))


def _wait_until(bench: Bench, end: int) -> None:
    assert bench.observers.ingress is not None
    _until(bench.observers.ingress, end)


def _during(rows: Sequence[Mapping[str, Any]], since: int) -> list[Mapping[str, Any]]:
    """The states of something from a time on, with the one that it had then; never empty."""
    before = [row for row in rows if row["t"] < since][-1:]
    return [*before, *(row for row in rows if row["t"] >= since)] or [{"next_hops": []}]
