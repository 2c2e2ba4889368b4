"""Which node announces an address is a matter of node and address alone, and not of when its speaker began."""

import hashlib
from collections.abc import Sequence
from functools import partial

import pytest

from lbcert_fixtures.cluster import Cluster, several
from lbcert_fixtures.probes.layer2 import Answer, Asking
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import IPAddress, PreconditionUnmetError, Testbed
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.layer2.speakers import Speakers
from lbcert_suites.questions import ask, last_given

COUNT = 18
"""Addresses: a node of three has none of them once in 1,500 times."""

PAIRS = 4
"""Services of all families among those of one: that each has all its nodes alike by chance is one time in eighty."""

AFTERWARDS_SECONDS = 3.0
"""How long addresses are watched after the new speaker runs, s: what it believes before it has heard of the others, and
what they then agree on, shows within the second."""

SILENT_SECONDS = 2.0

RESTARTS = 5
"""How often a speaker is started at most: whether it has heard of the others before it decides is a race with some."""


def _serve(cluster: Cluster, count: int = COUNT) -> list[IPAddress]:
    """So many Services of one address each, of one family as of the other."""
    families = cluster.families
    served = several(
        lambda number: cluster.serve(f"web-{number}", families=families[number % len(families)]), range(count)
    )
    return [service.address() for service in served]


@pytest.mark.covers("L2-021")
@pytest.mark.needs("layer2", "hash-election")
@pytest.mark.catches("highest-hash-elected", "families-elected-apart")
@pytest.mark.thorough
@pytest.mark.untimed
@pytest.mark.usefixtures("layer2")
def test_lowest_hash_of_node_and_address_wins(
    testbed: Testbed, cluster: Cluster, profile: Profile, record: CaseRecorder, node_of_mac: dict[str, str]
) -> None:
    """The node whose name and the Service's first address have the lowest SHA-256 announces it, as anybody can compute.

    Given fourteen Services of one address each and four of all families that are announced in layer 2
    When a host on the segment asks for their addresses
    Then the node answers for which the SHA-256 of *node#address* is lowest, for all addresses of a Service by its first
    """
    elected_by = {address: address for address in _serve(cluster, COUNT - PAIRS)}
    for service in several(lambda number: cluster.serve(f"pair-{number}"), range(PAIRS)):
        elected_by |= dict.fromkeys(service.addresses, service.addresses[0])
    names = [node.name for node in testbed.nodes]
    owners = {
        str(address): min(names, key=lambda name: hashlib.sha256(f"{name}#{first}".encode()).digest())
        for address, first in elected_by.items()
    }
    answers = ask(testbed, record, list(elected_by), profile.timers.configuration, budget=SILENT_SECONDS)
    bound = {"nodes": node_of_mac, "answered": 0.9, "owners": owners}
    record.judge("L2-021", "one-announcer", {"answers": answers}, bound)


@pytest.mark.covers("L2-047")
@pytest.mark.needs("layer2")
@pytest.mark.catches("elected-before-it-listened")
@pytest.mark.thorough
@pytest.mark.untimed
@pytest.mark.usefixtures("layer2")
def test_speaker_that_starts_answers_for_no_address_of_others(
    testbed: Testbed,
    cluster: Cluster,
    profile: Profile,
    record: CaseRecorder,
    speakers: Speakers,
    node_of_mac: dict[str, str],
) -> None:
    """A speaker that starts answers for no address that another node has: it hears of the others before it decides.

    Given eighteen Services of one address each that are announced in layer 2
    When the announcing pod of one node is deleted and another runs in its place, up to five times
    Then no address that another node had moves, not even for one answer
    """
    addresses = list(map(str, _serve(cluster)))
    with Asking(testbed, "client", addresses, every=0.2) as asking:
        asking.until(lambda rows: len(last_given(rows)) == COUNT, profile.timers.configuration)
        before = last_given(asking.rows())
        if len(before) < COUNT:
            raise PreconditionUnmetError(f"only {len(before)} of {COUNT} addresses are answered")
        starting = before[addresses[0]]
        with record.act("restarts", node_of_mac[starting]) as restarts:
            for _ in range(RESTARTS):
                began = speakers.restart(node_of_mac[starting]).effective
                asking.until(partial(_has_spoken, starting, began), profile.timers.layer2_speaker_failover)
                if any(row["mac"] == starting != before[row["address"]] for row in asking.rows()):
                    break  # what was seen once is not tried again
        asking.until(lambda rows: rows[-1]["t"] >= restarts.effective + AFTERWARDS_SECONDS * 1e9, 30)
    others = [address for address, mac in before.items() if mac != starting]
    seen = {"answers": record.observed("answers", asking), "cause": restarts.evidence}
    bound = {"nodes": node_of_mac, "addresses": others, "within": 0.9 * AFTERWARDS_SECONDS, "least": 0, "most": 0}
    record.judge("L2-047", "owner-moves", seen, bound)


def _has_spoken(mac: str, since: int, rows: Sequence[Answer]) -> bool:
    """Whether a node was heard after a time."""
    return any(row["t"] >= since and row["mac"] == mac for row in reversed(rows))
