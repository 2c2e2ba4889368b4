"""A Service gets an address, from where the configuration says, and not before it says so."""

import contextlib

import pytest

from lbcert_fixtures.cluster import Cluster, ranges_of
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import PreconditionUnmetError
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.allocation.arrangement import FOREIGN, Seen
from lbcert_suites.allocation.conditions import MARGIN_SECONDS, assigned

pytestmark = pytest.mark.untimed


@pytest.mark.covers("ALLOC-001")
@pytest.mark.catches("address-outside-pool", "address-not-published", "proxy-mode-published", "one-family-only")
def test_address_is_assigned_from_the_pool(cluster: Cluster, profile: Profile, record: CaseRecorder) -> None:
    """A Service that a pool can satisfy gets an address of that pool, and none from outside.

    Given a pool with two ranges of IPv4 addresses and one of IPv6 addresses, a whole subnet
    When Services of each family, and of all that the cluster has in either order, are created, with traffic policy
        Cluster and Local
    Then each gets its addresses in the declared time, of no other family, all of them inside the pool, and in no other
        mode than VIP
    """
    ranges = ["10.98.0.200/30", "10.98.0.204/30", "fd00:98::/64"]
    with contextlib.suppress(PreconditionUnmetError):  # a pool that is refused gives no address, and so fails here
        cluster.pool(*ranges)
    with cluster.watch_services() as watch:
        one = {family: cluster.serve(family, families=family, wait=False) for family in cluster.families}
        turned = [family.replace("ip", "IP") for family in reversed(cluster.families)]
        every = [
            cluster.serve("dual-cluster", wait=False),
            cluster.serve("dual-local", policy="Local", wait=False, ipFamilies=turned),
        ]
        watch.until(assigned(*one.values()), profile.timers.assignment)
        watch.until(assigned(*every, count=len(one)), profile.timers.assignment)
    ingress = record.observed("ingress", watch)
    wanted = [([service], [family]) for family, service in one.items()] + [(every, [*one])]
    for services, families in wanted:
        whose = {"services": [each.key for each in services], "families": families}
        bound = {"pools": ranges, "within": profile.timers.assignment, **whose}
        record.judge("ALLOC-001", "assigned-from-pool", {"ingress": ingress}, bound)


@pytest.mark.covers("ALLOC-009")
@pytest.mark.catches("foreign-class-served")
@pytest.mark.arranges(FOREIGN)
def test_services_of_another_class_get_nothing(arrangement: Seen, record: CaseRecorder) -> None:
    """A Service whose class is another implementation's gets no address, whatever it asks for.

    Given pools with free addresses
    When Services with a class that is not ours are created, some of which name a pool or ask for an address of one
    Then they have no address for ten seconds
    """
    seen = {"ingress": arrangement.record(record, FOREIGN)["ingress"]}
    bound = arrangement.waiting(FOREIGN)
    record.judge("ALLOC-009", "stays-pending", seen, bound)


@pytest.mark.covers("ALLOC-002", "ALLOC-003")
@pytest.mark.catches("address-without-pool", "last-pool-lives-on", "pending-not-retried", "foreign-status-erased")
@pytest.mark.usefixtures("assigning")
@pytest.mark.thorough
def test_no_address_before_there_is_a_pool(
    cluster: Cluster, profile: Profile, record: CaseRecorder, hold: float
) -> None:
    """Without a pool no Service gets an address or loses one of somebody else's; with one, it gets its address.

    The catalogue watches the foreign address for 60 s. A controller acts on the write itself or not at all, so ten
    seconds, in which Services have to wait anyway, must do here.

    Given no pool, and a Service to whose status another implementation has written an address
    When Services of each family are created, and ten seconds later a pool
    Then they have no address until then, and the foreign one stays; with the pool they get theirs, untouched
    """
    ranges, within = ["10.98.0.200/30", "fd00:98::200/126"], profile.timers.assignment
    with cluster.watch_services() as before:
        foreign = cluster.serve("foreign", families=cluster.families[0], wait=False)
        cluster.publish(foreign.name, ranges_of(cluster.families, ("192.0.2.1", "2001:db8::1"))[0])
        services = [cluster.serve(family, families=family, wait=False) for family in cluster.families]
        before.until(assigned(*services), hold + MARGIN_SECONDS)
    with cluster.watch_services() as after:
        with record.act("create-pool", "pool") as created:
            cluster.pool(*ranges)
        after.until(assigned(*services), within)
    without = {"ingress": record.observed("ingress", before, "without-pool")}
    with_pool = {"ingress": record.observed("ingress", after, "with-pool"), "cause": created.evidence}
    names = [service.key for service in services]
    record.judge("ALLOC-002", "stays-pending", without, {"services": names, "hold": hold})
    record.judge("ALLOC-003", "assignment-stable", without, {"services": [foreign.key], "hold": hold})
    record.judge("ALLOC-002", "assigned-from-pool", with_pool, {"pools": ranges, "services": names, "within": within})
