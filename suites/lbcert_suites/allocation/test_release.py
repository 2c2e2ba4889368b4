"""An address that a Service lets go of is free for the next."""

import pytest

from lbcert_fixtures.cluster import Cluster
from lbcert_fixtures.profiles import Profile
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.allocation.conditions import assigned, warned
from lbcert_suites.allocation.release import insist_on_release
from lbcert_suites.allocation.wishes import hopeless
from lbcert_suites.families import DUAL, EACH, IPV4, IPV6

pytestmark = [pytest.mark.untimed, pytest.mark.usefixtures("assigning")]


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
@pytest.mark.catches("address-not-freed", "second-address-not-freed", "unservable-stops-all", "pending-not-retried")
@pytest.mark.parametrize("family", [*EACH, pytest.param("dual", marks=DUAL)])
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
