"""Addresses announced by the prefixes that cover them."""

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_network

import pytest

from lbcert_fixtures import annotations
from lbcert_fixtures.cluster import Cluster, Service
from lbcert_fixtures.probes.routes import RouteWatch
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import Testbed
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.bgp.peering import ROUTER, Peering

POOL = ("10.97.0.0/24", "fd00:97::/120")

LENGTHS = {4: 26, 6: 122}
"""By family, the length of the prefixes: a quarter of the pool each."""

WANTED: Mapping[str, Sequence[str]] = {
    "first": ("10.97.0.70", "fd00:97::46"),
    "second": ("10.97.0.71", "fd00:97::47"),
    "alone": ("10.97.0.130", "fd00:97::82"),
}
"""The addresses of Services: two of one prefix, and one of another."""


@pytest.mark.covers("BGP-031")
@pytest.mark.needs("bgp")
@pytest.mark.untimed
@pytest.mark.thorough
@pytest.mark.catches("aggregation-ignored", "aggregate-goes-with-first")
@pytest.mark.usefixtures("bgp")
def test_aggregate_is_announced_while_it_has_a_member(
    testbed: Testbed, cluster: Cluster, peering: Peering, profile: Profile, record: CaseRecorder
) -> None:
    """The prefix that covers addresses is announced beside their host routes, for as long as one of them is there.

    Given a pool that two advertisements are about, one of them with a prefix length, and two Services whose addresses
        have a prefix in common, and one of another prefix
    When one of the two is deleted, and then the other
    Then every node announces all host routes and both prefixes; then the host route of the one goes alone; and then
        that of the other and the prefix
    """
    pool = cluster.pool(*peering.ranges(*POOL), name="aggregated", autoAssign=False)
    cluster.announce_bgp("hosts", ipAddressPools=[pool])
    lengths = {"aggregationLength": LENGTHS[4]}
    if "ipv6" in peering.families:
        lengths["aggregationLengthV6"] = LENGTHS[6]
    cluster.announce_bgp("aggregates", ipAddressPools=[pool], **lengths)
    services = {
        name: peering.serve(name, annotations={annotations.ADDRESSES: ",".join(peering.ranges(*addresses))})
        for name, addresses in WANTED.items()
    }
    every = _routes(peering, services.values())
    steps: Mapping[str, Sequence[str]] = {
        "": ["first", "second", "alone"],
        "first": ["second", "alone"],
        "second": ["alone"],
    }
    for gone, left in steps.items():
        expected = {prefix: list[str]() for prefix in every} | _routes(peering, [services[name] for name in left])
        with RouteWatch(testbed, ROUTER, expected) as watch:
            causes = {}
            if gone:
                with record.act(f"delete-{gone}", services[gone].key) as deleted:
                    cluster.delete_service(gone)
                causes = {"cause": deleted.evidence}
            watch.until_routes(expected, profile.timers.configuration)
        seen = {"routes": record.observed("routes", watch, f"without-{gone}" if gone else "all"), **causes}
        record.judge("BGP-031", "route-next-hops", seen, {"expected": expected, "within": profile.timers.configuration})


def _routes(peering: Peering, services: Iterable[Service]) -> dict[str, list[str]]:
    """What the router has to have of Services: their host routes, and the prefixes that cover them."""
    hosts = peering.routes(services)
    covering = {
        str(host.supernet(new_prefix=LENGTHS[host.version])): hops
        for host, hops in ((ip_network(prefix), hops) for prefix, hops in hosts.items())
    }
    return hosts | covering
