"""Which node flows enter: how evenly, and how many change it when a node leaves or joins (BGP).

Beside the address there is a control: an external IP of the same Service, to which next hops are installed by hand in
the same router. So what the router's hash does is told apart from what was announced.
"""

from collections.abc import Mapping, Sequence

import pytest

from lbcert_fixtures.cluster import HTTP, Cluster
from lbcert_fixtures.probes.flows import Flow, spread
from lbcert_fixtures.probes.routes import RouteWatch
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import Place, PreconditionUnmetError, Testbed
from lbcert_reports.recorder import CaseRecorder, EvidenceRef
from lbcert_suites.reset.control import CONTROL, ControlRoute
from lbcert_suites.reset.exclusion import Exclusion
from lbcert_suites.reset.upheaval import ROUTER
from lbcert_suites.ways import VANTAGE

FLOWS = 3_000

Flows = Mapping[str, Sequence[Flow]]
"""Flows of the phase ``before``, over the announced next hops and over the ``control``."""


@pytest.mark.covers("POLICY-007", "RESET-002")
@pytest.mark.needs("bgp")
@pytest.mark.catches("weighted-paths")
@pytest.mark.thorough
@pytest.mark.usefixtures("bgp")
def test_flows_spread_and_move_as_over_next_hops_made_by_hand(
    testbed: Testbed,
    cluster: Cluster,
    profile: Profile,
    record: CaseRecorder,
    exclusion: Exclusion,
    bgp_family: str,
) -> None:
    """New flows spread evenly over all nodes, and move between them only as the router's hash moves them anyway.

    Given a Service announced from every node, and a control: the same next hops for another address, made by hand
    When 3,000 flows are opened to both, before a node leaves, after it left, and after it joined again
    Then they spread evenly over the nodes, and no more of them move than over the control
    """
    everyone = list(testbed.nodes)
    first, names = everyone[0].name, [node.name for node in everyone]
    address = cluster.serve(families=bgp_family, externalIPs=[CONTROL[bgp_family]]).address(bgp_family)
    cluster.await_served(address, VANTAGE)
    targets = {"flows": str(address), "control": CONTROL[bgp_family]}
    with ControlRoute(testbed, targets["control"]) as control, RouteWatch(testbed, ROUTER, [str(address)]) as routes:

        def look(nodes: Sequence[Place]) -> Flows:
            control.lead_to(nodes)
            if not routes.until_next_hops(str(address), control.next_hops, profile.timers.configuration):
                raise PreconditionUnmetError(f"the next hops of {address} are not {', '.join(control.next_hops)}")
            return {role: spread(testbed, VANTAGE, target, HTTP, FLOWS).rows for role, target in targets.items()}

        full = look(everyone)
        exclusion.exclude(first)
        reduced = look(everyone[1:])
        exclusion.readmit(first)
        again = look(everyone)
    even = _recorded(record, "even", full)
    left, joined = _recorded(record, "left", full, reduced), _recorded(record, "joined", reduced, again)
    record.judge("POLICY-007", "even-spread", even, {"members": names})
    record.judge("RESET-002", "flows-moved", left, {"before": names, "after": names[1:]})
    record.judge("RESET-002", "flows-moved", joined, {"before": names[1:], "after": names})


def _recorded(record: CaseRecorder, name: str, before: Flows, after: Flows | None = None) -> dict[str, EvidenceRef]:
    """The flows over the announced next hops and over the control, before a change and after it."""
    seen = {}
    for role, flows in before.items():
        rows = [*flows, *({**flow, "phase": "after"} for flow in (after or {}).get(role, []))]
        seen[role] = record.evidence("flows", rows, f"{name}-{role}", control=role == "control")
    return seen
