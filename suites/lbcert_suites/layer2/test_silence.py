"""Addresses fall silent when there is nothing left to announce."""

from collections.abc import Iterable, Mapping

import pytest

from lbcert_fixtures.annotations import ADDRESS_POOL, ADDRESSES, SHARING
from lbcert_fixtures.cluster import Cluster, Service, several
from lbcert_fixtures.endpoints import ENDING, add_slices, await_endpoints
from lbcert_fixtures.probes.layer2 import Asking
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import Testbed
from lbcert_reports.recorder import CaseRecorder, EvidenceRef
from lbcert_suites.layer2.silence import insist_on_silence
from lbcert_suites.questions import ANSWERED, ask

AFTERWARDS_SECONDS = 1.5
"""How long addresses are asked for after they have to be silent: ten questions each, and time for an answer."""


SILENT_SECONDS = 1.5
"""How long to ask for addresses of which some are not to be answered."""

CONDITIONS: Mapping[str, Mapping[str, bool]] = {
    "unsaid": {},
    "ending": ENDING,
    "ended": {"ready": False, "serving": False, "terminating": True},
}
"""What is said of endpoints: what is not said means that one is ready, and one that ends serves on if it can."""


@pytest.mark.covers("L2-006", "L2-001", "L2-002", "L2-003", "L2-023")
@pytest.mark.needs("layer2")
@pytest.mark.catches(
    "released-address-answered",
    "advertisement-removal-ignored",
    "type-change-ignored",
    "second-pool-unannounced",
    "first-advertisement-only",
    "first-sharer-decides",
    "last-sharer-decides",
    "sharers-elected-apart",
    "sharers-elected-among-their-endpoints",
    "sharer-leaves-silences",
    "layer2-advertisement-edit-ignored",
    "announced-without-any-advertisement",
    "namesake-leaves-silences",
)
@pytest.mark.thorough
def test_released_addresses_fall_silent(
    testbed: Testbed,
    cluster: Cluster,
    abroad: Cluster,
    profile: Profile,
    record: CaseRecorder,
    node_of_mac: dict[str, str],
) -> None:
    """Addresses are not answered any more soon after their Service is deleted, changes its type, or is not announced.

    Given Services of all families in pools that three advertisements announce in layer 2, one of them two pools, and
        among them some that share their addresses: two pairs of which one has no endpoint, and four that have
        endpoints on different nodes; and a Service of the name of one in another namespace, with endpoints too
    When one is deleted, one becomes a ClusterIP, one advertisement is deleted, one is edited so that it is about
        another pool, and two Services that share their addresses are deleted, one of them without endpoints; and the
        one in the other namespace
    Then nobody answers for the addresses of the first four after the declared time, and all others are answered on,
        those of the four that share by one node
    And when there is no advertisement any more nobody answers for those either
    """
    # what is hushed and what is edited have the solicited-node groups of some that stay: the last 24 bits of their
    # addresses are the same; crosswise, so that MetalLB elects one node for two of a group
    cluster.pool("172.30.0.200-172.30.0.206", "fd00:30::100:206-fd00:30::100:20c", name="first")
    cluster.pool("172.30.0.212/32", "fd00:30::212/128", name="abroad", autoAssign=False)
    for name, last, group in (("hushed", 208, 209), ("edited", 209, 208), ("second", 210, 210)):
        cluster.pool(f"172.30.0.{last}/32", f"fd00:30::{group}/128", name=name, autoAssign=False)
    cluster.announce_layer2("stays", ipAddressPools=["first", "second", "abroad"])
    cluster.announce_layer2("goes", ipAddressPools=["hushed"])
    cluster.announce_layer2("edited", ipAddressPools=["edited"])
    services = {
        "deletion": cluster.serve("deleted"),
        "type-change": cluster.serve("retyped"),
        "advertisement-removal": cluster.serve("hushed", annotations={ADDRESS_POOL: "hushed"}),
        "advertisement-edit": cluster.serve("edited", annotations={ADDRESS_POOL: "edited"}),
    }
    stays = cluster.serve("stays", annotations={SHARING: "leaves"})
    idle = cluster.serve("idle", annotations={SHARING: "served"}, app="nobody")
    crowd = cluster.serve("crowd", annotations={SHARING: "crowd"}, app="nobody")
    add_slices(testbed, crowd, "echo-0")
    for earlier, key, name, app, port, pod in (
        (stays, "leaves", "leaves", "nobody", 82, ""),
        (idle, "served", "served", "echo", 82, ""),
        *((crowd, "crowd", f"crowd-{82 + n}", "nobody", 82 + n, f"echo-{n}") for n in range(3)),
    ):
        shared = {SHARING: key, ADDRESSES: ",".join(map(str, earlier.addresses))}
        each = cluster.serve(name, annotations=shared, app=app, ports=[{"port": port, "targetPort": 8080}])
        if pod:
            add_slices(testbed, each, pod)
    staying = [stays, idle, crowd, cluster.serve("second", annotations={ADDRESS_POOL: "second"})]
    namesake = abroad.serve("second", annotations={ADDRESS_POOL: "abroad"}, app="nobody")
    add_slices(testbed, namesake, "echo-0", namespace=cluster.namespace)
    every = [address for service in (*services.values(), *staying) for address in service.addresses]
    answers = ask(testbed, record, every, profile.timers.configuration, "announced")
    _judge_answered(record, cluster, answers, [*services.values(), *staying], node_of_mac)
    for address in namesake.addresses:
        cluster.owner(address)
    bound = {"nodes": node_of_mac, "addresses": list(map(str, crowd.addresses)), "answered": 0.9}
    for requirement in ("L2-003", "L2-023"):
        record.judge(requirement, "one-announcer", {"answers": answers}, bound)
    for address in every:
        cluster.owner(address)
    insist_on_silence(testbed, every)
    with Asking(testbed, "client", every, every=0.1) as asking:
        abroad.delete_service(namesake.name)
        for name in ("leaves", "crowd-82"):
            cluster.delete_service(name)
        with record.act("deletion", services["deletion"].key) as deletion:
            cluster.delete_service("deleted")
        with record.act("type-change", services["type-change"].key) as type_change:
            cluster.patch_service("retyped", {"spec": {"type": "ClusterIP"}})
        with record.act("advertisement-removal", services["advertisement-removal"].key) as removal:
            cluster.unconfigure("L2Advertisement", "goes")
        with record.act("advertisement-edit", services["advertisement-edit"].key) as edit:
            cluster.reconfigure("L2Advertisement", "edited", ipAddressPools=["nowhere"])
        silent_from = edit.effective + round(profile.timers.layer2_silence * 1e9)
        asking.until(lambda rows: rows[-1]["t"] >= silent_from + AFTERWARDS_SECONDS * 1e9, 30)
        asking.hear_out(1)
    answers = record.observed("answers", asking)
    _judge_answered(record, cluster, answers, staying, node_of_mac)
    for act, service in zip((deletion, type_change, removal, edit), services.values(), strict=True):
        bound = {"addresses": [str(a) for a in service.addresses], "within": profile.timers.layer2_silence}
        record.judge("L2-006", "nobody-answers", {"answers": answers, "cause": act.evidence}, bound)

    left = [address for service in staying for address in service.addresses]
    with Asking(testbed, "client", left, every=0.1) as asking:
        with record.act("last-advertisements-removal", stays.namespace) as gone:
            for name in ("edited", "stays"):
                cluster.unconfigure("L2Advertisement", name)
        silent_from = gone.effective + round(profile.timers.layer2_silence * 1e9)
        asking.until(lambda rows: rows[-1]["t"] >= silent_from + AFTERWARDS_SECONDS * 1e9, 30)
        asking.hear_out(1)
    seen = {"answers": record.observed("answers", asking, "without-advertisement"), "cause": gone.evidence}
    bound = {"addresses": list(map(str, left)), "within": profile.timers.layer2_silence}
    record.judge("L2-006", "nobody-answers", seen, bound)


