"""Which node announces which address: evenly spread, and moved only for a reason."""

import time

import pytest

from lbcert_fixtures.cluster import Cluster, ranges_of, several
from lbcert_fixtures.probes.layer2 import Asking
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import PreconditionUnmetError, Testbed
from lbcert_reports.recorder import CaseRecorder
from lbcert_reports.verdicts import Verdict
from lbcert_suites.layer2.speakers import Speakers
from lbcert_suites.layer2.takeovers import ANNOUNCED
from lbcert_suites.questions import ANSWERED, last_given

COUNT = 60
"""Services: one node of three has none of their addresses by chance once in ten thousand million times."""

QUIET_SECONDS = 8
"""Sixty addresses for so long give more questions, and more time of addresses, than one address in eight minutes."""

ALL_ANSWERED = 0.5
"""Of the questions for each address: whether one of many is silent is asked, and not how soon they are answered."""

AFTERWARDS_SECONDS = 3
"""How long addresses are watched for moves after the last one that was expected."""


@pytest.mark.covers("L2-001", "L2-002", "L2-003", "L2-004", "L2-014", "L2-017", "L2-022", "L2-025", "L2-043", "L2-045")
@pytest.mark.needs("layer2")
@pytest.mark.catches(
    "two-announcers",
    "one-node-announces-everything",
    "election-ignores-a-node",
    "every-change-moves-everything",
    "goodbye-to-one-only",
    "one-of-many-announced",
    "sixteen-addresses-at-most",
)
@pytest.mark.thorough
@pytest.mark.untimed
def test_addresses_spread_over_nodes_and_stay(
    testbed: Testbed,
    cluster: Cluster,
    profile: Profile,
    record: CaseRecorder,
    speakers: Speakers,
    node_of_mac: dict[str, str],
) -> None:
    """Addresses spread over the nodes, stay there in peace, and a node that goes or comes moves no others.

    Given sixty Services, as many of each family, that are announced in layer 2
    When a host on the segment asks for their addresses, and then the announcing pod of one node goes and comes back
    Then each is answered, by one node, they are spread evenly, and none of them moves while nothing happens
    And the loss moves all addresses of that node, in time, and no others; each is announced by its new owner, whichever
        that is, and questions go unanswered for no longer than a planned move may take
    And the return moves addresses only to that node, and no more than its share
    """
    families = cluster.families
    cluster.pool("172.30.0.190-172.30.0.249", "fd00:30::1000-fd00:30::103b")
    cluster.announce_layer2()

    def serve(number: int) -> str:
        (address,) = cluster.serve(f"web-{number}", families=families[number % len(families)]).addresses
        return str(address)

    addresses = several(serve, range(COUNT))
    *_, leaving = testbed.nodes
    limit = profile.timers.layer2_speaker_failover

    with Asking(testbed, "client", addresses, every=0.5) as quiet:
        quiet.until(lambda rows: len(last_given(rows)) == COUNT, profile.timers.configuration)
        settled = len(quiet.rows())
        before = last_given(quiet.rows())
        ended = time.time_ns() + round(QUIET_SECONDS * 1e9)
        quiet.until(lambda rows: rows[-1]["t"] >= ended, 2 * QUIET_SECONDS)
    answers = record.evidence("answers", quiet.rows()[settled:], "quiet", **quiet.meta())
    if strange := sorted(set(before.values()) - node_of_mac.keys()):
        raise PreconditionUnmetError(f"addresses are answered with {', '.join(strange)}, which no node has")
    bound = {"nodes": node_of_mac, "addresses": sorted(before), "answered": 0}
    owned = record.judge("L2-003", "one-announcer", {"answers": answers}, bound)
    bound = {"nodes": node_of_mac, "addresses": sorted(before), "hold": 0.8 * QUIET_SECONDS}
    record.judge("L2-004", "never-alternates", {"answers": answers}, bound)
    for family in families:
        bound = {"nodes": node_of_mac, "addresses": ranges_of([family], addresses), "answered": ALL_ANSWERED}
        record.judge(ANSWERED[family], "answers-asked", {"answers": answers}, bound)
    if len(before) < COUNT:
        raise PreconditionUnmetError(f"only {len(before)} of {COUNT} addresses are answered")
    if owned.verdict is not Verdict.PASS:
        raise PreconditionUnmetError(f"there is not one owner of each address: {owned.reason}")
    spread = record.judge("L2-022", "spread-over-nodes", {"answers": answers}, {"nodes": node_of_mac})
    for number in range(len(families)):
        bound = {"nodes": node_of_mac, "addresses": addresses[number :: len(families)]}
        record.judge("L2-022", "spread-over-nodes", {"answers": answers}, bound)

    others = [address for address in addresses if before[address] != leaving.mac]
    lost = [address for address in addresses if before[address] == leaving.mac]
    with Asking(testbed, "client", addresses, every=0.5) as going, Asking(testbed, "client", lost, every=0.1) as moving:
        going.until(lambda rows: len(last_given(rows)) == COUNT, 5)
        removal = speakers.remove(leaving.name)
        going.until(lambda rows: leaving.mac not in last_given(rows).values(), limit)
        going.until(lambda rows: rows[-1]["t"] > removal.effective + AFTERWARDS_SECONDS * 1e9, limit)
    inputs = {
        "answers": record.observed("answers", going, "one-goes"),
        "cause": record.fault(removal, name="one-goes-cause"),
    }
    bound = {"nodes": node_of_mac, "addresses": others, "within": 0.9 * AFTERWARDS_SECONDS, "least": 0, "most": 0}
    record.judge("L2-025", "owner-moves", inputs, bound)
    bound = {"nodes": node_of_mac, "addresses": lost, "within": limit, "overlap": profile.timers.graceful_leave}
    record.judge("L2-043", "owner-moves", inputs, bound)
    inputs = {"answers": record.observed("answers", moving, "those-of-one-move"), "cause": inputs["cause"]}
    bound = {"addresses": lost, "within": profile.timers.layer2_planned_move, "lasting": False}
    record.judge("L2-045", "answered-again", inputs, bound)
    for family in families:
        bound = {"nodes": node_of_mac, "addresses": ranges_of([family], lost)}
        record.judge(ANNOUNCED[family], "gratuitous-announced", inputs, bound)

    with Asking(testbed, "client", addresses, every=0.5) as coming:
        coming.until(lambda rows: len(last_given(rows)) == COUNT, 5)
        held = last_given(coming.rows())
        with record.act("speaker-return", leaving.name) as back:
            speakers.readmit(removal)
        returned = coming.until(lambda rows: leaving.mac in last_given(rows).values(), limit)
        coming.until(lambda rows: rows[-1]["t"] > back.effective + AFTERWARDS_SECONDS * 1e9, limit)
    inputs = {"answers": record.observed("answers", coming, "one-comes"), "cause": back.evidence}
    if returned and spread.verdict is Verdict.PASS:  # or everything stays where it went, which is allowed
        record.judge("L2-025", "spread-over-nodes", {"answers": inputs["answers"]}, {"nodes": node_of_mac})
    for mac in sorted(set(held.values())):
        bound = {
            "nodes": node_of_mac,
            "addresses": [address for address in addresses if held.get(address) == mac],
            "to": [node_of_mac[mac], leaving.name],
            "within": 0.9 * AFTERWARDS_SECONDS,
            "least": 0,
            "overlap": AFTERWARDS_SECONDS,
        }
        record.judge("L2-025", "owner-moves", inputs, bound)
