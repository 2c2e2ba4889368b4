"""Sessions between nodes and router: who opens them, with whom, and what they survive."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import pytest

from lbcert_fixtures import annotations
from lbcert_fixtures.cluster import Cluster
from lbcert_fixtures.kubernetes.secrets import BasicAuth
from lbcert_fixtures.probes import ProbeError
from lbcert_fixtures.probes.bgp_messages import BgpCapture, Path
from lbcert_fixtures.probes.routes import RouteWatch
from lbcert_fixtures.probes.sessions import Session, SessionWatch
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.routers.frr import AS_NUMBER, HOLD_SECONDS, NODES_AS_NUMBER
from lbcert_fixtures.testbeds import IPAddress, PreconditionUnmetError, Testbed
from lbcert_reports.recorder import CaseRecorder
from lbcert_reports.verdicts import Verdict
from lbcert_suites.bgp.peering import ROUTER, STAYS_DOWN_SECONDS, Peering, expect, open_in_vain
from lbcert_suites.conftest import BGP_POOL
from lbcert_suites.eligibility import FIRST, ROLE, SECOND, SELECTORS, Eligibility
from lbcert_suites.leftovers import are_closed

ENDING = "of/32=letters+signs;in,total."
"""What passwords end with: each is longer than a word and has signs of punctuation, as generated ones do."""

QUIET_SECONDS = 3.0
"""How long sessions are watched after the last change: their hold time, after which silence has become a reset."""

RETURN_SECONDS = 2.0
"""How long a session that was closed must stay closed: twice what `Cluster.peer` asks for between two attempts."""

LEAST_HOLD_SECONDS = 3.0
"""RFC 4271, section 4.2. It allows 0 as well, which is a session that never notices that the other side is gone."""

LARGE_AS_NUMBER, ROUTERS_AS_NUMBER = 4_200_000_001, 4_200_000_002
"""The nodes' and the router's: beyond what two octets hold (RFC 6793)."""

ALIAS, ALIASED = "lbcert-alias", "64512:300"

COMMUNITIES: Mapping[str, Sequence[str]] = {"first": ["64512:100", "64512:200"], "second": ["64512:200", ALIAS]}
"""By advertisement, what their routes carry."""

EDITS: Mapping[str, Mapping[str, Any]] = {
    "preference": {"localPref": 250},
    "communities": {"communities": ["64512:200"]},
}
"""What an advertisement is given, one after the other: an edit of both would hide that one of them is passed over."""

SAID: Mapping[str, Mapping[str, Any]] = {
    "first": {"local_pref": 150, "communities": ["64512:100"]},
    "preference": {"local_pref": 250, "communities": ["64512:100"]},
    "communities": {"local_pref": 250, "communities": ["64512:200"]},
}
"""What its routes have to carry at first, and after each of these edits."""

OTHERS: Mapping[str, Mapping[str, Any]] = {
    "IPAddressPool": {"autoAssign": False},
    "BGPAdvertisement": {"ipAddressPools": ["other"]},
    "BFDProfile": {"receiveInterval": 300},
}
"""Configuration that has nothing to do with the sessions; the pool is of the sessions' families."""


