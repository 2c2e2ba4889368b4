"""One node owns an address in layer 2, and nobody else answers for it."""

import pytest

from lbcert_fixtures.cluster import Cluster
from lbcert_fixtures.probes.layer2 import Asking
from lbcert_fixtures.testbeds import Testbed
from lbcert_reports.recorder import CaseRecorder

HOLD_SECONDS = 5
"""The catalogue asks for 100 questions in half a minute, and 600 in ten: here are 250 for each address, and the owners
of sixty addresses are watched elsewhere, for more time of addresses in less time of ours."""


@pytest.mark.covers("L2-003", "L2-004")
@pytest.mark.needs("layer2")
@pytest.mark.catches("two-announcers", "owner-alternates", "every-answer-twice")
@pytest.mark.usefixtures("layer2")
def test_exactly_one_node_answers(
    testbed: Testbed, cluster: Cluster, record: CaseRecorder, node_of_mac: dict[str, str]
) -> None:
    """All answers for an address on a segment come from one and the same node, all the time.

    Given a Service with an address of each family that is announced in layer 2
    When a host on the segment asks for its addresses by ARP and by Neighbor Solicitation, again and again
    Then one node answers, each question once, and no other ever does
    """
    service = cluster.serve()
    for address in service.addresses:
        cluster.owner(address)
    with Asking(testbed, "client", service.addresses, every=0.02) as asking:
        # Until a second node answers, or the time is over.
        asking.until(lambda rows: len({row["mac"] for row in rows} & node_of_mac.keys()) > 1, HOLD_SECONDS)
    answers = record.observed("answers", asking, "steady")
    record.judge("L2-003", "one-announcer", {"answers": answers}, {"nodes": node_of_mac, "answered": 0})
    hold = {"nodes": node_of_mac, "hold": 0.8 * HOLD_SECONDS}
    record.judge("L2-004", "never-alternates", {"answers": answers}, hold)
