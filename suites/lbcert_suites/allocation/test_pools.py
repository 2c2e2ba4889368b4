"""From which pools addresses come, which of them, and in which order."""

import contextlib
from collections.abc import Callable, Mapping, Sequence

import pytest

from lbcert_fixtures.cluster import Cluster, Service, ranges_of
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import PreconditionUnmetError
from lbcert_reports.recorder import CaseRecorder
from lbcert_reports.verdicts import Verdict
from lbcert_suites.allocation.arrangement import (
    AT_HOME,
    BY_NAME,
    CAREFUL,
    CLOSED,
    FAMILIES,
    GIVEN,
    HOMES,
    OF_PRIORITY,
    ONE_OF_TWO,
    OPEN,
    PRIORITIES,
    RESERVED,
    SELECTED,
    SINGLE,
    TIERS,
    WITHHELD,
    Seen,
)
from lbcert_suites.allocation.conditions import MARGIN_SECONDS, assigned, has, some_assigned, warned
from lbcert_suites.allocation.wishes import Wish, hopeless

pytestmark = [pytest.mark.untimed, pytest.mark.usefixtures("assigning")]


@pytest.mark.covers("ALLOC-012", "ALLOC-013")
@pytest.mark.catches("range-off-by-one", "notation-refused", "ends-withheld")
@pytest.mark.thorough
def test_pool_is_given_out_to_the_last_address(
    cluster: Cluster, profile: Profile, record: CaseRecorder, hold: float
) -> None:
    """A pool in mixed notations gives exactly its addresses.

    Given a pool of CIDRs and ranges, with blanks around the dash and without, of both families, some of them across an
        octet or what the colon parts, some that look like those of a network or its broadcast: 10 and 8 addresses
    When 11 Services of each family are created
    Then those that have an address have exactly the pool's, and ten seconds later too
    """
    ranges = ["10.98.0.4/30", "10.98.0.10 - 10.98.0.11", "10.98.0.255-10.98.1.0", "10.98.2.254/31"]
    ends = ("0.4", "0.5", "0.6", "0.7", "0.10", "0.11", "0.255", "1.0", "2.254", "2.255")
    addresses = [f"10.98.{last}" for last in ends]
    ranges += ["fd00:98::10 - fd00:98::11", "fd00:98::20/126", "fd00:98::ffff-fd00:98::1:0"]
    addresses += [f"fd00:98::{last}" for last in ("10", "11", "20", "21", "22", "23", "ffff", "1:0")]
    expected = ranges_of(cluster.families, addresses)
    with contextlib.suppress(PreconditionUnmetError):  # a pool that is refused gives no address, and so fails here
        cluster.pool(*ranges)
    within = profile.timers.assignment
    with cluster.watch_services() as watch:
        services = [
            cluster.serve(f"{family}-{number}", families=family, wait=False)
            for family in cluster.families
            for number in range(11)
        ]
        watch.until(some_assigned(services, len(expected)), within)
        watch.until(some_assigned(services, len(expected) + 1), hold)
    ingress = record.observed("ingress", watch)
    bound = {"expected": expected, "within": within}
    record.judge("ALLOC-012", "exact-addresses", {"ingress": ingress}, bound)
    record.judge("ALLOC-013", "exact-addresses", {"ingress": ingress}, bound)


@pytest.mark.covers("ALLOC-014")
@pytest.mark.catches("careful-ignored", "ending-255-given")
@pytest.mark.arranges(WITHHELD)
def test_careful_pool_withholds_what_ends_in_0_or_255(
    arrangement: Seen, profile: Profile, record: CaseRecorder
) -> None:
    """A pool with avoidBuggyIPs gives no IPv4 address that ends in 0 or 255, not even to who asks for it.

    Given such a pool of four IPv4 addresses around the border of a /24, and of two IPv6 addresses that end alike
    When two Services of each family name it, then a third, and others ask for the addresses that end in 0 and in 255
    Then the two have the others, and those of IPv6 both of theirs; the last have none for ten seconds
    """
    seen = arrangement.record(record, WITHHELD)
    expected = ranges_of(arrangement.families, CAREFUL)
    given = {"expected": expected, "within": profile.timers.assignment}
    alone = arrangement.waiting(WITHHELD)
    record.judge("ALLOC-014", "exact-addresses", {"ingress": seen["ingress"]}, given)
    record.judge("ALLOC-014", "stays-pending", {"ingress": seen["ingress"]}, alone)


