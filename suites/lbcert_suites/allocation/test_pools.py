"""From which pools addresses come, which of them, and in which order."""

import contextlib

import pytest

from lbcert_fixtures.cluster import Cluster, ranges_of
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import PreconditionUnmetError
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.allocation.arrangement import BY_NAME, RESERVED, Seen
from lbcert_suites.allocation.conditions import MARGIN_SECONDS, assigned, some_assigned, warned
from lbcert_suites.allocation.wishes import Wish, hopeless

pytestmark = [pytest.mark.untimed, pytest.mark.usefixtures("assigning")]


@pytest.mark.covers("ALLOC-012")
@pytest.mark.catches("range-off-by-one", "notation-refused")
@pytest.mark.thorough
def test_pool_is_given_out_to_the_last_address(
    cluster: Cluster, profile: Profile, record: CaseRecorder, hold: float
) -> None:
    """A pool in mixed notations gives exactly its addresses.

    Given a pool of CIDRs and ranges, with blanks around the dash and without, of both families, some of them across an
        octet or what the colon parts: 8 addresses of each
    When 9 Services of each family are created
    Then those that have an address have exactly the pool's, and ten seconds later too
    """
    ranges = ["10.98.0.4/30", "10.98.0.10 - 10.98.0.11", "10.98.0.255-10.98.1.0"]
    addresses = [f"10.98.{last}" for last in ("0.4", "0.5", "0.6", "0.7", "0.10", "0.11", "0.255", "1.0")]
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
            for number in range(9)
        ]
        watch.until(some_assigned(services, len(expected)), within)
        watch.until(some_assigned(services, len(expected) + 1), hold)
    ingress = record.observed("ingress", watch)
    record.judge("ALLOC-012", "exact-addresses", {"ingress": ingress}, {"expected": expected, "within": within})


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
@pytest.mark.catches("auto-assign-ignored", "reserved-pool-closed")
def test_reserved_pool_is_for_those_who_ask(
    cluster: Cluster, profile: Profile, record: CaseRecorder, hold: float
) -> None:
    """A pool with autoAssign false serves only Services that ask for it, or for an address of it.

    Given no other pool
    When Services of each family ask for the pool by name, for one of its addresses, and for nothing in particular
    Then the former two get an address of it; the last, among them one of both families, have none for ten seconds
    """
    cluster.pool(*RESERVED, name="reserved", autoAssign=False)
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
        others = [Wish(stack).serve(cluster, f"{stack}-asks-for-nothing") for stack in cluster.stacks]
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
    alone = {"services": arrangement.keys(BY_NAME.waiters), "hold": arrangement.hold, "reason": "AllocationFailed"}
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
