"""What a router and its clients see when a node is lost, and what the nodes do when a router was."""

import time
from collections.abc import Callable
from random import Random

import pytest

from lbcert_fixtures.cluster import UDP, Cluster
from lbcert_fixtures.probes.bgp_messages import BgpCapture
from lbcert_fixtures.probes.routes import RouteWatch
from lbcert_fixtures.probes.sessions import SessionWatch
from lbcert_fixtures.probes.stream import Stream
from lbcert_fixtures.probes.watch import together
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import PreconditionUnmetError, Testbed
from lbcert_reports.recorder import CaseRecorder, EvidenceRef
from lbcert_suites.bgp.peering import ROUTER, Peering
from lbcert_suites.standing import HOLD_SECONDS, await_routes

KEEPALIVE_SECONDS = HOLD_SECONDS / 3
"""A node dies at a random time between two of its messages."""

ROUTER_SECONDS = 1.0
"""What the router may take beside the hold time: FRR gathers changes for 50 ms, and the machine is shared."""

SILENT_SECONDS = 3 * HOLD_SECONDS
"""How long the router is silent, unless every speaker left it before: long enough to tell late from never."""

RETURN_SECONDS = 60.0
"""How long a node that was switched on again may take until it announces: a precondition of the next trial."""

CONNECT_SECONDS = 10.0
"""What the catalogue grants beside the longest wait between two attempts: the attempt, and the announcement."""


def await_served(*streams: Stream) -> None:
    """Wait until no probe has been lost for half a second.

    Raises:
        PreconditionUnmetError: some are within `RETURN_SECONDS`.
    """
    for stream in streams:
        if stream.until_recovered(RETURN_SECONDS, since=time.time_ns()) is None:
            raise PreconditionUnmetError(f"{stream.address} is not served without loss, seen from {stream.place}")


@pytest.mark.covers("BGP-008")
@pytest.mark.needs("bgp")
@pytest.mark.catches("hold-time-ignored")
@pytest.mark.usefixtures("bgp", "calibrated")
def test_dead_node_is_avoided_after_the_hold_time(
    testbed: Testbed, peering: Peering, record: CaseRecorder, chance: Random, trials: int
) -> None:
    """When a node dies, the router drops it within the hold time, and from then on no flow is lost.

    Given a Service with policy Local, so that each node answers what it gets, and clients on both sides of the router
    When a node is switched off, so that nothing says goodbye
    Then its next hop leaves the router's kernel within the hold time, and the loss of its flows ends with that
    """
    service = peering.serve(policy="Local")
    address, dead = service.address(), testbed.nodes[1].name
    routes = peering.routes([service])
    survivors = peering.routes([service], [node.name for node in testbed.nodes if node.name != dead])
    within = HOLD_SECONDS + ROUTER_SECONDS
    seen: dict[str, EvidenceRef] = {}
    streams: dict[str, dict[str, EvidenceRef]] = {"client": {}, "far-client": {}}
    for trial in range(1, trials + 1):
        await_routes(testbed, routes, RETURN_SECONDS)
        watch = RouteWatch(testbed, ROUTER, routes)
        near, far = Stream(testbed, "client", address, UDP), Stream(testbed, "far-client", address, UDP)
        with together([watch, near, far]):
            await_served(near, far)
            far.until_sent(1 + round(1000 * KEEPALIVE_SECONDS * chance.random()), 5)
            fault = testbed.power_off(dead)
            watch.until_routes(survivors, 2 * within)
            near.until_recovered(within, since=fault.effective)
            far.until_recovered(within, since=fault.effective)
        seen |= {
            f"routes.{trial}": record.observed("routes", watch, f"routes-{trial}"),
            f"cause.{trial}": record.fault(fault, name=f"power-off-{trial}", healed=testbed.heal(fault)),
        }
        for client, stream in (("client", near), ("far-client", far)):
            streams[client][f"stream.{trial}"] = record.observed("stream", stream, f"{client}-{trial}")
    bound = {"expected": survivors, "within": within, "trials": trials}
    record.judge("BGP-008", "route-next-hops", seen, bound)
    for each in streams.values():
        record.judge("BGP-008", "failover-gap", seen | each, {"limit": within, "trials": trials})
    await_routes(testbed, routes, RETURN_SECONDS)  # or the node joins the elections of whatever case comes next


