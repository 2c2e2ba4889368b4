"""The times that a session negotiates."""

import pytest

from lbcert_fixtures.probes.bgp_messages import BgpCapture
from lbcert_fixtures.probes.sessions import SessionWatch
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import PreconditionUnmetError, Testbed
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.bgp.peering import ROUTER, Peering

KEEPALIVES = 4
"""Messages of each speaker from which the average spacing is taken: the fewest that make three spacings."""


@pytest.mark.covers("BGP-005")
@pytest.mark.needs("bgp")
@pytest.mark.catches("hold-time-ignored", "keepalives-too-rare", "hold-time-of-zero-expires")
@pytest.mark.usefixtures("unpeered")
@pytest.mark.thorough
def test_smaller_hold_time_is_used(testbed: Testbed, peering: Peering, profile: Profile, record: CaseRecorder) -> None:
    """A session uses the smaller hold time of both sides, and the speaker sends keepalives at a third of it.

    Given a router that offers a hold time of 3 s to one node, none (0 s) to another, and 180 s to the others
    When the router is declared as a peer with a hold time of 4 s; or, where a keepalive time can be declared, with 6 s
        and a keepalive time of 1 s
    Then one session has 3 s, one has none and stays, and the others have what was declared, and keepalives come at most
        a third of that, or 1 s, apart
    """
    longest, keepalive = (6, 1) if "bgp-keepalive-time" in profile.capabilities else (4, None)
    shorter, without, *longer = [node.name for node in testbed.nodes]
    holds = {3: peering.addresses(shorter), 0: peering.addresses(without), longest: peering.addresses(*longer)}
    peering.router.declare(*peering.addresses())
    peering.router.set(*(f"neighbor {peer} timers 1 3" for peer in holds[3]), undo=())
    peering.router.set(*(f"neighbor {peer} timers 0 0" for peer in holds[0]), undo=())
    spacing = {str(peer): keepalive or hold / 3 for hold, peers in holds.items() if hold for peer in peers}

    def are_enough(_: object) -> bool:
        sent = [message["source"] for message in capture.messages() if message["type"] == "KEEPALIVE"]
        return all(sent.count(peer) >= KEEPALIVES for peer in spacing)

    with BgpCapture(testbed, ROUTER) as capture, SessionWatch(testbed, ROUTER) as watch:
        peering.open(holdTime=f"{longest}s", **({"keepaliveTime": f"{keepalive}s"} if keepalive else {}))
        if not peering.until_established(watch) and not watch.until_established(holds[longest], 1):
            raise PreconditionUnmetError("not every node that is offered 180 s opens a session")
        capture.until(are_enough, 2 * KEEPALIVES * max(spacing.values()))
    sessions = record.observed("sessions", watch)
    messages = record.evidence("messages", capture.messages(), **capture.meta())
    bound = {"peers": peering.peers, "within": profile.timers.bgp_session}
    record.judge("BGP-005", "sessions-established", {"sessions": sessions}, bound)
    for hold, peers in holds.items():
        record.judge("BGP-005", "timers-negotiated", {"sessions": sessions}, {"peers": {ROUTER: peers}, "hold": hold})
    record.judge("BGP-005", "keepalives-spaced", {"messages": messages}, {"peers": spacing, "least": KEEPALIVES})
