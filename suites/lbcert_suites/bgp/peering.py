"""The sessions of every node with the router, over every address family that the implementation announces."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from lbcert_fixtures.cluster import Cluster, Service, ranges_of, stack_of
from lbcert_fixtures.patience import Patience
from lbcert_fixtures.probes.bgp_messages import BgpCapture
from lbcert_fixtures.probes.routes import RouteWatch
from lbcert_fixtures.probes.sessions import SessionWatch
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.routers.changes import RouterChanges
from lbcert_fixtures.routers.frr import NODES_AS_NUMBER
from lbcert_fixtures.testbeds import IPAddress, PreconditionUnmetError, Testbed
from lbcert_reports.recorder import CaseRecorder, EvidenceRef
from lbcert_reports.verdicts import Verdict
from lbcert_suites.standing import ROUTER, addresses_of

__all__ = ["ROUTER", "SPARE", "SPARE_PORT", "STAYS_DOWN_SECONDS", "Peering", "expect", "open_in_vain"]

SPARE: Mapping[str, IPAddress] = {"ipv4": ip_address("172.30.0.6"), "ipv6": ip_address("fd00:30::6")}
"""By family, an address on the nodes' segment that nobody has."""

SPARE_PORT = 1790
"""A port that nobody listens on; the catalogue allows for 1 to 16384."""

STAYS_DOWN_SECONDS = 10.0
"""For how long a session must not come up. The catalogue wishes for 60 s; what carries the claim is how often it is
tried: MetalLB's native mode tries at 0, 0, 1, 3 and 7 s, FRR every second, and TCP sends a SYN at 0, 1, 3 and 7 s."""


