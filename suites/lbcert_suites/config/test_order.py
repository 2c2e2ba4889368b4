"""The order in which objects are made."""

import random
import time
from collections.abc import Callable, Collection
from functools import partial
from ipaddress import ip_address
from typing import Any

import pytest

from lbcert_fixtures.cluster import Cluster, Service, several
from lbcert_fixtures.patience import Expectations
from lbcert_fixtures.probes.layer2 import Asking
from lbcert_fixtures.probes.routes import RouteWatch
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import Testbed
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.allocation.conditions import assigned
from lbcert_suites.standing import ROUTER

pytestmark = [pytest.mark.untimed, pytest.mark.thorough]

ORDERS = 10
"""As many as the catalogue asks for; and once all at once."""

NAMESPACE = "lbcert"

BLOCKS = {
    "layer2": {"ipv4": "172.30.0.{}", "ipv6": "fd00:30::{:x}"},
    "bgp": {"ipv4": "10.99.0.{}", "ipv6": "fd00:99::{:x}"},
}
"""The addresses of pools: one after the other, as what an order leaves must not count for the next one."""

FIRST = 200

GIVEN, ANNOUNCED = "that of its pool", "announced"


class Order:
    """What is made in one order, and where it ends.

    Args:
        testbed: where.
        profile: whose objects.
        cluster: where they are made; of this order alone.
        number: of the order.
    """

    def __init__(self, testbed: Testbed, profile: Profile, cluster: Cluster, number: int) -> None:
        self._testbed = testbed
        self._profile = profile
        self._cluster = cluster
        families = {"layer2": profile.families, "bgp": profile.bgp_families}
        self._addresses = {
            mode: BLOCKS[mode][families[mode][0]].format(FIRST + number)
            for mode in ("layer2", "bgp")
            if mode in profile.capabilities
        }
        self._services: dict[str, Service] = {}

    def makes(self) -> list[tuple[str, Callable[[], object]]]:
        """What is made, by what it is called: for each mode a pool of one address, an advertisement and a Service."""
        cluster = self._cluster
        made: list[tuple[str, Callable[[], object]]] = []
        for mode, address in self._addresses.items():
            entry = f"{address}/{128 if ':' in address else 32}"
            kind = "L2Advertisement" if mode == "layer2" else "BGPAdvertisement"
            made += [
                (f"pool {mode}", partial(cluster.pool, entry, name=f"ordered-{mode}", autoAssign=False)),
                (
                    f"advertisement {mode}",
                    partial(cluster.configure, kind, "ordered", ipAddressPools=[f"ordered-{mode}"]),
                ),
                (f"Service {mode}", partial(self._serve, mode, "ipv6" if ":" in address else "ipv4")),
            ]
        return made

    def _serve(self, mode: str, family: str) -> None:
        annotations = {"metallb.io/address-pool": f"ordered-{mode}"}
        self._services[mode] = self._cluster.serve(
            f"ordered-{mode}", families=family, annotations=annotations, wait=False
        )

    def expected(self) -> dict[str, str]:
        """The state that the objects ask for."""
        ends: dict[str, str] = {}
        for mode in self._addresses:
            ends |= {f"address of {mode}": GIVEN, mode: ANNOUNCED}
        return ends

    def end(self, budget: float) -> dict[str, str]:
        """The state that is reached, as soon as it is the expected one, and else after so many seconds."""
        deadline = time.monotonic() + budget

        def left() -> float:
            return max(deadline - time.monotonic(), 1.0)

        with self._cluster.watch_services() as watch:
            watch.until(assigned(*self._services.values()), left())
            held = {row["service"]: row["addresses"] for row in watch.rows() if row["present"]}
        ends = {}
        for mode, address in self._addresses.items():
            given = held.get(self._services[mode].key, [])
            ends[f"address of {mode}"] = GIVEN if given == [address] else ", ".join(given) or "none"
            ends[mode] = ANNOUNCED if self._is_announced(mode, address, left()) else "not announced"
        return ends

    def _is_announced(self, mode: str, address: str, budget: float) -> bool:
        if mode == "layer2":
            asked = ip_address(address)
            with Asking(self._testbed, "client", [asked]) as asking:
                return asking.until_answered(asked, budget) is not None
        version = 6 if ":" in address else 4
        routes = {f"{address}/{128 if version == 6 else 32}": _addresses_of(self._testbed, version)}
        with RouteWatch(self._testbed, ROUTER, routes) as watch:
            return watch.until_routes(routes, budget)


def _addresses_of(testbed: Testbed, version: int) -> Collection[Any]:
    return [node.ipv6 if version == 6 else node.ipv4 for node in testbed.nodes]


@pytest.mark.covers("CONFIG-021")
@pytest.mark.catches("early-advertisement-ignored")
@pytest.mark.usefixtures("cluster")
def test_the_order_of_objects_does_not_matter(
    request: pytest.FixtureRequest,
    testbed: Testbed,
    profile: Profile,
    record: CaseRecorder,
    expectations: Expectations,
    chance: random.Random,
) -> None:
    """Pools, advertisements and Services end in the same state in whatever order they are created, and all at once.

    Given sessions with the router, where there is BGP
    When a pool of one address, an advertisement of it and a Service that asks for it are created for each mode, in ten
        random orders and once all at the same time
    Then each time every Service has the address, and it is announced, within the time for an assignment and a change of
        configuration
    """
    if "bgp" in profile.capabilities:
        request.getfixturevalue("standing").insist()
    budget, states, expected = profile.timers.assignment + profile.timers.configuration, [], {}
    for number in range(ORDERS + 1):
        with Cluster(testbed, profile, NAMESPACE, expectations) as cluster:
            order = Order(testbed, profile, cluster, number)
            makes, expected = order.makes(), order.expected()
            if number < ORDERS:
                chance.shuffle(makes)
                what = f"order {number + 1}: {', '.join(name for name, _ in makes)}"
                for _, make in makes:
                    make()
            else:
                what = "the order of all at once"
                several(lambda make: make[1](), makes)
            states.append({"t": time.time_ns(), "what": what, "value": order.end(budget)})
    evidence = record.evidence("objects", states, "states")
    record.judge("CONFIG-021", "orders-agree", {"states": evidence}, {"orders": ORDERS + 1, "expected": expected})
