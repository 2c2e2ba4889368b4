"""On which interfaces of its node an address is announced: on all, or on those that an advertisement lists."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from ipaddress import IPv6Address, ip_address
from itertools import repeat
from operator import itemgetter
from typing import Any

import pytest

from lbcert_fixtures.annotations import ADDRESS_POOL
from lbcert_fixtures.cluster import Cluster, ranges_of, several
from lbcert_fixtures.probes.layer2 import REPLIES, UNASKED, Asking
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import Place, PreconditionUnmetError, Testbed
from lbcert_reports.recorder import CaseRecorder, EvidenceRef
from lbcert_suites.eligibility import ROLE
from lbcert_suites.questions import ask, last_given

SECOND, COMING = "second", "coming"
"""What the end of a link inside each node is called that is one of its interfaces, with 0 behind it. Each case has its
own: Go's library remembers for a minute which interface had a name."""

FAR = "veth"
"""What the name of the other end, through which we ask, begins with: as those of pods, on which nobody announces."""

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
        near, far = f"{name}0", f"{FAR}{name}"
        made.append(near)
        far_ends, nodes = {}, {}
        for node in testbed.nodes:
            testbed.run(node.name, ["ip", "link", "add", near, "type", "veth", "peer", "name", far])
            for end in (far, near):
                # who looks for interfaces while their addresses are made sure of would find them only the next time
                testbed.run(node.name, ["sh", "-c", f"echo 0 > /proc/sys/net/ipv6/conf/{end}/accept_dad"])
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


