"""Addresses announced by the prefixes that cover them."""

from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_network

import pytest

from lbcert_fixtures import annotations
from lbcert_fixtures.cluster import Cluster
from lbcert_fixtures.probes.routes import RouteWatch
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import Testbed
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.bgp.peering import ROUTER, Peering

POOL = ("10.97.0.0/22", "fd00:97::/110")

LENGTHS = {4: 24, 6: 112}
"""By family, the length of the prefixes: a quarter of the pool each, and fewer octets than an address has."""

WANTED: Mapping[str, Sequence[str]] = {
    "first": ("10.97.1.70", "fd00:97::1:46"),
    "second": ("10.97.1.71", "fd00:97::1:47"),
    "alone": ("10.97.2.130", "fd00:97::2:82"),
}
"""The addresses of Services: two of one prefix, and one of another."""


@pytest.mark.covers("BGP-031")
@pytest.mark.needs("bgp")
@pytest.mark.untimed
@pytest.mark.thorough
@pytest.mark.catches(
    "aggregation-ignored",
    "aggregate-goes-with-first",
    "prefix-with-surplus-octets",
    "removed-advertisement-lives-on",
)
@pytest.mark.usefixtures("unpeered")
def test_aggregate_is_announced_while_it_has_a_member(
    testbed: Testbed, cluster: Cluster, peering: Peering, profile: Profile, record: CaseRecorder
) -> None:
    """The prefix that covers addresses is announced beside their host routes, for as long as one of them is there.

    Given a pool that two advertisements are about, one of them with a prefix length, and two Services whose addresses
        have a prefix in common, and one of another prefix
    When the router is declared as a peer; when one of the two is deleted, and then the other; and when the
        advertisement without a length is
    Then every node announces all host routes and both prefixes, and nothing else; then the host route of the one goes
        alone; then that of the other and the prefix; and at last the third's, whose prefix stays
    """
    pool = cluster.pool(*peering.ranges(*POOL), name="aggregated", autoAssign=False)
    cluster.announce_bgp("hosts", ipAddressPools=[pool])
    cluster.announce_bgp("aggregates", ipAddressPools=[pool], **peering.lengths(LENGTHS[4], LENGTHS[6]))
    services = {
        name: peering.serve(name, annotations={annotations.ADDRESSES: ",".join(peering.ranges(*addresses))})
        for name, addresses in WANTED.items()
    }
    hosts = peering.routes(services.values())
    every = hosts | _covering(hosts)
    paths = peering.judge_open(record, "BGP-031", every)
    announced = {"prefixes": [*every], "expected": {"origin": "IGP"}, "count": len(testbed.nodes), "others": False}
    record.judge("BGP-031", "path-attributes", paths, announced)
    second, alone = (peering.routes([services[name]]) for name in ("second", "alone"))
    steps: Mapping[str, tuple[Callable[[], None], Mapping[str, Sequence[str]]]] = {
        "all": (lambda: None, every),
        "delete-first": (lambda: cluster.delete_service("first"), second | alone | _covering(second | alone)),
        "delete-second": (lambda: cluster.delete_service("second"), alone | _covering(alone)),
        "delete-advertisement": (lambda: cluster.unconfigure("BGPAdvertisement", "hosts"), _covering(alone)),
    }
    for name, (change, left) in steps.items():
        expected = {prefix: left.get(prefix, ()) for prefix in every}
        with RouteWatch(testbed, ROUTER, expected) as watch:
            with record.act(name, pool) as changed:
                change()
            watch.until_routes(expected, profile.timers.configuration)
        seen = {"routes": record.observed("routes", watch, name), "cause": changed.evidence}
        record.judge("BGP-031", "route-next-hops", seen, {"expected": expected, "within": profile.timers.configuration})


def _covering(routes: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """The prefixes that cover host routes, with their next hops."""
    hosts = {ip_network(prefix): hops for prefix, hops in routes.items()}
    return {str(host.supernet(new_prefix=LENGTHS[host.version])): hops for host, hops in hosts.items()}
