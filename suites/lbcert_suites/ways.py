"""The ways by which traffic gets in: who announces the address, and over which family it is asked for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final, Literal

from lbcert_fixtures.annotations import ADDRESS_POOL
from lbcert_fixtures.cluster import HTTP, Cluster
from lbcert_fixtures.probes.flows import Entering
from lbcert_fixtures.probes.replies import request
from lbcert_fixtures.testbeds import Testbed
from lbcert_reports.recorder import CaseRecorder, EvidenceRef
from lbcert_suites.standing import await_routes

VANTAGE = "far-client"
"""Behind the router: for it both modes look alike, and over BGP its flows are spread by the router's hash."""

REQUESTS = 3_000
"""So many requests tell a share within 5 points, of three, on all but a few of a thousand runs."""


Mode = Literal["l2", "bgp"]

ARRANGED: Final[Mapping[Mode, str]] = {"l2": "layer2", "bgp": "bgp"}
"""For each mode the capability that it takes; the fixture that arranges it, its pool and advertisement are named so."""


@dataclass(frozen=True)
class Way:
    """One way into the cluster.

    Attributes:
        mode: ``l2`` or ``bgp``.
        families: the address families that it is used with, ``ipv4`` and ``ipv6``.
    """

    mode: Mode
    families: tuple[str, ...]

    @property
    def annotations(self) -> dict[str, str]:
        """What asks for an address that is announced this way: of the pool that the fixtures name so."""
        return {ADDRESS_POOL: ARRANGED[self.mode]}

    @property
    def family(self) -> str:
        """Its family, where it is used with one."""
        (family,) = self.families
        return family


@dataclass(frozen=True)
class Taken:
    """The way that many requests took.

    Attributes:
        replies: which endpoint answered each, from which node, and whom it took for the client.
        flows: which node each entered.
    """

    replies: EvidenceRef
    flows: EvidenceRef


def take(testbed: Testbed, record: CaseRecorder, way: Way, policy: str, address: object, name: str = "way") -> Taken:
    """Make `REQUESTS` requests from behind the router, and see at the nodes where each gets in.

    Both files of evidence say mode, policy and family in their headers: the report draws its picture from that.
    """
    about = {"mode": way.mode, "policy": policy, "family": way.family}
    with Entering(testbed, str(address), HTTP) as entering:
        rows = request(testbed, VANTAGE, str(address), HTTP, REQUESTS, concurrency=100, timeout=1)
    flows = record.evidence("flows", entering.flows("entered"), f"{name}-in", **entering.meta(), **about)
    return Taken(record.evidence("replies", rows, f"{name}-out", **about), flows)


def serve_both_policies(cluster: Cluster, way: Way) -> dict[str, IPv4Address | IPv6Address]:
    """A Service of each external traffic policy in each family; gives their addresses by ``Cluster-ipv4``, ..."""
    addresses = {}
    for policy in ("Cluster", "Local"):
        for family in way.families:
            name = f"{policy}-{family}"
            service = cluster.serve(
                f"{way.mode}-{name}".lower(), policy=policy, families=family, annotations=way.annotations
            )
            addresses[name] = service.address(family)
    return addresses


def await_next_hops(testbed: Testbed, way: Way, addresses: Iterable[IPv4Address | IPv6Address], budget: float) -> None:
    """Over BGP, wait until every node is a next hop of every address: before that the router's hash moves flows.

    Raises:
        PreconditionUnmetError: they are not within `budget` seconds.
    """
    if way.mode != "bgp":
        return
    hops = {
        f"{each}/{each.max_prefixlen}": [str(getattr(node, f"ipv{each.version}")) for node in testbed.nodes]
        for each in addresses
    }
    await_routes(testbed, hops, budget)
