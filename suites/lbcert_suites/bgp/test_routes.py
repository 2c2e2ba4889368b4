"""Routes to a Service's address appear in the router and go again."""

import pytest

from lbcert_fixtures.cluster import Cluster
from lbcert_fixtures.probes.routes import RouteWatch
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import Testbed
from lbcert_reports.recorder import CaseRecorder


@pytest.mark.covers("BGP-025", "BGP-039")
@pytest.mark.needs("bgp")
@pytest.mark.catches("node-missing-from-ecmp", "late-withdraw")
@pytest.mark.usefixtures("bgp")
def test_every_node_announces_a_host_route_and_withdraws_it(
    testbed: Testbed, cluster: Cluster, profile: Profile, record: CaseRecorder, bgp_family: str
) -> None:
    """An address is announced as a host route from every node, and withdrawn when its Service is deleted.

    Given a session from every node to the router
    When a Service is created, and deleted again
    Then the router's kernel has a host route with every node as next hop, and then no route any more
    """
    service = cluster.serve(families=bgp_family)
    prefix = f"{service.address(bgp_family)}/{service.address(bgp_family).max_prefixlen}"
    hops = [str(getattr(node, bgp_family)) for node in testbed.nodes]
    within = profile.timers.configuration
    with RouteWatch(testbed, "router", [prefix]) as announced:
        announced.until_next_hops(prefix, hops, within)
    with RouteWatch(testbed, "router", [prefix]) as withdrawn:
        with record.act("delete-service", service.key) as deleted:
            cluster.delete_service(service.name)
        withdrawn.until_next_hops(prefix, [], within)
    there = {"routes": record.observed("routes", announced, "announced")}
    gone = {"routes": record.observed("routes", withdrawn, "withdrawn"), "cause": deleted.evidence}
    record.judge("BGP-025", "route-next-hops", there, {"expected": {prefix: hops}, "within": within})
    record.judge("BGP-039", "route-withdrawn", gone, {"prefixes": [prefix], "within": profile.timers.bgp_update})
