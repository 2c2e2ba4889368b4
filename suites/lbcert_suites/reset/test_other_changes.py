"""Connections live on while nothing happens to them: in a quiet cluster, and while other things change.

The catalogue watches for minutes. A connection that sends twice a second meets within ten seconds whatever nodes and
router do to a flow now and then; what takes longer is left to longer runs. Each case holds 100 connections to every
Service, of both policies, in each mode and over each family at once, from behind the router.
"""

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address

import kubernetes.client
import pytest

from lbcert_fixtures.annotations import ADDRESS_POOL
from lbcert_fixtures.cluster import LINES, UDP, Backends, Cluster, ranges_of
from lbcert_fixtures.deployment import Deployment
from lbcert_fixtures.probes.connections import Connections
from lbcert_fixtures.probes.stream import Stream
from lbcert_fixtures.probes.watch import together
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import Testbed
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.conftest import NAMESPACE
from lbcert_suites.reset.load import Load
from lbcert_suites.reset.outage import controller_away
from lbcert_suites.standing import undisturbed
from lbcert_suites.ways import VANTAGE, Mode, Way, await_next_hops, serve_both_policies

QUIET_SECONDS = 10.0

IDLE = 10
"""Connections to each address that say something once, the last of them at the end of that time."""

OPENING_SECONDS = 5.0

AFTERMATH_SECONDS = 6.0
"""How long after a change connections are held: longer than implementations gather changes before they act (5 s)."""

NEW_EVERY = 0.05
"""Time between two new connections to each address, s: no gap is measured here, and a hundred a second to each of eight
addresses, as where one is, take half of what two processors can do."""

LOST = 0.01
"""The share of new connections that may go unanswered for other reasons."""

PODS_SECONDS = 30.0
"""A budget for the cluster, not judged: a pod is Ready until nodes send requests to it."""

UNRELATED: Mapping[Mode, Sequence[str]] = {
    "l2": ("172.30.0.230-172.30.0.231", "fd00:30::230-fd00:30::231"),
    "bgp": ("10.98.0.0/30", "fd00:98::/126"),
}
"""Pools of nobody else's."""


def pod_addresses(testbed: Testbed, backends: Backends) -> Mapping[str, str]:
    """The backends' own addresses, by pod."""
    pods = kubernetes.client.CoreV1Api(testbed.api).list_namespaced_pod(NAMESPACE).items
    return {pod.metadata.name: pod.status.pod_ip for pod in pods if pod.metadata.name in backends.pods}


@pytest.fixture
def endpoints(testbed: Testbed, backends: Backends, everywhere: None) -> Mapping[str, str]:  # noqa: ARG001 - order
    """The addresses of the backends that all cases share."""
    return pod_addresses(testbed, backends)


@pytest.fixture
def load(
    testbed: Testbed, cluster: Cluster, profile: Profile, ways: Sequence[Way], endpoints: Mapping[str, str]
) -> Iterator[Load]:
    """Connections to a Service of each mode, policy and family, and new ones all the while."""
    addresses: dict[str, IPv4Address | IPv6Address] = {}
    for way in ways:
        served = serve_both_policies(cluster, way)
        await_next_hops(testbed, way, served.values(), profile.timers.configuration)
        addresses |= {f"{way.mode}-{name}": address for name, address in served.items()}
    with Load(testbed, addresses, endpoints, every=NEW_EVERY) as load:
        load.open()
        yield load


@pytest.mark.covers("RESET-001", "POLICY-008")
@pytest.mark.catches("announcement-flaps", "idle-connections-forgotten")
@pytest.mark.thorough
def test_quiet_cluster_breaks_no_connection(testbed: Testbed, record: CaseRecorder, load: Load) -> None:
    """While nothing changes every connection lives, is answered again within two seconds, and keeps its node.

    Given 100 connections to a Service of each policy; those over BGP are spread over all nodes by the router
    When nothing is changed for ten seconds, in which a few more connections say nothing for up to as long
    Then every connection is alive, none was ever silent for two seconds, and none entered another node than before; and
        those that say something at last are answered
    """
    idle = {
        name: Connections(testbed, VANTAGE, address, LINES, IDLE, every=QUIET_SECONDS)
        for name, address in load.addresses.items()
    }
    with together(idle.values()):
        for connections in idle.values():
            connections.until_open(OPENING_SECONDS)
        load.hold(QUIET_SECONDS)
        for connections in idle.values():  # the last have only just spoken
            connections.until_settled(0, OPENING_SECONDS)
    control = load.control(record)
    record.judge("RESET-001", "no-resets", load.seen(record, "connections") | control, {"hold": QUIET_SECONDS})
    spoke = {f"connections.{name}": record.observed("connections", each, f"idle-{name}") for name, each in idle.items()}
    record.judge("RESET-001", "no-resets", spoke | control, {"hold": 0.9 * QUIET_SECONDS, "count": IDLE})
    if routed := load.seen_twice(record, "bgp"):
        record.judge("POLICY-008", "connection-keeps-node", routed | control, {})


