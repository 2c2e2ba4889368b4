"""An address moves when the node that announces it is lost."""

import pytest

from lbcert_fixtures.cluster import UDP, Cluster
from lbcert_fixtures.probes.layer2 import Asking
from lbcert_fixtures.probes.stream import Stream
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import Testbed
from lbcert_reports.recorder import CaseRecorder, EvidenceRef


@pytest.mark.covers("L2-042")
@pytest.mark.needs("layer2")
@pytest.mark.catches("no-takeover", "slow-takeover")
@pytest.mark.usefixtures("layer2")
def test_address_moves_when_its_node_is_switched_off(
    testbed: Testbed, cluster: Cluster, profile: Profile, record: CaseRecorder, trials: int
) -> None:
    """When the announcing node is switched off another node takes the address over in the declared time.

    Given a Service that is announced in layer 2, with endpoints on every node
    When the announcing node is switched off, so that nothing says goodbye
    Then requests are forwarded again by another node within the declared failover time
    """
    service = cluster.serve(families="ipv4")
    address = service.address()
    inputs: dict[str, EvidenceRef] = {}
    for trial in range(1, trials + 1):
        owner = cluster.owner(address)
        with (
            Asking(testbed, "client", [address]) as answers,
            Stream(testbed, "client", address, UDP) as stream,
        ):
            stream.until_sent(1000, 5)
            fault = testbed.power_off(owner)
            stream.until_recovered(3 * profile.timers.layer2_failover, since=fault.effective)
        inputs |= {
            f"stream.{trial}": record.observed("stream", stream, f"stream-{trial}"),
            f"answers.{trial}": record.observed("answers", answers, f"answers-{trial}"),
            f"cause.{trial}": record.fault(fault, name=f"power-off-{trial}", healed=testbed.heal(fault)),
        }
        cluster.await_served(address)
    dead = 1 / len(testbed.nodes)
    record.judge(
        "L2-042",
        "failover-gap",
        inputs,
        {"limit": profile.timers.layer2_failover, "dead_share": dead, "trials": trials},
    )