@pytest.mark.covers("BGP-001", "BGP-005", "BGP-025", "BGP-027")
@pytest.mark.needs("bgp")
@pytest.mark.catches(
    "node-without-session",
    "speaker-exits",
    "origin-incomplete",
    "another-prefix-too",
    "no-hold-time",
    "silent-advertisement",
)
@pytest.mark.usefixtures("unpeered")
@pytest.mark.parametrize(
    ("asn", "expected", "present"),
    [
        pytest.param(
            *(NODES_AS_NUMBER, {"as_path": [NODES_AS_NUMBER], "local_pref": None}, []),
            id="external",
            marks=pytest.mark.catches("local-pref-over-ebgp"),
        ),
        pytest.param(
            *(AS_NUMBER, {"as_path": []}, ["local_pref"]),
            id="internal",
            marks=pytest.mark.catches("as-path-over-ibgp"),
        ),
    ],
)
def test_every_node_opens_a_session(
    testbed: Testbed,
    cluster: Cluster,
    peering: Peering,
    profile: Profile,
    record: CaseRecorder,
    asn: int,
    expected: Mapping[str, Any],
    present: Sequence[str],
) -> None:
    """Every node opens one session to the declared peer, of the declared kind, and announces as that kind demands.

    Given a router that accepts sessions from the whole segment, from another AS than its own or from its own
    When it is declared as a peer without a hold time, over every family that is announced, after a Service was created
        that an advertisement without selectors covers
    Then there is a session with every node and no other, with the hold time that the implementation declares or less;
        every node is a next hop; and each UPDATE announces the Service's host routes and nothing else, and carries, as
        it passes the router's interface, the local AS once and no LOCAL_PREF if the session is external, LOCAL_PREF
        and no AS if it is internal
    """
    expect(peering.router, asn)
    cluster.pool(*peering.ranges(*BGP_POOL))
    cluster.announce_bgp()
    routes, within = peering.routes([peering.serve()]), profile.timers.bgp_session
    with (
        BgpCapture(testbed, ROUTER) as capture,
        RouteWatch(testbed, ROUTER, routes) as announced,
        SessionWatch(testbed, ROUTER) as watch,
    ):
        with record.act("create-peers", ROUTER) as created:
            peering.open(myASN=asn, holdTime=None)
        # as long as declared, though others waited in vain
        are_established = watch.until_established(peering.addresses(), within)
        announcing = time.time_ns()
        if are_established:
            announced.until_routes(routes, profile.timers.configuration)
    sessions = {"sessions": record.observed("sessions", watch), "cause": created.evidence}
    record.judge("BGP-001", "sessions-established", sessions, {"peers": peering.peers, "within": within})
    hold = {"hold": min(profile.timers.bgp_hold, HOLD_SECONDS), "least": LEAST_HOLD_SECONDS}
    record.judge("BGP-005", "timers-negotiated", {"sessions": sessions["sessions"]}, {"peers": peering.peers, **hold})
    try:
        paths = record.evidence("paths", capture.paths(), **capture.meta())
    except (ProbeError, ValueError) as error:
        raise PreconditionUnmetError(f"the nodes' messages cannot be read as BGP: {error}") from error
    carried = {"prefixes": list(routes), "expected": expected, "present": present, "count": len(testbed.nodes)}
    judged = record.judge("BGP-027", "path-attributes", {"paths": paths}, carried)
    origin = {"prefixes": list(routes), "expected": {"origin": "IGP"}, "count": len(testbed.nodes), "others": False}
    record.judge("BGP-025", "path-attributes", {"paths": paths}, origin)
    if are_established and judged.verdict is not Verdict.FAIL:  # a router does not take every path that is wrong
        learnt = {"routes": record.observed("routes", announced), "cause": created.evidence}
        within = (announcing - created.effective) / 1e9 + profile.timers.configuration
        record.judge("BGP-025", "route-next-hops", learnt, {"expected": routes, "within": within})


@pytest.mark.covers("BGP-002", "BGP-029")
@pytest.mark.needs("bgp")
@pytest.mark.untimed
@pytest.mark.thorough
@pytest.mark.catches(
    "asn-cut-to-two-octets", "asn-of-the-router-cut", "first-community-only", "community-alias-ignored"
)
@pytest.mark.usefixtures("unpeered")
def test_as_numbers_of_four_octets_and_communities_arrive(
    testbed: Testbed, cluster: Cluster, peering: Peering, record: CaseRecorder
) -> None:
    """A session works with AS numbers beyond 65535, and routes carry ours and their advertisements' communities.

    Given a router of AS 4200000002 that expects the nodes to be of AS 4200000001, and a Service whose pool two
        advertisements are about, with two communities each, one of them the same, and one an alias that is defined last
    When it is declared as a peer with those AS numbers
    Then every session is established, and each path carries the nodes' AS alone and the three communities
    """
    expect(peering.router, LARGE_AS_NUMBER)
    peering.router.set(f"neighbor NODES local-as {ROUTERS_AS_NUMBER}", undo=["no neighbor NODES local-as"])
    pool = cluster.pool(*peering.ranges(*BGP_POOL))
    for name, communities in COMMUNITIES.items():
        cluster.announce_bgp(name, ipAddressPools=[pool], communities=communities)
    cluster.configure("Community", "lbcert", communities=[{"name": ALIAS, "value": ALIASED}])
    routes = peering.routes([peering.serve()])
    paths = peering.judge_open(record, "BGP-002", routes, myASN=LARGE_AS_NUMBER, peerASN=ROUTERS_AS_NUMBER)
    carried = {"prefixes": list(routes), "count": len(testbed.nodes)}
    record.judge("BGP-002", "path-attributes", paths, carried | {"expected": {"as_path": [LARGE_AS_NUMBER]}})
    union = sorted({ALIASED if each == ALIAS else each for said in COMMUNITIES.values() for each in said})
    record.judge("BGP-029", "path-attributes", paths, carried | {"expected": {"communities": union}})


