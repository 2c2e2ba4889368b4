"""Under externalTrafficPolicy Local an address is where its endpoints are."""

import time
from collections.abc import Callable

import pytest

from lbcert_fixtures.cluster import Backends, Cluster, Service
from lbcert_fixtures.endpoints import await_endpoints
from lbcert_fixtures.probes.layer2 import Asking
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import Fault, Testbed
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.layer2.silence import insist_on_silence
from lbcert_suites.layer2.takeovers import Takeovers
from lbcert_suites.questions import latest

APP = "local"

QUIET_SECONDS = 1.0
"""For how long the node with the only endpoint is seen to answer alone."""


class _Endpoints:
    """The endpoints of a Service with policy Local, taken away and brought back by the labels of pods that go on.

    A pod that is deleted serves nobody for as long as Kubernetes takes to tell, seconds at times: that is not the
    implementation's time.
    """

    def __init__(self, testbed: Testbed, cluster: Cluster, service: Service, backends: Backends) -> None:
        self._testbed, self._cluster, self._service = testbed, cluster, service
        self._pods = {node: pod for pod, node in backends.pods.items()}
        self.nodes = set(self._pods)

    def remove(self, node: str) -> Fault:
        """Take the only endpoint on a node out of the Service; its effect is the change of the EndpointSlices."""
        began = time.time_ns()
        self.nodes.discard(node)
        self._label(node, "nothing")
        return Fault("endpoint-removal", node, began, time.time_ns(), {"pod": self._pods[node]})

    def have(self, *nodes: str) -> None:
        """Have endpoints on these nodes, and on no other."""
        self.nodes = set(nodes)
        for each, pod in self._pods.items():
            label = APP if each in nodes else "nothing"
            self._cluster.patch_pod(pod, {"metadata": {"labels": {"app": label}}})
        await_endpoints(self._testbed, self._service, self.nodes)

    def restore(self, fault: Fault) -> None:
        """Put it back."""
        self.nodes.add(fault.target)
        self._label(fault.target, APP)

    def _label(self, node: str, app: str) -> None:
        self._cluster.patch_pod(self._pods[node], {"metadata": {"labels": {"app": app}}})
        await_endpoints(self._testbed, self._service, self.nodes)


@pytest.mark.covers("L2-016", "L2-038")
@pytest.mark.needs("layer2")
@pytest.mark.catches(
    "local-policy-ignored",
    "endpoint-loss-ignored",
    "unready-endpoint-serves",
    "only-endpoint-unannounced",
    "announces-after-loss",
)
@pytest.mark.thorough
@pytest.mark.usefixtures("layer2")
def test_address_follows_its_endpoints(
    testbed: Testbed,
    cluster: Cluster,
    profile: Profile,
    record: CaseRecorder,
    trials: int,
    takeovers: Callable[[Service, float], Takeovers],
) -> None:
    """Under policy Local an address moves when the last endpoint on its node goes, to a node that has one.

    Given a Service with an address of each family and policy Local, and on each node an endpoint that is not ready
    When one node after the other has the only endpoint that is
    Then that node announces the addresses
    When there are endpoints on the announcing node and on one of the others, and the one on the announcing node goes
    Then the other node that has one announces the addresses soon after the EndpointSlices say so, and forwards, and no
        node goes on announcing what it does not answer for any more
    And when the last endpoint goes too, nobody announces them
    """
    within = profile.timers.layer2_silence
    backends = cluster.backends(app=APP)
    cluster.run_unready([node.name for node in testbed.nodes], app=APP)
    service = cluster.serve(policy="Local", app=APP)
    endpoints = _Endpoints(testbed, cluster, service, backends)
    for node in testbed.nodes:
        with Asking(testbed, "client", service.addresses, every=0.05) as asking:
            endpoints.have(node.name)
            for address in service.addresses:
                asking.until_settled(address, within + QUIET_SECONDS, QUIET_SECONDS, on=node.mac)
        quiet = latest(asking.rows(), QUIET_SECONDS)
        answers = record.evidence("answers", quiet, f"only-{node.name}", **asking.meta())
        # a question may take half of what is seen for its answer, or there would be none to judge
        alone = {"nodes": {node.mac: node.name}, "answered": 0.9, "within": QUIET_SECONDS / 2}
        record.judge("L2-038", "one-announcer", {"answers": answers}, alone)

    endpoints.have(*backends.pods.values())
    owner = cluster.owner(service.address())
    *_, idle = sorted(endpoints.nodes - {owner})
    endpoints.remove(idle)
    moves = takeovers(service, within)
    moves.attempt(trials, endpoints.remove, endpoints.restore)
    moves.judge_moves("L2-038", to=sorted(endpoints.nodes), overlap=within)
    moves.judge_gaps("L2-038")
    moves.judge_announcers("L2-016")

    insist_on_silence(testbed, service.addresses)
    with Asking(testbed, "client", service.addresses, every=0.1) as asking:
        for address in service.addresses:
            asking.until_answered(address, within)
        removals = [endpoints.remove(node) for node in sorted(endpoints.nodes)]
        silent_from = removals[-1].effective + round(within * 1e9)
        asking.until(lambda rows: rows[-1]["t"] >= silent_from + 1.5e9, within + 30)
    answers = record.observed("answers", asking, "drained")
    cause = record.fault(removals[-1], name="last-removal")
    bound = {"addresses": [str(address) for address in service.addresses], "within": within}
    record.judge("L2-038", "nobody-answers", {"answers": answers, "cause": cause}, bound)
