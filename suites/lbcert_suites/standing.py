"""BGP sessions that stand from one case to the next."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType

import kubernetes.client

from lbcert_fixtures.cluster import Cluster
from lbcert_fixtures.patience import Patience
from lbcert_fixtures.probes.routes import RouteWatch
from lbcert_fixtures.probes.sessions import Session, SessionWatch
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import IPAddress, Place, PreconditionUnmetError, Testbed
from lbcert_suites.leftovers import Leftovers

ROUTER = "router"

HOLD_SECONDS = 3.0
"""What `Cluster.peer` asks for, the shortest that RFC 4271 allows."""


def addresses_of(nodes: Iterable[Place], families: Iterable[str]) -> list[IPAddress]:
    """The addresses from which nodes open their sessions."""
    families = list(families)
    return [getattr(node, family) for node in nodes for family in families]


def await_routes(testbed: Testbed, routes: Mapping[str, Collection[object]], budget: float) -> None:
    """Wait until each prefix has exactly these next hops in the router.

    Raises:
        PreconditionUnmetError: they have not within `budget` seconds.
    """
    with RouteWatch(testbed, ROUTER, routes) as watch:
        if not watch.until_routes(routes, budget):
            raise PreconditionUnmetError(f"the router has not all of {dict(routes)} within {budget:g} s")


def _changed(rows: Sequence[Session], peers: Iterable[IPAddress]) -> set[str]:
    """Those of the peers to whose sessions something happened: there is a row for whatever does."""
    return {row["peer"] for row in rows} & set(map(str, peers))


@contextmanager
def undisturbed(testbed: Testbed, profile: Profile) -> Iterator[None]:
    """Insist that no session is reset meanwhile: that takes connections along, and is for another requirement.

    Raises:
        PreconditionUnmetError: one was, when the context ends without another error.
    """
    peers = addresses_of(testbed.nodes, profile.bgp_families)
    if "bgp" not in profile.capabilities:
        yield
        return
    with SessionWatch(testbed, ROUTER) as watch:
        watch.until(lambda rows: len(_changed(rows, peers)) == len(peers), HOLD_SECONDS)
        began = len(watch.rows())
        yield
        if lost := _changed(watch.rows()[began:], peers):
            raise PreconditionUnmetError(f"sessions of {', '.join(sorted(lost))} were reset meanwhile")


class StandingSessions:
    """The BGPPeers of cases that are about what is announced, and not about sessions.

    An implementation that gathers changes takes seconds to open sessions and seconds to close them, which would be
    most of what such a case takes. Without an advertisement they carry nothing, so that they disturb no other case.

    Args:
        testbed: where.
        profile: whose sessions.
        cluster: makes the BGPPeers; no case's.
        leftovers: sessions of cases that made their own.
        patience: for sessions that do not come up.
    """

    def __init__(
        self, testbed: Testbed, profile: Profile, cluster: Cluster, leftovers: Leftovers, patience: Patience
    ) -> None:
        self.families = profile.bgp_families
        self._testbed = testbed
        self._budget = profile.timers.bgp_session
        self._cluster = cluster
        self._leftovers = leftovers
        self._patience = patience
        self._peers: list[str] = []
        self._are_held = False

    def __enter__(self) -> "StandingSessions":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def insist(self) -> None:
        """Insist on a session from every node over every family, and once that they last for longer than the hold time.

        Raises:
            PreconditionUnmetError: they are not established within the declared time or do not last, or those of an
                earlier case never end.
        """
        if not self._peers:
            self._leftovers.insist(self._testbed)
        addresses = addresses_of(self._testbed.nodes, self.families)
        with SessionWatch(self._testbed, ROUTER) as watch:
            if not self._peers:
                self._peers = [self._cluster.peer(ROUTER, family) for family in self.families]
            if not self._patience.wait(lambda budget: watch.until_established(addresses, budget), self._budget):
                self.end()
                raise PreconditionUnmetError(f"no BGP sessions with all nodes within {self._budget:g} s of the BGPPeer")
            # A first loss may be due to what was configured just before, which is for another requirement.
            self._are_held = self._are_held or any(self._last(watch, addresses) for _ in range(2))
        if not self._are_held:
            raise PreconditionUnmetError(f"BGP sessions do not last for {HOLD_SECONDS + 1:g} s in peace")

    def _last(self, watch: SessionWatch, addresses: Sequence[IPAddress]) -> bool:
        """Whether sessions that are established last for longer than their hold time."""
        watch.until_established(addresses, self._budget)
        began = len(watch.rows())
        return not watch.until(lambda rows: bool(_changed(rows[began:], addresses)), HOLD_SECONDS + 1)

    def end(self) -> None:
        """Delete the BGPPeers, without waiting for the end of the sessions."""
        peers, self._peers = self._peers, []
        for peer in peers:
            with suppress(kubernetes.client.ApiException, PreconditionUnmetError):
                self._cluster.unconfigure("BGPPeer", peer)
