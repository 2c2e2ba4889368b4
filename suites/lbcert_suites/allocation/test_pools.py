"""From which pools addresses come, which of them, and in which order."""

import contextlib

import pytest

from lbcert_fixtures import annotations
from lbcert_fixtures.cluster import Cluster
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import PreconditionUnmetError
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.allocation.arrangement import AUTOMATIC, BY_NAME, RESERVED, Seen
from lbcert_suites.allocation.conditions import MARGIN_SECONDS, assigned, some_assigned, warned
from lbcert_suites.allocation.wishes import hopeless

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
    with contextlib.suppress(PreconditionUnmetError):  # a pool that is refused gives no address, and so fails here
        cluster.pool(*ranges)
    within = profile.timers.assignment
    with cluster.watch_services() as watch:
        services = [
            cluster.serve(f"{family}-{number}", families=family, wait=False)
            for family in ("ipv4", "ipv6")
            for number in range(9)
        ]
        watch.until(some_assigned(services, len(addresses)), within)
        watch.until(some_assigned(services, len(addresses) + 1), hold)
    ingress = record.observed("ingress", watch)
    record.judge("ALLOC-012", "exact-addresses", {"ingress": ingress}, {"expected": addresses, "within": within})


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
    first = [cluster.serve(f"{family}-{number}", families=family) for family in ("ipv4", "ipv6") for number in (1, 2)]
    with cluster.watch_services() as watch, cluster.watch_events() as events:
        watch.until(assigned(*first), profile.timers.assignment)
        last = [cluster.serve(f"{family}-last", families=family, wait=False) for family in ("ipv4", "ipv6")]
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
    first = ["10.98.0.20", "10.98.0.21", "10.98.0.10", "10.98.0.11"]
    second = ["fd00:98::20", "fd00:98::21", "fd00:98::10", "fd00:98::11"]
    cluster.pool("10.98.0.20/31", "10.98.0.10-10.98.0.12", "fd00:98::20/127", "fd00:98::10-fd00:98::12")
    with cluster.watch_services() as watch:
        for family in ("ipv4", "ipv6"):
            services = [cluster.serve(f"{family}-{number}", families=family) for number in range(4)]
            for number in (2, 1, 3):  # neither the first nor the last to be freed is the first of the list
                cluster.delete_service(services[number].name)
            watch.until(assigned(cluster.serve(f"{family}-again", families=family)), MARGIN_SECONDS)
    ingress = record.observed("ingress", watch)
    expected = [*first, first[1], *second, second[1]]
    record.judge("ALLOC-016", "in-sequence", {"ingress": ingress}, {"expected": expected})


@pytest.mark.covers("ALLOC-017")
@pytest.mark.catches("auto-assign-ignored", "reserved-pool-closed")
@pytest.mark.arranges(AUTOMATIC)
def test_reserved_pool_is_for_those_who_ask(arrangement: Seen, profile: Profile, record: CaseRecorder) -> None:
    """A pool with autoAssign false serves only Services that ask for it, or for an address of it.

    Given no other pool with addresses of the family
    When Services ask for the pool by name, for one of its addresses, and for nothing in particular
    Then the former two get an address of it; the last has none for ten seconds
    """
    seen = {"ingress": arrangement.record(record, AUTOMATIC)["ingress"]}
    served = {"services": arrangement.keys(AUTOMATIC.joiners), "pools": RESERVED, "within": profile.timers.assignment}
    alone = {"services": arrangement.keys(AUTOMATIC.waiters), "hold": arrangement.hold}
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
    both = served | {"services": arrangement.keys(["pool-right-dual"]), "families": ["ipv4", "ipv6"]}
    record.judge("ALLOC-026", "assigned-from-pool", {"ingress": seen["ingress"]}, both)
    record.judge("ALLOC-026", "stays-pending", seen, alone)


@pytest.mark.covers("ALLOC-038")
@pytest.mark.catches("pending-not-retried", "pool-growth-ignored", "first-pool-only", "unservable-stops-all")
def test_more_addresses_serve_who_waits(cluster: Cluster, profile: Profile, record: CaseRecorder) -> None:
    """A Service that waits gets an address when its pool grows, and when a pool is added.

    Given a pool with one address of each family, which are taken, and Services of each family that wait, one of them
        for a pool that it names and that is not there yet, among others that nothing will serve
    When the pool grows by IPv4 addresses, and then a pool with IPv6 addresses is added behind others that have none
    Then the IPv4 Services get the ones, and the IPv6 Services the others, in the declared time
    """
    small, within = ["10.98.0.1/32", "fd00:98::1/128"], profile.timers.assignment
    cluster.pool(*small)
    cluster.serve("holder")
    with cluster.watch_services() as watch, cluster.watch_events() as events:
        hopeless(cluster)
        waiters = {
            family: [cluster.serve(f"waiter-{family}-{number}", families=family, wait=False) for number in range(4)]
            for family in ("ipv4", "ipv6")
        }
        named = {annotations.ADDRESS_POOL: "room"}
        waiters["ipv6"].append(cluster.serve("waiter-named", families="ipv6", wait=False, annotations=named))
        events.until(warned(*waiters["ipv4"], *waiters["ipv6"]), within)
        with record.act("grow-pool", "pool") as grown:
            cluster.reconfigure("IPAddressPool", "pool", addresses=[*small, "10.98.0.4/30"])
        watch.until(assigned(*waiters["ipv4"]), within)
        for number in range(3):
            cluster.pool(f"10.98.1.{number}/32", name=f"no-room-{number}")
        with record.act("create-pool", "room") as added:
            cluster.pool("fd00:98::8/125", name="room")  # in the alphabet behind those that do not help
        watch.until(assigned(*waiters["ipv6"]), within)
    ingress = record.observed("ingress", watch)
    for family, pool, act in (("ipv4", "10.98.0.4/30", grown), ("ipv6", "fd00:98::8/125", added)):
        inputs = {"ingress": ingress, "cause": act.evidence}
        bound = {"pools": [pool], "services": [each.key for each in waiters[family]], "within": within}
        record.judge("ALLOC-038", "assigned-from-pool", inputs, bound)