def _judge_answered(
    record: CaseRecorder,
    cluster: Cluster,
    answers: EvidenceRef,
    services: Iterable[Service],
    node_of_mac: Mapping[str, str],
) -> None:
    """Every address of these Services has to be answered, whatever else goes on."""
    for family in cluster.families:
        addresses = [str(service.address(family)) for service in services]
        served = {"nodes": node_of_mac, "addresses": addresses, "answered": 0.9}
        record.judge(ANSWERED[family], "answers-asked", {"answers": answers}, served)


def _judge_by_hand_beside(
    testbed: Testbed,
    cluster: Cluster,
    profile: Profile,
    record: CaseRecorder,
    node_of_mac: Mapping[str, str],
    hosting: str,
) -> None:
    """Serve by endpoints that are one beside the other under policy Local, or whose node is not said.

    Under Local it is the pod ``echo-1`` that is to serve, on the node `hosting`.
    """
    ending = [f"local-{number}" for number in range(2)]
    policies = {**dict.fromkeys(ending, "Local"), "unplaced-local": "Local", "unplaced": "Cluster"}
    served = several(lambda name: cluster.serve(name, policy=policies[name], app="by-hand"), policies)
    services = dict(zip(policies, served, strict=True))
    for name in ending:
        add_slices(testbed, services[name], "echo-0", conditions=CONDITIONS["ended"])
        add_slices(testbed, services[name], "echo-1", conditions=CONDITIONS["ending"])
    for name in ("unplaced", "unplaced-local"):
        add_slices(testbed, services[name], "echo-0", placed=False)
    add_slices(testbed, services["unplaced-local"], "echo-1")
    every = [address for each in served for address in each.addresses]
    answers = {"answers": ask(testbed, record, every, profile.timers.configuration, "beside-by-hand", SILENT_SECONDS)}
    _judge_answered(record, cluster, answers["answers"], [services["unplaced"]], node_of_mac)
    addresses = [str(address) for name in ending for address in services[name].addresses]
    record.judge("L2-008", "answers-asked", answers, {"nodes": node_of_mac, "addresses": addresses, "answered": 0.9})
    for names, answered in ((ending, 0), (["unplaced-local"], 0.9)):
        owners = {str(address): hosting for name in names for address in services[name].addresses}
        bound = {"nodes": node_of_mac, "addresses": list(owners), "owners": owners, "answered": answered}
        record.judge("L2-038", "one-announcer", answers, bound)


