"""Which objects of any kind are refused, and which are not."""

from dataclasses import replace
from typing import Any

import pytest

from lbcert_fixtures.cluster import Cluster, ranges_of, stack_of
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.routers.frr import NODES_AS_NUMBER
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.allocation.conditions import MARGIN_SECONDS, assigned, changed
from lbcert_suites.config.proposals import (
    BGP,
    LAYER2,
    NOWHERE,
    PEER,
    POOL,
    VALID,
    Proposals,
    Row,
    asked,
    bfd,
    bgp,
    community,
    layer2,
    peer,
    pool,
)

pytestmark = pytest.mark.untimed

LABELS = {"matchLabels": {"app": "echo"}}
OTHER_LABELS = {"matchLabels": {"app": "other"}}
IS = {"key": "app", "operator": "In", "values": ["echo"]}
NO_VALUE = {"matchExpressions": [{"key": "app", "operator": "In", "values": []}]}
"""In of nothing."""

NO_OPERATOR = {"matchExpressions": [{"key": "app", "operator": "Resembles", "values": ["echo"]}]}
NOBODY = {"matchLabels": {"kubernetes.io/hostname": "no-such-node"}}
VALUE_TWICE = {"matchExpressions": [{"key": "app", "operator": "In", "values": ["echo", "echo"]}]}

STANDING = ("10.97.4.0/28", "fd00:97:4::/124")
OTHERS = ("10.97.4.16/28", "fd00:97:4::10/124")
"""Addresses of the pool that is there, and of another one."""

MORE = ("10.97.4.32/28", "fd00:97:4::20/124")
"""By what a pool grows."""

HOLD_SECONDS = 3.0
"""How long an address has to stay: what a controller does wrongly it does on a write, and thus at once."""

BOUNDS = (
    pool("one address", "10.97.0.1/32"),
    pool("range of one address", "10.97.0.1-10.97.0.1"),
    pool("range with blanks", "10.97.0.1 - 10.97.0.9"),
    pool("network next to another", "10.97.0.0/25", "10.97.0.128/25"),
    pool("range next to another", "10.97.0.1-10.97.0.9", "10.97.0.10-10.97.0.19"),
    pool("both families", "10.97.0.0/24", "fd00:97::/120"),
    pool("pool for those who ask", "10.97.0.0/24", autoAssign=False, avoidBuggyIPs=True),
    pool(
        "pool for some Services",
        "10.97.0.0/24",
        serviceAllocation={
            "priority": 50,
            "namespaces": ["default"],
            "namespaceSelectors": [LABELS, OTHER_LABELS],
            "serviceSelectors": [{"matchExpressions": [IS, {"key": "tier", "operator": "Exists"}]}],
        },
    ),
    replace(layer2("advertisement in layer 2 of all pools"), spec={}),
    layer2("advertisement in layer 2 from some nodes", nodeSelectors=[LABELS, OTHER_LABELS]),
    layer2("advertisement in layer 2 of some Services", serviceSelectors=[LABELS], ipAddressPoolSelectors=[LABELS]),
    bgp("localPref 0", localPref=0),
    bgp("localPref of 31 bits", localPref=2**31 - 1),
    bgp("lengths of host routes", aggregationLength=32, aggregationLengthV6=128),
    bgp("length of 1", aggregationLength=1, aggregationLengthV6=1),
    bgp("host routes of some Services", aggregationLength=32, aggregationLengthV6=128, serviceSelectors=[LABELS]),
    bgp("communities at their bounds", communities=["0:0", "65535:65535"]),
    bgp("large community", "", "bgp-large-communities", communities=["large:4294967295:0:4294967295"]),
    bgp("peers that are not there", peers=["no-such-peer", "nor-this"]),
    community("aliases of the least and the most", ("lbcert-least", "0:0"), ("lbcert-most", "65535:65535")),
    peer("hold time 0 s", holdTime="0s"),
    peer("hold time 3 s", holdTime="3s"),
    peer("hold time 65535 s", holdTime="65535s"),
    peer("keepalive time like the hold time", "", "bgp-keepalive-time", holdTime="3s", keepaliveTime="3s"),
    peer("connect time 1 s", "", "bgp-connect-time", connectTime="1s"),
    peer("connect time 65535 s", "", "bgp-connect-time", connectTime="65535s"),
    peer("peerPort 1", peerPort=1),
    peer("peerPort 16384", peerPort=16384),
    peer("peerASN 1", peerASN=1),
    peer("peerASN of 32 bits", peerASN=2**32 - 1),
    peer("peer of the same AS", peerASN=NODES_AS_NUMBER),
    peer("IPv6 address", "", "bgp-ipv6", peerAddress="fd00:97:255::1"),
    peer("peer with a password", password="a word"),  # noqa: S106 - of nobody
    peer("peer whose password is in a secret that is not there", passwordSecret={"name": "lbcert-nobodys"}),
    peer("peer with a BFD profile that is not there", "", "bfd", bfdProfile="nobodys"),
    peer("peer of some nodes", nodeSelectors=[LABELS, OTHER_LABELS]),
    peer("dynamicASN external", "", "bgp-dynamic-asn", peerASN=None, dynamicASN="external"),
    peer("dynamicASN internal", "", "bgp-dynamic-asn", peerASN=None, dynamicASN="internal"),
    peer("interface", "", "bgp-unnumbered", peerAddress=None, interface="eth0"),
    peer("localASN 1", "", "bgp-local-asn", localASN=1),
    peer("vrf", "", "bgp-vrf", vrf="red"),
    peer("graceful restart", "", "bgp-graceful-restart", enableGracefulRestart=True),
    bfd("least of a BFD profile", receiveInterval=10, transmitInterval=10, detectMultiplier=2, minimumTtl=1),
    bfd("most of a BFD profile", receiveInterval=60000, transmitInterval=60000, detectMultiplier=255, minimumTtl=254),
)
"""Documented forms, and what is just within bounds; one pool after the other, so that they may overlap."""


