"""On which interfaces of its node an address is announced: on all, or on those that an advertisement lists."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from ipaddress import IPv6Address, ip_address
from operator import itemgetter

import pytest

from lbcert_fixtures.annotations import ADDRESS_POOL
from lbcert_fixtures.cluster import Cluster, Service, several
from lbcert_fixtures.probes.layer2 import Answer, Asking
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import Place, PreconditionUnmetError, Testbed
from lbcert_reports.recorder import CaseRecorder, EvidenceRef
from lbcert_suites.questions import ask

SECOND, COMING = "second", "coming"
"""What the two ends of a link inside each node are called, with 0 and 1 behind it: one of its interfaces, and the other
through which we ask. Each case has its own: Go's library remembers for a minute which interface had a name."""

MISSING = "missing0"
"""An interface that no node has."""

SCAN_SECONDS = 15.0
"""By when an interface that comes has to be announced on (L2-035)."""

ANSWERED = 1 / 3
"""Of the questions on the second link of the node that announces. Whether it answers there is asked, not how soon: a
lab at the lowest priority answers half of them in two seconds."""

COUNT = 12
"""Services without a list: that a node of three has none of their addresses is a matter of one time in forty."""

ALONE_SECONDS = 1.0
"""For how long a node is seen to answer."""

DOWN_SECONDS = 12.0
"""For how long an interface is down: for longer than the ten seconds after which implementations commonly look for
interfaces again, so that they see it go and come."""

ASKED_SECONDS = 1.5

AFTERWARDS_SECONDS = 1.5
"""How long addresses are asked for after they have to be silent."""


@dataclass(frozen=True)
class SecondLinks:
    """A second interface of each node, on a link that ends in the node itself.

    Attributes:
        far_ends: by node, who asks at the other end.
        nodes: the node of the hardware address of either end.
    """

    far_ends: Mapping[str, Place]
    nodes: Mapping[str, str]


@pytest.fixture
def make_second(testbed: Testbed) -> Iterator[Callable[[str], SecondLinks]]:
    """Gives nodes a second interface of a name, while the case lasts."""
    made = []

    def make(name: str) -> SecondLinks:
        near, far = f"{name}0", f"{name}1"
        made.append(near)
        far_ends, nodes = {}, {}
        for node in testbed.nodes:
            testbed.run(node.name, ["ip", "link", "add", near, "type", "veth", "peer", "name", far])
            for end in (far, near):
                testbed.run(node.name, ["ip", "link", "set", end, "up"])
            for end in (near, far):
                (link,) = json.loads(testbed.run(node.name, ["ip", "-json", "address", "show", end]).stdout)
                nodes[link["address"]] = node.name
            own = next(each["local"] for each in link["addr_info"] if each["scope"] == "link")
            far_ends[node.name] = replace(node, mac=link["address"], ipv6=IPv6Address(own), interface=far)
        return SecondLinks(far_ends, nodes)

    try:
        yield make
    finally:
        for node in testbed.nodes:
            for near in made:
                testbed.run(node.name, ["ip", "link", "delete", near], check=False)


def _ask_at_nodes(
    testbed: Testbed, record: CaseRecorder, second: SecondLinks, addresses: Sequence[str], patience: float, name: str
) -> EvidenceRef:
    """Ask for addresses on the second link of every node at once, until all were heard of or the patience is over.

    Each question is asked as often as there are nodes, and its address is on one of them.
    """
    rows: list[Answer] = []
    with ExitStack() as stack:
        watches = [
            stack.enter_context(Asking(testbed, name, addresses, every=0.1, sender=far_end))
            for name, far_end in second.far_ends.items()
        ]

        def heard() -> set[str]:
            return {row["address"] for watch in watches for row in watch.rows() if row["form"] != "asked"}

        first, *_ = watches
        first.until(lambda _: heard() == set(addresses), patience)
        began = [len(watch.rows()) for watch in watches]
        enough = 2 * len(addresses) * ASKED_SECONDS / 0.1
        first.until(lambda rows: len(rows) >= began[0] + enough, ASKED_SECONDS)
        for watch, begin in zip(watches, began, strict=True):
            watch.hear_out(0.5)
            rows += watch.rows()[begin:]
    meta = dict(first.meta()) | {"kernel_drops": sum(watch.kernel_drops for watch in watches)}
    rows.sort(key=itemgetter("t"))
    return record.evidence("answers", rows, name, **meta)