@pytest.mark.covers("BGP-028", "BGP-029")
@pytest.mark.needs("bgp")
@pytest.mark.untimed
@pytest.mark.thorough
@pytest.mark.catches(
    "local-pref-ignored",
    "edited-preference-untold",
    "edited-communities-untold",
    "communities-of-other-routes",
)
@pytest.mark.usefixtures("unpeered")
def test_edits_of_preference_and_communities_arrive_within_the_as(
    testbed: Testbed, cluster: Cluster, peering: Peering, profile: Profile, record: CaseRecorder
) -> None:
    """Routes carry what their advertisement says to a router of the same AS, and something else after an edit.

    Given a router that expects the nodes to be of its own AS, a Service whose advertisement has a preference and a
        community, and one whose advertisement has another preference alone
    When it is declared as a peer; when the advertisement of the first is given another preference; and another
        community
    Then each time the last that each node has announced is what the advertisements say
    """
    expect(peering.router, AS_NUMBER)
    cluster.pool(*peering.ranges("10.97.0.0/28", "fd00:97::/124"), name="plain", autoAssign=False)
    first = cluster.pool(*peering.ranges(*BGP_POOL))
    cluster.announce_bgp(ipAddressPools=[first], localPref=150, communities=["64512:100"])
    cluster.announce_bgp("plain", ipAddressPools=["plain"], localPref=300)
    routes = peering.routes([peering.serve()])
    plain = peering.routes([peering.serve("plain", annotations={annotations.ADDRESS_POOL: "plain"})])
    told: dict[str, list[Path]] = {}
    with BgpCapture(testbed, ROUTER) as capture, RouteWatch(testbed, ROUTER, routes | plain) as announced:
        peering.open(myASN=AS_NUMBER)
        if not announced.until_routes(routes | plain, profile.timers.bgp_session + profile.timers.configuration):
            raise PreconditionUnmetError("the routes are not announced")
        for name, said in SAID.items():
            if name in EDITS:
                cluster.reconfigure("BGPAdvertisement", "bgp", **EDITS[name])
            capture.until(partial(_carry, capture, [*routes], said), profile.timers.configuration)
            told[name] = _last(capture.paths())
    for name, paths in told.items():
        seen = {"paths": record.evidence("paths", paths, name, **capture.meta())}
        for prefixes, expected in ((routes, SAID[name]), (plain, {"local_pref": 300, "communities": []})):
            for requirement, attribute in (("BGP-028", "local_pref"), ("BGP-029", "communities")):
                carried = {"expected": {attribute: expected[attribute]}}
                bound = {"prefixes": [*prefixes], "count": len(testbed.nodes), **carried}
                record.judge(requirement, "path-attributes", seen, bound)


def _last(paths: Iterable[Path]) -> list[Path]:
    """What each node has announced last of each prefix."""
    return list({(path["next_hop"], path["prefix"]): path for path in paths}.values())


def _carry(capture: BgpCapture, prefixes: Sequence[str], expected: Mapping[str, Any], _: object) -> bool:
    """Whether what was announced last of prefixes carries these attributes."""
    paths: Iterable[Mapping[str, Any]] = _last(capture.paths())
    last = [path for path in paths if path["prefix"] in prefixes]
    return all(path[attribute] == value for path in last for attribute, value in expected.items())