@pytest.mark.covers("ALLOC-028", "ALLOC-032")
@pytest.mark.catches(
    "reservations-ignored",
    "namespaces-of-pools-ignored",
    "namespace-or-labels-suffice",
    "first-selector-of-pools-only",
    "expressions-of-pools-ignored",
)
@pytest.mark.arranges(SELECTED)
def test_pool_serves_whom_its_selectors_name(arrangement: Seen, profile: Profile, record: CaseRecorder) -> None:
    """A pool that is for some Services serves those that one of its selectors names, in the namespaces that one names.

    Given a pool for Services of two kinds, one by a label and one by expressions, in namespaces with one label or
        another; and one for Services with the first label in another namespace
    When Services of either kind, and others, name the one, or ask for an address of it; and Services with the first
        label do so with the other
    Then those of either kind get an address; the others have none for ten seconds
    """
    seen = arrangement.record(record, SELECTED)
    served = {"services": arrangement.keys(SELECTED.joiners), "pools": TIERS, "within": profile.timers.assignment}
    alone = arrangement.waiting(SELECTED)
    record.judge("ALLOC-032", "assigned-from-pool", {"ingress": seen["ingress"]}, served)
    record.judge("ALLOC-032", "stays-pending", {"ingress": seen["ingress"]}, alone)
    record.judge("ALLOC-028", "stays-pending", {"ingress": seen["ingress"]}, alone)


@pytest.mark.covers("ALLOC-035")
@pytest.mark.catches("unmatched-selector-opens")
@pytest.mark.arranges(CLOSED)
def test_pool_for_no_namespace_serves_nobody(arrangement: Seen, record: CaseRecorder) -> None:
    """A pool whose selectors match no namespace gives addresses to nobody.

    Given a pool for namespaces with a label that none has
    When Services name it, and ask for addresses of it
    Then they have none for ten seconds
    """
    seen = {"ingress": arrangement.record(record, CLOSED)["ingress"]}
    record.judge("ALLOC-035", "stays-pending", seen, arrangement.waiting(CLOSED))


@pytest.mark.covers("ALLOC-047")
@pytest.mark.needs("dual-stack")
@pytest.mark.catches("other-family-too")
@pytest.mark.arranges(SINGLE)
def test_one_family_gets_one_address(arrangement: Seen, profile: Profile, record: CaseRecorder) -> None:
    """A Service of one family gets an address of that family, and none of the other.

    Given pools with free addresses of both families
    When Services of either family name no pool, or one
    Then each has an address of its family, and none of the other
    """
    seen = {"ingress": arrangement.record(record, SINGLE)["ingress"]}
    for family in FAMILIES:
        services = arrangement.keys(name for name in SINGLE.joiners if family in name)
        bound = {"services": services, "pools": GIVEN, "families": [family], "within": profile.timers.assignment}
        record.judge("ALLOC-047", "assigned-from-pool", seen, bound)


@pytest.mark.covers("ALLOC-031", "ALLOC-034")
@pytest.mark.catches("reserved-for-everybody", "reserved-not-preferred", "no-general-pool")
@pytest.mark.arranges(HOMES)
def test_pool_of_a_namespace_comes_first_and_is_for_it_alone(
    arrangement: Seen, profile: Profile, record: CaseRecorder
) -> None:
    """A pool of a namespace is used there first, and nowhere else; who finds it full gets an address of a general one.

    Given a general pool, one for another namespace, and one with one address of each family for this namespace and
        Services with a label
    When Services with the label are created, then more of them, and eight others
    Then the first have those addresses, and all others have addresses of the general pool
    """
    seen = {"ingress": arrangement.record(record, HOMES)["ingress"]}
    within = profile.timers.assignment
    for names, pools, requirement in (
        (HOMES.holders, AT_HOME, "ALLOC-031"),
        ([name for name in HOMES.joiners if name.startswith("plain")], OPEN, "ALLOC-031"),
        ([name for name in HOMES.joiners if name.startswith("home")], OPEN, "ALLOC-034"),
    ):
        bound = {"services": arrangement.keys(names), "pools": pools, "within": within}
        record.judge(requirement, "assigned-from-pool", seen, bound)


