"""One node owns an address in layer 2, and nobody else answers for it."""

from collections.abc import Collection, Sequence

import pytest

from lbcert_fixtures.cluster import Cluster
from lbcert_fixtures.probes.layer2 import Answer, Asking
from lbcert_fixtures.testbeds import Testbed
from lbcert_reports.recorder import CaseRecorder

HOLD_SECONDS = 5
"""The catalogue asks for 100 questions in half a minute, and 600 in ten: here are 250 for each address, and the owners
of sixty addresses are watched elsewhere, for more time of addresses in less time of ours."""

POLICIES = {"web": "Cluster", "local": "Local"}
"""Of the Services, by name."""


@pytest.mark.covers("L2-003", "L2-004")
@pytest.mark.needs("layer2")
@pytest.mark.catches("two-announcers", "two-announcers-under-local", "owner-alternates", "every-answer-twice")
@pytest.mark.usefixtures("layer2")
def test_exactly_one_node_answers(
    testbed: Testbed, cluster: Cluster, record: CaseRecorder, node_of_mac: dict[str, str]
) -> None:
    """All answers for an address on a segment come from one and the same node, all the time.

    Given a Service of each policy with an address of each family that is announced in layer 2, and an endpoint on each
        node
    When a host on the segment asks for its addresses by ARP and by Neighbor Solicitation, again and again
    Then one node answers, each question once, and no other ever does
    """
    services = [cluster.serve(name, policy=policy) for name, policy in POLICIES.items()]
    addresses = [address for service in services for address in service.addresses]
    for address in addresses:
        cluster.owner(address)
    with Asking(testbed, "client", addresses, every=0.02) as asking:
        # Until a second node answers for one of them, or the time is over.
        asking.until(lambda rows: len(_owners(rows, node_of_mac)) > len(addresses), HOLD_SECONDS)
    answers = record.observed("answers", asking, "steady")
    record.judge("L2-003", "one-announcer", {"answers": answers}, {"nodes": node_of_mac, "answered": 0})
    hold = {"nodes": node_of_mac, "hold": 0.8 * HOLD_SECONDS}
    record.judge("L2-004", "never-alternates", {"answers": answers}, hold)


def _owners(rows: Sequence[Answer], macs: Collection[str]) -> set[tuple[str, str]]:
    """Each address with the hardware address of each node that said something about it."""
    return {(row["address"], row["mac"]) for row in rows if row["mac"] in macs}
