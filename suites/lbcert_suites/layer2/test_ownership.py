"""One node owns an address in layer 2, and nobody else answers for it."""

import pytest

from lbcert_fixtures.cluster import Cluster
from lbcert_fixtures.probes.layer2 import Asking
from lbcert_fixtures.testbeds import Testbed
from lbcert_reports.recorder import CaseRecorder


@pytest.mark.covers("L2-003")
@pytest.mark.needs("layer2")
@pytest.mark.catches("two-announcers", "nobody-announces")
@pytest.mark.usefixtures("layer2")
def test_exactly_one_node_answers(testbed: Testbed, cluster: Cluster, record: CaseRecorder) -> None:
    """All answers for an address on a segment come from one and the same node.

    Given a dual-stack Service that is announced in layer 2
    When a host on the segment asks for its addresses by ARP and by Neighbor Solicitation, again and again
    Then one node answers, and no other ever does
    """
    service = cluster.serve()
    with Asking(testbed, "client", service.addresses, every=0.02) as asking:
        for address in service.addresses:
            asking.until_answered(address, budget=10)
        settled = len(asking.rows())
        asking.until(lambda rows: len(rows) > settled + 400, budget=15)
    answers = record.evidence("answers", asking.rows()[settled:], name="steady", **asking.meta())
    nodes = {node.mac: node.name for node in testbed.nodes}
    record.judge("L2-003", "one-announcer", {"answers": answers}, {"nodes": nodes})
