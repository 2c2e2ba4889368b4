"""What becomes of connections when the next hops of an address change (BGP).

Unless a time is measured a fault is tried once: the connection is the unit, and there are hundreds of them. The
catalogue counts for 60 s. These connections send every half second, so that a few seconds after the routes changed
each has met its new node: every trial goes on until all were answered again or broke.
"""

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address

import pytest

from lbcert_fixtures.cluster import Cluster
from lbcert_fixtures.deployment import Deployment
from lbcert_fixtures.probes.sessions import SessionWatch
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import Fault, Testbed
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.reset.exclusion import Exclusion
from lbcert_suites.reset.upheaval import ROUTER, Upheaval, act
from lbcert_suites.standing import HOLD_SECONDS, addresses_of
from lbcert_suites.ways import Way, await_next_hops, serve_both_policies

pytestmark = pytest.mark.usefixtures("calibrated")

EXCESS = 0.25
"""By how much more than the hash of RFC 2992 moves of the connections on surviving nodes may break.

A quarter of them move when a node leaves, half when one joins; the RFC puts what a change may move at up to a half.
Whoever breaks nearly all of them is beyond the limit. Less could not be told from the seventy connections over
surviving nodes that there are at least of a fault that is tried once.
"""

UNCLEAN = 0.05
"""The share of the broken connections that may be silent instead of reset when everybody is alive."""

UNCLEAN_DEAD = 0.15
"""Likewise when a node died: a retransmission may be seconds away when the watch ends."""

CHANGES = 2
"""How often a node leaves and joins: eight hundred connections tell shares within 5 points."""

ROUTER_SECONDS = 1.0
"""How long the router may take to act on an expired hold time."""


@pytest.fixture
def addresses(
    testbed: Testbed, cluster: Cluster, profile: Profile, bgp_way: Way
) -> Mapping[str, IPv4Address | IPv6Address]:
    """A Service of each policy and family, with every node as next hop."""
    addresses = serve_both_policies(cluster, bgp_way)
    await_next_hops(testbed, bgp_way, addresses.values(), profile.timers.configuration)
    return addresses


@pytest.mark.covers("BGP-025", "RESET-002", "RESET-003")
@pytest.mark.needs("bgp")
@pytest.mark.catches("withdraws-everything", "exclusion-stays")
@pytest.mark.thorough
def test_connections_when_a_node_leaves_and_joins(
    testbed: Testbed,
    profile: Profile,
    record: CaseRecorder,
    exclusion: Exclusion,
    addresses: Mapping[str, IPv4Address | IPv6Address],
) -> None:
    """A node that leaves takes its connections along, and of the others only those that the router's hash moves.

    Given connections to a Service of each policy, and a hundred new ones a second
    When a node is excluded from load balancing by its label, and later taken back
    Then no more of the connections over other nodes break than RFC 2992 says, each by a reset, and new ones work; and
        the node announces again
    """
    everyone = [node.name for node in testbed.nodes]
    leaving = Upheaval(testbed, record, addresses, profile.timers.bgp_update, "leaving")
    joining = Upheaval(testbed, record, addresses, profile.timers.bgp_update, "joining")
    for _ in range(CHANGES):
        leaving.attempt(lambda: exclusion.exclude(everyone[0]), everyone[1:])
        joining.attempt(lambda: exclusion.readmit(everyone[0]), everyone, profile.timers.configuration)
    for upheaval, before, after in ((leaving, everyone, everyone[1:]), (joining, everyone[1:], everyone)):
        upheaval.judge_fates("RESET-002", before, after, excess=EXCESS)
        upheaval.judge_fates("RESET-003", before, after, unclean=UNCLEAN)
        upheaval.judge_gap("RESET-003")
    joining.judge_arrival("BGP-025", everyone, profile.timers.configuration)
    leaving.insist()
    joining.insist()


