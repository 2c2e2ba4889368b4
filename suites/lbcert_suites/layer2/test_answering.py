"""Addresses that Services hold are answered on the segment; addresses that nobody holds are not."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from lbcert_fixtures.cluster import Cluster
from lbcert_fixtures.probes.layer2 import Answer, Asking
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import Testbed
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.layer2.addresses import expanded

QUESTIONS = 150
"""At a hundred a second; those of the last second may still be on their way, and do not count."""


def _macs(rows: Sequence[Answer]) -> dict[str, str]:
    """The MAC that was last given for each address."""
    return {row["address"]: row["mac"] for row in rows if row["form"] != "asked"}


@pytest.mark.covers("L2-001", "L2-002")
@pytest.mark.needs("layer2")
@pytest.mark.catches(
    "nobody-announces",
    "no-arp",
    "no-ndp",
    "answer-broadcast",
    "foreign-hardware-address",
    "hop-limit-not-255",
    "unsolicited-flag-in-answers",
)
@pytest.mark.usefixtures("layer2")
def test_addresses_are_answered(
    testbed: Testbed, cluster: Cluster, profile: Profile, record: CaseRecorder, node_of_mac: dict[str, str]
) -> None:
    """Who asks on the segment for the addresses of a Service gets an answer within one second.

    Given a dual-stack Service with endpoints that is announced in layer 2
    When a host on the segment asks for its addresses by ARP and by multicast Neighbor Solicitation
    Then each question is answered within a second, to the asker alone, with the hardware address of the node that
    sent the answer; a Neighbor Advertisement is solicited, and has hop limit 255 and that address as an option
    """
    service = cluster.serve()
    ipv4, ipv6 = (str(service.address(family)) for family in ("ipv4", "ipv6"))
    with Asking(testbed, "client", service.addresses, every=0.02) as asking:
        asking.until(lambda rows: {ipv4, ipv6} <= _macs(rows).keys(), profile.timers.configuration)
        settled = len(asking.rows())
        asking.until(lambda rows: len(rows) > settled + 400, 5)
    answers = record.evidence("answers", asking.rows()[settled:], **asking.meta())
    bound = {"nodes": node_of_mac, "within": 1}
    record.judge("L2-001", "answers-asked", {"answers": answers}, {**bound, "addresses": [ipv4]})
    flags = {"solicited": True, "hop_limit": 255, "link_layer": _macs(asking.rows()).get(ipv6)}
    record.judge("L2-002", "answers-asked", {"answers": answers}, {**bound, "addresses": [ipv6], "flags": flags})


@pytest.mark.covers("L2-009", "L2-012")
@pytest.mark.needs("layer2")
@pytest.mark.catches("unicast-arp-unanswered", "arp-probe-unanswered")
@pytest.mark.usefixtures("layer2")
def test_neighbours_can_make_sure_of_an_address(
    testbed: Testbed, cluster: Cluster, record: CaseRecorder, node_of_mac: dict[str, str]
) -> None:
    """Who knows the node already, and asks it alone whether it still has an address, gets an answer within one second.

    A kernel asks so before it forgets a neighbour that it talks to: who is not answered loses traffic every few
    minutes. The probe is for a host that is about to take an address.

    Given a dual-stack Service that is announced in layer 2, and a host on the segment that knows the node
    When it asks that node's hardware address for the IPv4 address, by ARP
    And when it asks everybody by ARP, without an address of its own, as a host that wants the address
    Then each question is answered within a second, to the asker alone
    """
    service = cluster.serve()
    address = service.address("ipv4")
    questions: Mapping[str, Mapping[str, Any]] = {
        "arp": {"question": "unicast", "to": testbed.places[cluster.owner(address)].mac},
        "probe": {"question": "probe"},
    }
    seen = {}
    for name, question in questions.items():
        with Asking(testbed, "client", [address], every=0.01, **question) as asking:
            asking.until(lambda rows: sum(row["form"] == "asked" for row in rows) >= QUESTIONS, 10)
        seen[name] = {"answers": record.observed("answers", asking, name)}
    bound = {"nodes": node_of_mac, "within": 1}
    record.judge("L2-009", "answers-asked", seen["arp"], bound)
    record.judge("L2-012", "answers-asked", seen["probe"], bound)


@pytest.mark.covers("L2-005")
@pytest.mark.needs("layer2")
@pytest.mark.catches("every-address-answered", "whole-pool-answered")
@pytest.mark.thorough
def test_free_addresses_of_a_pool_are_not_answered(
    testbed: Testbed, cluster: Cluster, record: CaseRecorder, layer2: tuple[str, ...]
) -> None:
    """Addresses of a pool that no Service holds are answered by nobody.

    Given a pool that is announced in layer 2, and a Service that holds an address of each family and is answered
    When a host on the segment asks for every other address of the pool
    Then no node answers
    """
    service = cluster.serve()
    held = {str(address) for address in service.addresses}
    free = [address for each in layer2 for address in expanded(each) if address not in held]
    with (
        Asking(testbed, "client", service.addresses) as control,
        Asking(testbed, "client", free, every=0.5) as asking,
    ):
        for address in service.addresses:
            control.until_answered(address, 15)
        settled = len(asking.rows())
        # Six questions for each; the last of them has a second for its answer.
        asking.until(lambda rows: len(rows) >= settled + 6 * len(free), 10)
        asking.until(lambda rows: any(row["form"] != "asked" for row in rows), 1)
    answers = record.evidence("answers", asking.rows()[settled:], **asking.meta())
    record.judge("L2-005", "nobody-answers", {"answers": answers}, {"addresses": free})
