"""Routes to a Service's address appear in the router, follow its endpoints, and go again."""

from collections.abc import Callable, Mapping, Sequence

import pytest

from lbcert_fixtures import annotations
from lbcert_fixtures.cluster import Cluster, Service, several
from lbcert_fixtures.endpoints import await_endpoints
from lbcert_fixtures.probes.routes import RouteWatch
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import PreconditionUnmetError, Testbed
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.bgp.peering import ROUTER, Peering
from lbcert_suites.standing import await_routes

MARGIN_SECONDS = 5.0
"""How much longer than any announcement takes a route must stay away. The catalogue's 30 s are the longest that an
implementation may declare for an announcement; one that declares less would announce wrongly as fast as rightly."""


@pytest.mark.covers("BGP-025", "BGP-039")
@pytest.mark.needs("bgp")
@pytest.mark.catches("node-missing-from-ecmp", "late-withdraw", "never-withdrawn", "next-hop-of-another-node")
@pytest.mark.usefixtures("bgp")
def test_every_node_announces_a_host_route_and_withdraws_it(
    testbed: Testbed, cluster: Cluster, profile: Profile, record: CaseRecorder, bgp_family: str
) -> None:
    """Addresses are announced as host routes from every node, and withdrawn when their Services are deleted.

    Given a session from every node to the router
    When three Services are created, and deleted again
    Then the router's kernel has a host route of each with every node as next hop, and then no route any more
    """
    services = several(lambda number: cluster.serve(f"web-{number}", families=bgp_family), range(3))
    addresses = [service.address(bgp_family) for service in services]
    hops = [str(getattr(node, bgp_family)) for node in testbed.nodes]
    routes = {f"{address}/{address.max_prefixlen}": hops for address in addresses}
    within = profile.timers.configuration
    with RouteWatch(testbed, ROUTER, routes) as announced:
        announced.until_routes(routes, within)
    with RouteWatch(testbed, ROUTER, routes) as withdrawn:
        with record.act("delete-services", services[0].namespace) as deleted:
            for service in services:
                cluster.delete_service(service.name)
        withdrawn.until_routes(dict.fromkeys(routes, ()), within)
    there = {"routes": record.observed("routes", announced, "announced")}
    gone = {"routes": record.observed("routes", withdrawn, "withdrawn"), "cause": deleted.evidence}
    record.judge("BGP-025", "route-next-hops", there, {"expected": routes, "within": within})
    record.judge("BGP-039", "route-withdrawn", gone, {"prefixes": [*routes], "within": profile.timers.bgp_update})


@pytest.mark.covers("BGP-039")
@pytest.mark.needs("bgp")
@pytest.mark.catches("late-withdraw", "never-withdrawn", "one-prefix-withdrawn", "address-loss-ignored")
@pytest.mark.usefixtures("bgp")
def test_routes_go_with_the_type_and_with_the_advertisement(
    testbed: Testbed, cluster: Cluster, peering: Peering, profile: Profile, record: CaseRecorder
) -> None:
    """Routes are withdrawn when a Service loses its address or changes its type, and when its advertisement is deleted.

    Who names a pool that does not exist loses its address, or keeps it with an implementation that gives it once.

    Given four Services that every node announces, and a fifth that shares the address of the third
    When the first loses its address, then the second and the fifth become ClusterIP Services, and then the
        advertisement is deleted
    Then each time the routes of those go and the others stay, and at last all go at once
    """
    shared = {annotations.SHARING: "k"}
    bereft, retyped, kept, too = services = [
        peering.serve("bereft"),
        peering.serve("retyped"),
        peering.serve("kept", annotations=shared),
        peering.serve("kept-too"),
    ]
    shared = {annotations.ADDRESSES: ",".join(map(str, kept.addresses)), **shared}
    sharer = peering.serve("sharer", annotations=shared, ports=[{"port": 82, "targetPort": 8080}])
    routes = peering.routes(services)
    peering.insist_on_routes(services)

    held: list[Service] = []

    def bereave() -> None:
        with cluster.watch_services() as watch:
            cluster.patch_service(bereft.name, {"metadata": {"annotations": {annotations.ADDRESS_POOL: "nowhere"}}})
            lost = watch.until(
                lambda rows: any(row["service"] == bereft.key and not row["addresses"] for row in rows),
                profile.timers.assignment,
            )
        held.extend([] if lost else [bereft])

    def retype() -> None:
        for each in (retyped, sharer):
            cluster.patch_service(each.name, {"spec": {"type": "ClusterIP"}})

    steps: Mapping[str, tuple[Callable[[], None], Sequence[Service]]] = {
        "lose-address": (bereave, [retyped, kept, too]),
        "retype-service": (retype, [kept, too]),
        "delete-advertisement": (lambda: cluster.unconfigure("BGPAdvertisement", "bgp"), []),
    }
    for name, (act, left) in steps.items():
        with RouteWatch(testbed, ROUTER, routes) as watch:
            with record.act(name, kept.namespace) as cause:
                act()
            staying = [*left, *held] if left else []
            expected = peering.routes(services, nodes=[]) | peering.routes(staying)
            watch.until_routes(expected, profile.timers.configuration)
        evidence = {"routes": record.observed("routes", watch, name), "cause": cause.evidence}
        bound = {"expected": expected, "within": profile.timers.bgp_update}
        record.judge("BGP-039", "route-next-hops", evidence, bound)


