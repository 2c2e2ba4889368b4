"""What an announcement carries."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from lbcert_fixtures.cluster import Cluster
from lbcert_fixtures.probes.bgp_messages import BgpCapture
from lbcert_fixtures.probes.routes import RouteWatch
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.routers.frr import AS_NUMBER, NODES_AS_NUMBER
from lbcert_fixtures.testbeds import Testbed
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.bgp.peering import ROUTER, Peering
from lbcert_suites.conftest import BGP_POOL


@pytest.mark.covers("BGP-027")
@pytest.mark.needs("bgp")
@pytest.mark.catches("local-pref-over-ebgp", "as-path-over-ibgp")
@pytest.mark.usefixtures("unpeered")
@pytest.mark.parametrize(
    ("asn", "expected", "present"),
    [
        (NODES_AS_NUMBER, {"as_path": [NODES_AS_NUMBER], "local_pref": None, "origin": "IGP"}, []),
        (AS_NUMBER, {"as_path": [], "origin": "IGP"}, ["local_pref"]),
    ],
    ids=["external", "internal"],
)
def test_announcements_carry_their_attributes(
    testbed: Testbed,
    cluster: Cluster,
    peering: Peering,
    profile: Profile,
    record: CaseRecorder,
    asn: int,
    expected: Mapping[str, Any],
    present: Sequence[str],
) -> None:
    """External announcements carry the local AS once and no LOCAL_PREF, internal ones LOCAL_PREF and no AS.

    Given sessions from every node to a router, of another AS or of the same
    When a Service is announced
    Then every UPDATE, as it passes the router's interface, has the attributes of its kind of session
    """
    remote_as = "neighbor NODES remote-as"
    peering.router.set(f"{remote_as} {asn}", undo=[f"{remote_as} {NODES_AS_NUMBER}"])
    cluster.pool(*BGP_POOL[: len(peering.families)])
    cluster.announce_bgp()
    with BgpCapture(testbed, ROUTER) as capture:
        peering.open(myASN=asn)
        routes = peering.routes([peering.serve()])
        with RouteWatch(testbed, ROUTER, routes) as announced:
            peering.patience.wait(lambda budget: announced.until_routes(routes, budget), profile.timers.bgp_session)
    paths = record.evidence("paths", capture.paths(), **capture.meta())
    record.judge(
        "BGP-027",
        "path-attributes",
        {"paths": paths},
        {"prefixes": list(routes), "expected": expected, "present": present, "count": len(testbed.nodes)},
    )
