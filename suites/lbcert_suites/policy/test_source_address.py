"""What a backend sees of the client."""

import pytest

from lbcert_fixtures.cluster import HTTP, Cluster
from lbcert_fixtures.probes.replies import request
from lbcert_fixtures.testbeds import Testbed
from lbcert_reports.recorder import CaseRecorder


@pytest.mark.covers("POLICY-003")
@pytest.mark.needs("layer2")
@pytest.mark.catches("local-policy-ignored")
@pytest.mark.usefixtures("layer2")
def test_local_preserves_the_source_address_in_layer2(
    testbed: Testbed, cluster: Cluster, record: CaseRecorder, family: str
) -> None:
    """Under externalTrafficPolicy Local the endpoint sees the client's own address.

    Given a Service with policy Local that is announced in layer 2
    When clients on the segment and behind the router make requests
    Then every endpoint saw the address that its client has
    """
    service = cluster.serve(policy="Local", families=family)
    address = service.address(family)
    cluster.await_served(address)
    rows = [row for client in ("client", "far-client") for row in request(testbed, client, address, HTTP, 50)]
    replies = record.evidence("replies", rows)
    record.judge("POLICY-003", "source-preserved", {"replies": replies})
