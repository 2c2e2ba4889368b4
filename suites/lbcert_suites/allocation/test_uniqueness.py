"""No address is handed to two Services that did not agree to share it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random

import pytest

from lbcert_fixtures.cluster import Cluster
from lbcert_fixtures.profiles import Profile
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.allocation.conditions import assigned, some_assigned, unassigned
from lbcert_suites.allocation.controller import SPARE, SPARE_RANGES, Controller
from lbcert_suites.allocation.crowd import LARGE, SMALL, Crowd

pytestmark = [pytest.mark.untimed, pytest.mark.usefixtures("assigning")]

WORKERS = 20
ENDS = 4
"""How often the controller ends: twice in each way."""

LEAST = 8
"""When so many Services of a wave have an address the controller is certainly back."""


@pytest.mark.covers("ALLOC-006", "ALLOC-008")
@pytest.mark.catches("namesakes-are-one", "namesake-takes-along")
def test_namesakes_are_told_apart(cluster: Cluster, abroad: Cluster, profile: Profile, record: CaseRecorder) -> None:
    """Services of one name in two namespaces have addresses of their own, and keep them when the other goes.

    Given a pool
    When in two namespaces Services of the same names are created, of each family and of both, those of one namespace
        are deleted, and others are created
    Then at no instant two Services carry the same address, and those that are still there have kept theirs
    """
    cluster.pool("10.98.0.0/28", "fd00:98::/124")
    within = profile.timers.assignment
    with cluster.watch_services() as here, abroad.watch_services() as there:
        going = [abroad.serve(f"twin-{stack}", families=stack, wait=False) for stack in cluster.stacks]
        staying = [cluster.serve(f"twin-{stack}", families=stack, wait=False) for stack in cluster.stacks]
        there.until(assigned(*going), within)
        here.until(assigned(*staying), within)
        for service in going:
            abroad.delete_service(service.name)
        others = [cluster.serve(f"other-{stack}", families=stack, wait=False) for stack in cluster.stacks]
        here.until(assigned(*others), within)
    rows = [*here.rows(), *there.rows()]
    rows.sort(key=lambda row: row["t"])
    ingress = record.evidence("ingress", rows, **here.meta())
    bound = {"services": [service.key for service in staying], "hold": 0, "derivation": {"hold": "each deletion"}}
    record.judge("ALLOC-008", "no-duplicates", {"ingress": ingress}, {"least": len([*going, *staying, *others])})
    record.judge("ALLOC-006", "assignment-stable", {"ingress": ingress}, bound)


@pytest.mark.covers("ALLOC-008")
@pytest.mark.catches("duplicate-under-load", "duplicate-after-restart")
@pytest.mark.last
@pytest.mark.thorough
def test_no_address_is_held_twice_under_load(
    cluster: Cluster, profile: Profile, controller: Controller, record: CaseRecorder, chance: Random
) -> None:
    """At no instant two Services without a common sharing key carry the same address.

    Given a pool with fewer addresses than there are Services
    When from many threads Services are created, some with a sharing key, some with a request, and those of the wave
        before are deleted, while the pool shrinks and grows and the controller is deleted and killed in turn, and then
        once more each while all the others wait for an address
    Then a replay of all that the Services' status ever said shows no address with two holders that do not share
    """
    cluster.pool(*LARGE)
    cluster.pool(*SPARE_RANGES, name=SPARE, autoAssign=False)
    disturbances: list[Callable[[], None]] = [
        partial(cluster.reconfigure, "IPAddressPool", "pool", addresses=SMALL),
        partial(cluster.reconfigure, "IPAddressPool", "pool", addresses=LARGE),
        *controller.ends(ENDS),
    ]
    with cluster.watch_services() as watch, ThreadPoolExecutor(WORKERS) as workers:
        crowd = Crowd(cluster, chance, workers)
        for disturb in disturbances:
            crowd.next_wave()
            disturb()
            crowd.settle()
            watch.until(some_assigned(crowd.present, LEAST), profile.timers.assignment)
        for number, end in enumerate(controller.ends(ENDS // 2)):
            end()
            controller.await_return(f"witness-{number}")
    ingress = record.observed("ingress", watch)
    bound = {"sharing": crowd.sharing(), "least": len(disturbances) * LEAST}
    record.judge("ALLOC-008", "no-duplicates", {"ingress": ingress}, bound)


@pytest.mark.covers("ALLOC-008")
@pytest.mark.last
@pytest.mark.thorough
@pytest.mark.catches("duplicate-during-rollout")
def test_no_address_is_held_twice_during_a_rollout(
    cluster: Cluster, profile: Profile, controller: Controller, record: CaseRecorder
) -> None:
    """At no instant two Services carry the same address while one controller takes over from another.

    A rollout starts the new pod before it ends the old one, unless the implementation's workload says otherwise.
    Many Services that get their addresses all at once are what two controllers at work would disagree on.

    Given Services of each family that wait for an address, as there is no pool
    When the controller is rolled out anew, as by an upgrade, and all the while a pool comes and goes
    Then a replay of all that the Services' status ever said shows no address with two holders
    """
    services = [
        cluster.serve(f"{family}-{number}", families=family, wait=False)
        for number in range(6)
        for family in cluster.families
    ]
    with cluster.watch_services() as watch, ThreadPoolExecutor() as background:
        rollout = background.submit(controller.roll_out)
        while not rollout.done():
            cluster.pool(*LARGE)
            watch.until(assigned(*services), profile.timers.assignment)
            cluster.unconfigure("IPAddressPool", "pool")
            watch.until(unassigned(*services), profile.timers.assignment)
        rollout.result()
    ingress = record.observed("ingress", watch)
    record.judge("ALLOC-008", "no-duplicates", {"ingress": ingress}, {"least": len(services)})