@pytest.mark.covers("CONFIG-002")
@pytest.mark.catches("adjacent-ranges-refused", "hold-time-of-zero-refused", "edit-held-against-itself")
def test_objects_within_the_bounds_are_accepted(cluster: Cluster, profile: Profile, propose: Proposals) -> None:
    """Objects in every documented form, and with values at their bounds, are accepted, and edited ones too.

    Given the definitions of the implementation
    When an object of each kind is asked for, and objects with the least and the most of each field that the
        implementation says it has
    Then each is accepted
    And when there are such objects, and a Service has its addresses of the pool among them, and edits are asked for by
        which the pool grows, preference, hold time and interfaces are others, and there is one more alias
    Then each is accepted
    """
    propose.accepted("CONFIG-002", [*VALID, *BOUNDS])
    families = profile.bgp_families if "bgp" in profile.capabilities else cluster.families
    addresses = ranges_of(families, STANDING)
    alias = ("lbcert-standing", "64512:1")
    standing: dict[str, tuple[Row, dict[str, Any]]] = {
        "pool that grows": (pool("", *addresses), {"addresses": [*addresses, *ranges_of(families, MORE)]}),
        "other interfaces": (LAYER2, {"interfaces": ["eth0"]}),
        "another preference": (bgp("", ipAddressPools=["standing"], localPref=200), {"localPref": 100}),
        "another hold time": (peer("", nodeSelectors=[NOBODY], holdTime="9s"), {"holdTime": "3s"}),
        "one more alias": (community("", alias), dict(community("", alias, ("lbcert-more", "64512:2")).spec)),
        "another interval": (bfd("", receiveInterval=300), {"receiveInterval": 10}),
    }
    for row, _ in standing.values():
        for each in asked([row], profile):
            cluster.configure(each.kind, "standing", **each.spec)
    cluster.serve(families=stack_of(families))
    edits = [replace(row, what=what, name="standing", edit=True, spec=spec) for what, (row, spec) in standing.items()]
    propose.accepted("CONFIG-002", edits, "edits")


@pytest.mark.covers("CONFIG-005")
@pytest.mark.catches("duplicates-accepted")
@pytest.mark.thorough
def test_what_is_listed_twice_is_refused(propose: Proposals) -> None:
    """An object in which the same thing is listed twice is refused.

    Given the definitions of the implementation
    When objects are asked for in which a namespace, a selector, an expression, a pool, a peer or a community is
        there twice, and values in one expression
    Then each is refused, and objects in which nothing is are not
    """
    twice = [LABELS, LABELS]
    expressions = [{"matchExpressions": [IS, IS]}]

    def allocation(what: str, matrix: str, **spec: object) -> Row:
        return pool(what, "10.97.0.0/24", matrix=matrix, serviceAllocation=spec)

    rows = [
        allocation("namespace twice", "pool-6", namespaces=["default", "default"]),
        allocation("selector of namespaces twice", "pool-7", namespaceSelectors=twice),
        allocation("selector of Services twice", "pool-7", serviceSelectors=twice),
        allocation("expression twice", "pool-7", serviceSelectors=expressions),
        allocation("value twice", "pool-7", serviceSelectors=[VALUE_TWICE]),
        layer2("pool twice in layer 2", "l2-1", ipAddressPools=[NOWHERE, NOWHERE]),
        layer2("selector of pools twice in layer 2", "l2-1", ipAddressPoolSelectors=twice),
        layer2("selector of nodes twice in layer 2", "l2-1", nodeSelectors=twice),
        layer2("selector of Services twice in layer 2", "l2-1", serviceSelectors=twice),
        bgp("pool twice", "adv-7", ipAddressPools=[NOWHERE, NOWHERE]),
        bgp("community twice", "adv-7", communities=["64512:1", "64512:1"]),
        bgp("peer twice", "adv-7", peers=["first", "first"]),
        bgp("selector of pools twice", "adv-7", ipAddressPoolSelectors=twice),
        bgp("selector of nodes twice", "adv-7", nodeSelectors=twice),
        bgp("selector of Services twice over BGP", "adv-7", serviceSelectors=twice),
        peer("selector of a peer's nodes twice", "peer-11", nodeSelectors=twice),
    ]
    propose.refused("CONFIG-005", rows, [POOL, LAYER2, BGP, PEER])


