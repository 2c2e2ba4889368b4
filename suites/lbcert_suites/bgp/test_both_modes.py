"""A pool may be announced in layer 2 and over BGP at once."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import pytest

from lbcert_fixtures.annotations import ADDRESS_POOL
from lbcert_fixtures.cluster import Cluster
from lbcert_fixtures.probes.layer2 import Answer, Asking
from lbcert_fixtures.probes.routes import RouteWatch
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import Testbed
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.bgp.peering import ROUTER, Peering
from lbcert_suites.questions import ask

POOL = ("172.30.0.240/30", "fd00:30::240/126")
"""On the nodes' segment, so that it can be announced both ways."""

ANSWERED_SECONDS = 1.0
"""For how long addresses are asked for once they are answered, or have to be silent."""


@pytest.mark.covers("BGP-046")
@pytest.mark.needs("layer2", "bgp")
@pytest.mark.catches("layer2-instead-of-bgp")
@pytest.mark.thorough
@pytest.mark.usefixtures("bgp")
def test_pool_is_announced_in_both_modes_at_once(
    testbed: Testbed, cluster: Cluster, peering: Peering, profile: Profile, record: CaseRecorder
) -> None:
    """A pool that advertisements of both kinds are about is announced in both modes, each by itself.

    Given a pool on the nodes' segment with an L2Advertisement and a BGPAdvertisement, and a Service in it
    When the BGPAdvertisement is deleted, and then made again while the L2Advertisement is deleted
    Then at first one node answers for its addresses, and every node is a next hop; then the routes are gone and one
        node answers on; and at last every node is a next hop again, and nobody answers
    """
    cluster.pool(*peering.ranges(*POOL), name="both", autoAssign=False)
    cluster.announce_layer2("both", ipAddressPools=["both"])
    cluster.announce_bgp("both", ipAddressPools=["both"])
    service = peering.serve("both", annotations={ADDRESS_POOL: "both"})
    routes, silence = peering.routes([service]), profile.timers.layer2_silence
    addresses = [str(address) for address in service.addresses]
    nodes = {node.mac: node.name for node in testbed.nodes}

    def exchange() -> None:
        cluster.unconfigure("L2Advertisement", "both")
        cluster.announce_bgp("both", ipAddressPools=["both"])

    steps: Mapping[str, tuple[Callable[[], object], bool, bool]] = {
        "both": (lambda: None, True, True),
        "layer2-alone": (lambda: cluster.unconfigure("BGPAdvertisement", "both"), True, False),
        "bgp-alone": (exchange, False, True),
    }
    for name, (change, is_answered, is_routed) in steps.items():
        expected = routes if is_routed else dict.fromkeys(routes, ())
        with RouteWatch(testbed, ROUTER, routes) as watch:
            with record.act(name, service.key) as changed:
                change()
            watch.until_routes(expected, profile.timers.configuration)
            if is_answered:
                patience = profile.timers.configuration
                answers = ask(testbed, record, service.addresses, patience, f"answers-{name}", ANSWERED_SECONDS)
            else:
                with Asking(testbed, "client", addresses) as asking:
                    silent_from = max(time.time_ns(), changed.effective + round(silence * 1e9))
                    asking.until(partial(_last_after, silent_from + round(ANSWERED_SECONDS * 1e9)), 2 * silence)
                    asking.hear_out(1)
                answers = record.observed("answers", asking, f"answers-{name}")
        cause = {"cause": changed.evidence}
        seen = {"routes": record.observed("routes", watch, f"routes-{name}"), **cause}
        within = profile.timers.configuration if name == "both" else profile.timers.bgp_update
        record.judge("BGP-046", "route-next-hops", seen, {"expected": expected, "within": within})
        if is_answered:
            bound = {"nodes": nodes, "addresses": addresses, "answered": 0.9}
            record.judge("BGP-046", "one-announcer", {"answers": answers}, bound)
        else:
            bound = {"addresses": addresses, "within": silence}
            record.judge("BGP-046", "nobody-answers", {"answers": answers, **cause}, bound)


def _last_after(end: int, rows: Sequence[Answer]) -> bool:
    return bool(rows) and rows[-1]["t"] >= end
