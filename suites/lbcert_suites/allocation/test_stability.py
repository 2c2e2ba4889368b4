"""An address, once given, stays."""

import pytest

from lbcert_fixtures import annotations
from lbcert_fixtures.cluster import Cluster, ranges_of
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import Testbed
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.allocation.conditions import assigned, changed, warned
from lbcert_suites.allocation.controller import SPARE, SPARE_RANGES, Controller
from lbcert_suites.allocation.wishes import Wish

pytestmark = [pytest.mark.untimed, pytest.mark.usefixtures("assigning")]

ROUNDS = 3


@pytest.mark.covers("ALLOC-006")
@pytest.mark.catches(
    "address-changes-on-churn",
    "address-moves-to-new-pool",
    "deletion-moves-others",
    "named-pool-chosen-anew",
    "chosen-anew-for-other-ports",
    "pool-removal-moves",
)
@pytest.mark.thorough
def test_address_stays_while_everything_around_changes(
    testbed: Testbed, cluster: Cluster, profile: Profile, record: CaseRecorder, hold: float
) -> None:
    """An address never changes while nothing changes that matters for it.

    The catalogue wishes for 5 min of this. What a controller does it does on a change, so here the changes count
    and not the minutes: three rounds of each kind, and then ten seconds of quiet.

    Given Services of each family and of both, and one that names its pool, with addresses
    When again and again their endpoints come and go, their labels, annotations, ports and policies are edited, other
        Services come, those with lower addresses go, other pools come and go, and their own pool grows, and at last
        shrinks again
    Then none of them loses or changes its address
    """
    pods = cluster.backends(*[node.name for node in testbed.nodes[:2]], app="stay").pods
    ranges = ["10.98.0.0/28", "fd00:98::/124"]
    cluster.pool(*ranges, name="middle")
    before = [cluster.serve(f"before-{number}", wait=True) for number in range(ROUNDS)]
    services = [cluster.serve(family, families=family, app="stay") for family in cluster.stacks]
    services.append(cluster.serve("by-name", app="stay", annotations={annotations.ADDRESS_POOL: "middle"}))
    with cluster.watch_services() as watch:
        for number in range(ROUNDS):
            for pod, app in [(pod, app) for app in ("gone", "stay") for pod in pods]:
                cluster.patch_pod(pod, {"metadata": {"labels": {"app": app}}})
            noise = {"labels": {"round": str(number)}, "annotations": {"example.org/round": str(number)}}
            spec = {
                "externalTrafficPolicy": ("Local", "Cluster")[number % 2],
                "ports": [{"name": f"round-{number}", "port": 9000 + number}],  # merged with those that there are
            }
            for service in services:
                cluster.patch_service(service.name, {"metadata": noise, "spec": spec})
            for network, name in ((96, "before"), (99, "other")):  # in the alphabet before "middle", and behind it
                cluster.pool(f"10.{network}.{number}.0/28", f"fd00:{network}::{number}/128", name=f"{name}-{number}")
            cluster.pool(f"10.95.{number}.0/28", name=f"passing-{number}", autoAssign=False)
            grown = [f"10.98.0.0/{27 - number}", f"fd00:98::/{123 - number}"]
            cluster.reconfigure("IPAddressPool", "middle", addresses=grown)
            watch.until(assigned(cluster.serve(f"other-{number}", wait=False)), profile.timers.assignment)
            cluster.delete_service(before[number].name)
            cluster.unconfigure("IPAddressPool", f"passing-{number}")
        cluster.reconfigure("IPAddressPool", "middle", addresses=ranges)
        watch.until(changed(*services), hold)
    ingress = record.observed("ingress", watch)
    bound = {"services": [service.key for service in services], "hold": hold}
    record.judge("ALLOC-006", "assignment-stable", {"ingress": ingress}, bound)


@pytest.mark.covers("ALLOC-005", "ALLOC-007")
@pytest.mark.catches(
    "restart-drops-addresses",
    "restart-reassigns",
    "pending-first-after-restart",
    "addresses-forgotten",
    "inherited-never-freed",
)
@pytest.mark.last
def test_address_survives_a_restart_of_the_controller(
    cluster: Cluster, profile: Profile, controller: Controller, record: CaseRecorder, trials: int, hold: float
) -> None:
    """No Service changes or loses its address when the controller starts again, though others wait for one.

    Given a pool that is all given out: to one Service with policy Local, to one that asked for its address, to one that
        names the pool, and to two that share; and Services that wait for an address, before and behind them by name
    When the controller is ended again and again, deleted and killed in turn, and gives out addresses again
    Then every Service that had an address has kept it all the while, and ten seconds more
    And when one of them is deleted, the one that waits for its address has it in the declared time
    """
    cluster.pool("10.98.0.0/30", "fd00:98::/126", name="taken")
    cluster.pool(*SPARE_RANGES, name=SPARE, autoAssign=False)
    within = profile.timers.assignment
    asked = ranges_of(cluster.families, ("10.98.0.3", "fd00:98::3"))
    together = ranges_of(cluster.families, ("10.98.0.2", "fd00:98::2"))
    shared = {annotations.ADDRESSES: ",".join(together), annotations.SHARING: "k"}
    holders = [
        cluster.serve("asked", annotations={annotations.ADDRESSES: ",".join(asked)}),
        cluster.serve("shared", annotations=shared, ports=[{"port": 80}]),
        cluster.serve("sharing", annotations=shared, ports=[{"port": 81}]),
        cluster.serve("local", policy="Local"),
        cluster.serve("named", annotations={annotations.ADDRESS_POOL: "taken"}),
    ]
    with cluster.watch_services() as watch, cluster.watch_events() as events:
        last = cluster.families[-1]
        others = [cluster.serve("a-waiter", wait=False), cluster.serve("z-waiter", families=last, wait=False)]
        heir = Wish(addresses=asked[0]).serve(cluster, "heir")
        events.until(warned(heir, *others), within)
        for number, end in enumerate(controller.ends(trials)):
            end()
            controller.await_return(f"witness-{number}")
        # long enough for a controller that goes through all Services again: what is deleted before is another case
        watch.until(changed(*holders), hold)
    ingress = record.observed("ingress", watch)
    bound = {"services": [service.key for service in holders], "hold": hold}
    record.judge("ALLOC-007", "assignment-stable", {"ingress": ingress}, bound)

    for other in others:
        cluster.delete_service(other.name)
    with cluster.watch_services() as watch:
        with record.act("delete-service", holders[0].key) as deleted:
            cluster.delete_service(holders[0].name)
        watch.until(assigned(heir, count=1), within)
    inputs = {"ingress": record.observed("ingress", watch, "inherited"), "cause": deleted.evidence}
    freed = {"holder": holders[0].key, "waiter": heir.key, "within": within, "address": asked[0]}
    record.judge("ALLOC-005", "reassigned", inputs, freed)