@pytest.mark.covers("L2-001", "L2-002", "L2-007", "L2-008", "L2-038")
@pytest.mark.needs("layer2")
@pytest.mark.catches(
    "announced-without-endpoints",
    "unready-endpoint-serves",
    "unready-endpoint-silences",
    "deaf-after-return",
    "unsaid-is-unready",
    "ending-endpoint-silences",
    "ending-endpoint-silences-under-local",
)
@pytest.mark.thorough
@pytest.mark.usefixtures("layer2")
def test_address_without_endpoints_falls_silent(
    testbed: Testbed, cluster: Cluster, profile: Profile, record: CaseRecorder, node_of_mac: dict[str, str]
) -> None:
    """An address is announced only while its Service has an endpoint that serves, also under policy Cluster.

    Given a Service of all families with one endpoint that serves, and one that is not ready, beside one that is
        announced in layer 2; and Services with one endpoint each: of which nothing is said, so that it serves; that
        ends and serves on while it does; that ends and does not serve any more; and whose node is not said; and under
        policy Local Services with two endpoints on different nodes: one that ends and does not serve any more, and one
        that ends and serves; or one whose node is not said, and one whose node is
    When the pod that serves is deleted, and another is started
    Then nobody answers from the declared time after the EndpointSlices on, until one node does again
    And those with one endpoint that serves are answered, and that with the one that does not is not; and under Local
        the node of the second endpoint answers
    """
    (node, hosting, *_), (*_, other) = testbed.nodes, testbed.nodes
    cluster.run_unready([other.name], app="lone")
    lone = cluster.backends(node.name, app="lone")
    service = cluster.serve(app=lone.app)
    said = {
        name: cluster.serve(f"by-hand-{name}", app="by-hand")  # which no pod is
        for name in CONDITIONS
    }
    for name, each in said.items():
        add_slices(testbed, each, "echo-0", conditions=CONDITIONS[name])
    beside = cluster.serve("beside")
    for address in beside.addresses:
        cluster.owner(address)
    with Asking(testbed, "client", service.addresses) as asking:
        for address in service.addresses:  # who is silent because of the one that is not ready fails in the end
            asking.until_answered(address, profile.timers.layer2_silence)
    insist_on_silence(testbed, [address for each in (service, beside, *said.values()) for address in each.addresses])
    by_hand = [address for each in said.values() for address in each.addresses]
    answers = ask(testbed, record, by_hand, 0, "said-by-hand", SILENT_SECONDS)
    for family in cluster.families:
        for requirement, name in ((ANSWERED[family], "unsaid"), ("L2-008", "ending")):
            bound = {"nodes": node_of_mac, "addresses": [str(said[name].address(family))], "answered": 0.9}
            record.judge(requirement, "answers-asked", {"answers": answers}, bound)
    ended = list(map(str, said["ended"].addresses))
    record.judge("L2-007", "nobody-answers", {"answers": answers}, {"addresses": ended})
    _judge_by_hand_beside(testbed, cluster, profile, record, node_of_mac, hosting.name)
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
