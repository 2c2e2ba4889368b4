"""What a BGPPeer says of a session beyond whom it is with, and what a speaker does not do with what a router says."""

from collections.abc import Mapping, Sequence

import pytest

from lbcert_fixtures.cluster import Cluster
from lbcert_fixtures.probes.bgp_messages import BgpCapture
from lbcert_fixtures.probes.routes import RouteWatch
from lbcert_fixtures.probes.sessions import Session, SessionWatch
from lbcert_fixtures.probes.watch import together
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.routers.frr import AS_NUMBER, NODES_AS_NUMBER
from lbcert_fixtures.testbeds import IPAddress, PreconditionUnmetError, Testbed
from lbcert_reports.recorder import CaseRecorder
from lbcert_reports.verdicts import Verdict
from lbcert_suites.bgp.peering import ROUTER, SPARE, SPARE_PORT, STAYS_DOWN_SECONDS, Peering, expect, open_in_vain
from lbcert_suites.conftest import BGP_POOL
from lbcert_suites.eligibility import FIRST, ROLE, SECOND, SELECTORS, Eligibility
from lbcert_suites.leftovers import are_closed

IDENTIFIER = "192.0.2.17"
"""The router ID that BGPPeers declare; all the same, as peers of one node have to have it in FRR."""

LATER_HOLD_SECONDS = 6
"""The hold time after an edit; `Cluster.peer` asks for 3 s."""

TAUGHT = {"ipv4": "203.0.113.0/24", "ipv6": "2001:db8:113::/48"}
"""What the router announces to the nodes."""

LOCAL_AS_NUMBER = 64520
"""What the nodes are to one peer; they are of AS 64512 otherwise."""

LARGE: Mapping[str, Sequence[str]] = {"first": ["large:64512:100:1"], "second": ["large:4200000001:2:3", "64512:100"]}
"""By advertisement, what their routes carry."""

LEARNING_SECONDS = 3.0
"""How long nodes are watched after they were told: a speaker that takes routes does so at once."""


@pytest.mark.covers("BGP-006", "BGP-014", "BGP-016", "BGP-017")
@pytest.mark.needs("bgp")
@pytest.mark.untimed
@pytest.mark.thorough
@pytest.mark.catches("peer-port-ignored", "router-id-ignored", "source-address-ignored", "timer-edit-ignored")
@pytest.mark.usefixtures("second_address", "unpeered", "other_port")
def test_sessions_are_opened_as_their_peer_declares(
    testbed: Testbed,
    cluster: Cluster,
    peering: Peering,
    profile: Profile,
    record: CaseRecorder,
    eligibility: Eligibility,
) -> None:
    """Sessions have the port, the source address and the router ID that their peer declares, and follow its hold time.

    Given a router that takes sessions at another port only, a first node with a second address, and a Service
    When it is declared as a peer with that port and a router ID, for the first node with the second address as the
        source; and when the hold time for the others is edited
    Then there is a session from the second address and from each of the others, and each presents the router ID; the
        next hops are the addresses of the sessions; and then those of the others have the other hold time
    """
    first, *others = [node.name for node in testbed.nodes]
    within = profile.timers.bgp_session + peering.connect_retry
    cluster.announce_bgp(ipAddressPools=[cluster.pool(*peering.ranges(*BGP_POOL))])
    service = peering.serve()
    eligibility.label(ROLE, {first: FIRST} | dict.fromkeys(others, SECOND))
    of_first, of_others = SELECTORS
    spare = [SPARE[family] for family in peering.families]
    expected = [*spare, *peering.addresses(*others)]
    peering.router.declare(*expected)  # FRR loses a peer that it does not know when its session is opened anew at once
    with SessionWatch(testbed, ROUTER) as watch:
        with record.act("create-peers", ROUTER) as created:
            for family in peering.families:
                for name, spec in (
                    ("first", {"sourceAddress": str(SPARE[family]), "nodeSelectors": [of_first]}),
                    ("others", {"nodeSelectors": [of_others]}),
                ):
                    declared = {"peerPort": SPARE_PORT, "routerID": IDENTIFIER, **spec}
                    cluster.peer(ROUTER, family, name=f"{name}-{family}", **declared)
        watch.until_established(expected, within)
    seen = {"sessions": record.observed("sessions", watch, "opened")}

    def are_up(requirement: str, peers: Sequence[IPAddress]) -> bool:
        bound = {"peers": {ROUTER: peers}, "within": within, "others": True}
        inputs = seen | {"cause": created.evidence}
        return record.judge(requirement, "sessions-established", inputs, bound).verdict is Verdict.PASS

    if not are_up("BGP-014", peering.addresses(*others)):
        raise PreconditionUnmetError("without sessions nothing else can be said of them")
    are_from_there = are_up("BGP-016", spare)
    identified = {"identifier": IDENTIFIER, "least": len(peering.addresses(*others))}
    record.judge("BGP-017", "identifiers-presented", seen, identified)
    if are_from_there:
        routes = {
            prefix: [str(each) for each in expected if each.version == (6 if ":" in prefix else 4)]
            for prefix in peering.routes([service])
        }
        with RouteWatch(testbed, ROUTER, routes) as announced:
            announced.until_routes(routes, profile.timers.configuration)
        hops = {"routes": record.observed("routes", announced)}
        record.judge("BGP-016", "route-next-hops", hops, {"expected": routes, "within": profile.timers.configuration})
    edited = set(map(str, peering.addresses(*others)))
    with SessionWatch(testbed, ROUTER) as watch:
        with record.act("edit-hold-time", ROUTER):
            for family in peering.families:
                cluster.reconfigure("BGPPeer", f"others-{family}", holdTime=f"{LATER_HOLD_SECONDS}s")
        watch.until(
            lambda rows: edited <= {peer for peer, hold in _holds(rows) if hold == LATER_HOLD_SECONDS},
            profile.timers.configuration + peering.connect_retry,
        )
    later = {"sessions": record.observed("sessions", watch, "edited")}
    timers = {"peers": {ROUTER: sorted(edited)}, "hold": LATER_HOLD_SECONDS}
    record.judge("BGP-006", "timers-negotiated", later, timers)


