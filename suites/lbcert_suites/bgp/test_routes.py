"""Routes to a Service's address appear in the router, follow its endpoints, and go again."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from ipaddress import ip_address, ip_network

import pytest

from lbcert_fixtures import annotations
from lbcert_fixtures.cluster import Cluster, Service, several
from lbcert_fixtures.endpoints import add_slices, await_endpoints, delete_slices
from lbcert_fixtures.kubernetes.watching import Ingress
from lbcert_fixtures.probes.routes import RouteWatch
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import PreconditionUnmetError, Testbed
from lbcert_reports.recorder import CaseRecorder
from lbcert_reports.verdicts import Verdict
from lbcert_suites.bgp.peering import ROUTER, Peering
from lbcert_suites.standing import await_routes

MORE = {"ipv4": "10.99.1.0/28", "ipv6": "fd00:99::1:0/124"}
"""What the pool ``bgp`` is given beside its ranges."""

LATTER = ("10.99.0.200", "fd00:99::c8")
"""Addresses of that pool that a Service has at a second thought."""

MARGIN_SECONDS = 5.0
"""How much longer than any announcement takes a route must stay away. The catalogue's 30 s are the longest that an
implementation may declare for an announcement; one that declares less would announce wrongly as fast as rightly."""


@pytest.mark.covers("BGP-025", "BGP-039")
@pytest.mark.needs("bgp")
@pytest.mark.catches(
    "node-missing-from-ecmp",
    "late-withdraw",
    "never-withdrawn",
    "next-hop-of-another-node",
    "namespaces-confused",
    "pool-growth-unannounced",
)
def test_every_node_announces_a_host_route_and_withdraws_it(
    testbed: Testbed,
    cluster: Cluster,
    profile: Profile,
    record: CaseRecorder,
    bgp: tuple[str, ...],
    bgp_family: str,
    abroad: Cluster,
) -> None:
    """Addresses are announced as host routes from every node, and withdrawn when their Services are deleted.

    Given a session from every node to the router, and a Service without endpoints in another namespace
    When the pool is given more addresses, and three Services are created, one by the name of that one, and another
        asking for one of those addresses, and deleted again
    Then the router's kernel has a host route of each with every node as next hop, of the other none, and then no route
        any more
    """
    namesake = abroad.serve("web-0", app="nobody", families=bgp_family).address(bgp_family)
    cluster.reconfigure("IPAddressPool", "bgp", addresses=[*bgp, MORE[bgp_family]])
    later = {annotations.ADDRESSES: str(ip_network(MORE[bgp_family])[1])}
    services = several(
        lambda number: cluster.serve(f"web-{number}", families=bgp_family, annotations=later if number == 2 else None),
        range(3),
    )
    addresses = [service.address(bgp_family) for service in services]
    hops = [str(getattr(node, bgp_family)) for node in testbed.nodes]
    routes = {f"{address}/{address.max_prefixlen}": hops for address in addresses}
    within = profile.timers.configuration
    expected = {f"{namesake}/{namesake.max_prefixlen}": (), **routes}
    with RouteWatch(testbed, ROUTER, expected) as announced:
        announced.until_routes(expected, within)
    with RouteWatch(testbed, ROUTER, routes) as withdrawn:
        with record.act("delete-services", services[0].namespace) as deleted:
            for service in services:
                cluster.delete_service(service.name)
        withdrawn.until_routes(dict.fromkeys(routes, ()), within)
    there = {"routes": record.observed("routes", announced, "announced")}
    gone = {"routes": record.observed("routes", withdrawn, "withdrawn"), "cause": deleted.evidence}
    record.judge("BGP-025", "route-next-hops", there, {"expected": expected, "within": within})
    record.judge("BGP-039", "route-withdrawn", gone, {"prefixes": [*routes], "within": profile.timers.bgp_update})


@pytest.mark.covers("BGP-025", "BGP-039")
@pytest.mark.needs("bgp")
@pytest.mark.catches(
    "late-withdraw",
    "never-withdrawn",
    "one-prefix-withdrawn",
    "address-loss-ignored",
    "advertisement-edit-ignored",
    "second-pool-unannounced",
    "first-advertisement-only",
    "first-sharer-decides",
    "last-sharer-decides",
    "announced-without-any-advertisement",
)
@pytest.mark.usefixtures("bgp")
def test_routes_go_with_the_type_and_with_the_advertisement(
    testbed: Testbed, cluster: Cluster, peering: Peering, profile: Profile, record: CaseRecorder
) -> None:
    """Routes are withdrawn when a Service loses its address or changes its type, and when its advertisement is gone.

    Who names a pool that does not exist loses its address, or keeps it with an implementation that gives it once; and
    so it is with one who asks for another address.

    Given two advertisements, one of them about two pools, and Services in all of these pools, among them two pairs that
        share an address, of which one has no endpoint
    When one loses its address, another is given another address, and the advertisement of a third is edited so that it
        is about another pool; then one becomes a ClusterIP Service, and so do the later of one pair and the earlier of
        the other; and then there is no advertisement any more
    Then every node announces them all; each time the routes of those go and the others stay, and at last all go at once
    """
    cluster.pool(*peering.ranges("10.97.0.0/28", "fd00:97::/124"), name="edited", autoAssign=False)
    cluster.pool(*peering.ranges("10.97.0.16/28", "fd00:97::10/124"), name="second", autoAssign=False)
    cluster.unconfigure("BGPAdvertisement", "bgp")  # made anew, not edited: whoever ignores edits is to show it below
    cluster.announce_bgp(ipAddressPools=["bgp", "second"])
    cluster.announce_bgp("edited", ipAddressPools=["edited"])
    bereft, moved, _, second, retyped, kept, inherited = services = [
        peering.serve("bereft"),
        peering.serve("moved"),
        peering.serve("edited", annotations={annotations.ADDRESS_POOL: "edited"}),
        peering.serve("second", annotations={annotations.ADDRESS_POOL: "second"}),
        peering.serve("retyped"),
        peering.serve("kept", annotations={annotations.SHARING: "kept"}),
        peering.serve("inherited", annotations={annotations.SHARING: "inherited"}, app="nobody"),
    ]
    for each, app in ((kept, "nobody"), (inherited, "echo")):
        shared = {annotations.SHARING: each.name, annotations.ADDRESSES: ",".join(map(str, each.addresses))}
        peering.serve(f"{each.name}-too", annotations=shared, app=app, ports=[{"port": 82, "targetPort": 8080}])
    wanted = peering.ranges(*LATTER)
    latter = Service("moved", cluster.namespace, [ip_address(each) for each in wanted])
    routes = peering.routes([*services, latter], nodes=[])
    peering.judge_announced(record, services, "announced")
    peering.insist_on_routes(services)

    staying: list[Service] = []

    def lose_addresses() -> None:
        cluster.reconfigure("BGPAdvertisement", "edited", ipAddressPools=["nowhere"])
        changes: Mapping[Service, tuple[Mapping[str, str], set[str]]] = {
            bereft: ({annotations.ADDRESS_POOL: "nowhere"}, set()),
            moved: ({annotations.ADDRESSES: ",".join(wanted)}, set(wanted)),
        }
        with cluster.watch_services() as watch:
            for service, (asked, _) in changes.items():
                cluster.patch_service(service.name, {"metadata": {"annotations": dict(asked)}})
            for service, (_, left) in changes.items():
                if not watch.until(partial(_has_last, service=service, addresses=left), profile.timers.assignment):
                    staying.append(service)
        if moved not in staying:
            staying.append(latter)

    def retype() -> None:
        for name in (retyped.name, "kept-too", inherited.name):
            cluster.patch_service(name, {"spec": {"type": "ClusterIP"}})

    def delete_advertisements() -> None:
        for name in ("edited", "bgp"):
            cluster.unconfigure("BGPAdvertisement", name)

    steps: Mapping[str, tuple[Callable[[], None], Sequence[Service]]] = {
        "lose-addresses": (lose_addresses, [second, retyped, kept, inherited]),
        "retype-services": (retype, [second, kept, inherited]),
        "delete-advertisements": (delete_advertisements, []),
    }
    for name, (act, left) in steps.items():
        with RouteWatch(testbed, ROUTER, routes) as watch:
            with record.act(name, kept.namespace) as cause:
                act()
            expected = routes | (peering.routes([*left, *staying]) if left else {})
            watch.until_routes(expected, profile.timers.configuration)
        evidence = {"routes": record.observed("routes", watch, name), "cause": cause.evidence}
        bound = {"expected": expected, "within": profile.timers.bgp_update}
        record.judge("BGP-039", "route-next-hops", evidence, bound)


def _has_last(rows: Sequence[Ingress], service: Service, addresses: set[str]) -> bool:
    """Whether a Service has exactly these addresses, as it was last seen."""
    return [set(row["addresses"]) for row in rows if row["service"] == service.key][-1:] == [addresses]


@pytest.mark.covers("BGP-025", "BGP-026")
@pytest.mark.needs("bgp")
@pytest.mark.thorough
@pytest.mark.catches("announced-without-advertisement", "layer2-advertisement-over-bgp", "pool-selectors-ignored")
@pytest.mark.usefixtures("bgp")
def test_pool_without_advertisement_is_not_announced(
    testbed: Testbed, cluster: Cluster, peering: Peering, profile: Profile, record: CaseRecorder
) -> None:
    """Addresses of a pool that no BGPAdvertisement selects are given out, and never announced to a router.

    Given a pool that no BGPAdvertisement selects, one that is selected by its name, and one that is by its label; where
        there is layer 2, the first is announced there
    When a Service gets an address of each
    Then the router gets the routes of the selected pools only, for longer than any announcement takes
    """
    cluster.pool(*peering.ranges("10.97.0.0/28", "fd00:97::/124"), name="silent", labels={"announced": "no"})
    cluster.pool(*peering.ranges("10.97.0.16/28", "fd00:97::10/124"), name="labelled", labels={"announced": "yes"})
    cluster.announce_bgp("by-label", ipAddressPoolSelectors=[{"matchLabels": {"announced": "yes"}}])
    if "layer2" in profile.capabilities:
        cluster.announce_layer2("silent", ipAddressPools=["silent"])
    silent = peering.serve("silent", annotations={annotations.ADDRESS_POOL: "silent"})
    hold = profile.timers.bgp_update + MARGIN_SECONDS
    unwanted = peering.routes([silent])
    selected = [peering.serve(pool, annotations={annotations.ADDRESS_POOL: pool}) for pool in ("bgp", "labelled")]
    announced = peering.routes(selected)
    with RouteWatch(testbed, ROUTER, unwanted | announced) as watch:
        watch.until_routes(announced, profile.timers.configuration)
        watch.until(lambda rows: any(row["next_hops"] for row in rows if row["prefix"] in unwanted), hold)
    routes = {"routes": record.observed("routes", watch)}
    bound = {"expected": announced, "within": profile.timers.configuration}
    if record.judge("BGP-025", "route-next-hops", routes, bound).verdict is not Verdict.PASS:
        raise PreconditionUnmetError("the selected pools are not announced either")
    record.judge("BGP-026", "never-routed", routes, {"prefixes": list(unwanted), "hold": hold})


@pytest.mark.covers("BGP-036", "BGP-037")
@pytest.mark.needs("bgp")
@pytest.mark.catches(
    "local-policy-ignored",
    "announced-without-endpoints",
    "unready-endpoint-serves",
    "unready-endpoint-silences",
    "unready-endpoint-silences-node",
    "announcement-follows-endpoints",
    "endpoints-not-followed",
    "first-slice-only",
    "silent-after-last-endpoint",
)
@pytest.mark.usefixtures("bgp")
@pytest.mark.thorough
def test_announcing_nodes_follow_the_endpoints(
    testbed: Testbed, cluster: Cluster, peering: Peering, profile: Profile, record: CaseRecorder
) -> None:
    """Under policy Cluster every node announces while there is an endpoint, under Local exactly the nodes with one.

    Given two Services of the same pods, one with each policy, and no such pod but those that are not ready on each node
    When a pod starts on one node, another is added on a second node in EndpointSlices of its own, then the first ends,
        the second is taken away, and a third is selected on the first node again
    Then after each step the router has every node or none as next hop of the one, and the pods' nodes of the other
    """
    everywhere, local = services = [
        peering.serve(policy.lower(), policy=policy, app="moving") for policy in ("Cluster", "Local")
    ]
    everyone = [node.name for node in testbed.nodes]
    first, second, *_ = everyone
    cluster.run_unready(everyone, app="moving")
    cluster.run_backend("by-hand", second, app="by-hand")
    cluster.run_backend("moving-again", first, app="waiting")
    cluster.await_pods(["by-hand", "moving-again"])
    going = peering.serve("served-too")
    peering.insist_on_routes([peering.serve("served"), going])
    cluster.delete_service(going.name)
    await_routes(testbed, peering.routes([going], nodes=[]), profile.timers.bgp_update)
    steps: Sequence[tuple[Callable[[], object], Sequence[str], Sequence[str]]] = [
        (lambda: cluster.run_backend("moving-1", first, app="moving"), everyone, [first]),
        (lambda: several(lambda each: add_slices(testbed, each, "by-hand"), services), everyone, [first, second]),
        (lambda: cluster.delete_pod("moving-1"), everyone, [second]),
        (lambda: several(lambda each: delete_slices(testbed, each, "by-hand"), services), [], []),
        (lambda: cluster.patch_pod("moving-again", {"metadata": {"labels": {"app": "moving"}}}), everyone, [first]),
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
