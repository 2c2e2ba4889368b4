"""Connections that are kept busy while something happens, and new ones all the while."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv4Address, IPv6Address
from types import TracebackType
from typing import Final, Literal, Self

from lbcert_fixtures.cluster import HTTP, LINES
from lbcert_fixtures.probes.connections import Connections
from lbcert_fixtures.probes.replies import Reply
from lbcert_fixtures.probes.stream import Stream
from lbcert_fixtures.probes.watch import together
from lbcert_fixtures.testbeds import PreconditionUnmetError, Testbed
from lbcert_reports.recorder import CaseRecorder, EvidenceRef
from lbcert_suites.ways import VANTAGE

HEARTBEAT: Final = 0.5
"""Time between two lines over a connection, s: two of them fit into the second in which a stall begins to count."""

NEW_CONNECTIONS: Final = 0.01
"""Time between two new connections, s: one a 5-tuple, none of which comes again within five minutes."""

Kind = Literal["connections", "flows", "stream", "replies"]
Inputs = dict[str, EvidenceRef]

ENDPOINT_PORT: Final = 8081
"""Where the echo backend itself serves lines."""

CONTROLS: Final = 10

_OPENING_BUDGET: Final = 15.0
STEADY: Final = 0.6
"""How long new connections have to be answered before anything happens, s: a gap's judge wants fifty of them."""

SERVED_BUDGET: Final = 30.0
"""How long the addresses of new Services may take until they are served, s; not judged."""


@dataclass
class Load:
    """Connections to several addresses from behind the router, while in its context.

    To enter it waits until every address is served, and raises `PreconditionUnmetError` if one is not.

    Attributes:
        testbed: where.
        addresses: by the name that the evidence gets.
        endpoints: pods with an address of each, for connections that do not pass the load balancer.
        count: how many connections to each address.
        every: time between two new connections to each address, s.
        straight: a few connections to each endpoint: what they show too is not the load balancer's doing.
        kept: those connections.
        new: the new connections to each address.
    """

    testbed: Testbed
    addresses: Mapping[str, IPv4Address | IPv6Address]
    endpoints: Mapping[str, str] = field(default_factory=dict)
    count: int = 100
    every: float = NEW_CONNECTIONS
    straight: dict[str, Connections] = field(default_factory=dict)
    kept: dict[str, Connections] = field(default_factory=dict)
    new: dict[str, Stream] = field(default_factory=dict)
    _opened: int = 0
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        nodes = [node.name for node in self.testbed.nodes]
        with ExitStack() as stack:
            for name, address in self.addresses.items():
                self.new[name] = Stream(self.testbed, VANTAGE, address, HTTP, "tcp", every=self.every)
            stack.enter_context(together(self.new.values()))  # first, for they start processes and disturb what runs
            for name, new in self.new.items():
                if new.until_recovered(SERVED_BUDGET, STEADY) is None:
                    raise PreconditionUnmetError(f"{name} {new.address} is not served within {SERVED_BUDGET:g} s")
            for pod, ip in self.endpoints.items():
                straight = Connections(self.testbed, VANTAGE, ip, ENDPOINT_PORT, CONTROLS, every=HEARTBEAT)
                self.straight[pod] = stack.enter_context(straight)
            for name, address in self.addresses.items():
                kept = Connections(self.testbed, VANTAGE, address, LINES, self.count, every=HEARTBEAT, nodes=nodes)
                self.kept[name] = stack.enter_context(kept)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def open(self) -> None:
        """Wait until every connection is open, so that something may happen.

        Raises:
            PreconditionUnmetError: they are not.
        """
        for connections in (*self.straight.values(), *self.kept.values()):
            if not connections.until_open(_OPENING_BUDGET):
                raise PreconditionUnmetError(
                    f"{connections.count} connections to {connections.address} stay unanswered"
                )
        self._opened = time.time_ns()  # what was asked before every address was served says nothing

    def hold(self, seconds: float) -> None:
        """Go on for so long, counted in new connections, or until a kept one breaks.

        It is the streams that are waited on, not the connections: their threads have better to do than to wake us.
        """
        stream = next(iter(self.new.values()))
        enough = len(stream.rows()) + round(seconds / self.every)
        stream.until(
            lambda probes: len(probes) >= enough or any(each.broken for each in self.kept.values()), 2 * seconds
        )

    def hold_new(self, seconds: float) -> None:
        """Go on until as many new connections to each address were made as so many seconds bring."""
        for stream in self.new.values():
            stream.until_sent(round(seconds / self.every), 2 * seconds)

    def settle(self, since: int, budget: float) -> None:
        """Go on until every connection broke or was answered again after a time (ns), as long as the budget lasts."""
        for connections in self.kept.values():
            connections.until_settled(since, budget)

    def seen(self, record: CaseRecorder, kind: Kind, suffix: str = "", until: int | None = None) -> Inputs:
        """Evidence of one kind for each address, by role and name, as judges take it.

        Args:
            record: the case's.
            kind: ``connections``; ``flows``, the node that each of them entered; the new ones: ``stream``, ``replies``.
            suffix: what is added to the addresses' names, such as the number of a trial.
            until: flows count until this time, ns; by default to the end.
        """
        found = {}
        for name in self.addresses:
            kept, new = self.kept[name], self.new[name]
            rows: Mapping[Kind, Callable[[], Sequence[object]]] = {
                "connections": kept.rows,
                "flows": partial(kept.flows, "before", until=until),
                "stream": new.rows,
                "replies": partial(self._replies, new),
            }
            meta = kept.meta() if kind in ("connections", "flows") else new.meta()
            found[f"{kind}.{name}{suffix}"] = record.evidence(kind, rows[kind](), f"{kind}-{name}{suffix}", **meta)
        return found

    def _replies(self, new: Stream) -> Sequence[Reply]:
        return [row for row in new.replies() if row["t"] >= self._opened]

    def control(self, record: CaseRecorder, suffix: str = "") -> Inputs:
        """The connections straight to endpoints, all in one, as judges take a control."""
        rows = [row for connections in self.straight.values() for row in connections.rows()]
        meta = next(iter(self.straight.values())).meta()
        return {"control": record.evidence("connections", rows, f"straight-to-endpoints{suffix}", **meta)}

    def seen_twice(self, record: CaseRecorder, mode: str = "") -> Inputs:
        """The node that each connection entered in the first half of its time, and in the second, for each address.

        Args:
            record: the case's.
            mode: of the addresses, ``l2`` or ``bgp``; by default any.
        """
        found = {}
        for name, kept in self.kept.items():
            if mode and not name.startswith(f"{mode}-"):
                continue
            meta = kept.meta()
            middle = (meta["began"] + meta["ended"]) // 2
            rows = [*kept.flows("first half", until=middle), *kept.flows("second half", since=middle)]
            found[f"flows.{name}"] = record.evidence("flows", rows, f"flows-{name}", **meta)
        return found