@pytest.mark.covers("BGP-020")
@pytest.mark.needs("bgp")
@pytest.mark.untimed
@pytest.mark.thorough
@pytest.mark.catches("peer-selectors-ignored", "first-selector-only", "match-expressions-ignored")
@pytest.mark.usefixtures("unpeered")
def test_peer_is_for_the_nodes_that_it_selects(
    testbed: Testbed, peering: Peering, profile: Profile, record: CaseRecorder, eligibility: Eligibility
) -> None:
    """Exactly the nodes that a BGPPeer selects have a session with it, and labels that change open and close them.

    Given a router that waits for each node
    When it is declared as a peer for nodes with a label or such an expression, which two have; and when then another
        has it, and one of them no more
    Then the two have a session, and no other; and then each that has such a label, while that of the last is closed
    """
    first, second, *others = [node.name for node in testbed.nodes]
    (third, *_) = others
    within = profile.timers.bgp_session + peering.connect_retry
    peering.router.declare(*peering.addresses())
    eligibility.label(ROLE, {first: FIRST, second: SECOND})
    with SessionWatch(testbed, ROUTER) as watch:
        with record.act("create-peers", ROUTER) as created:
            peering.open(nodeSelectors=SELECTORS)
        watch.until_established(peering.addresses(first, second), within)
        watch.observe(RETURN_SECONDS)
    sessions = {"sessions": record.observed("sessions", watch, "two-labelled")}
    chosen = {"peers": {ROUTER: peering.addresses(first, second)}, "within": within}
    record.judge("BGP-020", "sessions-established", sessions | {"cause": created.evidence}, chosen)
    rest = {"peers": {ROUTER: peering.addresses(*others)}, "hold": RETURN_SECONDS}
    record.judge("BGP-020", "session-stays-down", sessions, rest)
    with SessionWatch(testbed, ROUTER) as watch:
        with record.act("label-nodes", ROLE) as labelled:
            eligibility.label(ROLE, {second: SECOND, third: FIRST})
        watch.until_established(peering.addresses(second, third), within)
        watch.until(lambda rows: _is_down(rows, peering.addresses(first)), profile.timers.configuration)
    seen = {"sessions": record.observed("sessions", watch, "third-labelled"), "cause": labelled.evidence}
    chosen = {"peers": {ROUTER: peering.addresses(second, third)}, "within": within, "others": True}
    record.judge("BGP-020", "sessions-established", seen, chosen)
    left = {"peers": {ROUTER: peering.addresses(first)}, "within": profile.timers.configuration}
    record.judge("BGP-020", "sessions-closed", seen, left)


def _is_down(rows: Sequence[Session], peers: Sequence[IPAddress]) -> bool:
    """No session with any of these was established when it was last seen."""
    last = {row["peer"]: row["state"] for row in rows}
    return all(last.get(str(peer)) != "Established" for peer in peers)


@pytest.mark.covers("BGP-001", "BGP-012")
@pytest.mark.needs("bgp")
@pytest.mark.catches("session-not-closed", "session-returns", "no-cease")
@pytest.mark.usefixtures("unpeered")
def test_sessions_end_with_their_peer(
    testbed: Testbed, peering: Peering, profile: Profile, record: CaseRecorder
) -> None:
    """Every session ends when its BGPPeer is deleted, and the router is told so.

    Given a session from every node to the router
    When the BGPPeers are deleted
    Then every session is closed in the declared time, by a NOTIFICATION that says Cease, and none comes back
    """
    within = profile.timers.configuration
    with BgpCapture(testbed, ROUTER) as capture, SessionWatch(testbed, ROUTER) as watch:
        peering.open()
        peering.until_established(watch)
        with record.act("delete-peers", ROUTER) as deleted:
            peering.close()
        if watch.until(are_closed, within) and watch.until(lambda rows: not are_closed(rows), RETURN_SECONDS):
            watch.until(are_closed, within)  # one that came back may not stay
    seen = {"sessions": record.observed("sessions", watch), "cause": deleted.evidence}
    record.judge("BGP-001", "sessions-closed", seen, {"peers": peering.peers, "within": within})
    said = {
        "messages": record.evidence("messages", capture.messages(), **capture.meta()),
        "closings": record.evidence("closings", capture.closings(), **capture.meta()),
        "cause": deleted.evidence,
    }
    record.judge("BGP-012", "orderly-close", said, {"peers": [str(each) for each in peering.addresses()]})