@pytest.mark.covers("BGP-026")
@pytest.mark.needs("bgp")
@pytest.mark.thorough
@pytest.mark.catches("announced-without-advertisement")
@pytest.mark.usefixtures("bgp")
def test_pool_without_advertisement_is_not_announced(
    testbed: Testbed, cluster: Cluster, peering: Peering, profile: Profile, record: CaseRecorder
) -> None:
    """Addresses of a pool that no advertisement selects are given out, and never announced.

    Given a pool that the only advertisement does not select, beside one that it selects
    When a Service gets an address of the one, and another an address of the other
    Then the router gets the routes of the selected pool only, for longer than any announcement takes
    """
    cluster.pool(*("10.97.0.0/28", "fd00:97::/124")[: len(peering.families)], name="silent")
    silent = peering.serve("silent", annotations={annotations.ADDRESS_POOL: "silent"})
    hold = profile.timers.bgp_update + MARGIN_SECONDS
    unwanted = peering.routes([silent])
    announced = peering.routes([peering.serve("announced", annotations={annotations.ADDRESS_POOL: "bgp"})])
    with RouteWatch(testbed, ROUTER, unwanted | announced) as watch:
        if not watch.until_routes(announced, profile.timers.configuration):
            raise PreconditionUnmetError("the selected pool is not announced either")
        watch.until(lambda rows: any(row["next_hops"] for row in rows if row["prefix"] in unwanted), hold)
    routes = record.observed("routes", watch)
    record.judge("BGP-026", "never-routed", {"routes": routes}, {"prefixes": list(unwanted), "hold": hold})


@pytest.mark.covers("BGP-036", "BGP-037")
@pytest.mark.needs("bgp")
@pytest.mark.catches(
    "local-policy-ignored",
    "announced-without-endpoints",
    "unready-endpoint-serves",
    "unready-endpoint-silences",
    "announcement-follows-endpoints",
    "endpoints-not-followed",
)
@pytest.mark.usefixtures("bgp")
@pytest.mark.thorough
def test_announcing_nodes_follow_the_endpoints(
    testbed: Testbed, cluster: Cluster, peering: Peering, profile: Profile, record: CaseRecorder
) -> None:
    """Under policy Cluster every node announces while there is an endpoint, under Local exactly the nodes with one.

    Given two Services of the same pods, one with each policy, and no such pod but one that is not ready
    When a pod starts on one node, another on a second node, and then the first ends, and the second
    Then after each step the router has every node or none as next hop of the one, and the pods' nodes of the other
    """
    everywhere, local = services = [
        peering.serve(policy.lower(), policy=policy, app="moving") for policy in ("Cluster", "Local")
    ]
    everyone = [node.name for node in testbed.nodes]
    first, second, *_ = everyone
    cluster.run_backend("never-ready", everyone[-1], app="moving", ready=False)
    going = peering.serve("served-too")
    peering.insist_on_routes([peering.serve("served"), going])
    cluster.delete_service(going.name)
    await_routes(testbed, peering.routes([going], nodes=[]), profile.timers.bgp_update)
    steps: Sequence[tuple[Callable[[], None], Sequence[str], Sequence[str]]] = [
        (lambda: cluster.run_backend("moving-1", first, app="moving"), everyone, [first]),
        (lambda: cluster.run_backend("moving-2", second, app="moving"), everyone, [first, second]),
        (lambda: cluster.delete_pod("moving-1"), everyone, [second]),
        (lambda: cluster.delete_pod("moving-2"), [], []),
    ]
    for number, (move, announcers, hosts) in enumerate(steps, start=1):
        expected = {
            "BGP-036": peering.routes([everywhere], announcers),
            "BGP-037": peering.routes([local], hosts),
        }
        with RouteWatch(testbed, ROUTER, peering.routes(services)) as watch:
            with record.act("move-pods", " ".join(hosts) or "no node") as moved:
                move()
                for service in services:
                    await_endpoints(testbed, service, hosts)
            watch.until_routes(expected["BGP-036"] | expected["BGP-037"], profile.timers.configuration)
        evidence = {"routes": record.observed("routes", watch, f"step-{number}"), "cause": moved.evidence}
        for requirement, routes in expected.items():
            bound = {"expected": routes, "within": profile.timers.bgp_update}
            record.judge(requirement, "route-next-hops", evidence, bound)
