"""What watches from before the first hypothesis until after the last rollback.

The observers are the cases' own probes. Hypotheses are judged on what they see, and the journal holds all of it, so
that what happened *during* the method is on record too: Chaos Toolkit itself looks only before and after.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from lbcert_chaos.arrangement import VANTAGE, backend_address, backends
from lbcert_chaos.bench import Bench
from lbcert_fixtures.cluster import HTTP, LINES, UDP
from lbcert_fixtures.kubernetes.watching import ApiWatch, Ingress, watch_services
from lbcert_fixtures.load import Load, Target, limit
from lbcert_fixtures.probes.connections import Connections
from lbcert_fixtures.probes.layer2 import Asking
from lbcert_fixtures.probes.routes import RouteWatch
from lbcert_fixtures.probes.sessions import SessionWatch
from lbcert_fixtures.probes.stream import Stream, StreamRow
from lbcert_fixtures.probes.watch import together
from lbcert_fixtures.testbeds import Place, PreconditionUnmetError, TestbedError

ASKED_EVERY_SECONDS: Final = 0.1
PROBED_EVERY_SECONDS: Final = 0.01
CONNECTIONS: Final = 100
LOAD_REQUESTS_PER_SECOND: Final = 10.0
"""By each of Locust's users: enough to be hurt by a fault, and far from what the generator can do."""

_SERVED_BUDGET_SECONDS: Final = 30.0
_SPARED_BUDGET_SECONDS: Final = 15.0
_LONGEST_SECONDS: Final = 900.0


class Observer(Protocol):
    """A probe that gathers rows."""

    def rows(self) -> Sequence[Mapping[str, Any]]:
        """What it gathered."""

    def meta(self) -> dict[str, Any]:
        """Header fields of its evidence."""


@dataclass
class Observers:
    """Everything that watches one bench; a context manager.

    Attributes:
        bench: what is watched.
        answers: who answers for the addresses of the layer 2 Service; None without one.
        streams: by name, ``layer2-ipv4``, ``bgp-ipv4``, ...: whether it forwards.
        connections: likewise: the fate of connections that stay.
        routes: next hops of the BGP Service's addresses; None without one.
        sessions: the router's BGP sessions.
        ingress: the Services' addresses.
        load: Locust; None if no load was asked for.
        load_limit: what Locust can do at most, see `lbcert_fixtures.load.Limit`; empty without load.
    """

    bench: Bench
    answers: Asking | None = None
    streams: dict[str, Stream] = field(default_factory=dict)
    connections: dict[str, Connections] = field(default_factory=dict)
    routes: RouteWatch | None = None
    sessions: SessionWatch | None = None
    ingress: ApiWatch[Ingress] | None = None
    load: Load | None = None
    load_limit: dict[str, Any] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> "Observers":
        with ExitStack() as stack:
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _start(self, stack: ExitStack) -> None:
        if self.bench.choice.load_users:
            self.load_limit = self._limit()
        lab, services, enter = self.bench.lab, self.bench.services, stack.enter_context
        self.ingress = enter(watch_services(lab, self.bench.namespace))
        if "layer2" in services:
            self.answers = enter(Asking(lab, "client", services["layer2"].addresses, every=ASKED_EVERY_SECONDS))
        if "bgp" in services:
            self.sessions = enter(SessionWatch(lab, "router"))
            self.routes = enter(RouteWatch(lab, "router", self.bench.prefixes()))
        nodes = [node.name for node in lab.nodes]
        for mode, service in services.items():
            place = VANTAGE[mode]
            for address in service.addresses:
                stream = Stream(lab, place, address, UDP, every=PROBED_EVERY_SECONDS, limit=_LONGEST_SECONDS)
                self.streams[f"{mode}-ipv{address.version}"] = stream
            first = service.addresses[0]
            lines = Connections(lab, place, first, LINES, CONNECTIONS, nodes=nodes)
            self.connections[f"{mode}-ipv{first.version}"] = lines
        enter(together(self.streams.values()))
        for name, stream in self.streams.items():
            if stream.until_recovered(_SERVED_BUDGET_SECONDS) is None:
                raise PreconditionUnmetError(
                    f"{name} {stream.address} is not served within {_SERVED_BUDGET_SECONDS:g} s, "
                    f"seen from {stream.place}"
                )
        enter(together(self.connections.values()))
        if self.bench.choice.load_users:
            self.load = enter(self._load())

    def _limit(self) -> dict[str, Any]:
        """What the generator can do: measured against a backend, before anything else keeps the machine busy."""
        choice = self.bench.choice
        if choice.load_limit:
            return {"requests_per_second": choice.load_limit}
        backend = Target(backend_address(self.bench), 8080)
        place = VANTAGE[next(iter(self.bench.services))]
        measured = limit(self.bench.lab, place, backend, users=choice.load_users, workers=choice.load_workers)
        return dict(measured)

    def _load(self) -> Load:
        choice = self.bench.choice
        mode, service = next(iter(self.bench.services.items()))
        return Load(
            self.bench.lab,
            VANTAGE[mode],
            Target(service.addresses[0], HTTP),
            users=choice.load_users,
            each=LOAD_REQUESTS_PER_SECOND,
            workers=choice.load_workers,
            ui=choice.load_ui,
        )

    def await_spared(self, node: str) -> None:
        """Wait until no probe is answered by a backend on a node any more.

        Raises:
            TestbedError: some still are.
        """
        pods = {pod for pod, where in backends(self.bench).items() if where == node}
        for name, stream in self.streams.items():
            if not stream.until(lambda probes: _spared(probes, pods), _SPARED_BUDGET_SECONDS):
                raise TestbedError(f"{name}: backends on {node} still answer {_SPARED_BUDGET_SECONDS:g} s later")

    def until_withdrawn(self, node: Place, budget: float) -> bool:
        """Wait until the router has a node as next hop of no prefix; returns whether that was within the budget, s."""
        its = {str(node.ipv4), str(node.ipv6)}
        left = {prefix: set(hops) - its for prefix, hops in self.bench.next_hops().items()}
        return self.routes is None or self.routes.until_routes(left, budget)

    def evidence(self) -> Iterator[dict[str, Any]]:
        """Everything that was seen, as evidence: ``kind``, ``name``, ``meta`` and ``rows`` of each."""
        alone: list[tuple[str, Observer | None]] = [
            ("answers", self.answers),
            ("routes", self.routes),
            ("sessions", self.sessions),
            ("ingress", self.ingress),
            ("load", self.load),
        ]
        for kind, observer in alone:
            if observer is not None:
                yield _evidence(kind, kind, observer, **({"limit": self.load_limit} if kind == "load" else {}))
        for name, stream in self.streams.items():
            yield _evidence("stream", f"stream-{name}", stream)
            yield {"kind": "replies", "name": f"replies-{name}", "meta": stream.meta(), "rows": stream.replies()}
        for name, lines in self.connections.items():
            yield _evidence("connections", f"connections-{name}", lines)


def _spared(probes: Sequence[StreamRow], pods: Collection[str]) -> bool:
    """Whether the last second's probes were all answered, and by none of these pods."""
    recent = probes[-120:-20]  # the last ones may be on their way
    return len(recent) == 100 and all(each["received"] and each["endpoint"] not in pods for each in recent)


def _evidence(kind: str, name: str, observer: Observer, **meta: Any) -> dict[str, Any]:
    return {"kind": kind, "name": name, "meta": observer.meta() | meta, "rows": list(observer.rows())}
