"""What is said of Services, pools and namespaces later, and what Services are told in return."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import pytest

from lbcert_fixtures import annotations
from lbcert_fixtures.cluster import Cluster, Service, ranges_of, stack_of
from lbcert_fixtures.kubernetes.watching import Ingress
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import Testbed
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.allocation.conditions import assigned, has, warned
from lbcert_suites.allocation.wishes import Wish

pytestmark = [pytest.mark.untimed, pytest.mark.usefixtures("assigning")]

HOME = "lbcert/home"
"""A label of namespaces."""

KEPT_SECONDS = 1.0
"""For how long those addresses have to stay that may: what takes them does so on the same write."""


@pytest.fixture
def home(testbed: Testbed, abroad: Cluster) -> Iterator[Callable[[str], None]]:
    """Sets the label `HOME` of the other namespace, which has none after the case."""

    def label(value: str) -> None:
        testbed.kubectl("label", "namespace", abroad.namespace, f"{HOME}={value}", "--overwrite")

    yield label
    testbed.kubectl("label", "namespace", abroad.namespace, f"{HOME}-")


def _named(wanted: Mapping[str, str]) -> Callable[[Sequence[Ingress]], bool]:
    """Each of these Services names its pool, and has an address if it names one, as it was last seen."""

    def hold(rows: Sequence[Ingress]) -> bool:
        last = {row["service"]: row for row in rows}
        return all(
            key in last and last[key]["pool"] == pool and bool(last[key]["addresses"]) == bool(pool)
            for key, pool in wanted.items()
        )

    return hold


@pytest.mark.covers("ALLOC-030", "ALLOC-036")
@pytest.mark.catches(
    "origin-not-recorded", "origin-not-followed", "relabelling-ignored", "priority-alone-serves-nobody"
)
@pytest.mark.thorough
def test_labels_decide_anew_who_has_which_address(
    cluster: Cluster,
    abroad: Cluster,
    home: Callable[[str], None],
    profile: Profile,
    record: CaseRecorder,
) -> None:
    """A Service whose labels, or whose namespace's, change so that its pool is for it no more loses its address.

    Given a pool for Services with a label, one for namespaces with a label and for another, and one for all with a
        priority and a single address; and a Service in each of the former
    When the label of the one is changed, and then that of the other's namespace; and then the first is of another type
    Then the first gets the address that is for all, the second has none, and then that address; and an annotation of
        each names the pool of the address that it has, and none if it has none
    """
    (family, *_) = cluster.families
    within = profile.timers.assignment

    def pool(name: str, *ranges: str, **allocation: object) -> list[str]:
        found = ranges_of([family], ranges)
        cluster.pool(*found, name=name, **({"serviceAllocation": allocation} if allocation else {}))
        return [each.partition("/")[0] for each in found]

    pool("labelled", "10.98.0.1/32", "fd00:98::1/128", priority=1, serviceSelectors=[{"matchLabels": {"tier": "gold"}}])
    at_home = [{"matchLabels": {HOME: "yes"}}, {"matchLabels": {"kubernetes.io/metadata.name": "default"}}]
    pool("home", "10.98.1.1/32", "fd00:98:1::1/128", priority=1, namespaceSelectors=at_home)
    home("yes")
    mine = cluster.serve("labelled", families=family, labels={"tier": "gold"}, wait=False)
    with cluster.watch_services() as here, abroad.watch_services() as there:
        here.until(_named({mine.key: "labelled"}), within)
        theirs = abroad.serve("at-home", families=family, wait=False)
        there.until(_named({theirs.key: "home"}), within)
    for service, watch, origin in ((mine, here, "labelled"), (theirs, there, "home")):
        seen = {"ingress": record.observed("ingress", watch, origin)}
        record.judge("ALLOC-030", "pool-recorded", seen, {"expected": {service.key: origin}, "within": within})
    general = pool("general", "10.98.2.1/32", "fd00:98:2::1/128", priority=5)
    steps: Mapping[str, tuple[Callable[[], None], Mapping[Service, str]]] = {
        "relabel-service": (
            lambda: cluster.patch_service(mine.name, {"metadata": {"labels": {"tier": "brass"}}}),
            {mine: "general"},
        ),
        "relabel-namespace": (lambda: home("no"), {theirs: ""}),
        "retype-service": (
            lambda: cluster.patch_service(mine.name, {"spec": {"type": "ClusterIP"}}),
            {mine: "", theirs: "general"},
        ),
    }
    for step, (act, origins) in steps.items():
        with cluster.watch_services() as here, abroad.watch_services() as there:
            watches = {mine: here, theirs: there}
            with record.act(step, mine.namespace) as changed:
                act()
            for service, origin in origins.items():
                watches[service].until(_named({service.key: origin}), within)
        for service, origin in origins.items():
            ingress = record.observed("ingress", watches[service], f"{step}-{service.name}")
            seen = {"ingress": ingress, "cause": changed.evidence}
            if step != "retype-service":
                expected = {service.key: general if origin else []}
                record.judge("ALLOC-036", "moved", seen, {"expected": expected, "within": within})
            record.judge("ALLOC-030", "pool-recorded", seen, {"expected": {service.key: origin}, "within": within})


@pytest.mark.covers("ALLOC-015")
@pytest.mark.catches("held-ending-kept")
@pytest.mark.needs("ipv4")
@pytest.mark.thorough
def test_addresses_that_are_withheld_later_are_taken_back(
    cluster: Cluster, profile: Profile, record: CaseRecorder
) -> None:
    """Who has an IPv4 address that ends in 0 or 255 gets another when avoidBuggyIPs is switched on, or none.

    Given pools that hold an address that ends in 255, in 0, and in 1, and Services that have them, and one that has an
        IPv6 address that ends in 255 if the cluster has both families
    When avoidBuggyIPs is switched on for each, and the first is given one more address at the same time
    Then the first gets that, the second has none, and the others keep theirs
    """
    within = profile.timers.assignment
    layout = {
        "ending-255": ("ipv4", "10.98.0.255", ["10.98.1.9"]),
        "ending-0": ("ipv4", "10.98.3.0", []),
        "ending-1": ("ipv4", "10.98.4.1", ["10.98.4.1"]),
        "ending-ff": ("ipv6", "fd00:98::ff", ["fd00:98::ff"]),
    }
    layout = {name: each for name, each in layout.items() if each[0] in cluster.families}
    ranges = {name: [f"{first}/{128 if ':' in first else 32}"] for name, (_, first, _) in layout.items()}
    for name, entries in ranges.items():
        cluster.pool(*entries, name=name, autoAssign=False)
    services = {
        name: cluster.serve(name, families=family, annotations={annotations.ADDRESS_POOL: name})
        for name, (family, _, _) in layout.items()
    }
    expected = {services[name].key: wanted for name, (_, _, wanted) in layout.items()}
    with cluster.watch_services() as watch:
        with record.act("switch-on", "avoidBuggyIPs") as switched:
            for name, entries in ranges.items():
                more = ["10.98.1.9/32"] if name == "ending-255" else []
                cluster.reconfigure("IPAddressPool", name, avoidBuggyIPs=True, addresses=[*entries, *more])
        watch.until(has(expected), within)
        watch.observe(KEPT_SECONDS)
    ingress = record.observed("ingress", watch)
    kept = [services[name].key for name, (_, first, wanted) in layout.items() if wanted == [first]]
    moved = {key: wanted for key, wanted in expected.items() if key not in kept}
    seen = {"ingress": ingress, "cause": switched.evidence}
    record.judge("ALLOC-015", "moved", seen, {"expected": moved, "within": within})
    record.judge("ALLOC-015", "assignment-stable", {"ingress": ingress}, {"services": kept, "hold": KEPT_SECONDS})


@pytest.mark.covers("ALLOC-029")
@pytest.mark.catches("legacy-prefix-ignored", "legacy-prefix-wins", "legacy-prefix-unmentioned")
@pytest.mark.thorough
def test_annotations_have_effect_by_their_former_prefix(
    cluster: Cluster, profile: Profile, record: CaseRecorder
) -> None:
    """Requests are understood by the prefix that annotations had once, which an event deprecates; today's prefix wins.

    Given pools that serve those who ask
    When Services name a pool, ask for addresses and share one by that prefix, one names a pool by it and another by
        today's, and one has another key by it than the one by today's, by which it would share
    Then each gets exactly what it asks for, by today's where there are both; and each has an event deprecatedAnnotation
    """
    (family, *_) = cluster.families
    number, within = ("ipv4", "ipv6").index(family), profile.timers.assignment
    named, other = (("10.98.0.", "fd00:98::")[number] + last for last in "15")
    for name, address in (("named", named), ("other", other)):
        cluster.pool(f"{address}/{128 if number else 32}", name=name, autoAssign=False)
    cluster.pool(("10.98.1.0/28", "fd00:98:1::/124")[number], name="asked", autoAssign=False)
    asked = ("10.98.1.9", "fd00:98:1::9")[number]
    pool, address, sharing = (
        f"{annotations.LEGACY_PREFIX}/{each.partition('/')[2]}"
        for each in (annotations.ADDRESS_POOL, annotations.ADDRESSES, annotations.SHARING)
    )
    wishes = {
        "pool": ({pool: "named"}, [named]),
        "both": ({pool: "named", annotations.ADDRESS_POOL: "other"}, [other]),
        "address": ({address: asked, sharing: "k"}, [asked]),
        "sharer": ({address: asked, sharing: "k"}, [asked]),
        "sharer-by-both": ({address: asked, sharing: "x", annotations.SHARING: "k"}, [asked]),
    }
    with cluster.watch_services() as watch, cluster.watch_events() as events:
        services = {
            name: cluster.serve(
                name,
                families=family,
                wait=False,
                annotations=said,
                ports=[{"port": 80 + index, "targetPort": 8080}],
            )
            for index, (name, (said, _)) in enumerate(wishes.items())
        }
        watch.until(assigned(*services.values()), within)
        events.until(warned(*services.values()), within)
        watch.observe(KEPT_SECONDS)
    ingress, told = record.observed("ingress", watch), record.observed("events", events)
    expected = {services[name].key: wanted for name, (_, wanted) in wishes.items()}
    record.judge("ALLOC-029", "exact-addresses", {"ingress": ingress}, {"expected": expected, "within": within})
    reminded = {"services": [*expected], "hold": KEPT_SECONDS, "reason": "deprecatedAnnotation"}
    record.judge("ALLOC-029", "assignment-stable", {"ingress": ingress, "events": told}, reminded)


@pytest.mark.covers("ALLOC-051")
@pytest.mark.needs("dual-stack")
@pytest.mark.catches("order-by-text")
@pytest.mark.thorough
def test_addresses_keep_their_order(cluster: Cluster, profile: Profile, record: CaseRecorder) -> None:
    """The addresses of a Service of both families stay in the order in which they were published.

    Given a pool of both families, and Services that ask for nothing, and for two addresses in either order
    When they are touched, and touched again, each time until a new Service has its addresses
    Then the order of their addresses never changes
    """
    cluster.pool("10.98.0.0/24", "fd00:98::/120")
    with cluster.watch_services() as watch:
        services = [
            wish.serve(cluster, name)
            for name, wish in (
                ("any", Wish("dual")),
                ("straight", Wish("dual", addresses="10.98.0.50,fd00:98::50")),
                ("turned", Wish("dual", addresses="fd00:98::60,10.98.0.60")),
            )
        ]
        watch.until(assigned(*services, count=2), profile.timers.assignment)
        for number in range(2):
            for service in services:
                cluster.patch_service(service.name, {"metadata": {"labels": {"touched": str(number)}}})
            cluster.serve(f"witness-{number}", families=stack_of(cluster.families))
    seen = {"ingress": record.observed("ingress", watch)}
    record.judge("ALLOC-051", "order-stable", seen, {"services": [each.key for each in services], "least": 3})
