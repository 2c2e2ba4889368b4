"""Addresses fall silent when there is nothing left to announce."""

import pytest

from lbcert_fixtures.annotations import ADDRESS_POOL, ADDRESSES, SHARING
from lbcert_fixtures.cluster import Cluster
from lbcert_fixtures.endpoints import await_endpoints
from lbcert_fixtures.probes.layer2 import Asking
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import Testbed
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.layer2.silence import insist_on_silence

AFTERWARDS_SECONDS = 1.5
"""How long addresses are asked for after they have to be silent: ten questions each, and time for an answer."""


@pytest.mark.covers("L2-006", "L2-001", "L2-002")
@pytest.mark.needs("layer2")
@pytest.mark.catches("released-address-answered", "advertisement-removal-ignored", "type-change-ignored")
@pytest.mark.thorough
def test_released_addresses_fall_silent(
    testbed: Testbed, cluster: Cluster, profile: Profile, record: CaseRecorder, node_of_mac: dict[str, str]
) -> None:
    """Addresses are not answered any more soon after their Service is deleted, changes its type, or is not announced.

    Given three dual-stack Services that are announced in layer 2, one of them by an advertisement of its own, and two
        more that share their addresses
    When one is deleted, one becomes a ClusterIP, the advertisement of the third is deleted, and one of those that share
    Then nobody answers for the addresses of the three after the declared time; and the one that shared is answered on
    """
    # what is hushed and what stays have one solicited-node group: the last 24 bits of their addresses are the same
    cluster.pool("172.30.0.200-172.30.0.203", "fd00:30::100:202-fd00:30::100:205", name="first")
    cluster.pool("172.30.0.204-172.30.0.207", "fd00:30::204-fd00:30::207", name="second", autoAssign=False)
    cluster.announce_layer2("stays", ipAddressPools=["first"])
    cluster.announce_layer2("goes", ipAddressPools=["second"])
    services = {
        "deletion": cluster.serve("deleted"),
        "type-change": cluster.serve("retyped"),
        "advertisement-removal": cluster.serve("hushed", annotations={ADDRESS_POOL: "second"}),
    }
    shared = {SHARING: "k"}
    stays = cluster.serve("stays", annotations=shared)
    shared |= {ADDRESSES: ",".join(map(str, stays.addresses))}
    cluster.serve("leaves", annotations=shared, ports=[{"port": 82, "targetPort": 8080}])
    every = [address for service in (*services.values(), stays) for address in service.addresses]
    for address in every:
        cluster.owner(address)
    insist_on_silence(testbed, every)
    with Asking(testbed, "client", every, every=0.1) as asking:
        cluster.delete_service("leaves")
        with record.act("deletion", services["deletion"].key) as deletion:
            cluster.delete_service("deleted")
        with record.act("type-change", services["type-change"].key) as type_change:
            cluster.patch_service("retyped", {"spec": {"type": "ClusterIP"}})
        with record.act("advertisement-removal", services["advertisement-removal"].key) as removal:
            cluster.unconfigure("L2Advertisement", "goes")
        silent_from = removal.effective + round(profile.timers.layer2_silence * 1e9)
        asking.until(lambda rows: rows[-1]["t"] >= silent_from + AFTERWARDS_SECONDS * 1e9, 30)
        asking.hear_out(1)
    answers = record.observed("answers", asking)
    for requirement, family in (("L2-001", "ipv4"), ("L2-002", "ipv6")):
        served = {"nodes": node_of_mac, "addresses": [str(stays.address(family))], "answered": 0.9}
        record.judge(requirement, "answers-asked", {"answers": answers}, served)
    for act, service in zip((deletion, type_change, removal), services.values(), strict=True):
        bound = {"addresses": [str(a) for a in service.addresses], "within": profile.timers.layer2_silence}
        record.judge("L2-006", "nobody-answers", {"answers": answers, "cause": act.evidence}, bound)


@pytest.mark.covers("L2-007")
@pytest.mark.needs("layer2")
@pytest.mark.catches(
    "announced-without-endpoints", "unready-endpoint-serves", "unready-endpoint-silences", "deaf-after-return"
)
@pytest.mark.thorough
@pytest.mark.usefixtures("layer2")
def test_address_without_endpoints_falls_silent(
    testbed: Testbed, cluster: Cluster, profile: Profile, record: CaseRecorder, node_of_mac: dict[str, str]
) -> None:
    """An address is announced only while its Service has an endpoint that serves, also under policy Cluster.

    Given a dual-stack Service with one endpoint that serves, and one that is not ready, beside one that is announced in
        layer 2
    When the pod that serves is deleted, and another is started
    Then nobody answers from the declared time after the EndpointSlices on, until one node does again
    """
    (node, *_, other) = testbed.nodes
    cluster.run_backend("never-ready", other.name, app="lone", ready=False)
    lone = cluster.backends(node.name, app="lone")
    service = cluster.serve(app=lone.app)
    beside = cluster.serve("beside")
    for address in beside.addresses:
        cluster.owner(address)
    with Asking(testbed, "client", service.addresses) as asking:
        for address in service.addresses:  # who is silent because of the one that is not ready fails in the end
            asking.until_answered(address, profile.timers.layer2_silence)
    insist_on_silence(testbed, [*service.addresses, *beside.addresses])
    with Asking(testbed, "client", service.addresses, every=0.1) as asking:
        with record.act("last-endpoint-gone", service.key) as gone:
            for pod in lone.pods:
                cluster.delete_pod(pod)
            await_endpoints(testbed, service, [])
        silent_from = gone.effective + round(profile.timers.layer2_silence * 1e9)
        asking.until(lambda rows: rows[-1]["t"] >= silent_from + AFTERWARDS_SECONDS * 1e9, 30)
        silent = len(asking.rows())
        with record.act("endpoint-back", service.key) as back:
            cluster.run_backend("lone-again", node.name, app=lone.app)
            await_endpoints(testbed, service, [node.name])
        for address in service.addresses:
            asking.until_settled(address, profile.timers.configuration, since=back.effective)
    rows, meta = asking.rows(), asking.meta()
    answers = record.evidence("answers", rows[:silent], "without-endpoint", **meta)
    bound = {"addresses": [str(a) for a in service.addresses], "within": profile.timers.layer2_silence}
    record.judge("L2-007", "nobody-answers", {"answers": answers, "cause": gone.evidence}, bound)
    answers = record.evidence("answers", rows[silent:], "with-endpoint", **meta)
    bound = {"nodes": node_of_mac, "within": profile.timers.configuration}
    record.judge("L2-007", "settles-on-one", {"answers": answers, "cause": back.evidence}, bound)
