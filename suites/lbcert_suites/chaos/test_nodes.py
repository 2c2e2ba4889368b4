"""Experiments with the node that announces: switched off, drained, hanging, rebooted, its link cut, without kubelet."""

import pytest

from lbcert_fixtures.profiles import Profile
from lbcert_reports.experiments import RunExperiment
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.chaos.bounds import LASTING, changes, judge_planned_move

pytestmark = pytest.mark.thorough


@pytest.mark.covers("L2-026", "RESET-003")
@pytest.mark.campaign
@pytest.mark.needs("layer2", "bgp")
@pytest.mark.catches("ping-pong", "late-withdraw")
def test_load_is_carried_on_when_the_announcing_node_is_switched_off(
    experiment: RunExperiment, record: CaseRecorder
) -> None:
    """Under load, a lost node costs one move and no lasting blackhole, and its return at most one move more.

    Given Services under load, announced in layer 2 and over BGP, with endpoints on other nodes than the announcing one
    When the announcing node is switched off, so that nothing says goodbye, and later on again
    Then its addresses move at most there and back
    And new connections over BGP succeed from the hold time on, also while the node comes back
    """
    done = experiment("node-power-off")
    record.judge("L2-026", "never-alternates", {"answers": done.seen["answers"]}, changes(done, 2))
    for replies in done.named("replies-bgp"):
        record.judge("RESET-003", "new-connections-work", {"replies": replies, "cause": done.causes[0]}, LASTING)


@pytest.mark.covers("L2-026", "RESET-003")
@pytest.mark.campaign
@pytest.mark.needs("layer2", "bgp")
@pytest.mark.catches("ping-pong")
def test_a_flapping_link_leaves_no_lasting_harm(experiment: RunExperiment, record: CaseRecorder) -> None:
    """Under load, a link that flaps three times moves an address there and back each time at most.

    Given Services under load, announced in layer 2 and over BGP, with endpoints on other nodes than the announcing one
    When the link of the announcing node is cut for two seconds and joined for two, three times
    Then its addresses move at most twice for each flap
    And new connections over BGP succeed from the hold time after the last flap on
    """
    done = experiment("link-flap")
    record.judge("L2-026", "never-alternates", {"answers": done.seen["answers"]}, changes(done, 2 * len(done.faults)))
    for replies in done.named("replies-bgp"):
        record.judge("RESET-003", "new-connections-work", {"replies": replies, "cause": done.causes[-1]}, LASTING)


@pytest.mark.covers("L2-026", "RESET-003")
@pytest.mark.campaign
@pytest.mark.needs("layer2", "bgp")
@pytest.mark.catches("ping-pong")
@pytest.mark.parametrize("name", ["node-pause", "node-reboot"])
def test_a_node_that_hangs_or_reboots_leaves_no_lasting_harm(
    experiment: RunExperiment, record: CaseRecorder, name: str
) -> None:
    """Under load, a node that stands still for a while, or reboots at once, moves an address there and back at most.

    Given Services under load, announced in layer 2 and over BGP, with endpoints on other nodes than the announcing one
    When every process of the announcing node is stopped for fifteen seconds, or the node reboots
    Then its addresses move at most there and back
    And new connections over BGP succeed from the hold time on, also once the node goes on
    """
    done = experiment(name)
    record.judge("L2-026", "never-alternates", {"answers": done.seen["answers"]}, changes(done, 2))
    for replies in done.named("replies-bgp"):
        record.judge("RESET-003", "new-connections-work", {"replies": replies, "cause": done.causes[0]}, LASTING)


@pytest.mark.covers("L2-045")
@pytest.mark.needs("layer2")
@pytest.mark.catches("cordon-silences")
@pytest.mark.usefixtures("calibrated")
def test_draining_the_announcing_node_loses_little(
    experiment: RunExperiment, record: CaseRecorder, profile: Profile
) -> None:
    """Under load, the announcing node can be drained and lose no more than a planned move may.

    Given a Service under load, announced in layer 2, with an endpoint on every node
    When the announcing node is cordoned and drained
    Then requests are interrupted for no longer than the declared time of a planned move
    And its addresses are unanswered for no longer than that
    """
    judge_planned_move(record, experiment("node-drain"), profile.timers.layer2_planned_move)


@pytest.mark.covers("L2-041")
@pytest.mark.campaign
@pytest.mark.catches("unready-node-shakes-election")
@pytest.mark.needs("layer2")
def test_a_node_without_kubelet_moves_an_address_once_at_most(experiment: RunExperiment, record: CaseRecorder) -> None:
    """Under load, a node that Kubernetes takes for not ready keeps its addresses, or loses each once for all.

    Given a Service under load, announced in layer 2
    When the kubelet of the announcing node is killed, until the node is taken for not ready, and started again
    Then each address moves at most there and back, and is answered by one node at a time
    """
    done = experiment("kubelet-stop")
    record.judge("L2-041", "never-alternates", {"answers": done.seen["answers"]}, changes(done, 2))
