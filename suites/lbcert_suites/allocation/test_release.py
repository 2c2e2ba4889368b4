"""An address that a Service lets go of is free for the next."""

import pytest

from lbcert_fixtures import annotations
from lbcert_fixtures.cluster import Cluster, Service
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import PreconditionUnmetError
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.allocation.conditions import MARGIN_SECONDS, assigned, some_assigned, warned
from lbcert_suites.allocation.controller import RETURN_SECONDS, SPARE, SPARE_RANGES, Controller
from lbcert_suites.allocation.release import insist_on_release
from lbcert_suites.allocation.wishes import hopeless
from lbcert_suites.families import DUAL, EACH, IPV4, IPV6

pytestmark = [pytest.mark.untimed, pytest.mark.usefixtures("assigning")]

RELEASED_RANGES = ("10.98.12.0/30", "fd00:98:12::/126")
"""Addresses that no other case uses: a controller that goes on to think them taken shall not disturb those."""

ARRIVALS = 12
"""Services that come while the controller is away: what it has to write before it has gone through all once."""

STARTS = 3
"""How often it is started, unless fewer trials are asked for."""


@pytest.mark.covers("ALLOC-004")
@pytest.mark.catches("address-kept-after-type-change", "pending-not-retried")
@pytest.mark.parametrize(
    ("family", "kind"),
    [
        pytest.param("ipv4", "ClusterIP", marks=IPV4),
        pytest.param("ipv6", "NodePort", marks=IPV6),
        pytest.param("dual", "ClusterIP", marks=DUAL),
    ],
)
def test_address_is_freed_by_a_change_of_type(
    cluster: Cluster, profile: Profile, record: CaseRecorder, family: str, kind: str
) -> None:
    """A Service that ceases to be of type LoadBalancer loses its addresses, and the next in the queue gets them.

    Given a pool with one address of the family, a Service that has it, and one that waits
    When the first becomes a ClusterIP or a NodePort Service
    Then its status is empty, and the other has its address in the declared time
    """
    insist_on_release(cluster, family)
    cluster.pool("10.98.0.1/32", "fd00:98::1/128")
    holder = cluster.serve("holder", families=family)
    with cluster.watch_services() as watch, cluster.watch_events() as events:
        waiter = cluster.serve("waiter", families=family, wait=False)
        events.until(warned(waiter), profile.timers.assignment)
        with record.act(f"change-type-to-{kind}", holder.key) as changed:
            cluster.patch_service(holder.name, {"spec": {"type": kind}})
        watch.until(assigned(waiter, count=2 if family == "dual" else 1), profile.timers.assignment)
    inputs = {"ingress": record.observed("ingress", watch), "cause": changed.evidence}
    bound = {"holder": holder.key, "waiter": waiter.key, "within": profile.timers.assignment}
    record.judge("ALLOC-004", "reassigned", inputs, bound)


@pytest.mark.covers("ALLOC-005")
@pytest.mark.catches("address-not-freed", "unservable-stops-all", "pending-not-retried")
@pytest.mark.parametrize(
    "family", [*EACH, pytest.param("dual", marks=[DUAL, pytest.mark.catches("second-address-not-freed")])]
)
def test_address_is_freed_by_deletion(cluster: Cluster, profile: Profile, record: CaseRecorder, family: str) -> None:
    """The address of a deleted Service goes to the next in the queue, or both its addresses.

    Given a pool with one address of the family, a Service that has it, and one that waits, among others that nothing
        will serve
    When the first changes its port, and is deleted
    Then the other has its address in the declared time, without being touched
    """
    cluster.pool("10.98.0.1/32", "fd00:98::1/128")
    holder = cluster.serve("holder", families=family)
    with cluster.watch_services() as watch, cluster.watch_events() as events:
        hopeless(cluster)
        waiter = cluster.serve("waiter", families=family, wait=False)
        events.until(warned(waiter), profile.timers.assignment)
        # ports that it has no more must not keep the address from one that has them
        cluster.patch_service(holder.name, {"spec": {"ports": [{"$patch": "replace"}, {"port": 9000}]}})
        with record.act("delete-service", holder.key) as deleted:
            cluster.delete_service(holder.name)
        watch.until(assigned(waiter, count=2 if family == "dual" else 1), profile.timers.assignment)
    inputs = {"ingress": record.observed("ingress", watch), "cause": deleted.evidence}
    bound = {"holder": holder.key, "waiter": waiter.key, "within": profile.timers.assignment}
    record.judge("ALLOC-005", "reassigned", inputs, bound)


@pytest.mark.covers("ALLOC-005")
@pytest.mark.catches("deletions-missed-at-start")
@pytest.mark.last
def test_addresses_are_freed_while_the_controller_starts(
    cluster: Cluster, profile: Profile, controller: Controller, record: CaseRecorder, trials: int
) -> None:
    """Services that are deleted while the controller starts leave no address behind.

    Given a pool that is all given out, as many Services that wait for its addresses, and others that came while the
        controller was away, of which each would share its address
    When it is back and gives the first of these its address, and the holders are deleted at once
    Then each Service that waits has an address in the declared time
    """
    cluster.pool(*RELEASED_RANGES, name="released")
    cluster.pool(*SPARE_RANGES, name=SPARE, autoAssign=False)
    within = profile.timers.assignment
    holders = [cluster.serve(f"holder-0-{number}") for number in range(4)]
    for start in range(min(STARTS, trials)):
        if start:
            controller.delete()  # killed again it would be kept waiting for its start
            controller.await_return(f"witness-{start}")
        with cluster.watch_events() as events:
            waiters = [cluster.serve(f"holder-{start + 1}-{number}", wait=False) for number in range(len(holders))]
            events.until(warned(*waiters), within)
        controller.kill()
        arrivals = [_arrive(cluster, f"arrival-{start}-{number}") for number in range(ARRIVALS)]
        with cluster.watch_services() as watch:
            if not watch.until(some_assigned(arrivals, 1), RETURN_SECONDS + within):
                raise PreconditionUnmetError(
                    f"no address was given {RETURN_SECONDS + within:g} s after the controller's end"
                )
            with record.act("delete-services", ", ".join(holder.key for holder in holders)) as deleted:
                for holder in holders:
                    cluster.delete_service(holder.name)
            served = watch.until(assigned(*waiters, count=len(cluster.families)), within + MARGIN_SECONDS)
        inputs = {"ingress": record.observed("ingress", watch, f"ingress-{start}"), "cause": deleted.evidence}
        bound = {
            "services": [each.key for each in waiters],
            "families": list(cluster.families),
            "pools": list(RELEASED_RANGES),
            "within": within,
        }
        record.judge("ALLOC-005", "assigned-from-pool", inputs, bound)
        if not served:
            return  # nobody holds the pool's addresses any more
        for arrival in arrivals:
            cluster.delete_service(arrival.name)
        holders = waiters


def _arrive(cluster: Cluster, name: str) -> Service:
    """A Service that is something to be looked at twice: it has to be written, and others may have to share with it."""
    return cluster.serve(name, annotations={annotations.ADDRESS_POOL: SPARE, annotations.SHARING: name}, wait=False)
