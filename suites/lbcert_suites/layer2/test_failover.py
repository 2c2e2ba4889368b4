"""An address moves when the node that announces it is lost, and one node has it when the lost one is back.

Every trial is watched from two places at once: answers and announcements of both families with their times, and what
is forwarded of one family to each place, a thousand times a second. So the parts of a takeover are told apart, and one
trial says something about several requirements.
"""

from collections.abc import Callable

import pytest

from lbcert_fixtures.cluster import Cluster, Service
from lbcert_fixtures.probes.layer2 import Asking
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import PreconditionUnmetError, Testbed
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.layer2.speakers import Speakers
from lbcert_suites.layer2.takeovers import Takeovers

NewTakeovers = Callable[[Service, float], Takeovers]

ADVERTISEMENT = {
    "forms": ["na-unsolicited"],
    "flags": {"override": True, "router": False, "destination": "ff02::1", "hop_limit": 255, "checksum_ok": True},
}
"""RFC 4861, sections 4.4 and 7.2.6: what overrides the caches of everybody."""

PARTED_SECONDS = 40.0
"""For how long a node is cut off: for longer than it takes to be given up, and half a minute more. For so long
memberlist goes on telling one that it has given up, and finds it again by that; after that it is for who uses it."""

ALONE_SECONDS = 1.0
"""When one node alone has answered for so long, it is the one that two have agreed on."""


@pytest.mark.covers("L2-042", "L2-014", "L2-017", "L2-026")
@pytest.mark.needs("layer2")
@pytest.mark.catches(
    "no-takeover",
    "slow-takeover",
    "no-gratuitous-arp",
    "announcement-of-another",
    "no-unsolicited-na",
    "na-without-override",
    "ping-pong",
)
@pytest.mark.usefixtures("layer2")
def test_address_moves_when_its_node_is_switched_off(
    testbed: Testbed, cluster: Cluster, profile: Profile, trials: int, takeovers: NewTakeovers
) -> None:
    """When the announcing node is switched off another node takes the address over, says so, and forwards in time.

    Given a Service with an address of each family that is announced in layer 2, with endpoints on other nodes only
    When the announcing node is switched off, so that nothing says goodbye, and later on again
    Then another node announces the addresses to everybody and forwards within the declared failover time
    And when the node is back the addresses return at most once, without a loss beyond that of a planned move
    """
    failover = takeovers(cluster.serve(), profile.timers.layer2_failover)
    failover.attempt(trials, testbed.power_off, testbed.heal, spare=True)
    failover.judge_gaps("L2-042")
    failover.judge_moves("L2-042")
    failover.judge_announcements("L2-014", "ipv4")
    failover.judge_announcements("L2-017", "ipv6", **ADVERTISEMENT)
    failover.judge_changes("L2-026", most=2)
    failover.judge_gaps("L2-026", cause="cure", limit=profile.timers.layer2_planned_move)


@pytest.mark.covers("L2-042", "L2-014", "L2-015", "L2-016", "L2-017")
@pytest.mark.needs("layer2")
@pytest.mark.catches(
    "no-takeover",
    "slow-takeover",
    "single-gratuitous-burst",
    "announces-for-long",
    "gratuitous-reply-only",
    "late-first-burst",
)
@pytest.mark.thorough
@pytest.mark.usefixtures("layer2")
def test_address_moves_when_the_link_of_its_node_is_cut(
    testbed: Testbed, cluster: Cluster, speakers: Speakers, profile: Profile, trials: int, takeovers: NewTakeovers
) -> None:
    """When the announcing node is cut off another takes over, and announces itself as often as declared.

    Speakers that lost one another may take half a minute to meet again: after each trial a new pod cuts that short.

    Given a Service with an address of each family that is announced in layer 2, with endpoints on other nodes only
    When the link of the announcing node is cut for longer than it takes to notice
    Then another node announces the addresses as declared, no longer, and forwards within the declared failover time
    """
    timers = profile.timers
    bursts = [number * timers.gratuitous_interval for number in range(timers.gratuitous_bursts)]
    failover = takeovers(cluster.serve(), timers.layer2_failover)
    watched = bursts[-1] + 2 * timers.gratuitous_interval
    failover.attempt(1, testbed.cut_link, speakers.reconnect, spare=True, linger=watched)
    for family in ("ipv4", "ipv6"):
        failover.judge_announcements("L2-016", family, bursts=bursts, end=timers.gratuitous_end, manner=True)
    failover.attempt(trials - 1, testbed.cut_link, speakers.reconnect, spare=True)
    failover.judge_gaps("L2-042")
    failover.judge_moves("L2-042")
    failover.judge_announcements("L2-014", "ipv4")
    failover.judge_announcements(
        "L2-015",
        "ipv4",
        forms=["garp-request", "garp-reply"],
        flags={"target_hardware": "ff:ff:ff:ff:ff:ff"},
        manner=True,
    )
    failover.judge_announcements("L2-017", "ipv6", **ADVERTISEMENT)