@pytest.mark.covers("CONFIG-015")
@pytest.mark.catches("other-namespaces-accepted")
@pytest.mark.thorough
def test_objects_elsewhere_are_refused(propose: Proposals) -> None:
    """An object that is created in another namespace than the implementation's is refused: nobody would look at it.

    Given the definitions of the implementation
    When an object of each kind is asked for in the namespace default
    Then each is refused, and in the implementation's namespace it is not
    """
    valid = [*VALID, bfd("BFD profile", receiveInterval=300)]
    rows = [replace(row, what=f"{row.what} elsewhere", matrix="ns-1", namespace="default") for row in valid]
    propose.refused("CONFIG-015", rows, valid)


@pytest.mark.covers("CONFIG-001")
@pytest.mark.catches("webhook-lets-updates-through", "refusal-without-reason", "refused-edit-applied")
@pytest.mark.thorough
def test_what_is_refused_changes_nothing(
    cluster: Cluster, profile: Profile, record: CaseRecorder, propose: Proposals
) -> None:
    """Invalid objects are refused when they are created and when they are edited, with a reason, and nothing changes.

    Given objects of each kind, and a Service that has its addresses of the pool among them
    When such objects are created with a mistake, and edited into one, in earnest; and the rows of the matrix are asked
        for that no other requirement is about
    Then each is refused, with a reason; meanwhile the Service keeps its addresses, and then another one gets some of
        the same pool
    """
    within = profile.timers.assignment
    cluster.pool(*STANDING, name="standing")
    cluster.pool(*OTHERS, name="other", autoAssign=False)
    standing = [
        replace(LAYER2, name="standing"),
        replace(BGP, name="standing"),
        replace(PEER, name="standing", spec={**PEER.spec, "peerAddress": "10.97.255.2", "nodeSelectors": [NOBODY]}),
        replace(community("standing", ("lbcert-standing", "64512:1")), name="standing"),
    ]
    for row in asked(standing, profile):
        cluster.configure(row.kind, row.name, **row.spec)
    first = cluster.serve("first", families=stack_of(cluster.families))
    wrong = [
        pool("pool with a prefix of 33 bits", "10.97.5.0/33", matrix="pool-2"),
        layer2("advertisement in layer 2 with In of nothing", "l2-3", nodeSelectors=[NO_VALUE]),
        bgp("advertisement with a length of 33", "adv-1", aggregationLength=33),
        peer("peer with a hold time of 1 s", "peer-8", holdTime="1s"),
        community("alias of 70000:1", ("lbcert-wrong", "70000:1"), matrix="comm-1"),
    ]
    edits = [
        # all of the pool would move, if anybody took it
        replace(
            wrong[0], spec={"addresses": ["10.97.6.0/28", "fd00:97:6::/124", OTHERS[0]]}, matrix="pool-5", across=True
        ),
        *wrong[1:],
    ]
    rows = [
        *(replace(row, what=f"new {row.what}", name="wrong", dry_run=False) for row in wrong),
        *(replace(row, what=f"edited {row.what}", name="standing", edit=True, dry_run=False) for row in edits),
        _selecting("selector of namespaces with In of nothing", NO_VALUE),
        _selecting("selector of namespaces with an unknown operator", NO_OPERATOR),
        _selecting("selector of a pool's Services with In of nothing", NO_VALUE, "serviceSelectors"),
        layer2("selector of Services in layer 2 with In of nothing", "l2-3", serviceSelectors=[NO_VALUE]),
        bgp("selector of Services over BGP with In of nothing", serviceSelectors=[NO_VALUE]),
        peer("selector of a peer's nodes with In of nothing", nodeSelectors=[NO_VALUE]),
        peer("ebgpMultiHop within the AS", "peer-5", peerASN=NODES_AS_NUMBER, ebgpMultiHop=True),
        peer("routerID that is none", "peer-10", routerID="10.97.255.300"),
        peer("sourceAddress that is none", "peer-10", sourceAddress="10.97.255.300"),
    ]
    with cluster.watch_services() as watch:
        propose.refused("CONFIG-001", rows, VALID)
        second = cluster.serve("second", families=stack_of(cluster.families), wait=False)
        watch.until(assigned(second, count=len(cluster.families)), within)
        watch.until(changed(first), HOLD_SECONDS + MARGIN_SECONDS)
    ingress = {"ingress": record.observed("ingress", watch)}
    record.judge("CONFIG-001", "assignment-stable", ingress, {"services": [first.key], "hold": HOLD_SECONDS})
    pools = {"pools": ranges_of(cluster.families, STANDING), "services": [second.key], "within": within}
    record.judge("CONFIG-001", "assigned-from-pool", ingress, {**pools, "families": list(cluster.families)})


def _selecting(what: str, selector: object, whom: str = "namespaceSelectors") -> Row:
    return pool(what, "10.97.0.0/24", matrix="pool-8", serviceAllocation={whom: [selector]})