@dataclass(frozen=True)
class Peering:
    """What a case does to all sessions at once, and what it expects of them.

    The families are not taken one after the other: where a case mostly waits, it waits for all of them together.

    Attributes:
        testbed: where.
        cluster: where the BGPPeers are made, one for each family.
        profile: whose sessions.
        router: the router's configuration, put back after the case.
        patience: for sessions that do not come up.
    """

    testbed: Testbed
    cluster: Cluster
    profile: Profile
    router: RouterChanges
    patience: Patience

    @property
    def families(self) -> Sequence[str]:
        """Those of the cluster over which the profile declares sessions: ``ipv4``, ``ipv6`` or both."""
        return self.profile.bgp_families

    @property
    def connect_retry(self) -> float:
        """The longest wait between two attempts to connect, s; `Cluster.peer` asks for 1 s where that can be asked."""
        can_be_asked = "bgp-connect-time" in self.profile.capabilities
        return 1.0 if can_be_asked else self.profile.timers.bgp_connect_retry

    @property
    def names(self) -> list[str]:
        """The names of the BGPPeers."""
        return [f"{ROUTER}-{family}" for family in self.families]

    @property
    def peers(self) -> Mapping[str, Sequence[IPAddress]]:
        """All sessions, as judges want them: the router, and the addresses of all nodes."""
        return {ROUTER: self.addresses()}

    def addresses(self, *nodes: str) -> list[IPAddress]:
        """The addresses from which nodes (by default all) open their sessions."""
        places = [self.testbed.places[name] for name in nodes] or self.testbed.nodes
        return addresses_of(places, self.families)

    def ranges(self, *ranges: str) -> tuple[str, ...]:
        """Those of some entries of pools, or addresses, that are announced over these sessions."""
        return ranges_of(self.families, ranges)

    def lengths(self, ipv4: int, ipv6: int) -> dict[str, int]:
        """Fields of a BGPAdvertisement for prefixes of these lengths, as far as their family is announced."""
        return {"aggregationLength": ipv4, **({"aggregationLengthV6": ipv6} if "ipv6" in self.families else {})}

    def open(self, **spec: Any) -> None:
        """Create the BGPPeers."""
        for family in self.families:
            self.cluster.peer(ROUTER, family, **spec)

    def close(self) -> None:
        """Delete the BGPPeers."""
        for name in self.names:
            self.cluster.unconfigure("BGPPeer", name)

    def edit(self, **spec: Any) -> None:
        """Edit the BGPPeers; None takes a field away."""
        for name in self.names:
            self.cluster.reconfigure("BGPPeer", name, **spec)

    def until_established(self, watch: SessionWatch, budget: float | None = None) -> bool:
        """Wait for all sessions, by default as long as new ones may take; returns whether they were established."""
        return self.patience.wait(
            lambda seconds: watch.until_established(self.addresses(), seconds),
            budget or self.profile.timers.bgp_session,
        )

    def serve(self, name: str = "web", **more: Any) -> Service:
        """Create a Service with an address of every family."""
        return self.cluster.serve(name, families=stack_of(self.families), **more)

    def insist_on_routes(self, services: Iterable[Service]) -> None:
        """Insist that every node announces Services that have endpoints everywhere.

        Raises:
            PreconditionUnmetError: not every node is a next hop of each in the time for a change of configuration.
        """
        routes, budget = self.routes(services), self.profile.timers.configuration
        with RouteWatch(self.testbed, ROUTER, routes) as watch:
            if not self.patience.wait(lambda seconds: watch.until_routes(routes, seconds), budget):
                raise PreconditionUnmetError(f"the router has not all of {routes} within {budget:g} s")

    def judge_announced(self, record: CaseRecorder, services: Iterable[Service], name: str) -> None:
        """Every node has to announce Services that have endpoints everywhere, in the time for a change (BGP-025)."""
        routes, within = self.routes(services), self.profile.timers.configuration
        with RouteWatch(self.testbed, ROUTER, routes) as watch:
            watch.until_routes(routes, within)
        evidence = {"routes": record.observed("routes", watch, name)}
        record.judge("BGP-025", "route-next-hops", evidence, {"expected": routes, "within": within})

    def judge_open(
        self, record: CaseRecorder, requirement: str, routes: Mapping[str, Sequence[str]], **spec: Any
    ) -> dict[str, EvidenceRef]:
        """Create the BGPPeers, have it judged whether every session comes up, and gather the paths of these routes.

        Returns:
            What `path-attributes` takes.

        Raises:
            PreconditionUnmetError: not every session came up.
        """
        within = self.profile.timers.bgp_session
        with BgpCapture(self.testbed, ROUTER) as capture, SessionWatch(self.testbed, ROUTER) as watch:
            with record.act("create-peers", ROUTER) as created:
                self.open(**spec)
            with RouteWatch(self.testbed, ROUTER, routes) as announced:
                if watch.until_established(self.addresses(), within):
                    announced.until_routes(routes, self.profile.timers.configuration)
        sessions = {"sessions": record.observed("sessions", watch), "cause": created.evidence}
        up = record.judge(requirement, "sessions-established", sessions, {"peers": self.peers, "within": within})
        if up.verdict is not Verdict.PASS:
            raise PreconditionUnmetError("without sessions there are no routes")
        return {"paths": record.evidence("paths", capture.paths(), **capture.meta())}

    def routes(self, services: Iterable[Service], nodes: Iterable[str] | None = None) -> dict[str, list[str]]:
        """What the router has to have of Services: host routes, with these nodes (by default all) as next hops."""
        places = self.testbed.nodes if nodes is None else [self.testbed.places[name] for name in nodes]
        return {
            f"{address}/{address.max_prefixlen}": [str(getattr(place, f"ipv{address.version}")) for place in places]
            for service in services
            for address in service.addresses
        }


def expect(router: RouterChanges, asn: int) -> None:
    """Have the router expect the nodes to be of another AS than they are otherwise."""
    remote_as = "neighbor NODES remote-as"
    router.set(f"{remote_as} {asn}", undo=[f"{remote_as} {NODES_AS_NUMBER}"])


def open_in_vain(testbed: Testbed, peering: Peering, **spec: Any) -> None:
    """Create the BGPPeers, and wait until every node has tried to open a session.

    Raises:
        PreconditionUnmetError: not every node has in the time for a session.
    """
    peers = {str(address) for address in peering.addresses()}
    budget = peering.profile.timers.bgp_session
    with BgpCapture(testbed, ROUTER) as capture:
        peering.open(**spec)
        if not capture.until(lambda _: peers <= {message["source"] for message in capture.messages()}, budget):
            raise PreconditionUnmetError(f"not every node tries to open a session within {budget:g} s")