@pytest.mark.covers("L2-042")
@pytest.mark.needs("layer2")
@pytest.mark.catches("no-takeover", "slow-takeover")
@pytest.mark.thorough
@pytest.mark.usefixtures("layer2")
def test_address_moves_when_its_node_hangs(
    testbed: Testbed, cluster: Cluster, profile: Profile, takeovers: NewTakeovers
) -> None:
    """When every program of the announcing node stands still, another takes the address over, though the kernel lives.

    A hanging node accepts connections and answers pings: who only asks whether it can be reached takes it for alive.
    Its kernel goes on forwarding for those that know the address, so a gap in that would say nothing.

    Given a Service with an address of each family that is announced in layer 2, with endpoints on other nodes only
    When every process of the announcing node is stopped, and later on goes on
    Then another node announces the addresses within the declared failover time
    """
    failover = takeovers(cluster.serve(), profile.timers.layer2_failover)
    failover.attempt(1, testbed.pause_node, testbed.heal, spare=True)
    failover.judge_moves("L2-042")


@pytest.mark.covers("L2-046")
@pytest.mark.needs("layer2")
@pytest.mark.catches("split-brain-stays", "long-lost-forgotten")
@pytest.mark.thorough
@pytest.mark.untimed
@pytest.mark.usefixtures("layer2")
def test_one_node_answers_after_the_nodes_were_parted(
    testbed: Testbed, cluster: Cluster, profile: Profile, record: CaseRecorder
) -> None:
    """When the link of a node is back that another one stood in for, one of the two answers alone in the end.

    Given a Service that is announced in layer 2
    When the link of the announcing node is cut, another one takes over, and after forty seconds it is joined again
    Then both may answer for the declared time, and then only one does
    """
    service, timers = cluster.serve(), profile.timers
    victim = testbed.places[cluster.owner(service.address())]
    addresses = [address for address in service.addresses if cluster.owner(address) == victim.name]
    with Asking(testbed, "client", addresses) as answers:
        fault = testbed.cut_link(victim.name)
        for address in addresses:
            if not answers.until_answered(address, 1.5 * timers.layer2_failover, other_than=[victim.mac]):
                raise PreconditionUnmetError(f"no other node answers for {address}")
        joining = fault.effective + PARTED_SECONDS * 1e9
        answers.until(lambda rows: rows[-1]["t"] >= joining, 2 * PARTED_SECONDS)
        with record.act("join-link", victim.name) as joined:
            testbed.heal(fault)
        for address in addresses:
            answers.until_settled(address, timers.layer2_partition_heal, since=joined.effective)
    record.fault(fault, healed=joined.began)
    seen = {"answers": record.observed("answers", answers), "cause": joined.evidence}
    nodes = {node.mac: node.name for node in testbed.nodes}
    bound = {"nodes": nodes, "within": timers.layer2_partition_heal, "hold": ALONE_SECONDS}
    record.judge("L2-046", "settles-on-one", seen, bound)


@pytest.mark.covers("L2-043", "L2-045", "L2-014", "L2-017")
@pytest.mark.needs("layer2")
@pytest.mark.catches(
    "no-takeover-from-speaker",
    "one-takeover-in-ten-lost",
    "slow-planned-move",
    "local-election-without-speaker",
    "no-gratuitous-arp",
    "no-unsolicited-na",
)
@pytest.mark.usefixtures("layer2")
@pytest.mark.thorough
def test_address_moves_when_its_speaker_is_removed(
    cluster: Cluster, speakers: Speakers, profile: Profile, trials: int, takeovers: NewTakeovers
) -> None:
    """When the announcing pod is deleted and stays away, another node takes the address over in time.

    Policy Local, with endpoints everywhere: nodes with endpoints are then not all that could announce.

    Given a Service with an address of each family and policy Local that is announced in layer 2
    When the announcing pod is deleted, and a taint keeps it away from its node
    Then another node announces the addresses within the declared time, and forwarding does not stop for longer
    And the old one answers beside it for no longer than a speaker may take to leave, and questions go unanswered for
        no longer than a planned move may take
    """
    failover = takeovers(cluster.serve(policy="Local"), profile.timers.layer2_speaker_failover)
    failover.attempt(trials, speakers.remove, speakers.readmit)
    failover.judge_gaps("L2-043")
    failover.judge_moves("L2-043", overlap=profile.timers.graceful_leave)
    failover.judge_silence("L2-045", profile.timers.layer2_planned_move, lasting=False)
    failover.judge_announcements("L2-014", "ipv4")
    failover.judge_announcements("L2-017", "ipv6", **ADVERTISEMENT)


@pytest.mark.covers("L2-043")
@pytest.mark.needs("layer2")
@pytest.mark.catches("killed-speaker-stays-silent")
@pytest.mark.thorough
@pytest.mark.usefixtures("layer2")
def test_address_is_announced_after_its_speaker_was_killed(
    cluster: Cluster, speakers: Speakers, profile: Profile, trials: int, takeovers: NewTakeovers
) -> None:
    """When the announcing program is killed and started again at once, its address is announced and forwarded on.

    Given a Service with an address of each family that is announced in layer 2
    When the announcing container is killed (SIGKILL), which the kubelet starts again at once
    Then the addresses stay where they are, or move away and back, and neither forwarding nor answers stop for
    longer than for the loss of the pod
    """
    failover = takeovers(cluster.serve(), profile.timers.layer2_speaker_failover)
    failover.attempt(trials, speakers.kill, speakers.replace, passing=speakers.await_restart)
    failover.judge_gaps("L2-043")
    failover.judge_moves("L2-043", least=0, most=2)
    failover.judge_silence("L2-043", profile.timers.layer2_speaker_failover)
