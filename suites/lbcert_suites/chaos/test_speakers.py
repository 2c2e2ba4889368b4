"""Experiments with the speaker of the node that announces: it is told to end, and killed."""

import pytest

from lbcert_fixtures.profiles import Profile
from lbcert_reports.experiments import RunExperiment
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.chaos.bounds import changes, judge_planned_move

pytestmark = pytest.mark.thorough


@pytest.mark.covers("L2-045")
@pytest.mark.campaign
@pytest.mark.needs("layer2")
@pytest.mark.catches("slow-planned-move")
@pytest.mark.usefixtures("calibrated")
def test_a_speaker_that_is_told_to_end_hands_over(
    experiment: RunExperiment, record: CaseRecorder, profile: Profile
) -> None:
    """Under load, the announcing speaker can be restarted and lose no more than a planned move may.

    Given a Service under load, announced in layer 2
    When the Pod of the announcing speaker is deleted, and another takes its place
    Then requests are interrupted for no longer than the declared time of a planned move
    And its addresses are unanswered for no longer than that
    """
    judge_planned_move(record, experiment("speaker-restart"), profile.timers.layer2_planned_move, passing=True)


@pytest.mark.covers("L2-026", "RESET-007")
@pytest.mark.campaign
@pytest.mark.needs("layer2", "bgp", "session-in-speaker")
@pytest.mark.catches("ping-pong")
def test_a_killed_speaker_takes_its_own_routes_only(
    experiment: RunExperiment, record: CaseRecorder, profile: Profile
) -> None:
    """Under load, a killed speaker's routes come back with it, and its addresses move there and back at most.

    Given Services under load, announced in layer 2 and over BGP
    When the announcing speaker is killed and the kubelet starts it again
    Then its addresses move at most twice
    And the router has all next hops again within the declared time for sessions, and resets are on record
    """
    done = experiment("speaker-kill")
    cause = done.causes[0]
    record.judge("L2-026", "never-alternates", {"answers": done.seen["answers"]}, changes(done, 2))
    restored = {"expected": done.facts["next_hops"], "within": profile.timers.bgp_session}
    record.judge("RESET-007", "prefix-restored", {"routes": done.seen["routes"], "cause": cause}, restored)
    for connections in done.named("connections-bgp"):
        record.judge("RESET-007", "connection-fates", {"connections": connections, "cause": cause})