@pytest.mark.covers("ALLOC-033")
@pytest.mark.catches("priorities-reversed", "priority-zero-first")
@pytest.mark.arranges(PRIORITIES)
def test_pools_are_used_by_their_priority(arrangement: Seen, profile: Profile, record: CaseRecorder) -> None:
    """Of the pools that are for a Service the one with the lowest priority is used first, one without priority last.

    Given pools with priority 10, 20 and 0, each with one address of each family, for Services with a label
    When such Services are created, one of each family, and again, and once more
    Then the first have the addresses of the first pool, the next those of the second, and the last those of the third
    """
    seen = {"ingress": arrangement.record(record, PRIORITIES)["ingress"]}
    for names, addresses in zip(
        (PRIORITIES.holders, PRIORITIES.joiners, PRIORITIES.followers), OF_PRIORITY.values(), strict=True
    ):
        bound = {"services": arrangement.keys(names), "pools": addresses, "within": profile.timers.assignment}
        record.judge("ALLOC-033", "assigned-from-pool", seen, bound)


@pytest.mark.covers("ALLOC-046")
@pytest.mark.needs("dual-stack")
@pytest.mark.catches("one-family-suffices", "families-from-two-pools")
@pytest.mark.arranges(ONE_OF_TWO)
def test_one_family_is_not_enough_for_two(arrangement: Seen, profile: Profile, record: CaseRecorder) -> None:
    """A Service that requires both families has both of one pool, and waits where its pool has one of them only.

    Given pools with addresses of one family, two of them for Services with a label, and others with free addresses of
        both
    When Services that require both families name the former, and one with the label names none
    Then those have no address for ten seconds, and an event AllocationFailed; the last has both of a pool with both
    """
    seen = arrangement.record(record, ONE_OF_TWO)
    bound = arrangement.waiting(ONE_OF_TWO) | {"reason": "AllocationFailed"}
    record.judge("ALLOC-046", "stays-pending", seen, bound)
    joined = {"services": arrangement.keys(ONE_OF_TWO.joiners), "pools": OPEN, "within": profile.timers.assignment}
    both = joined | {"families": arrangement.families}
    record.judge("ALLOC-046", "assigned-from-pool", {"ingress": seen["ingress"]}, both)


@pytest.mark.covers("ALLOC-037")
@pytest.mark.catches("exhaustion-disturbs", "refusal-without-event")
@pytest.mark.thorough
def test_who_comes_to_an_empty_pool_waits(
    cluster: Cluster, profile: Profile, record: CaseRecorder, hold: float
) -> None:
    """Who comes when a pool is empty waits, is told why, and disturbs nobody.

    Given a pool with two addresses of each family, and Services that have them
    When one more Service of each family is created
    Then these have no address for ten seconds, and an event AllocationFailed; the others keep theirs
    """
    cluster.pool("10.98.0.8/31", "fd00:98::8/127")
    first = [cluster.serve(f"{family}-{number}", families=family) for family in cluster.families for number in (1, 2)]
    with cluster.watch_services() as watch, cluster.watch_events() as events:
        watch.until(assigned(*first), profile.timers.assignment)
        last = [cluster.serve(f"{family}-last", families=family, wait=False) for family in cluster.families]
        watch.until(assigned(*last), hold + MARGIN_SECONDS)
    seen = {"ingress": record.observed("ingress", watch), "events": record.observed("events", events)}
    waiting = {"services": [each.key for each in last], "hold": hold, "reason": "AllocationFailed"}
    others = {"services": [each.key for each in first], "hold": hold}
    record.judge("ALLOC-037", "stays-pending", seen, waiting)
    record.judge("ALLOC-037", "assignment-stable", {"ingress": seen["ingress"]}, others)


