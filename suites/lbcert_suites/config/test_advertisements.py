"""Which advertisements over BGP, and which communities, are refused."""

from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest

from lbcert_fixtures.cluster import Cluster, ranges_of, stack_of
from lbcert_fixtures.profiles import Profile
from lbcert_suites.config.proposals import BGP, COMMUNITY, Proposals, bgp, community

pytestmark = [pytest.mark.untimed, pytest.mark.thorough, pytest.mark.needs("bgp")]

NARROW = ("10.97.3.64/26", "fd00:97:3::40/122")

LENGTHS = {4: "aggregationLength", 6: "aggregationLengthV6"}

SOME = [{"matchLabels": {"app": "echo"}}]

APART = ("10.97.3.128/26", "fd00:97:3::80/122")
"""Of a pool with another advertisement than the narrow one's."""

EVERY: dict[str, Any] = {"ipAddressPools": []}
"""No pool by name: all are meant."""

TAKEN = ("lbcert-taken", "64512:7")
"""An alias that is there."""


@pytest.mark.covers("CONFIG-006")
@pytest.mark.catches("aggregate-wider-than-pool-accepted", "aggregate-of-some-services-accepted")
def test_aggregates_that_cannot_be_are_refused(cluster: Cluster, profile: Profile, propose: Proposals) -> None:
    """An aggregate is refused that is longer than an address, wider than its pool, or for some Services only.

    Given a pool of 64 addresses of each family that is announced over BGP, from which a Service has its addresses
    When advertisements are asked for with lengths beyond the family's, below 1, and shorter than the pool's, and with
        other lengths than that of a host route for Services with a label; the shorter ones of the pool by name, and of
        all pools
    Then each is refused, and an advertisement with the length of the pool is not
    """
    ranges = ranges_of(profile.bgp_families, NARROW)
    cluster.pool(*ranges, name="narrow")
    cluster.serve(families=stack_of(profile.bgp_families))
    networks = [ip_network(each) for each in ranges]
    wider: dict[str, Any] = {LENGTHS[each.version]: each.prefixlen - 2 for each in networks}
    fitting: dict[str, Any] = {LENGTHS[each.version]: each.prefixlen for each in networks}
    rows = [
        bgp("length of 33", "adv-1", aggregationLength=33),
        bgp("IPv6 length of 129", "adv-2", aggregationLengthV6=129),
        bgp("length of 0", "adv-3", aggregationLength=0),
        bgp("length below 0", "adv-3", aggregationLength=-1),
        *(
            bgp(f"wider than the pool: {name}", "adv-4", across=True, **{"ipAddressPools": ["narrow"], name: length})
            for name, length in wider.items()
        ),
        *(
            bgp(f"wider than one of all pools: {name}", "adv-4", across=True, **EVERY, **{name: length})
            for name, length in wider.items()
        ),
        bgp("length of 24 for some Services", "adv-5", aggregationLength=24, serviceSelectors=SOME),
        bgp("IPv6 length of 64 for some Services", "adv-5", aggregationLengthV6=64, serviceSelectors=SOME),
    ]
    propose.refused("CONFIG-006", rows, [bgp("lengths of the pool", ipAddressPools=["narrow"], **fitting)])


@pytest.mark.covers("CONFIG-006")
@pytest.mark.catches("ipv6-length-below-zero-accepted")
def test_no_ipv6_length_is_below_zero(propose: Proposals) -> None:
    """An advertisement is refused whose IPv6 aggregate has fewer bits than none.

    Given no pool of its name
    When an advertisement is asked for with an IPv6 length of -1
    Then it is refused, and one without a length is not
    """
    propose.refused("CONFIG-006", [bgp("IPv6 length below 0", "adv-3", aggregationLengthV6=-1)], [BGP])


