"""A load balancer does not need node ports."""

from collections.abc import Sequence

import kubernetes.client
import pytest

from lbcert_fixtures.cluster import HTTP, Cluster, stack_of
from lbcert_fixtures.probes.replies import request
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import PreconditionUnmetError, Testbed
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.conftest import BGP_POOL, LAYER2_POOL
from lbcert_suites.ways import VANTAGE, Way

REQUESTS = 50


@pytest.mark.covers("ALLOC-011")
@pytest.mark.catches("node-ports-needed")
@pytest.mark.thorough
@pytest.mark.untimed
def test_services_without_node_ports_are_served(
    testbed: Testbed, cluster: Cluster, profile: Profile, record: CaseRecorder, ways: Sequence[Way]
) -> None:
    """A Service for which no node ports are to be allocated gets its addresses, and they carry traffic.

    Given a pool for each mode
    When a Service with *allocateLoadBalancerNodePorts* false is created in each, and Kubernetes gives it no node port
    Then it gets an address of each family, and requests to them from behind the router are answered
    """
    with cluster.watch_services() as watch:
        services = {
            way: cluster.serve(
                way.mode,
                families=stack_of(way.families),
                annotations=way.annotations,
                wait=False,
                allocateLoadBalancerNodePorts=False,
            )
            for way in ways
        }
        wanted = {service.key: len(way.families) for way, service in services.items()}
        watch.until(
            lambda rows: {row["service"]: len(row["addresses"]) for row in rows}.items() >= wanted.items(),
            profile.timers.assignment,
        )
    core = kubernetes.client.CoreV1Api(testbed.api)
    for service in services.values():
        if any(port.node_port for port in core.read_namespaced_service(service.name, service.namespace).spec.ports):
            raise PreconditionUnmetError(f"{service.key} has node ports, which nobody asked for")
    ingress = record.observed("ingress", watch)
    bound = {"pools": [*LAYER2_POOL, *BGP_POOL], "within": profile.timers.assignment, "services": list(wanted)}
    record.judge("ALLOC-011", "assigned-from-pool", {"ingress": ingress}, bound)
    for way, service in services.items():
        for address in cluster.await_address(service, len(way.families)).addresses:
            cluster.await_served(address, VANTAGE)
            rows = request(testbed, VANTAGE, str(address), HTTP, REQUESTS)
            replies = record.evidence("replies", rows, f"{way.mode}-ipv{address.version}")
            record.judge("ALLOC-011", "all-replies-ok", {"replies": replies}, {"requests": REQUESTS})