@pytest.mark.covers("RESET-004")
@pytest.mark.catches("reset-on-reconfiguration")
@pytest.mark.thorough
def test_unrelated_changes_break_no_connection(
    testbed: Testbed, cluster: Cluster, profile: Profile, record: CaseRecorder, ways: Sequence[Way], load: Load
) -> None:
    """Other Services, pools, advertisements and peers may come and go: connections live, and new ones work.

    Given 100 connections to a Service of each policy, and a hundred new ones a second
    When another pool with its advertisement, in BGP another peer, and a Service of that pool are created and deleted,
        and a Service of the same pool as theirs
    Then no connection breaks or is silent for two seconds, and every new one works
    """
    with (
        undisturbed(testbed, profile),
        record.act("unrelated-changes", "everything named unrelated"),
        Cluster(testbed, profile, cluster.namespace) as other,
    ):
        for way in ways:
            (family, *_) = way.families
            ranges = ranges_of([family], UNRELATED[way.mode])
            pool = other.pool(*ranges, name=f"unrelated-{way.mode}", autoAssign=False)
            if way.mode == "l2":
                other.announce_layer2(pool, ipAddressPools=[pool])
            else:
                other.announce_bgp(pool, ipAddressPools=[pool])
                other.peer("client", name=pool)  # nobody listens there
            service = other.serve(pool, families=family, annotations={ADDRESS_POOL: pool})
            other.await_served(service.address(), VANTAGE)
            neighbour = cluster.serve(f"neighbour-{way.mode}", families=family, annotations=way.annotations)
            cluster.await_served(neighbour.address(), VANTAGE)
            cluster.delete_service(neighbour.name)
    load.hold(AFTERMATH_SECONDS)
    lived = load.seen(record, "connections") | load.control(record)
    record.judge("RESET-004", "no-resets", lived, {"hold": AFTERMATH_SECONDS})
    record.judge("RESET-004", "all-replies-ok", load.seen(record, "replies"), {"lost": LOST})


@pytest.mark.covers("RESET-009")
@pytest.mark.catches("withdraws-without-controller")
@pytest.mark.last
@pytest.mark.thorough
def test_controller_outage_breaks_no_connection(
    testbed: Testbed,
    cluster: Cluster,
    implementation: Deployment,
    profile: Profile,
    record: CaseRecorder,
    load: Load,
) -> None:
    """Without the allocation controller connections live, new ones work, and new Services wait.

    Given 100 connections to a Service of each policy, and a hundred new ones a second
    When the controller is scaled to 0, and a Service is created meanwhile
    Then no connection breaks or is silent for two seconds, every new one works, and the Service has no address
    """
    with (
        undisturbed(testbed, profile),
        controller_away(implementation) as outage,
        cluster.watch_services() as watch,
    ):
        waiting = cluster.serve("waiting", wait=False)
        load.hold(AFTERMATH_SECONDS)
        record.fault(outage)
        services = record.observed("ingress", watch)
        lived, new = load.seen(record, "connections") | load.control(record), load.seen(record, "replies")
    pending = {"services": [waiting.key], "hold": AFTERMATH_SECONDS - 1}
    record.judge("RESET-009", "stays-pending", {"ingress": services}, pending)
    record.judge("RESET-009", "no-resets", lived, {"hold": AFTERMATH_SECONDS})
    record.judge("RESET-009", "all-replies-ok", new, {"lost": LOST})


@pytest.mark.covers("RESET-005")
@pytest.mark.catches("withdraws-on-endpoint-change")
@pytest.mark.thorough
def test_endpoints_come_and_go(
    testbed: Testbed,
    cluster: Cluster,
    profile: Profile,
    record: CaseRecorder,
    ways: Sequence[Way],
) -> None:
    """Under Cluster endpoints may be added, and others taken away: connections to those that stay live where they are.

    Given 100 connections to a Service of policy Cluster with endpoints on all nodes but one
    When endpoints are added there and beside another one, 100 more connections are made, and those are deleted
    Then no connection to an endpoint that stays breaks or is silent for two seconds, and none enters another node
    """
    nodes = [node.name for node in testbed.nodes]
    staying = cluster.backends(*nodes[:-1], app="staying")
    endpoints = pod_addresses(testbed, staying)
    addresses = {}
    for way in ways:
        for family in way.families:
            service = cluster.serve(
                f"{way.mode}-{family}", app=staying.app, families=family, annotations=way.annotations
            )
            addresses[service.name] = service.address(family)
        served = [addresses[f"{way.mode}-{each}"] for each in way.families]
        await_next_hops(testbed, way, served, profile.timers.configuration)  # one that comes breaks what is to live
    more = {f"more-{node}": node for node in (nodes[0], nodes[-1])}
    with undisturbed(testbed, profile), Load(testbed, addresses, endpoints, every=NEW_EVERY) as before:
        before.open()
        for pod, node in more.items():
            cluster.run_backend(pod, node, app=staying.app)
        for address in addresses.values():
            with Stream(testbed, VANTAGE, address, UDP) as stream:
                stream.until(lambda probes: {probe["endpoint"] for probe in probes} >= set(more), PODS_SECONDS)
        with Load(testbed, addresses, endpoints, every=NEW_EVERY) as after:
            after.open()
            for pod in more:
                cluster.delete_pod(pod)
            for pod in more:
                cluster.await_pod_gone(pod)
            before.hold(AFTERMATH_SECONDS)
    bound = {"hold": AFTERMATH_SECONDS, "count": 30, "gone": list(more)}
    loads = {"-before": before, "-after": after}
    controls = {name: load.control(record, name) for name, load in loads.items()}
    for name, load in loads.items():
        record.judge("RESET-005", "no-resets", load.seen(record, "connections", name) | controls[name], bound)
    record.judge("RESET-005", "connection-keeps-node", before.seen_twice(record) | controls["-before"], {})
