"""What becomes of connections when an address moves between living nodes (layer 2)."""

import time

import pytest

from lbcert_fixtures.cluster import Cluster
from lbcert_fixtures.probes.layer2 import Asking
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import PreconditionUnmetError, Testbed
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.reset.exclusion import Exclusion
from lbcert_suites.reset.load import Load

CONNECTIONS = 125
"""To each address: five hundred to those of both policies and families."""

AFTERWARDS_SECONDS = 1.0
"""How long new connections are watched when the address has moved, s: twice what a sustained recovery takes."""

SETTLING_SECONDS = 4.0
"""By when after that every connection was answered or reset, s."""


@pytest.mark.covers("RESET-006")
@pytest.mark.needs("layer2")
@pytest.mark.catches("announcement-of-another")
@pytest.mark.thorough
@pytest.mark.usefixtures("layer2", "calibrated")
def test_connections_when_an_address_moves_in_layer2(
    testbed: Testbed, cluster: Cluster, profile: Profile, record: CaseRecorder, exclusion: Exclusion
) -> None:
    """When an address moves between living nodes new connections work again in time; what breaks is on record.

    The new node has not seen the connections of the old one begin, so that it may break them.

    Given a Service of each policy with an address of each family that is announced in layer 2, connections to it and a
        hundred new ones a second
    When the announcing node is excluded from load balancing by its label, so that the addresses move
    Then new connections work within the time of a planned move, and how many of the others broke is on record
    """
    limit = profile.timers.layer2_planned_move
    for policy in ("Cluster", "Local"):
        service = cluster.serve(policy.lower(), policy=policy)
        victim = cluster.owner(service.address())
        mac = testbed.places[victim].mac
        addresses = {
            f"{policy}-ipv{address.version}": address
            for address in service.addresses
            if cluster.owner(address) == victim
        }
        with (
            Load(testbed, addresses, count=CONNECTIONS) as load,
            Asking(testbed, "client", list(addresses.values())) as asking,
        ):
            for address in addresses.values():
                asking.until_answered(address, limit)
            load.open()
            fault = exclusion.exclude(victim)
            for address in addresses.values():
                if not asking.until_answered(address, profile.timers.configuration, other_than=[mac]):
                    raise PreconditionUnmetError(f"{address} does not move from {victim}, which is excluded")
            moved = time.time_ns()
            load.hold_new(max(limit, AFTERWARDS_SECONDS))
            load.settle(moved, SETTLING_SECONDS)
        exclusion.readmit(victim)
        cause = {"cause": record.fault(fault, name=f"exclusion-{policy}")}
        record.observed("answers", asking, f"answers-{policy}")
        connections = load.seen(record, "connections")
        streams = load.seen(record, "stream")
        for name in addresses:
            fates = {"connections": connections[f"connections.{name}"], **cause}
            record.judge("RESET-006", "connection-fates", fates, {"count": CONNECTIONS})
            # whatever it is that keeps them from working, be it that the new node announces itself wrongly
            gap = {"stream": streams[f"stream.{name}"], **cause}
            record.judge("RESET-006", "failover-gap", gap, {"limit": limit})