@pytest.mark.covers("L2-018", "L2-032")
@pytest.mark.needs("layer2", "ipv4")
@pytest.mark.catches("one-interface-announces", "interface-lists-ignored", "one-interface-list-counts")
@pytest.mark.thorough
@pytest.mark.untimed
def test_addresses_are_answered_on_the_interfaces_that_are_listed(
    testbed: Testbed,
    cluster: Cluster,
    profile: Profile,
    record: CaseRecorder,
    node_of_mac: dict[str, str],
    make_second: Callable[[str], SecondLinks],
) -> None:
    """Without a list addresses are answered on every interface, with its own hardware address; with one on those alone.

    Given nodes with a second interface, and Services of pools whose advertisements list no interface; the one towards
        the segment; the second one; each of them in an advertisement of its own; one that does not exist, beside an
        advertisement without a list; and one that does not exist alone
    When hosts on either side ask for their addresses
    Then each is answered on the interfaces that are listed, all lists taken together, and on all without a list, by the
        same node; and nowhere else
    """
    second, here = make_second(SECOND), testbed.nodes[0].interface
    lists: Mapping[str, Sequence[Sequence[str] | None]] = {
        "all": [None],
        "segment": [[here]],
        "second": [[f"{SECOND}0"]],
        "either": [[here], [f"{SECOND}0"]],
        "missing-too": [[MISSING], None],
        "missing": [[MISSING]],
    }
    for place, (pool, listed) in enumerate(lists.items()):
        ranges = f"172.30.0.{220 + place}/32" if place else f"172.30.0.200-172.30.0.{199 + COUNT}"
        cluster.pool(ranges, name=pool, autoAssign=False)
        for number, interfaces in enumerate(listed):
            limit = {} if interfaces is None else {"interfaces": interfaces}
            cluster.announce_layer2(f"{pool}-{number}", ipAddressPools=[pool], **limit)

    def serve(name: str, pool: str) -> Service:
        return cluster.serve(name, families="ipv4", annotations={ADDRESS_POOL: pool})

    everywhere = [str(each.address()) for each in several(lambda n: serve(f"all-{n}", "all"), range(COUNT))]
    # who lists an interface that it does not know yet may never look again: those come once all nodes know the second
    asked = _ask_at_nodes(testbed, record, second, everywhere, SCAN_SECONDS, "all-on-second")
    bound = {"nodes": dict(second.nodes), "answered": ANSWERED / len(testbed.nodes), "within": 2}
    record.judge("L2-018", "one-announcer", {"answers": asked}, bound)
    services = {pool: serve(pool, pool) for pool in lists if pool != "all"}
    address = {pool: str(service.address()) for pool, service in services.items()}
    there = {"second", "either", "missing-too"}
    on_segment = {"segment", "either", "missing-too"}
    patience = profile.timers.configuration
    shown = [address[pool] for pool in lists if pool in on_segment]
    with Asking(testbed, "client", shown, every=0.1) as asking:
        for each in shown:
            asking.until_answered(each, patience)
    answers = {
        "answers": ask(testbed, record, [each.address() for each in services.values()], 0, "on-segment", ASKED_SECONDS)
    }
    record.judge("L2-032", "one-announcer", answers, {"nodes": node_of_mac, "addresses": shown, "answered": 0.9})
    hidden = [address[pool] for pool in address if pool not in on_segment]
    record.judge("L2-018", "nobody-answers", answers, {"addresses": hidden})
    record.judge("L2-032", "nobody-answers", answers, {"addresses": hidden})
    owners = {address[pool]: cluster.owner(services[pool].address()) for pool in ("either", "missing-too")}
    _ask_at_nodes(testbed, record, second, [address[pool] for pool in there], patience, "until-heard-on-second")
    answers = {"answers": _ask_at_nodes(testbed, record, second, list(address.values()), 0, "on-second")}
    listed_there = [address[pool] for pool in address if pool in there]
    bound |= {"addresses": listed_there}
    record.judge("L2-032", "one-announcer", answers, bound | {"owners": owners})
    not_there = [address[pool] for pool in address if pool not in there]
    record.judge("L2-018", "nobody-answers", answers, {"addresses": not_there})
    record.judge("L2-032", "nobody-answers", answers, {"addresses": not_there})