@contextmanager
def _asking_at_nodes(
    testbed: Testbed, second: SecondLinks, addresses: Sequence[str], every: float = 0.1
) -> Iterator[list[Asking]]:
    """Ask for addresses on the second link of every node at once."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(Asking(testbed, name, addresses, every=every, sender=far_end))
            for name, far_end in second.far_ends.items()
        ]


def _heard(watches: Sequence[Asking], forms: Collection[str] = ()) -> set[str]:
    """The addresses of which something was said, in whatever form or in one of some."""
    return {address for watch in watches for address in last_given(watch.rows(), forms)}


def _observed(
    record: CaseRecorder, watches: Sequence[Asking], name: str, begins: Iterable[int] = repeat(0)
) -> EvidenceRef:
    """Write down what was seen at all nodes, of each from a row on."""
    rows = [row for watch, begin in zip(watches, begins, strict=False) for row in watch.rows()[begin:]]
    meta = dict(watches[0].meta()) | {"kernel_drops": sum(watch.kernel_drops for watch in watches)}
    rows.sort(key=itemgetter("t"))
    return record.evidence("answers", rows, name, **meta)


def _ask_at_nodes(
    testbed: Testbed, record: CaseRecorder, second: SecondLinks, addresses: Sequence[str], patience: float, name: str
) -> EvidenceRef:
    """Ask for addresses on the second link of every node at once, until all were heard of or the patience is over.

    Each question is asked as often as there are nodes, and its address is on one of them.
    """
    with _asking_at_nodes(testbed, second, addresses) as watches:
        first, *_ = watches
        first.until(lambda _: _heard(watches) == set(addresses), patience)
        begins = [len(watch.rows()) for watch in watches]
        enough = 2 * len(addresses) * ASKED_SECONDS / 0.1
        first.until(lambda rows: len(rows) >= begins[0] + enough, ASKED_SECONDS)
        for watch in watches:
            watch.hear_out(0.5)
    return _observed(record, watches, name, begins)


@pytest.mark.covers("L2-018", "L2-032")
@pytest.mark.needs("layer2", "ipv4")
@pytest.mark.catches(
    "one-interface-announces",
    "announced-on-one-interface",
    "interface-lists-ignored",
    "lists-ignored-for-ipv6",
    "one-interface-list-counts",
    "first-interface-only",
    "lists-of-other-nodes-count",
    "layer2-advertisement-edit-ignored",
)
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
        the segment; the second one; each of them in an advertisement of its own; both in one; one that does not exist,
        beside the one towards the segment or beside an advertisement without a list; one that does not exist alone; and
        the one towards the segment, beside an advertisement of no node that lists the second one
    When hosts on either side ask for their addresses
    Then each is announced and answered on the interfaces that are listed, all lists of its node taken together, and on
        all without a list, by the same node; and nowhere else
    And when the list of the second one is edited so that it is the one towards the segment, its addresses are answered
        there, and nowhere else
    """
    second, here, there = make_second(SECOND), testbed.nodes[0].interface, f"{SECOND}0"
    nobody = [{"matchLabels": {ROLE: "nobody"}}]
    lists: Mapping[str, Sequence[Mapping[str, Any]]] = {
        "all": [{}],
        "segment": [{"interfaces": [here]}],
        "second": [{"interfaces": [there]}],
        "either": [{"interfaces": [here]}, {"interfaces": [there]}],
        "both": [{"interfaces": [here, there]}],
        "partly": [{"interfaces": [MISSING, here]}],
        "missing-too": [{"interfaces": [MISSING]}, {}],
        "missing": [{"interfaces": [MISSING]}],
        "elsewhere": [{"interfaces": [here]}, {"interfaces": [there], "nodeSelectors": nobody}],
    }
    addresses: dict[str, list[str]] = {}
    for place, (pool, advertisements) in enumerate(lists.items()):
        own = ranges_of(cluster.families, (f"172.30.0.{220 + place}", f"fd00:30::{220 + place}"))
        addresses[pool] = list(own)
        ranges = [f"{each}-{each}" for each in own] if place else [f"172.30.0.200-172.30.0.{199 + COUNT}"]
        cluster.pool(*ranges, name=pool, autoAssign=False)
        for number, spec in enumerate(advertisements):
            cluster.announce_layer2(f"{pool}-{number}", ipAddressPools=[pool], **spec)

    def of(*pools: str) -> list[str]:
        return [address for pool in pools for address in addresses[pool]]

    def serve(number: int) -> str:
        return str(cluster.serve(f"all-{number}", families="ipv4", annotations={ADDRESS_POOL: "all"}).address())

    everywhere = several(serve, range(COUNT))
    # who lists an interface that it does not know yet may never look again, and who has an IPv6 address before it knows
    # an interface may never join its group there: those come once all nodes know the second
    asked = _ask_at_nodes(testbed, record, second, everywhere, SCAN_SECONDS, "all-on-second")
    bound = {"nodes": dict(second.nodes), "answered": ANSWERED / len(testbed.nodes), "within": 2}
    record.judge("L2-018", "one-announcer", {"answers": asked}, bound)
    del addresses["all"]
    on_both = of("either", "both", "missing-too")
    on_segment, hidden = of("segment", "partly", "elsewhere") + on_both, of("second", "missing")
    on_second, not_there = of("second") + on_both, of("segment", "partly", "elsewhere", "missing")
    patience, every = profile.timers.configuration, of(*addresses)
    with (
        Asking(testbed, "client", every, every=0.1) as near,
        _asking_at_nodes(testbed, second, every, every=0.2) as far,
    ):
        with record.act("serve", cluster.namespace) as served:
            for pool in addresses:
                cluster.serve(pool, annotations={ADDRESS_POOL: pool})
        near.until(lambda _: _heard([near], UNASKED) >= set(on_segment), patience)
        far[0].until(lambda _: _heard(far, UNASKED) >= set(on_second), patience)
    nodes, macs = dict(second.nodes), last_given(near.rows(), REPLIES)
    owners = {each: node_of_mac.get(macs[each], macs[each]) for each in on_both if each in macs}
    came = {"answers": record.observed("answers", near, "come-on-segment"), "cause": served.evidence}
    record.judge("L2-018", "gratuitous-announced", came, {"nodes": node_of_mac, "addresses": on_segment})
    record.judge("L2-018", "nobody-answers", {"answers": came["answers"]}, {"addresses": hidden})
    came = {"answers": _observed(record, far, "come-on-second"), "cause": served.evidence}
    record.judge("L2-018", "gratuitous-announced", came, {"nodes": nodes, "addresses": on_second})
    record.judge("L2-018", "nobody-answers", {"answers": came["answers"]}, {"addresses": not_there})

    answers = {"answers": ask(testbed, record, list(map(ip_address, every)), 0, "on-segment", ASKED_SECONDS)}
    record.judge("L2-032", "one-announcer", answers, {"nodes": node_of_mac, "addresses": on_segment, "answered": 0.9})
    record.judge("L2-032", "nobody-answers", answers, {"addresses": hidden})
    answers = {"answers": _ask_at_nodes(testbed, record, second, every, 0, "on-second")}
    record.judge("L2-032", "one-announcer", answers, bound | {"addresses": on_second, "owners": owners})
    record.judge("L2-032", "nobody-answers", answers, {"addresses": not_there})

    with Asking(testbed, "client", of("second"), every=0.1) as asking:
        with record.act("edit-list", "second-0") as edited:
            cluster.reconfigure("L2Advertisement", "second-0", interfaces=[here])
        for address in of("second"):
            asking.until_settled(address, patience + 2 * ALONE_SECONDS, ALONE_SECONDS, since=edited.effective)
    seen = {"answers": record.observed("answers", asking, "edited"), "cause": edited.evidence}
    bound = {"nodes": node_of_mac, "addresses": of("second"), "within": patience, "hold": ALONE_SECONDS}
    record.judge("L2-032", "settles-on-one", seen, bound)
    answers = {"answers": _ask_at_nodes(testbed, record, second, of("second"), 0, "edited-on-second")}
    record.judge("L2-032", "nobody-answers", answers, {"addresses": of("second")})


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
