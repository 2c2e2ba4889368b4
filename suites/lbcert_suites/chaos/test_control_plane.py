"""Experiments with what decides: the implementation's controller, and the API server."""

import pytest

from lbcert_fixtures.annotations import ADDRESS_POOL
from lbcert_fixtures.cluster import Cluster
from lbcert_fixtures.endpoints import await_endpoints
from lbcert_fixtures.patience import Expectations
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import Testbed
from lbcert_reports.experiments import RunExperiment
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.chaos.bounds import changes
from lbcert_suites.conftest import LAYER2_POOL, NAMESPACE
from lbcert_suites.questions import ANSWERED, ask

pytestmark = [pytest.mark.thorough, pytest.mark.last]


@pytest.mark.covers("ALLOC-007", "RESET-009")
@pytest.mark.campaign
@pytest.mark.catches("addresses-forgotten")
def test_nothing_happens_while_the_controller_is_away(experiment: RunExperiment, record: CaseRecorder) -> None:
    """Under load, a restart of the controller changes no address and breaks no connection.

    Given Services with addresses, under load
    When the controller's Pod is deleted and another takes its place
    Then no address changes or goes, and no connection breaks or stalls
    """
    done = experiment("controller-restart")
    record.judge("ALLOC-007", "assignment-stable", {"ingress": done.seen["ingress"]}, {"hold": 0.8 * done.watched})
    for connections in done.named("connections"):
        record.judge("RESET-009", "no-resets", {"connections": connections}, {"hold": 0.8 * done.watched})


@pytest.mark.covers("L2-001", "L2-002", "L2-049")
@pytest.mark.needs("layer2")
@pytest.mark.untimed
@pytest.mark.catches("withdraws-without-api", "watches-not-renewed")
@pytest.mark.usefixtures("everywhere")
def test_addresses_stay_while_the_api_server_is_away(
    testbed: Testbed,
    experiment: RunExperiment,
    profile: Profile,
    record: CaseRecorder,
    expectations: Expectations,
) -> None:
    """Under load, an outage of the API server moves no address and loses no request.

    The outage lasts 10 s and the time that the API server takes to start; the catalogue wishes for five minutes. A
    speaker that withdraws when its watches break does so at once. Requests count while the outage lasts: one that
    outlasts the leases of the nodes makes Kubernetes itself take endpoints out of Services afterwards.

    Given a Service under load, announced in layer 2
    When the API server is killed, and started again 10 s later
    Then the same node answers for each address all the while, without a pause that is longer than that of a planned
        move, and every request is served; and a Service that is made afterwards is answered like any other
    """
    done = experiment("api-server-outage")
    record.judge("L2-049", "never-alternates", {"answers": done.seen["answers"]}, changes(done, 0))
    answered = {"answers": done.seen["answers"], "cause": done.causes[0]}
    record.judge("L2-049", "answered-again", answered, {"within": profile.timers.layer2_planned_move, "during": True})
    for replies in done.named("replies-layer2"):
        inputs = {"replies": replies, "cause": done.causes[0]}
        record.judge("L2-049", "all-replies-ok", inputs, {"requests": 1000})

    with Cluster(testbed, profile, NAMESPACE, expectations) as cluster:
        cluster.announce_layer2(ipAddressPools=[cluster.pool(*LAYER2_POOL)])
        # by name: the pool of the experiment may not be forgotten yet
        service = cluster.serve("afterwards", annotations={ADDRESS_POOL: "pool"})
        # Kubernetes' own controllers ask an API server that was away again after up to a quarter of a minute
        await_endpoints(testbed, service, [node.name for node in testbed.nodes])
        answers = ask(testbed, record, service.addresses, profile.timers.configuration, "afterwards")
        nodes = {node.mac: node.name for node in testbed.nodes}
        for family in cluster.families:
            bound = {"nodes": nodes, "addresses": [str(service.address(family))], "within": 1, "answered": 0.9}
            record.judge(ANSWERED[family], "answers-asked", {"answers": answers}, bound)