@pytest.mark.covers("RESET-002", "RESET-003")
@pytest.mark.needs("bgp")
@pytest.mark.catches("hold-time-ignored")
@pytest.mark.thorough
def test_connections_when_a_node_is_switched_off(
    testbed: Testbed,
    profile: Profile,
    record: CaseRecorder,
    addresses: Mapping[str, IPv4Address | IPv6Address],
) -> None:
    """When a node dies its connections are reset by others once the hold time is over, and new ones work from then on.

    That is judged under Local. Under Cluster a third of all connections has its endpoint on the dead node, of which
    Kubernetes does not know for most of a minute: what becomes of them is on record.

    Given connections to a Service of each policy, and a hundred new ones a second
    When a node is switched off, so that nothing says goodbye
    Then within the hold time new connections work, and broken ones are reset
    """
    everyone = [node.name for node in testbed.nodes]
    upheaval = Upheaval(testbed, record, addresses, HOLD_SECONDS + ROUTER_SECONDS, "off")
    fault = upheaval.attempt(lambda: testbed.power_off(everyone[0]), everyone[1:])
    upheaval.await_return(lambda: testbed.heal(fault), everyone, profile.timers.bgp_session)
    upheaval.judge_fates("RESET-002", everyone, everyone[1:], policy="Local", excess=EXCESS)
    upheaval.judge_fates("RESET-002", everyone, everyone[1:], policy="Cluster")
    upheaval.judge_fates("RESET-003", everyone, everyone[1:], policy="Local", unclean=UNCLEAN_DEAD)
    upheaval.judge_gap("RESET-003", policy="Local")
    upheaval.insist()


@pytest.mark.covers("RESET-003", "RESET-007")
@pytest.mark.needs("bgp", "session-in-speaker")
@pytest.mark.catches("sessions-slow-to-return")
@pytest.mark.thorough
def test_connections_when_a_speaker_restarts(
    testbed: Testbed,
    cluster: Cluster,
    implementation: Deployment,
    profile: Profile,
    record: CaseRecorder,
    addresses: Mapping[str, IPv4Address | IPv6Address],
) -> None:
    """A speaker that restarts takes its node's routes along until it is back; the other nodes serve meanwhile.

    Given connections to a Service of each policy, and a hundred new ones a second
    When the pod of one speaker is deleted
    Then new connections work all the while, no more of the others' connections break than RFC 2992 says, each by a
    reset, and the routes come back
    """
    everyone = [node.name for node in testbed.nodes]
    pod, namespace = implementation.pod_on(profile.components.speaker, everyone[0]), implementation.namespace
    upheaval = Upheaval(testbed, record, addresses, profile.timers.bgp_update, "speaker")
    upheaval.attempt(
        lambda: act("speaker-delete", f"{namespace}/{pod}", lambda: cluster.delete_pod(pod, namespace)),
        everyone,
        profile.timers.bgp_session,
    )
    upheaval.judge_fates("RESET-007", everyone, everyone[1:], excess=EXCESS)
    upheaval.judge_return("RESET-007", everyone, profile.timers.bgp_session)
    upheaval.judge_fates("RESET-003", everyone, everyone[1:], unclean=UNCLEAN)
    upheaval.judge_gap("RESET-003")
    upheaval.insist()


@pytest.mark.covers("RESET-003")
@pytest.mark.needs("bgp")
@pytest.mark.catches("no-reconnect")
@pytest.mark.thorough
def test_connections_when_the_router_restarts(
    testbed: Testbed,
    profile: Profile,
    record: CaseRecorder,
    bgp_way: Way,
    addresses: Mapping[str, IPv4Address | IPv6Address],
) -> None:
    """When the router restarts new connections work as soon as the sessions are back, which may take their time.

    What becomes of the others is on record: while the routes come back one after the other, the router's hash sends
    connections to nodes that do not know them.

    Given connections to a Service of each policy, and a hundred new ones a second
    When the router's routing daemons are killed and started again
    Then new connections work within the time that a session may take, and go on working
    """
    everyone = [node.name for node in testbed.nodes]
    upheaval = Upheaval(testbed, record, addresses, profile.timers.bgp_session, "router")
    peers = addresses_of(testbed.nodes, bgp_way.families)

    def restart() -> Fault:
        fault = testbed.restart_router(ROUTER)
        with SessionWatch(testbed, ROUTER) as sessions:  # routes may be gone too shortly to be seen to go
            sessions.until_established(peers, profile.timers.bgp_session)
        return fault

    upheaval.attempt(restart)
    upheaval.judge_fates("RESET-003", everyone, everyone)
    upheaval.judge_gap("RESET-003")