@pytest.mark.covers("L2-032", "L2-034")
@pytest.mark.needs("layer2")
@pytest.mark.catches("list-of-missing-interfaces-ignored")
@pytest.mark.thorough
@pytest.mark.untimed
def test_edited_list_of_interfaces_counts(
    testbed: Testbed, cluster: Cluster, profile: Profile, record: CaseRecorder, node_of_mac: dict[str, str]
) -> None:
    """When the list of an advertisement is edited an address falls silent, or is answered, by what it says now.

    Given a Service whose advertisement lists the interface towards the segment, and one whose advertisement lists an
        interface that does not exist
    When each advertisement is edited so that it lists what the other did
    Then the first is not answered any more from the declared time on, and the second is, which nobody answered before
    """
    here = testbed.nodes[0].interface
    pools = {
        "shown": ("172.30.0.200-172.30.0.206", "fd00:30::200-fd00:30::206"),
        "hidden": ("172.30.0.208-172.30.0.213", "fd00:30::208-fd00:30::20d"),
    }
    listed = {"shown": here, "hidden": MISSING}
    services = {}
    for name, ranges in pools.items():
        cluster.pool(*ranges, name=name, autoAssign=False)
        cluster.announce_layer2(name, ipAddressPools=[name], interfaces=[listed[name]])
        services[name] = cluster.serve(name, annotations={ADDRESS_POOL: name})
    within = profile.timers.layer2_silence
    every = [address for service in services.values() for address in service.addresses]
    for address in services["shown"].addresses:
        cluster.owner(address)
    hidden = list(map(str, services["hidden"].addresses))
    before = {"answers": ask(testbed, record, every, 0, "before", ASKED_SECONDS)}
    record.judge("L2-032", "nobody-answers", before, {"addresses": hidden})
    with Asking(testbed, "client", every, every=0.1) as asking:
        with record.act("edit-lists", services["shown"].key) as edited:
            for name, other in (("shown", MISSING), ("hidden", here)):
                cluster.reconfigure("L2Advertisement", name, interfaces=[other])
        for address in services["hidden"].addresses:
            asking.until_answered(address, profile.timers.configuration)
        silent_from = edited.effective + round(within * 1e9)
        asking.until(lambda rows: rows[-1]["t"] >= silent_from + AFTERWARDS_SECONDS * 1e9, within + 30)
        asking.hear_out(1)
    seen = {"answers": record.observed("answers", asking, "after"), "cause": edited.evidence}
    bound = {"nodes": node_of_mac, "addresses": hidden, "within": profile.timers.configuration}
    record.judge("L2-032", "settles-on-one", seen, bound)
    shown = list(map(str, services["shown"].addresses))
    record.judge("L2-034", "nobody-answers", seen, {"addresses": shown, "within": within})


@pytest.mark.covers("L2-035", "L2-036")
@pytest.mark.needs("layer2", "ipv4", "ipv6")
@pytest.mark.catches("interfaces-looked-for-once", "groups-not-joined-on-new-interfaces")
@pytest.mark.thorough
@pytest.mark.untimed
@pytest.mark.usefixtures("layer2")
def test_addresses_are_answered_on_interfaces_that_come_and_come_back(
    testbed: Testbed,
    cluster: Cluster,
    record: CaseRecorder,
    make_second: Callable[[str], SecondLinks],
) -> None:
    """Addresses are answered on an interface that comes, and IPv6 addresses again on one that was down for a while.

    Given a Service with an address of each family that is announced in layer 2
    When its node is given a second interface
    Then a host on that side is answered for both addresses within 15 s
    And when the second interface of the node that announces another Service is down for 12 s, then its IPv6 address is
        answered again within 15 s
    """
    service = cluster.serve("before")
    owners = {str(address): cluster.owner(address) for address in service.addresses}
    with record.act("interfaces-come", f"{COMING}0") as came:
        second = make_second(COMING)
    for address, owner in owners.items():
        with Asking(testbed, owner, [address], every=0.1, sender=second.far_ends[owner]) as asking:
            asking.until_settled(address, SCAN_SECONDS + 2 * ALONE_SECONDS, ALONE_SECONDS)
        seen = {"answers": record.observed("answers", asking, f"came-{address}"), "cause": came.evidence}
        bound = {"nodes": dict(second.nodes), "within": SCAN_SECONDS, "hold": ALONE_SECONDS}
        record.judge("L2-035", "settles-on-one", seen, bound)

    address = str(cluster.serve("after", families="ipv6").address())
    owner = cluster.owner(ip_address(address))
    with Asking(testbed, owner, [address], every=0.1, sender=second.far_ends[owner]) as asking:
        if not asking.until_answered(address, SCAN_SECONDS):
            raise PreconditionUnmetError(f"{address} is not answered on {COMING}0 of {owner} before that is down")
        testbed.run(owner, ["ip", "link", "set", f"{COMING}0", "down"])
        asking.observe(DOWN_SECONDS)
        with record.act("interface-comes-back", owner) as back:
            testbed.run(owner, ["ip", "link", "set", f"{COMING}0", "up"])
        asking.until_settled(address, SCAN_SECONDS + 2 * ALONE_SECONDS, ALONE_SECONDS, since=back.effective)
    seen = {"answers": record.observed("answers", asking, "came-back"), "cause": back.evidence}
    bound = {"nodes": dict(second.nodes), "within": SCAN_SECONDS, "hold": ALONE_SECONDS}
    record.judge("L2-036", "settles-on-one", seen, bound)
