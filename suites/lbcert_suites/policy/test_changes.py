"""The traffic policy of a Service may be changed while it is used."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import pytest

from lbcert_fixtures.cluster import HTTP, Backends, Cluster, Service
from lbcert_fixtures.endpoints import add_slices, await_endpoints, delete_slices
from lbcert_fixtures.probes.layer2 import Asking
from lbcert_fixtures.probes.replies import request
from lbcert_fixtures.probes.routes import RouteWatch
from lbcert_fixtures.probes.stream import Stream, StreamRow
from lbcert_fixtures.probes.watch import together
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import IPAddress, Place, PreconditionUnmetError, Testbed
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.reset.load import NEW_CONNECTIONS, SERVED_BUDGET, STEADY
from lbcert_suites.ways import VANTAGE, Mode, Way

OUTAGE_SECONDS = 5.0
"""How long nobody may forward when the policy changes."""

AFTERWARDS_SECONDS = 0.6
"""How long new connections are watched once everything is as it should be: a sustained recovery takes half a second."""

REQUESTS = 50


@dataclass(frozen=True)
class _Used:
    """A Service that is used, with one endpoint, on a node that does not announce it in layer 2 at first.

    Attributes:
        service: it.
        mode: how it is announced.
        host: the node of its endpoint.
    """

    service: Service
    mode: Mode
    host: Place

    @property
    def address(self) -> IPAddress:
        """Its address."""
        return self.service.address()

    @property
    def prefix(self) -> str:
        """Its route."""
        return f"{self.address}/{self.address.max_prefixlen}"

    def hop(self, node: Place) -> str:
        """A node as its next hop."""
        return str(getattr(node, f"ipv{self.address.version}"))


def _use(testbed: Testbed, cluster: Cluster, backends: Backends, way: Way, family: str) -> _Used:
    """Make such a Service; who announces it under policy Cluster is seen once it has an endpoint."""
    service = cluster.serve(f"{way.mode}-{family}", app="by-hand", families=family, annotations=way.annotations)
    (pod, node), (other, another) = list(backends.pods.items())[:2]
    add_slices(testbed, service, pod)
    if way.mode == "l2" and cluster.owner(service.address()) == node:
        add_slices(testbed, service, other)
        delete_slices(testbed, service, pod)
        node = another
    await_endpoints(testbed, service, [node])
    return _Used(service, way.mode, testbed.places[node])


@pytest.mark.covers("POLICY-010")
@pytest.mark.catches("policy-change-ignored", "chosen-anew-for-other-policy")
@pytest.mark.thorough
@pytest.mark.usefixtures("calibrated")
def test_policy_may_change_while_a_service_is_used(
    testbed: Testbed,
    cluster: Cluster,
    backends: Backends,
    profile: Profile,
    record: CaseRecorder,
    ways: Sequence[Way],
) -> None:
    """A Service keeps its address when its traffic policy changes; who announces it follows, without a long outage.

    Given Services of policy Cluster in each mode and family, each with one endpoint, on a node that does not announce
        it in layer 2; and new connections from behind the router all the while
    When the policy of all of them is changed to Local, and then back to Cluster
    Then each keeps its address; under Local only the node with the endpoint announces it, and the endpoint sees the
        client's own address; under Cluster every node is a next hop again, and one node answers in layer 2; and new
        connections work again in time
    """
    used = [_use(testbed, cluster, backends, way, family) for way in ways for family in way.families]
    for policy in ("Local", "Cluster"):
        _change(testbed, cluster, profile, record, used, policy)
        if policy == "Local":
            for each in used:
                rows = request(testbed, VANTAGE, str(each.address), HTTP, REQUESTS)
                replies = record.evidence("replies", rows, f"{each.service.name}-local")
                record.judge("POLICY-010", "source-preserved", {"replies": replies}, {})


def _change(
    testbed: Testbed, cluster: Cluster, profile: Profile, record: CaseRecorder, used: Sequence[_Used], policy: str
) -> None:
    """Change the policy of all Services, and judge what that does to them."""
    layer2 = [each for each in used if each.mode == "l2"]
    routed = [each for each in used if each.mode == "bgp"]
    expected = {
        each.prefix: [each.hop(node) for node in ([each.host] if policy == "Local" else testbed.nodes)]
        for each in routed
    }
    limits: Mapping[Mode, float] = {"l2": OUTAGE_SECONDS, "bgp": max(OUTAGE_SECONDS, profile.timers.bgp_update)}
    with ExitStack() as stack:
        services = stack.enter_context(cluster.watch_services())
        answers = stack.enter_context(Asking(testbed, "client", [each.address for each in layer2]))
        routes = stack.enter_context(RouteWatch(testbed, "router", expected))
        streams = {each: Stream(testbed, VANTAGE, each.address, HTTP, "tcp", every=NEW_CONNECTIONS) for each in used}
        stack.enter_context(together(streams.values()))
        for each, stream in streams.items():
            if stream.until_recovered(SERVED_BUDGET, STEADY) is None:
                raise PreconditionUnmetError(f"{each.service.key} {each.address} is not served before the change")
        with record.act(f"policy-{policy}", cluster.namespace) as changed:
            for each in used:
                cluster.patch_service(each.service.name, {"spec": {"externalTrafficPolicy": policy}})
        routes.until_routes(expected, profile.timers.configuration)
        for each in layer2:
            answers.until_answered(each.address, OUTAGE_SECONDS)
        hold = OUTAGE_SECONDS if layer2 else 0.0
        for stream in streams.values():
            since = changed.effective + round((hold + AFTERWARDS_SECONDS) * 1e9)
            stream.until(partial(_sent_until, since), 2 * OUTAGE_SECONDS)
            stream.until_sent(round(AFTERWARDS_SECONDS / NEW_CONNECTIONS), OUTAGE_SECONDS)

    kept = {"ingress": record.observed("ingress", services, f"services-{policy}")}
    bound = {"hold": AFTERWARDS_SECONDS, "services": [each.service.key for each in used]}
    record.judge("POLICY-010", "assignment-stable", kept, bound)
    seen = {
        "l2": {"answers": record.observed("answers", answers, f"answers-{policy}")},
        "bgp": {"routes": record.observed("routes", routes, f"routes-{policy}")},
    }
    cause = {"cause": changed.evidence}
    nodes = {node.mac: node.name for node in testbed.nodes}
    for each in layer2:
        to = [each.host.name] if policy == "Local" else None
        bound = {"addresses": [str(each.address)], "nodes": nodes, "within": OUTAGE_SECONDS, "overlap": OUTAGE_SECONDS}
        record.judge("POLICY-010", "owner-moves", seen["l2"] | cause, bound | {"least": int(bool(to)), "to": to})
    if routed:
        bound = {"expected": expected, "within": profile.timers.bgp_update}
        record.judge("POLICY-010", "route-next-hops", seen["bgp"] | cause, bound)
    for each, stream in streams.items():
        probes = {"stream": record.observed("stream", stream, f"stream-{each.service.name}-{policy}")}
        record.judge("POLICY-010", "failover-gap", probes | cause | seen[each.mode], {"limit": limits[each.mode]})


def _sent_until(end: int, probes: Sequence[StreamRow]) -> bool:
    return bool(probes) and probes[-1]["sent"] >= end
