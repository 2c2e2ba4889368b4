"""The ways that traffic takes: which nodes it enters, which endpoints answer, and what they see of the client.

For each mode and each external traffic policy, with endpoints on some nodes only: what the report's four-way picture
is drawn from.
"""

import contextlib

import pytest

from lbcert_fixtures.cluster import HTTP, LINES, Backends, Cluster
from lbcert_fixtures.probes.layer2 import Asking
from lbcert_fixtures.probes.replies import request
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import PreconditionUnmetError, Testbed
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.standing import await_routes
from lbcert_suites.ways import VANTAGE, Way, await_next_hops, serve_both_policies, take

PATIENCE_SECONDS = 5.0
"""How long an answer may take where it counts that it comes and not when: a busy machine keeps some waiting for one."""


LARGE_BYTES = 1200
"""What a request may have more and still fit into a packet of 1,500 bytes, of which a network may take some."""


@pytest.mark.covers("POLICY-001", "POLICY-003", "POLICY-004")
@pytest.mark.catches(
    "udp-dropped", "source-rewritten", "udp-source-rewritten", "later-ports-dropped", "large-packets-dropped"
)
def test_every_protocol_is_served_under_both_policies(
    testbed: Testbed, cluster: Cluster, profile: Profile, record: CaseRecorder, way: Way
) -> None:
    """Every request over TCP and UDP is answered, and under Local the endpoint sees the client's own address.

    Given a Service of policy Cluster and one of policy Local, with endpoints on every node
    When clients on the nodes' segment and behind the router make requests over TCP and over UDP, some of them nearly as
        large as a packet may be, and connect to another of its ports
    Then all are answered; under Local every endpoint saw its client's address, and under Cluster it is on record
    """
    replies = {}
    addresses = serve_both_policies(cluster, way)
    await_next_hops(testbed, way, addresses.values(), profile.timers.configuration)
    if way.mode == "l2":
        for address in addresses.values():
            cluster.owner(address)
    for policy, address in addresses.items():
        with contextlib.suppress(PreconditionUnmetError):  # who is not served at all is told so by the requests
            cluster.await_served(address, VANTAGE, profile.timers.configuration)
        rows = [
            row
            for client in ("client", VANTAGE)
            for protocol in ("http", "udp")
            for row in request(testbed, client, address, HTTP, 250, protocol, concurrency=100, timeout=PATIENCE_SECONDS)
        ]
        rows += [
            row
            for protocol in ("http", "udp")
            for row in request(
                testbed, VANTAGE, address, HTTP, 20, protocol, timeout=PATIENCE_SECONDS, padding=LARGE_BYTES
            )
        ]
        rows += request(testbed, VANTAGE, address, LINES, 20, "tcp", timeout=PATIENCE_SECONDS)
        replies[policy.partition("-")[0]] = record.evidence("replies", rows, policy)
    every = {f"replies.{policy}": reference for policy, reference in replies.items()}
    nodes = {str(getattr(node, way.family)): node.name for node in testbed.nodes}
    record.judge("POLICY-001", "all-replies-ok", every, {"requests": 500, "protocols": ["http", "udp"]})
    record.judge("POLICY-003", "source-preserved", {"replies": replies["Local"]}, {"requests": 1000})
    record.judge("POLICY-004", "source-recorded", {"replies": replies["Cluster"]}, {"nodes": nodes})


@pytest.mark.covers("POLICY-002")
@pytest.mark.catches("endpoint-left-out")
@pytest.mark.thorough
def test_cluster_uses_every_endpoint_alike(
    testbed: Testbed, cluster: Cluster, record: CaseRecorder, way: Way, uneven: Backends
) -> None:
    """Under Cluster every endpoint gets an equal share, on whatever node it is and wherever traffic gets in.

    Given a Service of policy Cluster with two endpoints on one node, one on another, none on the rest
    When a client behind the router makes 3,000 requests
    Then each endpoint answers a third of them
    """
    address = cluster.serve(app=uneven.app, families=way.family).address(way.family)
    cluster.await_served(address, VANTAGE)
    taken = take(testbed, record, way, "Cluster", address)
    bound = {"members": sorted(uneven.pods), "over": "endpoint", "alpha": 0.001}
    record.judge("POLICY-002", "even-spread", {"replies": taken.replies}, bound)


@pytest.mark.covers("POLICY-005")
@pytest.mark.needs("layer2")
@pytest.mark.catches("local-forwarded-elsewhere")
@pytest.mark.usefixtures("layer2")
@pytest.mark.thorough
def test_local_in_layer2_uses_the_owners_endpoints(
    testbed: Testbed, cluster: Cluster, record: CaseRecorder, family: str, uneven: Backends
) -> None:
    """Under Local in layer 2 all replies come from endpoints on the node that announces the address.

    Given a Service of policy Local with two endpoints on one node, one on another, none on the rest
    When a client behind the router makes 3,000 requests, while another asks who has the address
    Then every reply comes from an endpoint on the node that answers for it
    """
    address = cluster.serve(policy="Local", app=uneven.app, families=family).address(family)
    cluster.await_served(address, VANTAGE)
    with Asking(testbed, "client", [address]) as answers:
        taken = take(testbed, record, Way("l2", (family,)), "Local", address)
    seen = {"replies": taken.replies, "answers": record.observed("answers", answers)}
    nodes = {node.mac: node.name for node in testbed.nodes}
    record.judge("POLICY-005", "owner-endpoints-only", seen, {"nodes": nodes, "requests": 1000})


@pytest.mark.covers("POLICY-006")
@pytest.mark.needs("bgp")
@pytest.mark.catches("endpoint-left-out")
@pytest.mark.thorough
@pytest.mark.usefixtures("bgp")
def test_local_in_bgp_spreads_over_nodes_and_then_over_their_endpoints(
    testbed: Testbed, cluster: Cluster, profile: Profile, record: CaseRecorder, bgp_family: str, uneven: Backends
) -> None:
    """Under Local in BGP nodes with endpoints get equal shares, each for its own endpoints, and other nodes nothing.

    Given a Service of policy Local with two endpoints on one node, one on another, none on the rest
    When a client behind the router makes 3,000 requests
    Then half of them enter each of the two nodes, so that the endpoints answer 25, 25 and 50 %
    """
    first, second = (node.name for node in testbed.nodes[:2])
    address = cluster.serve(policy="Local", app=uneven.app, families=bgp_family).address(bgp_family)
    hops = [getattr(node, bgp_family) for node in testbed.nodes if node.name in uneven.nodes]
    await_routes(testbed, {str(address): hops}, profile.timers.configuration)
    with contextlib.suppress(PreconditionUnmetError):  # nodes that should not be entered drop their share
        cluster.await_served(address, VANTAGE, profile.timers.bgp_update)
    taken = take(testbed, record, Way("bgp", (bgp_family,)), "Local", address)
    alone = {pod: 0.5 / sum(n == node for n in uneven.pods.values()) for pod, node in uneven.pods.items()}
    entered = {"shares": {first: 0.5, second: 0.5}, "over": "node"}
    record.judge("POLICY-006", "expected-shares", {"flows": taken.flows}, entered)
    record.judge("POLICY-006", "expected-shares", {"replies": taken.replies}, {"shares": alone})