@pytest.mark.covers("ALLOC-016")
@pytest.mark.needs("first-fit")
@pytest.mark.catches("highest-address-first", "freed-address-last", "freed-address-first")
def test_lowest_free_address_is_given_first(cluster: Cluster, record: CaseRecorder) -> None:
    """Addresses are given in the order in which the pool lists them, and a freed one is the first to be given again.

    Given a pool that lists a higher range before a lower one, for each family
    When Services are created one after another until one address is left, the third, the second and the last are
        deleted, and one more is created
    Then they got the addresses in the order of the list, ascending in each range; the last got what the second had
    """
    order = {
        "ipv4": ["10.98.0.20", "10.98.0.21", "10.98.0.10", "10.98.0.11"],
        "ipv6": ["fd00:98::20", "fd00:98::21", "fd00:98::10", "fd00:98::11"],
    }
    cluster.pool("10.98.0.20/31", "10.98.0.10-10.98.0.12", "fd00:98::20/127", "fd00:98::10-fd00:98::12")
    with cluster.watch_services() as watch:
        for family in cluster.families:
            services = [cluster.serve(f"{family}-{number}", families=family) for number in range(4)]
            for number in (2, 1, 3):  # neither the first nor the last to be freed is the first of the list
                cluster.delete_service(services[number].name)
            watch.until(assigned(cluster.serve(f"{family}-again", families=family)), MARGIN_SECONDS)
    ingress = record.observed("ingress", watch)
    expected = [address for family in cluster.families for address in (*order[family], order[family][1])]
    record.judge("ALLOC-016", "in-sequence", {"ingress": ingress}, {"expected": expected})


@pytest.mark.covers("ALLOC-017")
@pytest.mark.catches("auto-assign-ignored", "reserved-auto-assigned", "reserved-pool-closed")
def test_reserved_pool_is_for_those_who_ask(
    cluster: Cluster, profile: Profile, record: CaseRecorder, hold: float
) -> None:
    """A pool with autoAssign false serves only Services that ask for it, or for an address of it.

    Given no other pools than such ones, for all, for the Services' namespace, and for a label
    When Services of each family ask for the first by name, for one of its addresses, and, with the label, for nothing
        in particular
    Then the former two get an address of it; the last, among them one of both families, have none for ten seconds
    """
    labels = {"at": "home"}
    cluster.pool(*RESERVED, name="reserved", autoAssign=False)
    for name, ranges, allocation in (
        ("of-namespace", ("10.98.4.0/28", "fd00:98:4::/124"), {"namespaces": [cluster.namespace]}),
        ("of-label", ("10.98.5.0/28", "fd00:98:5::/124"), {"serviceSelectors": [{"matchLabels": labels}]}),
    ):
        cluster.pool(*ranges, name=name, autoAssign=False, serviceAllocation=allocation)
    wanted = {"ipv4": "10.98.2.224", "ipv6": "fd00:98:2::e0"}
    with cluster.watch_services() as watch:
        asking = [
            wish.serve(cluster, f"{wish.family}-asks-for-{what}")
            for family in cluster.families
            for what, wish in (
                ("pool", Wish(family, pool="reserved")),
                ("address", Wish(family, address=wanted[family])),
            )
        ]
        watch.until(assigned(*asking), profile.timers.assignment)
        others = [Wish(stack, labels=labels).serve(cluster, f"{stack}-asks-for-nothing") for stack in cluster.stacks]
        watch.until(assigned(*others), hold + MARGIN_SECONDS)
    seen = {"ingress": record.observed("ingress", watch)}
    served = {"services": [each.key for each in asking], "pools": RESERVED, "within": profile.timers.assignment}
    alone = {"services": [each.key for each in others], "hold": hold}
    record.judge("ALLOC-017", "assigned-from-pool", seen, served)
    record.judge("ALLOC-017", "stays-pending", seen, alone)


@pytest.mark.covers("ALLOC-026")
@pytest.mark.catches("pool-annotation-ignored", "full-pool-falls-through", "refusal-without-event")
@pytest.mark.arranges(BY_NAME)
def test_pool_is_chosen_by_annotation(arrangement: Seen, profile: Profile, record: CaseRecorder) -> None:
    """A Service that names a pool gets its address there or nowhere.

    Given a pool with free addresses that is open to all, others that are chosen by name, and one that is full
    When Services name a pool with free addresses, the full one, one that does not exist, and one that does not
        contain the address for which they ask as well
    Then the first get an address of it; the others have none for ten seconds, and an event AllocationFailed
    """
    seen = arrangement.record(record, BY_NAME)
    served = {"services": arrangement.keys(BY_NAME.joiners), "pools": RESERVED, "within": profile.timers.assignment}
    alone = arrangement.waiting(BY_NAME) | {"reason": "AllocationFailed"}
    record.judge("ALLOC-026", "assigned-from-pool", {"ingress": seen["ingress"]}, served)
    every = served | {"services": arrangement.keys(["pool-right-all"]), "families": arrangement.families}
    record.judge("ALLOC-026", "assigned-from-pool", {"ingress": seen["ingress"]}, every)
    record.judge("ALLOC-026", "stays-pending", seen, alone)


