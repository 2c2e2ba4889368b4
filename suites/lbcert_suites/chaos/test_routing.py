"""Experiments with what BGP announces: the router is restarted, and backends under Local."""

import pytest

from lbcert_fixtures.profiles import Profile
from lbcert_reports.experiments import RunExperiment
from lbcert_reports.recorder import CaseRecorder

AFTER_RETRY_SECONDS = 10.0
"""BGP-009: from the attempt to connect until the full set of prefixes is back."""

pytestmark = [pytest.mark.thorough, pytest.mark.needs("bgp")]


@pytest.mark.covers("BGP-009")
@pytest.mark.campaign
@pytest.mark.catches("no-reconnect", "prefix-forgotten")
def test_every_session_and_route_returns_after_a_restart_of_the_router(
    experiment: RunExperiment, record: CaseRecorder, profile: Profile
) -> None:
    """Under load, a router that was restarted gets every session and every route back by itself.

    Given a Service under load, announced over BGP from every node
    When the router's daemons are killed and started again
    Then every session is established again, and every prefix has all its next hops, within the declared time between
    two attempts to connect and ten seconds
    """
    done = experiment("router-restart")
    cause = done.causes[0]
    within = profile.timers.bgp_connect_retry + AFTER_RETRY_SECONDS
    sessions = {"peers": {"router": done.facts["peers"]}, "within": within}
    record.judge("BGP-009", "sessions-established", {"sessions": done.seen["sessions"], "cause": cause}, sessions)
    routes = {"expected": done.facts["next_hops"], "within": within}
    record.judge("BGP-009", "prefix-restored", {"routes": done.seen["routes"], "cause": cause}, routes)


@pytest.mark.covers("BGP-038")
@pytest.mark.catches("announces-before-data-path")
def test_a_node_attracts_traffic_only_when_it_can_forward(experiment: RunExperiment, record: CaseRecorder) -> None:
    """Under load, a node that is announced anew after its only endpoint was restarted forwards from then on.

    What fails until the node is withdrawn is not judged: an endpoint that ends is served until Kubernetes knows.

    Given a Service with externalTrafficPolicy Local under load, announced over BGP, with one endpoint on each node
    When the endpoint of one node after the other ends and is started again, so that the node has none for a while
    Then no new connection fails in the two seconds after the router has the node as a next hop again
    """
    done = experiment("rolling-restart")
    prefixes = list(done.facts["next_hops"])
    for replies in done.named("replies-bgp"):
        inputs = {"replies": replies, "routes": done.seen["routes"], "cause": done.causes[0]}
        record.judge("BGP-038", "forwards-once-announced", inputs, {"prefixes": prefixes})