@pytest.mark.covers("CONFIG-007")
@pytest.mark.catches("conflicting-preferences-accepted", "conflict-among-named-peers-only", "conflict-of-strangers")
def test_conflicting_preferences_are_refused(cluster: Cluster, profile: Profile, propose: Proposals) -> None:
    """An advertisement is refused that gives routes another preference than one that is there.

    Given a pool from which a Service has its addresses, and advertisements of it with a preference, to all peers and to
        one; and another pool whose only advertisement is to one peer, from one node
    When another one is asked for with another preference, to all peers, to that one and to another, of the one pool and
        of all; and with the second pool's own peer and node
    Then each is refused; one with the same preference, or for some Services, or of no such pool is not, and neither is
        one of the second pool with another peer, another node, or other lengths
    """
    here, there = (each.name for each in cluster.testbed.nodes[:2])
    cluster.pool(*ranges_of(profile.bgp_families, NARROW), name="narrow")
    cluster.pool(*ranges_of(profile.bgp_families, APART), name="apart")
    cluster.announce_bgp("preferred", ipAddressPools=["narrow"], localPref=200)
    cluster.announce_bgp("of-a-peer", ipAddressPools=["narrow"], localPref=200, peers=["first"])
    narrow: dict[str, Any] = {"ipAddressPools": ["narrow"]}
    apart: dict[str, Any] = {"ipAddressPools": ["apart"], "peers": ["first"], "nodeSelectors": _named(here)}
    cluster.announce_bgp("partial", localPref=200, **apart)
    cluster.serve(families=stack_of(profile.bgp_families))
    rows = [
        bgp("another preference", "adv-6", across=True, localPref=100, **narrow),
        bgp("another preference for one peer", "adv-6", across=True, localPref=100, peers=["first"], **narrow),
        bgp("another preference for another peer", "adv-6", across=True, localPref=100, peers=["other"], **narrow),
        bgp("another preference for all pools", "adv-6", across=True, localPref=100, **EVERY),
        bgp("another preference for that peer and node", "adv-6", across=True, localPref=100, **apart),
        bgp("no preference, and so another preference", "adv-6", across=True, **narrow),
    ]
    control = [
        bgp("the same preference", localPref=200, **narrow),
        bgp("another preference for some Services", localPref=100, serviceSelectors=SOME, **narrow),
        bgp("another preference for another pool", localPref=100),
    ]
    propose.refused("CONFIG-007", rows, control)
    networks = [ip_network(each) for each in ranges_of(profile.bgp_families, APART)]
    strangers: dict[str, dict[str, Any]] = {
        "to another peer": {"peers": ["other"]},
        "from another node": {"nodeSelectors": _named(there)},
        "of another length": {LENGTHS[each.version]: each.prefixlen for each in networks},
    }
    others = [bgp(f"another preference {what}", localPref=100, **{**apart, **more}) for what, more in strangers.items()]
    propose.accepted("CONFIG-007", others, "strangers")


def _named(node: str) -> list[Any]:
    """Selects a node."""
    return [{"matchLabels": {"kubernetes.io/hostname": node}}]


@pytest.mark.covers("CONFIG-008")
@pytest.mark.catches("community-too-large-accepted", "alias-twice-accepted", "unknown-alias-refused")
def test_malformed_communities_are_refused(cluster: Cluster, propose: Proposals) -> None:
    """A community that is none is refused, in an advertisement and as an alias; a name that nobody has defined is not.

    Given an alias
    When communities are asked for with parts that do not fit, that are no numbers, and with four parts without the word
        large, by an advertisement and by aliases; and aliases of one name, in one object, and of the one that is there
    Then each is refused, and an advertisement with an alias that nobody has defined is not
    """
    cluster.configure("Community", "standing", **community("standing", TAKEN).spec)
    malformed = {
        "first part above 65535": ("65536:1", 8, 1),
        "second part above 65535": ("64512:65536", 8, 1),
        "part below 0": ("64512:-1", 8, 1),
        "part that is no number": ("64512:high", 8, 1),
        "another word than large": ("big:64512:1:2", 9, 2),
        "part of a large one above 32 bits, and so above 65535": ("large:4294967296:1:2", 8, 1),
    }
    rows = [
        *(
            bgp(f"{what} in an advertisement", f"adv-{number}", communities=["64512:1", text])
            for what, (text, number, _) in malformed.items()
        ),
        *(
            community(f"{what} of an alias", ("lbcert-wrong", text), matrix=f"comm-{number}")
            for what, (text, _, number) in malformed.items()
        ),
        community("two of one alias", ("lbcert-twice", "64512:1"), ("lbcert-twice", "64512:2"), matrix="comm-3"),
        replace(community("alias of another object", (TAKEN[0], "64512:8"), matrix="comm-3"), across=True),
    ]
    propose.refused("CONFIG-008", rows, [BGP, COMMUNITY])
    unknown = bgp("alias that nobody has defined", communities=["lbcert-unknown"])
    propose.accepted("CONFIG-008", [unknown], "undefined")