@pytest.mark.covers("ALLOC-038")
@pytest.mark.catches("pending-not-retried", "pool-growth-ignored", "first-pool-only", "unservable-stops-all")
def test_more_addresses_serve_who_waits(cluster: Cluster, profile: Profile, record: CaseRecorder) -> None:
    """A Service that waits gets an address when its pool grows, and when a pool is added.

    Given a pool with one address of each family, which are taken, and Services that wait, one of them for a pool that
        it names and that is not there yet, among others that nothing will serve
    When the pool grows by as many addresses as Services wait for any, and then, while others wait, for IPv6 addresses
        if the cluster has both families, a pool is added behind others that are of no use to them
    Then the ones get theirs, and then the others, in the declared time
    """
    small, within = ["10.98.0.1/32", "fd00:98::1/128"], profile.timers.assignment
    first, last = cluster.families[0], cluster.families[-1]
    more = {"ipv4": "10.98.0.4/30", "ipv6": "fd00:98::4/126"}[first]
    room, no_room = {"ipv4": ("10.98.0.8/29", "fd00:98:1::"), "ipv6": ("fd00:98::8/125", "10.98.1.")}[last]
    cluster.pool(*small)
    cluster.serve("holder")
    with cluster.watch_services() as watch, cluster.watch_events() as events:
        hopeless(cluster)
        early = [cluster.serve(f"early-{number}", families=first, wait=False) for number in range(4)]
        named = Wish(last, pool="room").serve(cluster, "named")
        events.until(warned(*early, named), within)
        with record.act("grow-pool", "pool") as grown:
            cluster.reconfigure("IPAddressPool", "pool", addresses=[*small, more])
        watch.until(assigned(*early), within)
        late = [named, *(cluster.serve(f"late-{number}", families=last, wait=False) for number in range(4))]
        events.until(warned(*late), within)
        for number in range(3):
            cluster.pool(f"{no_room}{number}/{128 if ':' in no_room else 32}", name=f"no-room-{number}")
        with record.act("create-pool", "room") as added:
            cluster.pool(room, name="room")  # in the alphabet behind those that do not help
        watch.until(assigned(*late), within)
    ingress = record.observed("ingress", watch)
    for waiters, pool, act in ((early, more, grown), (late, room, added)):
        inputs = {"ingress": ingress, "cause": act.evidence}
        bound = {"pools": [pool], "services": [each.key for each in waiters], "within": within}
        record.judge("ALLOC-038", "assigned-from-pool", inputs, bound)


@pytest.mark.covers("ALLOC-039")
@pytest.mark.catches("address-outlives-pool")
def test_address_goes_with_its_pool(cluster: Cluster, profile: Profile, record: CaseRecorder) -> None:
    """Who has an address that its pool has no more, or whose pool is deleted, gets another, or none if there is none.

    Given a pool with one address of each family, which Services have
    When the pool is edited so that it has others, is deleted once there is a second pool, and the second is deleted
    Then each time, in the declared time, the Services have what there is, and at last nothing
    """
    within, families = profile.timers.assignment, cluster.families
    layouts = {
        "before": ("10.98.0.1", "fd00:98::1"),
        "edit-pool": ("10.98.0.9", "fd00:98::9"),
        "delete-pool": ("10.98.1.1", "fd00:98:1::1"),
        "delete-last-pool": (),
    }

    def ranges(name: str) -> list[str]:
        return [f"{each}/{128 if ':' in each else 32}" for each in ranges_of(families, layouts[name])]

    steps: Mapping[str, Callable[[], object]] = {
        "edit-pool": lambda: cluster.reconfigure("IPAddressPool", "pool", addresses=ranges("edit-pool")),
        "delete-pool": lambda: cluster.unconfigure("IPAddressPool", "pool"),
        "delete-last-pool": lambda: cluster.unconfigure("IPAddressPool", "second"),
    }
    cluster.pool(*ranges("before"))
    services = {family: cluster.serve(f"web-{family}", families=family) for family in families}
    for name, change in steps.items():
        if name == "delete-pool":  # not before: MetalLB takes either of two pools that suit
            cluster.pool(*ranges(name), name="second")
        with cluster.watch_services() as watch:
            with record.act(name, "pools") as cause:
                change()
            expected = {service.key: ranges_of([family], layouts[name]) for family, service in services.items()}
            watch.until(has(expected), within)
        seen = {"ingress": record.observed("ingress", watch, name), "cause": cause.evidence}
        record.judge("ALLOC-039", "moved", seen, {"expected": expected, "within": within})