@pytest.mark.covers("BGP-007")
@pytest.mark.needs("bgp")
@pytest.mark.thorough
@pytest.mark.catches("silent-peer-kept")
@pytest.mark.usefixtures("unpeered")
def test_silent_router_is_left_after_the_hold_time(testbed: Testbed, peering: Peering, record: CaseRecorder) -> None:
    """When the router falls silent without closing anything, every speaker leaves its session, and comes back later.

    Given sessions of all nodes with the router, with a hold time of 3 s
    When the router's daemons hang, so that only its kernel answers, and then go on
    Then each speaker closes its session after the hold time, and all sessions are established again
    """
    peers = sorted(map(str, peering.addresses()))

    def have_left(_: object) -> bool:
        return {closing["source"] for closing in capture.closings()}.issuperset(peers)

    with BgpCapture(testbed, ROUTER) as capture:
        with SessionWatch(testbed, ROUTER) as before:
            peering.open()
            if not peering.until_established(before):
                raise PreconditionUnmetError("not every node opens a session")
        if other := {row["hold"] for row in before.rows() if row["state"] == "Established"} - {HOLD_SECONDS}:
            raise PreconditionUnmetError(f"a hold time of {HOLD_SECONDS:g} s was declared, and {other} s negotiated")
        fault = testbed.pause_router(ROUTER)
        capture.until(have_left, SILENT_SECONDS)
    healed = testbed.heal(fault)
    within = peering.connect_retry + CONNECT_SECONDS
    with SessionWatch(testbed, ROUTER) as after:
        peering.until_established(after, within)
    seen = {
        "messages": record.evidence("messages", capture.messages(), **capture.meta()),
        "closings": record.evidence("closings", capture.closings(), **capture.meta()),
    }
    returned = {"sessions": record.observed("sessions", after)}
    record.fault(fault, healed=healed)
    record.judge("BGP-007", "silent-peer-left", seen, {"peers": peers, "hold": HOLD_SECONDS})
    record.judge("BGP-007", "sessions-established", returned, {"peers": peering.peers, "within": within})


@pytest.mark.covers("BGP-009", "BGP-039")
@pytest.mark.needs("bgp")
@pytest.mark.thorough
@pytest.mark.catches(
    "no-reconnect",
    "no-return-after-notification",
    "not-announced-again",
    "prefix-forgotten",
    "withdrawn-announced-again",
)
@pytest.mark.usefixtures("bgp")
def test_everything_returns_after_a_router_restart(
    testbed: Testbed, cluster: Cluster, peering: Peering, profile: Profile, record: CaseRecorder, trials: int
) -> None:
    """After the router was restarted every session returns, and every prefix is announced again.

    Given three Services that every node announces, and a fourth that is deleted, so that its routes are withdrawn
    When the router's daemons are killed and started again, and when the router ends all sessions by a NOTIFICATION
    Then all sessions are established again, the routes to all Services are back from every node, and no other is
    """
    *services, deleted = [peering.serve(f"web-{number}") for number in range(4)]
    routes, gone = peering.routes(services), peering.routes([deleted], nodes=[])
    await_routes(testbed, routes | peering.routes([deleted]), RETURN_SECONDS)
    cluster.delete_service(deleted.name)
    await_routes(testbed, gone, profile.timers.configuration)
    within = peering.connect_retry + CONNECT_SECONDS

    def lose_sessions(name: str, lose: Callable[[str], EvidenceRef]) -> dict[str, EvidenceRef]:
        """Judge whether they return; gives what became of the routes, and the cause."""
        await_routes(testbed, routes, RETURN_SECONDS)
        with RouteWatch(testbed, ROUTER, routes | gone) as watch:
            cause = lose(name)
            with SessionWatch(testbed, ROUTER) as sessions:
                peering.until_established(sessions, within)
            watch.until_routes(routes | gone, within)
        established = {"sessions": record.observed("sessions", sessions, f"sessions-{name}"), "cause": cause}
        record.judge("BGP-009", "sessions-established", established, {"peers": peering.peers, "within": within})
        return {"routes": record.observed("routes", watch, f"routes-{name}"), "cause": cause}

    def restart(name: str) -> EvidenceRef:
        return record.fault(testbed.restart_router(ROUTER), name=f"restart-{name}")

    def clear(_name: str) -> EvidenceRef:
        with record.act("clear-sessions", ROUTER) as cleared:  # Cease, as before an orderly restart
            testbed.vty(ROUTER, "bgpd", "clear bgp *")
        return cleared.evidence

    seen: dict[str, EvidenceRef] = {}
    for trial in range(1, trials + 1):
        lost = lose_sessions(str(trial), restart)
        seen |= {f"{role}.{trial}": evidence for role, evidence in lost.items()}
    record.judge("BGP-009", "prefix-restored", seen, {"expected": routes, "within": within, "trials": trials})
    record.judge("BGP-039", "route-next-hops", seen, {"expected": gone, "within": within, "trials": trials})
    cleared = lose_sessions("cleared", clear)
    record.judge("BGP-009", "route-next-hops", cleared, {"expected": routes, "within": within})