def _holds(rows: Sequence[Session]) -> set[tuple[str, int]]:
    """The hold times of the sessions that are established, by peer, as they were last seen."""
    last = {row["peer"]: row for row in rows}
    return {(peer, row["hold"]) for peer, row in last.items() if row["state"] == "Established"}


@pytest.mark.covers("BGP-041")
@pytest.mark.needs("bgp")
@pytest.mark.untimed
@pytest.mark.thorough
@pytest.mark.catches("routes-learnt")
@pytest.mark.usefixtures("unpeered")
def test_nothing_is_learnt_from_the_router(
    testbed: Testbed, peering: Peering, profile: Profile, record: CaseRecorder
) -> None:
    """What a router announces to the nodes gets into the routing table of none.

    Given a router that announces a network of each family
    When it is declared as a peer, and has told every node
    Then no node has a route to any of them for three seconds
    """
    taught = peering.ranges(*TAUGHT.values())
    for family in peering.families:
        network = f"network {TAUGHT[family]}"
        lines = [f"address-family {family} unicast", network, "exit-address-family"]
        peering.router.set(*lines, undo=[lines[0], f"no {network}", lines[2]])
    told = {str(peer) for peer in peering.addresses()}
    watches = [RouteWatch(testbed, node.name, taught) for node in testbed.nodes]
    within = profile.timers.bgp_session + profile.timers.configuration

    def are_told(_: object) -> bool:
        return told <= {peer for family in peering.families for peer in capture.told([TAUGHT[family]])}

    with BgpCapture(testbed, ROUTER) as capture, together(watches):
        peering.open()
        if not capture.until(are_told, within):
            raise PreconditionUnmetError(f"the router has not told every node of {', '.join(taught)}")
        capture.observe(LEARNING_SECONDS)
    seen = {
        f"routes.{number}": record.observed("routes", watch, watch.place)
        for number, watch in enumerate(watches, start=1)
    }
    record.judge("BGP-041", "never-routed", seen, {"prefixes": [*taught], "hold": LEARNING_SECONDS})