@pytest.mark.covers("ALLOC-048", "ALLOC-049")
@pytest.mark.needs("dual-stack")
@pytest.mark.catches(
    "preference-insisted-on",
    "preference-reversed",
    "other-family-refused",
    "missing-family-moves",
    "second-family-never-added",
)
def test_second_family_comes_when_the_pool_has_it(cluster: Cluster, profile: Profile, record: CaseRecorder) -> None:
    """Who prefers both families has both where a pool has them, else its first, else the other.

    And it has the second once its pool has that, and never moves for it.

    Given a pool with an IPv4 address
    When a Service that prefers both families is created and has IPv6 first
    Then it has that address
    And when there are one more with an IPv4 address, and one with an IPv6 address, and two such Services are created,
        one of which has IPv4 first and the other IPv6, each has the address of its first family
    And when there is a pool with both, among others that have one, new ones get both of it, and the former keep theirs
    And when the pools of the two are given an address of the other family, each of them has that of its own pool too
    """
    pools = {"four": ["10.98.0.1/32"], "six": ["fd00:98::1/128"]}
    more = {"four": "fd00:98:1::1/128", "six": "10.98.1.1/32"}
    orders = {"four": ["IPv4", "IPv6"], "six": ["IPv6", "IPv4"]}
    within = profile.timers.assignment

    def prefer(name: str, order: Sequence[str]) -> Service:
        return cluster.serve(name, wait=False, ipFamilyPolicy="PreferDualStack", ipFamilies=order)

    other = ["10.98.4.1/32"]
    cluster.pool(*other, name="other")
    with cluster.watch_services() as watch:
        missing = prefer("prefers-missing", orders["six"])
        watch.until(assigned(missing), within + MARGIN_SECONDS)
    seen = {"ingress": record.observed("ingress", watch, "missing")}
    one = {"services": [missing.key], "pools": other, "within": within}
    if record.judge("ALLOC-048", "assigned-from-pool", seen, one).verdict is not Verdict.PASS:
        raise PreconditionUnmetError("an address is free that should have been given by now")

    for name, ranges in pools.items():
        cluster.pool(*ranges, name=name)
    with cluster.watch_services() as watch:
        services = {name: prefer(f"prefers-{name}", order) for name, order in orders.items()}
        watch.until(assigned(*services.values()), within + MARGIN_SECONDS)
    seen = {"ingress": record.observed("ingress", watch, "first")}
    for name, service in services.items():
        one = {"services": [service.key], "pools": pools[name], "within": within}
        record.judge("ALLOC-048", "assigned-from-pool", seen, one)

    mixed = ["10.98.3.0/29", "fd00:98:3::/125"]
    with cluster.watch_services() as watch:
        for number in range(5):
            cluster.pool(f"10.98.2.{2 * number}/31", name=f"a-four-{number}")
        cluster.pool(*mixed, name="both")
        cluster.pool("fd00:98:2::/127", name="z-six")
        late = []
        for number in range(2):  # when the second has its addresses, all were looked at that had some before
            late.append(prefer(f"prefers-both-{number}", orders["four"]))
            watch.until(assigned(*late, count=2), within + MARGIN_SECONDS)
    seen = {"ingress": record.observed("ingress", watch, "both")}
    both = {"services": [each.key for each in late], "pools": mixed, "families": ["ipv4", "ipv6"], "within": within}
    former = {"services": [each.key for each in (missing, *services.values())], "hold": 0}
    bound = former | {"derivation": {"hold": "until the last of the others has its addresses"}}
    record.judge("ALLOC-048", "assigned-from-pool", seen, both)
    record.judge("ALLOC-049", "assignment-stable", seen, bound)

    with cluster.watch_services() as watch:
        with record.act("grow-pools", "pools") as grown:
            for name, added in more.items():
                cluster.reconfigure("IPAddressPool", name, addresses=[*pools[name], added])
        expected = {
            service.key: [each.partition("/")[0] for each in (*pools[name], more[name])]
            for name, service in services.items()
        }
        watch.until(has(expected), within)
    seen = {"ingress": record.observed("ingress", watch, "grown"), "cause": grown.evidence}
    record.judge("ALLOC-049", "moved", seen, {"expected": expected, "within": within})
