"""Addresses that Services hold are answered on the segment; addresses that nobody holds are not."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from ipaddress import IPv4Address
from typing import Any

import pytest

from lbcert_fixtures.annotations import ADDRESSES
from lbcert_fixtures.cluster import Cluster, ranges_of, several
from lbcert_fixtures.kubernetes.watching import Ingress
from lbcert_fixtures.probes.layer2 import UNASKED, Answer, Asking, send_cut_questions
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import PreconditionUnmetError, Testbed
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.conftest import LAYER2_POOL
from lbcert_suites.layer2.addresses import expanded
from lbcert_suites.questions import ANSWERED, ask

QUESTIONS = 150
"""At a hundred a second."""

CUT = 5
"""Questions that end too early."""

FOR_OTHERS = 30
"""Likewise, of those that nobody is to answer."""

ANSWERS: Mapping[str, str] = {"arp": "L2-009", "probe": "L2-012"}
"""Which are to be answered, and by which requirement."""

NOBODYS = "02:00:00:00:00:99"
"""A hardware address that nothing on the segment has."""

FORM: Mapping[str, Mapping[str, Any]] = {
    "ipv4": {},
    "ipv6": {"flags": {"solicited": True, "hop_limit": 255, "checksum_ok": True}},
}
"""What answers have to be like, beside coming."""


@pytest.mark.covers("L2-001", "L2-002")
@pytest.mark.needs("layer2")
@pytest.mark.catches(
    "nobody-announces",
    "no-arp",
    "no-ndp",
    "every-third-question-lost",
    "answer-broadcast",
    "foreign-hardware-address",
    "hop-limit-not-255",
    "wrong-checksum",
    "unsolicited-flag-in-answers",
    "silent-advertisement",
)
def test_addresses_are_answered(
    testbed: Testbed, cluster: Cluster, profile: Profile, record: CaseRecorder, node_of_mac: dict[str, str]
) -> None:
    """Who asks on the segment for the addresses of a Service gets an answer within one second.

    Given three Services with endpoints and an address of each family, and an advertisement in layer 2 of every pool
    When a host on the segment asks for their addresses by ARP and by multicast Neighbor Solicitation
    Then each question is answered within a second, to the asker alone, with the hardware address of the node that
    sent the answer; a Neighbor Advertisement is solicited, and has hop limit 255 and that address as an option
    """
    cluster.pool(*LAYER2_POOL)
    cluster.announce_layer2()
    services = several(lambda number: cluster.serve(f"web-{number}"), range(3))
    every = [address for service in services for address in service.addresses]
    answers = ask(testbed, record, every, profile.timers.configuration)
    for family in cluster.families:
        addresses = [str(service.address(family)) for service in services]
        bound = {"nodes": node_of_mac, "within": 1, "addresses": addresses, **FORM[family]}
        record.judge(ANSWERED[family], "answers-asked", {"answers": answers}, bound)


@pytest.mark.covers("L2-009", "L2-012", "L2-013")
@pytest.mark.needs("layer2", "ipv4")
@pytest.mark.catches(
    "unicast-arp-unanswered",
    "arp-probe-unanswered",
    "questions-to-others-answered",
    "replies-answered",
    "cut-question-deafens",
)
@pytest.mark.usefixtures("layer2")
def test_neighbours_can_make_sure_of_an_address(
    testbed: Testbed, cluster: Cluster, record: CaseRecorder, node_of_mac: dict[str, str]
) -> None:
    """Who knows the node already, and asks it alone whether it still has an address, gets an answer within one second.

    A kernel asks so before it forgets a neighbour that it talks to: who is not answered loses traffic every few
    minutes. The probe is for a host that is about to take an address. Switches flood what is meant for others.

    Given a Service that is announced in layer 2, and a host on the segment that knows the node; and ARP requests that
        end too early, sent to everybody
    When it asks that node's hardware address for the IPv4 address, by ARP
    And when it asks everybody by ARP, without an address of its own, as a host that wants the address
    Then each question is answered within a second, to the asker alone
    And when it asks a hardware address that nobody has, or sends ARP replies to the address, nobody answers
    """
    service = cluster.serve()
    address = IPv4Address(service.address("ipv4"))
    owner = testbed.places[cluster.owner(address)].mac
    questions: Mapping[str, Mapping[str, Any]] = {
        "arp": {"question": "unicast", "to": owner},
        "probe": {"question": "probe"},
        "stranger": {"question": "unicast", "to": NOBODYS},
        "reply": {"question": "reply"},
    }
    send_cut_questions(testbed, "client", address, CUT)
    seen = {}
    for name, question in questions.items():
        with Asking(testbed, "client", [address], every=0.01, **question) as asking:
            asking.until(partial(_are_asked, QUESTIONS if name in ANSWERS else FOR_OTHERS), 10)
            asking.hear_out(1)
        # a node that has announced the address for the first time goes on announcing it, which is no answer
        rows = [row for row in asking.rows() if name in ANSWERS or row["form"] not in UNASKED]
        seen[name] = {"answers": record.evidence("answers", rows, name, **asking.meta())}
    for name, requirement in ANSWERS.items():
        record.judge(requirement, "answers-asked", seen[name], {"nodes": node_of_mac, "within": 1})
    for name in seen.keys() - ANSWERS.keys():
        record.judge("L2-013", "nobody-answers", seen[name], {"addresses": [str(address)], "asks": FOR_OTHERS})


@pytest.mark.covers("L2-010", "L2-011")
@pytest.mark.needs("layer2", "ipv6")
@pytest.mark.catches(
    "unicast-solicitation-unanswered", "solicitation-without-option-unanswered", "duplicate-detection-unanswered"
)
@pytest.mark.thorough
@pytest.mark.usefixtures("layer2")
def test_neighbours_can_make_sure_of_an_ipv6_address(
    testbed: Testbed, cluster: Cluster, record: CaseRecorder, node_of_mac: dict[str, str]
) -> None:
    """Who asks the node alone whether it still has an IPv6 address is answered, and who wants the address learns of it.

    A kernel asks so about every neighbour that it talks to, again and again (RFC 4861, section 7.3), and gives up after
    three questions; the source link-layer address option may be left out then. A host that is about to take an address
    asks from none (RFC 4862), so that all nodes are told.

    Given a Service that is announced in layer 2, and a host on the segment that knows the node
    When it asks that node's hardware address for the IPv6 address, with its own hardware address as an option, and
        without
    And when it asks the solicited-node group without a source address, as a host that wants the address
    Then each question is answered within a second, those of the first kind to the asker alone, and the others to all
        nodes
    """
    service = cluster.serve()
    address = service.address("ipv6")
    owner = testbed.places[cluster.owner(address)].mac
    to_all = {"everybody": True, "flags": {"solicited": False, "destination": "ff02::1", "hop_limit": 255}}
    questions: Mapping[str, tuple[str, Mapping[str, Any], Mapping[str, Any]]] = {
        "with-option": ("L2-010", {"question": "unicast-option", "to": owner}, FORM["ipv6"]),
        "without-option": ("L2-010", {"question": "unicast", "to": owner}, FORM["ipv6"]),
        "from-nobody": ("L2-011", {"question": "probe"}, to_all),
    }
    for name, (requirement, question, form) in questions.items():
        with Asking(testbed, "client", [address], every=0.01, **question) as asking:
            asking.until(partial(_are_asked, QUESTIONS), 10)
            asking.hear_out(1)
        answers = record.observed("answers", asking, name)
        record.judge(requirement, "answers-asked", {"answers": answers}, {"nodes": node_of_mac, "within": 1, **form})


def _are_asked(count: int, rows: Sequence[Answer]) -> bool:
    return sum(row["form"] == "asked" for row in rows) >= count


@pytest.mark.covers("ALLOC-009", "L2-005")
@pytest.mark.needs("layer2")
@pytest.mark.catches(
    "every-address-answered",
    "whole-pool-answered",
    "former-address-answered",
    "changed-family-kept",
    "foreign-class-announced",
)
@pytest.mark.thorough
@pytest.mark.untimed
def test_free_addresses_of_a_pool_are_not_answered(
    testbed: Testbed, cluster: Cluster, profile: Profile, record: CaseRecorder, layer2: tuple[str, ...]
) -> None:
    """Addresses of a pool that no Service holds are answered by nobody, nor are those that one held before.

    Given a pool that is announced in layer 2, a Service that holds an address of each family and is answered, and
        others of both families that get another address of one of them, or one address only, because they ask for it;
        and a Service of another class to which its implementation has given addresses of the pool
    When a host on the segment asks for every address of the pool that is free
    Then no node answers, and for those that were held not any more after the declared time
    """
    service = cluster.serve()
    ranges = [expanded(each) for each in ranges_of(cluster.families, layer2)]
    pairs = list(zip(*(each[5:9] for each in ranges), strict=True))  # of one address where there is one family
    later = [
        tuple(
            ranges[place][10 + number] if place == (number + 1) % len(pair) else each
            for place, each in enumerate(pair)  # every second pair changes its first address, the others the last
        )
        for number, pair in enumerate(pairs)
    ]
    alone = tuple(each[9] for each in ranges)
    given_up = {each for pair in pairs for each in pair} - {each for pair in later for each in pair}
    former = sorted(given_up.union(alone[1:]))
    movers = [
        cluster.serve(f"mover-{number}", annotations={ADDRESSES: ",".join(pair)})
        for number, pair in enumerate([*pairs, alone])
    ]
    for address in (address for mover in movers for address in mover.addresses):
        cluster.owner(address)
    foreign = cluster.serve("foreign", wait=False, loadBalancerClass="example.org/other")
    foreign_addresses = [each[15] for each in ranges]
    cluster.publish(foreign.name, *foreign_addresses)
    wanted = dict(zip((mover.key for mover in movers), map(set, [*later, alone[:1]]), strict=True))
    with cluster.watch_services() as watch, record.act("move-addresses", service.namespace) as moved:
        for mover in movers:
            request = {"metadata": {"annotations": {ADDRESSES: ",".join(wanted[mover.key])}}}
            single = {"spec": {"ipFamilyPolicy": "SingleStack"}} if len(wanted[mover.key]) == 1 else {}
            cluster.patch_service(mover.name, request | single)
        if not watch.until(_given(wanted), profile.timers.assignment):
            raise PreconditionUnmetError("not every Service got the other address that it asked for")
    held = set(map(str, service.addresses)).union(*wanted.values())
    free = [address for each in ranges for address in each if address not in held]
    silent_from = moved.effective + round(profile.timers.layer2_silence * 1e9)
    with (
        Asking(testbed, "client", service.addresses) as control,
        Asking(testbed, "client", free, every=0.5) as asking,
    ):
        for answered in service.addresses:
            control.until_answered(answered, 15)
        # Six questions for each, however late it is; the last of them has a second for its answer.
        enough = max(silent_from, time.time_ns()) + 3 * 10**9
        asking.until(lambda rows: bool(rows) and rows[-1]["t"] >= enough, profile.timers.layer2_silence + 10)
        asking.hear_out(1)
    answers = record.observed("answers", asking)
    never = [address for address in free if address not in (*former, *foreign_addresses)]
    record.judge("L2-005", "nobody-answers", {"answers": answers}, {"addresses": never})
    record.judge("ALLOC-009", "nobody-answers", {"answers": answers}, {"addresses": foreign_addresses})
    released = {"answers": answers, "cause": moved.evidence}
    bound = {"addresses": former, "within": profile.timers.layer2_silence}
    record.judge("L2-005", "nobody-answers", released, bound)


def _given(wanted: Mapping[str, Collection[str]]) -> Callable[[Sequence[Ingress]], bool]:
    """Each of these Services has exactly its addresses, as it was last seen."""
    return lambda rows: {row["service"]: set(row["addresses"]) for row in rows}.items() >= wanted.items()