@pytest.mark.covers("BGP-001")
@pytest.mark.needs("bgp")
@pytest.mark.thorough
@pytest.mark.untimed
@pytest.mark.catches("downed-session-kept")
@pytest.mark.usefixtures("unpeered")
def test_sessions_that_are_down_end_with_their_peer(
    testbed: Testbed, peering: Peering, profile: Profile, record: CaseRecorder
) -> None:
    """Who has tried in vain to open a session gives it up when its BGPPeer is deleted.

    Given a router that refuses the nodes, which are of another AS than it expects, and every node has tried
    When the BGPPeers are deleted, and later than a change of configuration may take the router expects that very AS
    Then no session is established for ten seconds
    """
    refused = NODES_AS_NUMBER + 1
    peering.router.declare(*peering.addresses())
    open_in_vain(testbed, peering, myASN=refused)
    with SessionWatch(testbed, ROUTER) as watch:
        with record.act("delete-peers", ROUTER):
            peering.close()
        watch.observe(profile.timers.configuration)
        expect(peering.router, refused)
        watch.observe(STAYS_DOWN_SECONDS)
    sessions = {"sessions": record.observed("sessions", watch)}
    record.judge("BGP-001", "session-stays-down", sessions, {"peers": peering.peers, "hold": STAYS_DOWN_SECONDS})


@pytest.mark.covers("BGP-003")
@pytest.mark.needs("bgp")
@pytest.mark.thorough
@pytest.mark.untimed
@pytest.mark.catches("peer-asn-ignored", "peer-edit-ignored")
@pytest.mark.usefixtures("unpeered")
@pytest.mark.parametrize(
    ("wrong", "right"),
    [({"peerASN": AS_NUMBER + 1}, {"peerASN": AS_NUMBER}), ({"password": "wrong"}, {"password": "right"})],
    ids=["asn", "password"],
)
def test_wrong_peer_keeps_the_session_down(
    testbed: Testbed,
    peering: Peering,
    profile: Profile,
    record: CaseRecorder,
    wrong: Mapping[str, Any],
    right: Mapping[str, Any],
) -> None:
    """With another ASN or password than the router's no session comes up, until the configuration is repaired.

    Where a repair brings no session, a peer that is right from the start has to, or nothing can be said of repairs.

    Given a router that waits for each node, with a password
    When it is declared as a peer with an ASN or a password that is not the router's, and then with the right one
    Then no session is established for ten seconds, and then every session is
    """
    peering.router.declare(*peering.addresses())
    peering.router.set_password("right", *peering.addresses())
    peering.open(**{"password": "right", **wrong})
    with SessionWatch(testbed, ROUTER) as watch:
        watch.until(lambda rows: any(row["state"] == "Established" for row in rows), STAYS_DOWN_SECONDS)
    down = {"sessions": record.observed("sessions", watch, "wrong")}
    within = profile.timers.bgp_session + peering.connect_retry
    with SessionWatch(testbed, ROUTER) as watch:
        with record.act("repair-peers", ROUTER) as repaired:
            peering.edit(**right)
        is_repaired = peering.until_established(watch, within)
    up = {"sessions": record.observed("sessions", watch, "right"), "cause": repaired.evidence}
    record.judge("BGP-003", "session-stays-down", down, {"peers": peering.peers, "hold": STAYS_DOWN_SECONDS})
    if not is_repaired:
        peering.close()
        with SessionWatch(testbed, ROUTER) as watch:
            peering.open(**{"password": "right", **right})
            if not watch.until_established(peering.addresses(), within):
                raise PreconditionUnmetError("a peer that is right from the start gets no sessions either")
    record.judge("BGP-003", "sessions-established", up, {"peers": peering.peers, "within": within})


@pytest.mark.covers("BGP-011")
@pytest.mark.needs("bgp")
@pytest.mark.thorough
@pytest.mark.untimed
@pytest.mark.catches("no-back-off")
@pytest.mark.usefixtures("unpeered")
def test_a_router_that_refuses_is_not_overrun(testbed: Testbed, peering: Peering, record: CaseRecorder) -> None:
    """A router that answers OPEN and then refuses the session is not tried again without a pause.

    The catalogue counts for 30 s; a speaker that does not wait tries hundreds of times a second.

    Given a router that expects the nodes to be of another AS, so that it ends each session with a NOTIFICATION
    When it is declared as a peer, and every node has tried once
    Then no node tries again more often than once a second on average
    """
    expect(peering.router, NODES_AS_NUMBER + 1)
    open_in_vain(testbed, peering)
    with BgpCapture(testbed, ROUTER) as capture:
        capture.observe(STAYS_DOWN_SECONDS)
    messages = record.evidence("messages", capture.messages(), **capture.meta())
    peers = sorted(map(str, peering.addresses()))
    bound = {"peers": peers, "rate": 1, "least": 0}  # FRR does not try again for two minutes
    record.judge("BGP-011", "attempts-spaced", {"messages": messages}, bound)