@pytest.mark.covers("BGP-030")
@pytest.mark.needs("bgp-large-communities")
@pytest.mark.untimed
@pytest.mark.thorough
@pytest.mark.catches("large-community-reversed")
@pytest.mark.usefixtures("unpeered")
def test_large_communities_arrive(
    testbed: Testbed, cluster: Cluster, peering: Peering, profile: Profile, record: CaseRecorder
) -> None:
    """Routes carry the large communities of their advertisements, beside the others.

    Given a Service whose pool two advertisements are about, one with a large community, and one with another and with
        one of the usual size
    When a router is declared as a peer
    Then each path carries the three of them
    """
    pool = cluster.pool(*peering.ranges(*BGP_POOL))
    for name, communities in LARGE.items():
        cluster.announce_bgp(name, ipAddressPools=[pool], communities=communities)
    routes = peering.routes([peering.serve()])
    with BgpCapture(testbed, ROUTER) as capture, RouteWatch(testbed, ROUTER, routes) as announced:
        peering.open()
        if not announced.until_routes(routes, profile.timers.bgp_session + profile.timers.configuration):
            raise PreconditionUnmetError("the routes are not announced")
    paths = {"paths": record.evidence("paths", capture.paths(), **capture.meta())}
    union = sorted(each.removeprefix("large:") for communities in LARGE.values() for each in communities)
    carried = {"prefixes": list(routes), "count": len(testbed.nodes), "expected": {"communities": union}}
    record.judge("BGP-030", "path-attributes", paths, carried)


@pytest.mark.covers("BGP-018")
@pytest.mark.needs("bgp-local-asn")
@pytest.mark.untimed
@pytest.mark.thorough
@pytest.mark.catches("local-asn-ignored")
@pytest.mark.usefixtures("unpeered")
def test_another_as_is_presented_to_a_peer(
    testbed: Testbed, cluster: Cluster, peering: Peering, record: CaseRecorder
) -> None:
    """A peer for which another local AS is declared meets that AS, in the session and in the paths.

    Given a router that expects the nodes to be of another AS than theirs, and a Service
    When it is declared as a peer with that AS as the local one
    Then every session is established, and each path carries that AS alone
    """
    expect(peering.router, LOCAL_AS_NUMBER)
    cluster.announce_bgp(ipAddressPools=[cluster.pool(*peering.ranges(*BGP_POOL))])
    routes = peering.routes([peering.serve()])
    paths = peering.judge_open(record, "BGP-018", routes, localASN=LOCAL_AS_NUMBER)
    carried = {"prefixes": list(routes), "count": len(testbed.nodes), "expected": {"as_path": [LOCAL_AS_NUMBER]}}
    record.judge("BGP-018", "path-attributes", paths, carried)


@pytest.mark.covers("BGP-019")
@pytest.mark.needs("bgp-dynamic-asn")
@pytest.mark.untimed
@pytest.mark.thorough
@pytest.mark.catches("dynamic-asn-unchecked")
@pytest.mark.usefixtures("unpeered")
def test_peer_of_any_as_is_met_if_it_is_of_the_declared_kind(
    testbed: Testbed, peering: Peering, profile: Profile, record: CaseRecorder
) -> None:
    """A peer whose AS is left open is taken if it is internal or external as declared, and refused if it is not.

    Given a router of another AS than the nodes'
    When it is declared as a peer of any internal AS, and every node has tried; as one of any external AS; and, the
        nodes being of its AS, of any internal AS
    Then no session is established for ten seconds; and then, each time, every session is
    """
    within = profile.timers.bgp_session + peering.connect_retry
    peering.router.declare(*peering.addresses())
    open_in_vain(testbed, peering, peerASN=None, dynamicASN="internal")
    with SessionWatch(testbed, ROUTER) as watch:
        watch.until(lambda rows: any(row["state"] == "Established" for row in rows), STAYS_DOWN_SECONDS)
    down = {"sessions": record.observed("sessions", watch, "refused")}
    record.judge("BGP-019", "session-stays-down", down, {"peers": peering.peers, "hold": STAYS_DOWN_SECONDS})
    for kind, asn in (("external", NODES_AS_NUMBER), ("internal", AS_NUMBER)):
        peering.close()
        with SessionWatch(testbed, ROUTER) as closing:
            closing.until(are_closed, profile.timers.configuration)
        expect(peering.router, asn)
        with SessionWatch(testbed, ROUTER) as watch:
            with record.act("create-peers", kind) as created:
                peering.open(myASN=asn, peerASN=None, dynamicASN=kind)
            peering.until_established(watch, within)
        up = {"sessions": record.observed("sessions", watch, kind), "cause": created.evidence}
        record.judge("BGP-019", "sessions-established", up, {"peers": peering.peers, "within": within})
