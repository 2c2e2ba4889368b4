"""Trials of a change of next hops: what becomes of connections, and when new ones work again."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from lbcert_fixtures.probes.routes import Route, RouteWatch
from lbcert_fixtures.testbeds import Fault, PreconditionUnmetError, Testbed
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.reset.load import Inputs, Load

ROUTER: Final = "router"

AFTERWARDS: Final = 1.0
"""How long new connections are watched when the change is over, s: twice what a sustained recovery takes."""

CONNECTIONS: Final = 400
"""To all addresses together: more of them would keep a small machine from answering in time."""

SETTLING: Final = 4.0
"""By when after that every connection was answered or reset, s: one that was lost for as long as a hold time lasts is
sent again 3.2 s after the last time, and the next time after twice that."""


@dataclass
class Upheaval:
    """Repeats a change under load, and keeps what was seen, to be judged.

    Attributes:
        testbed: where.
        record: the case's.
        addresses: of Services of policy Cluster and of policy Local, by ``Cluster-ipv4`` and so on.
        within: when new connections have to work again, s from the change.
        name: what the evidence's names begin with.
        trials: so many attempts so far.
    """

    testbed: Testbed
    record: CaseRecorder
    addresses: Mapping[str, IPv4Address | IPv6Address]
    within: float
    name: str
    trials: int = 0
    _unseen: list[int] = field(default_factory=list)
    _seen: list[Inputs] = field(default_factory=list)

    def attempt(self, change: Callable[[], Fault], after: Sequence[str] = (), budget: float | None = None) -> Fault:
        """Make the change once, under load.

        Args:
            change: makes it.
            after: the nodes that are to be the next hops when the change is over; none if it is over when made.
            budget: how long that may take, s; by default as long as new connections may take to work again.

        Raises:
            PreconditionUnmetError: there is no load before the change.
        """
        self.trials += 1
        prefixes, hops = list(self._routes(after)), self._routes(after) if after else {}
        count = CONNECTIONS // len(self.addresses)
        with (
            Load(self.testbed, self.addresses, count=count) as load,
            RouteWatch(self.testbed, ROUTER, prefixes) as routes,
        ):
            load.open()
            fault = change()
            if not routes.until(lambda rows: _reached(rows, hops, fault.began), budget or self.within):
                self._unseen.append(self.trials)
            changed = time.time_ns()
            load.hold_new(AFTERWARDS)
            load.settle(changed, SETTLING)
        self._keep(load, routes, fault)
        return fault

    def await_return(self, cure: Callable[[], object], nodes: Sequence[str], budget: float) -> None:
        """Undo a fault, and wait until these nodes are the next hops again."""
        hops = self._routes(nodes)
        with RouteWatch(self.testbed, ROUTER, list(hops)) as routes:
            cure()
            routes.until(lambda rows: _reached(rows, hops, 0), budget)

    def _routes(self, nodes: Sequence[str]) -> dict[str, list[str]]:
        """The next hops of every address, if these nodes are."""
        places = [self.testbed.places[node] for node in nodes]
        return {
            f"{address}/{address.max_prefixlen}": sorted(
                str(getattr(place, f"ipv{address.version}")) for place in places
            )
            for address in self.addresses.values()
        }

    def _keep(self, load: Load, routes: RouteWatch, fault: Fault) -> None:
        """Write down one trial."""
        suffix = f"-{self.name}-{self.trials}"
        seen = load.seen(self.record, "connections", suffix) | load.seen(self.record, "stream", suffix)
        seen |= load.seen(self.record, "flows", suffix, until=fault.began)
        seen |= {
            f"cause{suffix}": self.record.fault(fault, name=f"cause{suffix}"),
            f"routes{suffix}": self.record.observed("routes", routes, f"routes{suffix}"),
        }
        self._seen.append({key.removesuffix(suffix): ref for key, ref in seen.items()})

    def _inputs(self, **roles: str) -> Inputs:
        """What was seen in all trials: for each role of a judge what was kept of it."""
        return {
            f"{role}.{trial}": seen[kept]
            for trial, seen in enumerate(self._seen, start=1)
            for role, kept in roles.items()
        }

    def insist(self) -> None:
        """After the judges: what did not fail says nothing unless every change was seen in the router.

        Raises:
            PreconditionUnmetError: some were not.
        """
        if self._unseen:
            trials = ", ".join(map(str, self._unseen))
            raise PreconditionUnmetError(f"{self.name}: the router's routes did not change in time in trials {trials}")

    def judge_fates(
        self, requirement: str, before: Sequence[str], after: Sequence[str], *, policy: str = "", **limits: float
    ) -> None:
        """Hold what became of the connections against limits of the judge ``connection-fates``.

        Args:
            requirement: on which this is the verdict.
            before: nodes among the next hops before the change, in the router's order.
            after: likewise afterwards.
            policy: judge the Services of this policy only.
            limits: ``excess``, ``unclean``; without any the fates are put on record.
        """
        names = self._named(policy)
        seen = {
            f"{key}-{name}": ref
            for name in names
            for key, ref in self._inputs(
                connections=f"connections.{name}", flows=f"flows.{name}", cause="cause"
            ).items()
        }
        bound = {"before": before, "after": after, "trials": self.trials * len(names), **limits}
        self.record.judge(requirement, "connection-fates", seen, bound)

    def judge_gap(self, requirement: str, *, policy: str = "") -> None:
        """New connections work again in time, and go on working, to each address on its own.

        What was seen of one trial at two addresses is no independent sample.
        """
        bound = {"limit": self.within, "trials": self.trials}
        for name in self._named(policy):
            seen = self._inputs(stream=f"stream.{name}", cause="cause", routes="routes")
            self.record.judge(requirement, "failover-gap", seen, bound)

    def _named(self, policy: str) -> list[str]:
        """The names of the addresses of one policy, or of both."""
        return [name for name in self.addresses if name.startswith(policy)]

    def judge_arrival(self, requirement: str, nodes: Sequence[str], within: float) -> None:
        """These nodes are the next hops in time after the change."""
        self._judge_routes(requirement, "route-next-hops", nodes, within)

    def judge_return(self, requirement: str, nodes: Sequence[str], within: float) -> None:
        """The routes that the change took away come back in time with all their next hops."""
        self._judge_routes(requirement, "prefix-restored", nodes, within)

    def _judge_routes(self, requirement: str, judge: str, nodes: Sequence[str], within: float) -> None:
        bound = {"expected": self._routes(nodes), "within": within, "trials": self.trials}
        self.record.judge(requirement, judge, self._inputs(routes="routes", cause="cause"), bound)


def _reached(rows: Sequence[Route], hops: Mapping[str, Sequence[str]], since: int) -> bool:
    """Whether each prefix changed to its next hops after a time, be it that they changed again."""
    reached = {row["prefix"] for row in rows if row["t"] >= since and row["next_hops"] == hops.get(row["prefix"])}
    return reached == set(hops)


def act(name: str, target: str, do: Callable[[], object]) -> Fault:
    """Do something and time it, as a fault."""
    began = time.time_ns()
    do()
    return Fault(name, target, began, time.time_ns())