@pytest.mark.covers("BGP-004")
@pytest.mark.needs("bgp")
@pytest.mark.catches("password-ignored", "password-cut", "secret-ignored", "secret-change-ignored")
@pytest.mark.usefixtures("unpeered")
@pytest.mark.thorough
def test_password_authenticates_the_session(
    testbed: Testbed, peering: Peering, profile: Profile, secret: BasicAuth, record: CaseRecorder
) -> None:
    """A password authenticates sessions, inline and from a secret, and a secret that changes is applied.

    Given a router that takes only segments with a TCP MD5 signature
    When the password stands in the BGPPeer, then in a secret, then in the same secret after a change
    Then each time every session is established, signed with the password that the router demands
    """
    peering.router.declare(*peering.addresses())

    def take_secret(password: str) -> None:
        peering.close()  # that edits are followed is another requirement
        peering.open(passwordSecret=secret.create(password))

    steps: Mapping[str, Callable[[str], None]] = {
        "inline": lambda password: peering.open(password=password),
        "secret": take_secret,
        "rotated": secret.change,
    }
    within = profile.timers.bgp_session + peering.connect_retry
    for step, configure in steps.items():
        password = f"{step}:{ENDING}"
        with record.act("set-password", step) as changed:
            configure(password)
            peering.router.set_password(password, *peering.addresses())  # ends the sessions
        with SessionWatch(testbed, ROUTER) as watch:
            peering.until_established(watch, within)
        evidence = {"sessions": record.observed("sessions", watch, step), "cause": changed.evidence}
        record.judge("BGP-004", "sessions-established", evidence, {"peers": peering.peers, "within": within})


@pytest.mark.covers("BGP-025", "BGP-042")
@pytest.mark.needs("bgp")
@pytest.mark.catches("session-reset-by-change")
@pytest.mark.usefixtures("bgp")
@pytest.mark.thorough
def test_sessions_survive_unrelated_changes(
    testbed: Testbed, cluster: Cluster, peering: Peering, profile: Profile, record: CaseRecorder, trials: int
) -> None:
    """No session is reset when Services, pools, advertisements, other peers and BFD profiles come and go.

    Given an established session with every node
    When all of these are created, until the router has the new Service's route, and deleted again, and so again
    Then every node announces the route, though the other peer never answers, and no session is reset, until its hold
        time has passed after the last change
    """
    others = {kind: spec for kind, spec in OTHERS.items() if kind != "BFDProfile" or "bfd" in profile.capabilities}
    others["IPAddressPool"] = {**others["IPAddressPool"], "addresses": peering.ranges("10.97.0.0/28", "fd00:97::/124")}
    with SessionWatch(testbed, ROUTER) as watch:
        for trial in range(1, trials + 1):
            for kind, spec in others.items():
                cluster.configure(kind, "other", **spec)
            cluster.peer("client", name="other")  # nobody listens there
            service = peering.serve("other", annotations={annotations.ADDRESS_POOL: "other"})
            peering.judge_announced(record, [service], f"announced-{trial}")
            gone = peering.routes([service], nodes=[])
            with RouteWatch(testbed, ROUTER, gone) as withdrawn:
                cluster.delete_service("other")
                withdrawn.until_routes(gone, profile.timers.configuration)
            for kind in ("BGPPeer", *reversed(others)):
                cluster.unconfigure(kind, "other")
        changed = len(watch.rows())
        # those that gather changes act on the last one as late as that
        watch.until(lambda rows: len(rows) > changed, QUIET_SECONDS + profile.timers.bgp_update)
    sessions = record.observed("sessions", watch)
    record.judge(
        "BGP-042", "sessions-never-reset", {"sessions": sessions}, {"peers": peering.peers, "hold": QUIET_SECONDS}
    )
