"""Routes to a Service's address appear in the router, follow its endpoints, and go again."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from lbcert_fixtures import annotations
from lbcert_fixtures.cluster import Cluster, Service, several, stack_of
from lbcert_fixtures.endpoints import ENDING, add_slices, await_endpoints, delete_slices
from lbcert_fixtures.kubernetes.watching import Ingress
from lbcert_fixtures.probes.routes import RouteWatch
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import PreconditionUnmetError, Testbed
from lbcert_reports.recorder import CaseRecorder
from lbcert_reports.verdicts import Verdict
from lbcert_suites.bgp.peering import ROUTER, Peering
from lbcert_suites.eligibility import EXCLUDED, FIRST, ROLE, SECOND, SELECTORS, Eligibility
from lbcert_suites.standing import await_routes

MORE = {"ipv4": "10.99.1.0/28", "ipv6": "fd00:99::1:0/124"}
"""What the pool ``bgp`` is given beside its ranges."""

LATTER = ("10.99.0.200", "fd00:99::c8")
"""Addresses of that pool that a Service has at a second thought."""

MANY = 155
"""Services of one case; the reference puts 150 routes into a message."""

MANY_SECONDS = 60.0
"""How long so many may take: here it counts that all of them come, and not how soon."""

CHOSEN = ("10.97.0.0/28", "fd00:97::/124")
"""A pool that some nodes announce host routes of, and others the prefix that covers it."""

IN_CHOSEN = ("10.97.0.5", "fd00:97::5")

PORT: Mapping[str, int] = {"port": 80, "targetPort": 8080}

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
    "namesake-leaves-silences",
)
@pytest.mark.usefixtures("bgp")
def test_routes_go_with_the_type_and_with_the_advertisement(
    testbed: Testbed, cluster: Cluster, abroad: Cluster, peering: Peering, profile: Profile, record: CaseRecorder
) -> None:
    """Routes are withdrawn when a Service loses its address or changes its type, and when its advertisement is gone.

    Who names a pool that does not exist loses its address, or keeps it with an implementation that gives it once; and
    so it is with one who asks for another address.

    Given two advertisements, one of them about two pools, and Services in all of these pools, among them two pairs that
        share an address, of which one has no endpoint; and one of the name of another in a namespace of its own
    When one loses its address, another is given another address, and the advertisement of a third is edited so that it
        is about another pool; then one becomes a ClusterIP Service, and so do the later of one pair and the earlier of
        the other, and the one in the other namespace is deleted; and then there is no advertisement any more
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
    namesake = abroad.serve("second", families=stack_of(peering.families), app="nobody")
    add_slices(testbed, namesake, "echo-0", namespace=cluster.namespace)
    wanted = peering.ranges(*LATTER)
    latter = Service("moved", cluster.namespace, [ip_address(each) for each in wanted])
    routes = peering.routes([*services, namesake, latter], nodes=[])
    peering.judge_announced(record, [*services, namesake], "announced")
    peering.insist_on_routes([*services, namesake])

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
        abroad.delete_service(namesake.name)
        for name in (retyped.name, "kept-too", inherited.name):
            cluster.patch_service(name, {"spec": {"type": "ClusterIP"}})

    def delete_advertisements() -> None:
        for name in ("edited", "bgp"):
            cluster.unconfigure("BGPAdvertisement", name)

    steps: Mapping[str, tuple[Callable[[], None], Sequence[Service]]] = {
        "lose-addresses": (lose_addresses, [second, namesake, retyped, kept, inherited]),
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


@pytest.mark.covers("BGP-025", "BGP-026", "BGP-032", "BGP-034")
@pytest.mark.needs("bgp")
@pytest.mark.thorough
@pytest.mark.catches(
    "announced-without-advertisement",
    "layer2-advertisement-over-bgp",
    "pool-selectors-ignored",
    "peers-of-advertisement-ignored",
    "service-selectors-ignored",
    "first-selector-only",
    "match-expressions-ignored",
    "first-peer-of-advertisement-only",
    "names-hide-selectors",
    "labels-read-once",
)
@pytest.mark.usefixtures("bgp")
def test_pool_without_advertisement_is_not_announced(
    testbed: Testbed, cluster: Cluster, peering: Peering, profile: Profile, record: CaseRecorder
) -> None:
    """Addresses that no BGPAdvertisement selects for a router are given out, and never announced to it.

    Given a pool that no BGPAdvertisement selects, one that is selected by its name, one by its label, and one by an
        expression, in an advertisement that names a pool too; where there is layer 2, the first is announced there; one
        that is announced to another router and to this by name, and one that is to another alone; and one of which
        Services are announced by their labels
    When Services get addresses of each; and when of those announced by their labels one takes that of one that is not,
        which takes its
    Then the router gets the routes of the selected ones only, for longer than any announcement takes; and then the one
        route goes and the other comes
    """
    cluster.pool(*peering.ranges("10.97.0.0/28", "fd00:97::/124"), name="silent", labels={"announced": "no"})
    cluster.pool(*peering.ranges("10.97.0.16/28", "fd00:97::10/124"), name="labelled", labels={"announced": "yes"})
    cluster.pool(*peering.ranges("10.97.0.32/28", "fd00:97::20/124"), name="expressed", labels={"announced": "too"})
    for number, name in enumerate(("to-router", "to-another", "of-services"), start=3):
        ranges = peering.ranges(f"10.97.0.{16 * number}/28", f"fd00:97::{number}0/124")
        cluster.pool(*ranges, name=name, autoAssign=False)
    selectors: list[Mapping[str, Any]] = [
        {"matchLabels": {"announced": "yes"}},
        {"matchExpressions": [{"key": "announced", "operator": "In", "values": ["too"]}]},
    ]
    cluster.announce_bgp("by-label", ipAddressPools=["nowhere"], ipAddressPoolSelectors=selectors)
    cluster.announce_bgp("to-router", ipAddressPools=["to-router"], peers=["another", *peering.names])
    cluster.announce_bgp("to-another", ipAddressPools=["to-another"], peers=["another"])
    cluster.announce_bgp("of-services", ipAddressPools=["of-services"], serviceSelectors=selectors)
    if "layer2" in profile.capabilities:
        cluster.announce_layer2("silent", ipAddressPools=["silent"])

    def serve(name: str, pool: str, label: str = "") -> Service:
        labels = {"announced": label} if label else {}
        return peering.serve(name, annotations={annotations.ADDRESS_POOL: pool}, labels=labels)

    kept_silent = {
        "BGP-026": serve("silent", "silent"),
        "BGP-032": serve("to-another", "to-another"),
        "BGP-034": serve("other", "of-services", "no"),
    }
    hold = profile.timers.bgp_update + MARGIN_SECONDS
    unwanted = peering.routes(kept_silent.values())
    selected = [serve(pool, pool) for pool in ("bgp", "labelled", "expressed")]
    told, chosen = (
        serve("to-router", "to-router"),
        [serve(f"says-{word}", "of-services", word) for word in ("yes", "too")],
    )
    announced = peering.routes([*selected, told, *chosen])
    with RouteWatch(testbed, ROUTER, unwanted | announced) as watch:
        watch.until_routes(announced, profile.timers.configuration)
        watch.until(lambda rows: any(row["next_hops"] for row in rows if row["prefix"] in unwanted), hold)
    routes = {"routes": record.observed("routes", watch)}
    within = profile.timers.configuration
    are_announced = True
    for requirement, services in (("BGP-025", selected), ("BGP-032", [told]), ("BGP-034", chosen)):
        bound = {"expected": peering.routes(services), "within": within}
        are_announced &= record.judge(requirement, "route-next-hops", routes, bound).verdict is Verdict.PASS
    if not are_announced:
        raise PreconditionUnmetError("those that are selected are not announced either")
    for requirement, service in kept_silent.items():
        bound = {"prefixes": list(peering.routes([service])), "hold": hold}
        record.judge(requirement, "never-routed", routes, bound)
    changed = {kept_silent["BGP-034"]: "yes", chosen[0]: "no"}
    (comes, goes) = changed
    swapped = peering.routes([goes], nodes=[]) | peering.routes([comes])
    with RouteWatch(testbed, ROUTER, swapped) as watch:
        with record.act("swap-labels", "announced") as cause:
            for service, label in changed.items():
                cluster.patch_service(service.name, {"metadata": {"labels": {"announced": label}}})
        watch.until_routes(swapped, within)
    later = {"routes": record.observed("routes", watch, "swapped"), "cause": cause.evidence}
    record.judge("BGP-034", "route-next-hops", later, {"expected": swapped, "within": within})


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
    "policy-change-ignored",
    "ending-endpoint-silences",
    "unsaid-is-unready",
)
@pytest.mark.usefixtures("bgp")
@pytest.mark.thorough
def test_announcing_nodes_follow_the_endpoints(
    testbed: Testbed, cluster: Cluster, peering: Peering, profile: Profile, record: CaseRecorder
) -> None:
    """Under policy Cluster every node announces while there is an endpoint, under Local exactly the nodes with one.

    Given two Services of the same pods, one with each policy, and no such pod but those that are not ready on each node
    When a pod starts on one node, another is added on a second node in EndpointSlices of its own, to the one Service as
        an endpoint of which nothing is said and to the other as one that ends and serves on, then the first ends, the
        second is taken away, and a third is selected on the first node again; and then each has the other's policy
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

    def swap() -> None:
        for service, policy in ((everywhere, "Local"), (local, "Cluster")):
            cluster.patch_service(service.name, {"spec": {"externalTrafficPolicy": policy}})

    def add_by_hand() -> None:
        for service, conditions in ((everywhere, {}), (local, ENDING)):
            add_slices(testbed, service, "by-hand", conditions=conditions)

    steps: Sequence[tuple[Callable[[], object], Sequence[str], Sequence[str]]] = [
        (lambda: cluster.run_backend("moving-1", first, app="moving"), everyone, [first]),
        (add_by_hand, everyone, [first, second]),
        (lambda: cluster.delete_pod("moving-1"), everyone, [second]),
        (lambda: several(lambda each: delete_slices(testbed, each, "by-hand"), services), [], []),
        (lambda: cluster.patch_pod("moving-again", {"metadata": {"labels": {"app": "moving"}}}), everyone, [first]),
        (swap, everyone, [first]),
    ]
    for number, (move, announcers, hosts) in enumerate(steps, start=1):
        of_cluster, of_local = (local, everywhere) if move is swap else (everywhere, local)
        expected = {
            "BGP-036": peering.routes([of_cluster], announcers),
            "BGP-037": peering.routes([of_local], hosts),
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


@pytest.mark.covers("BGP-033", "BGP-040")
@pytest.mark.needs("bgp")
@pytest.mark.untimed
@pytest.mark.catches(
    "node-selectors-ignored",
    "first-selector-only",
    "match-expressions-ignored",
    "exclusion-needs-true",
    "unavailable-network-announced",
    "nodes-of-advertisements-confused",
)
@pytest.mark.usefixtures("bgp")
@pytest.mark.thorough
def test_only_eligible_nodes_announce_routes(
    testbed: Testbed,
    cluster: Cluster,
    peering: Peering,
    profile: Profile,
    record: CaseRecorder,
    eligibility: Eligibility,
) -> None:
    """Only nodes that an advertisement selects announce by it, and none that is excluded or without network.

    Given a Service in a pool whose advertisement selects nodes by a label or by an expression, while another one for
        all nodes is about the prefix that covers the pool; and one of policy Local in a pool whose advertisement is for
        all nodes
    When two nodes get such labels; then one is excluded with the value *false*, and the network of the other is said to
        be unavailable; then that is over; and then the third alone is labelled
    Then each time exactly the nodes that may announce a Service, or that prefix, are its next hops
    """
    cluster.pool(*peering.ranges(*CHOSEN), name="chosen", autoAssign=False)
    cluster.announce_bgp("chosen", ipAddressPools=["chosen"], nodeSelectors=SELECTORS)
    cluster.announce_bgp("covering", ipAddressPools=["chosen"], **peering.lengths(28, 124))
    services = [
        peering.serve("chosen", annotations={annotations.ADDRESSES: ",".join(peering.ranges(*IN_CHOSEN))}),
        peering.serve("everywhere", policy="Local"),
    ]
    first, second, *others = everyone = [node.name for node in testbed.nodes]
    (third, *_) = others

    def rule_out() -> None:
        eligibility.label(EXCLUDED, {first: "false"})
        eligibility.cut([second])

    steps: Mapping[str, tuple[Callable[[], None], str, Sequence[str], Sequence[str]]] = {
        "two-labelled": (
            lambda: eligibility.label(ROLE, {first: FIRST, second: SECOND}),
            "BGP-033",
            [first, second],
            everyone,
        ),
        "ruled-out": (rule_out, "BGP-040", [], others),
        "one-returned": (lambda: eligibility.label(EXCLUDED, {}), "BGP-040", [first], [first, *others]),
        "both-returned": (lambda: eligibility.cut([]), "BGP-040", [first, second], everyone),
        "third-labelled": (lambda: eligibility.label(ROLE, {third: FIRST}), "BGP-033", [third], everyone),
    }
    for name, (change, requirement, chosen, allowed) in steps.items():
        expected = peering.routes(services[:1], chosen) | peering.routes(services[1:], allowed)
        hops = {family: [str(getattr(testbed.places[each], family)) for each in allowed] for family in peering.families}
        expected |= {prefix: hops["ipv6" if ":" in prefix else "ipv4"] for prefix in peering.ranges(*CHOSEN)}
        with RouteWatch(testbed, ROUTER, expected) as watch:
            with record.act(name, ROLE) as changed:
                change()
            watch.until_routes(expected, profile.timers.configuration)
        evidence = {"routes": record.observed("routes", watch, name), "cause": changed.evidence}
        bound = {"expected": expected, "within": profile.timers.configuration}
        record.judge(requirement, "route-next-hops", evidence, bound)


@pytest.mark.covers("BGP-025", "BGP-039")
@pytest.mark.needs("bgp")
@pytest.mark.untimed
@pytest.mark.campaign
@pytest.mark.catches("first-message-only")
@pytest.mark.usefixtures("bgp")
@pytest.mark.thorough
def test_many_routes_come_and_go_at_once(
    testbed: Testbed, cluster: Cluster, peering: Peering, record: CaseRecorder
) -> None:
    """More routes than fit into one message of many speakers are all announced at once, and all withdrawn.

    Given sessions, and 155 Services that no advertisement is about
    When an advertisement is created that is about all of them, and deleted again
    Then every node announces them all within a minute, and then none any more
    """
    cluster.unconfigure("BGPAdvertisement", "bgp")
    (family, *_) = peering.families
    names = [f"many-{number}" for number in range(MANY)]
    services = several(lambda name: cluster.serve(name, families=family, ports=[PORT], wait=False), names)
    for service in services:
        cluster.await_address(service, budget=MANY_SECONDS)
    routes, within = peering.routes(services), MANY_SECONDS
    with RouteWatch(testbed, ROUTER, routes) as announced:
        with record.act("create-advertisement", "bgp") as created:
            cluster.announce_bgp()
        announced.until_routes(routes, within)
    there = {"routes": record.observed("routes", announced, "announced"), "cause": created.evidence}
    bound = {"expected": routes, "within": within}
    if record.judge("BGP-025", "route-next-hops", there, bound).verdict is not Verdict.PASS:
        raise PreconditionUnmetError("not all are announced, so that not all can be withdrawn")
    with RouteWatch(testbed, ROUTER, routes) as withdrawn:
        with record.act("delete-advertisement", "bgp") as deleted:
            cluster.unconfigure("BGPAdvertisement", "bgp")
        withdrawn.until_routes(dict.fromkeys(routes, ()), within)
    gone = {"routes": record.observed("routes", withdrawn, "withdrawn"), "cause": deleted.evidence}
    record.judge("BGP-039", "route-withdrawn", gone, {"prefixes": [*routes], "within": within})
