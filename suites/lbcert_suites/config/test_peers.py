"""Which peers are refused."""

from dataclasses import replace
from typing import Any

import pytest

from lbcert_fixtures.cluster import Cluster
from lbcert_fixtures.profiles import Profile
from lbcert_suites.config.proposals import BGP, COMMUNITY, PEER, Proposals, Row, asked, bfd, bgp, community, peer

pytestmark = [pytest.mark.untimed, pytest.mark.thorough, pytest.mark.needs("bgp")]

NOBODY = [{"matchLabels": {"kubernetes.io/hostname": "no-such-node"}}]
"""Selects no node: for peers that are there, and with which no session is to be opened."""

LACKED = (
    (peer("keepaliveTime", "peer-18", keepaliveTime="1s", holdTime="3s"), "bgp-keepalive-time"),
    (peer("vrf", "peer-18", vrf="red"), "bgp-vrf"),
    (peer("connectTime", "peer-18", connectTime="5s"), "bgp-connect-time"),
    (peer("enableGracefulRestart", "peer-18", enableGracefulRestart=True), "bgp-graceful-restart"),
    (peer("dualStackAddressFamily", "peer-18", dualStackAddressFamily=True), "bgp-multiprotocol"),
    (peer("dynamicASN", "peer-18", peerASN=None, dynamicASN="external"), "bgp-dynamic-asn"),
    (peer("interface", "peer-18", peerAddress=None, interface="eth0"), "bgp-unnumbered"),
    (peer("localASN", "peer-18", localASN=64999), "bgp-local-asn"),
    (bgp("large community of an advertisement", "adv-10", communities=["large:64512:1:2"]), "bgp-large-communities"),
    (community("large community of an alias", ("large", "large:64512:1:2"), matrix="comm-4"), "bgp-large-communities"),
)
"""What an implementation may lack, and the capability that it then does not declare."""


@pytest.mark.covers("CONFIG-009")
@pytest.mark.catches("peer-without-as-accepted", "peer-address-not-read")
def test_peers_that_nobody_can_be_are_refused(propose: Proposals) -> None:
    """A peer without an AS or an address, or with two of either, or with an address that is none, is refused.

    Given the definitions of the implementation
    When peers are asked for without myASN, without peerASN, with one and with dynamicASN, without an address, with one
        and with an interface, and with addresses that are none
    Then each is refused, and a peer with none of these mistakes is not
    """
    rows = [
        peer("myASN 0", "peer-1", myASN=0),
        peer("no myASN", "peer-1", myASN=None),
        peer("no peerASN", "peer-2", peerASN=None),
        peer("peerASN and dynamicASN", "peer-3", "bgp-dynamic-asn", dynamicASN="external"),
        peer("no peerAddress", "peer-6", peerAddress=None),
        peer("peerAddress and interface", "peer-6", "bgp-unnumbered", interface="eth0"),
        peer("address that ends in 300", "peer-7", peerAddress="10.97.255.300"),
        peer("name instead of an address", "peer-7", peerAddress="router.example"),
        peer("network instead of an address", "peer-7", peerAddress="10.97.255.0/24"),
    ]
    propose.refused("CONFIG-009", rows, [PEER])


@pytest.mark.covers("CONFIG-010")
@pytest.mark.catches("hold-time-of-one-second-accepted", "fraction-of-a-second-accepted")
def test_times_that_no_session_can_have_are_refused(propose: Proposals) -> None:
    """A peer is refused whose times RFC 4271 forbids, or its 16 bits cannot hold.

    Given the definitions of the implementation
    When peers are asked for with hold times of 1 s and 2 s; with a keepalive time that is longer than the hold time;
        with connect times of 0 s, 1.5 s and 65536 s
    Then each is refused, and peers with times at the bounds are not (CONFIG-002)
    """
    rows = [
        peer("hold time 1 s", "peer-8", holdTime="1s"),
        peer("hold time 2 s", "peer-8", holdTime="2s"),
        peer("keepalive time 4 s of 3 s", "peer-9", "bgp-keepalive-time", keepaliveTime="4s", holdTime="3s"),
        peer("connect time 0 s", "peer-13", "bgp-connect-time", connectTime="0s"),
        peer("connect time 1.5 s", "peer-13", "bgp-connect-time", connectTime="1500ms"),
        peer("connect time 65536 s", "peer-13", "bgp-connect-time", connectTime="65536s"),
    ]
    propose.refused("CONFIG-010", rows, [PEER])


@pytest.mark.covers("CONFIG-010")
@pytest.mark.catches("hold-time-unbounded")
def test_hold_times_fit_into_their_field(propose: Proposals) -> None:
    """A peer is refused whose hold time the 16 bits of its field cannot hold.

    Given the definitions of the implementation
    When a peer is asked for with a hold time of 65536 s
    Then it is refused, and one with 65535 s is not
    """
    rows = [peer("hold time 65536 s", "peer-8", holdTime="65536s")]
    propose.refused("CONFIG-010", rows, [peer("hold time 65535 s", holdTime="65535s")])


@pytest.mark.covers("CONFIG-012")
@pytest.mark.needs("bgp-refuses-unsupported")
@pytest.mark.catches("unsupported-fields-ignored")
def test_what_is_not_supported_is_refused(cluster: Cluster, profile: Profile, propose: Proposals) -> None:
    """What an implementation says that it cannot do over BGP, it refuses instead of ignoring it.

    A BFD profile is left out: MetalLB refuses it when it loads its configuration, which is another requirement's.

    Given a pool of every family of the cluster, from which a Service has an address
    When peers, aliases and advertisements are asked for that take a capability which the profile does not declare: each
        field of a peer, large communities, and routes of the pool's IPv6 addresses, by its name, its label, and by
        neither
    Then each is refused, and objects that take none are not
    """
    labels = {"lbcert/of": "families"}
    cluster.pool("10.97.2.0/24", "fd00:97:2::/120", name="families", labels=labels)
    cluster.serve()
    routes: dict[str, dict[str, Any]] = {
        "by the name of their pool": {"ipAddressPools": ["families"]},
        "by a label of their pool": {"ipAddressPools": [], "ipAddressPoolSelectors": [{"matchLabels": labels}]},
        "of all pools": {"ipAddressPools": []},
    }
    ipv6 = [bgp(f"routes of IPv6 addresses {how}", "pool-9", across=True, **spec) for how, spec in routes.items()]
    lacked = [*LACKED, *((row, "bgp-ipv6") for row in ipv6 if "ipv6" in cluster.families)]
    rows = [row for row, capability in lacked if profile.lacks([capability])]
    propose.refused("CONFIG-012", rows, [PEER, BGP, COMMUNITY])


@pytest.mark.covers("CONFIG-012")
@pytest.mark.needs("bgp-refuses-unsupported")
@pytest.mark.catches("unsupported-fields-ignored")
def test_disable_mp_hides_nothing_that_is_not_supported(profile: Profile, propose: Proposals) -> None:
    """What an implementation says that it cannot do over BGP, it refuses of a peer with disableMP too.

    Given the definitions of the implementation
    When peers are asked for that set disableMP, alone if the profile does not declare its capability, and with each
        field whose capability it does not declare
    Then each is refused, and a peer that sets none is not
    """
    alone = (peer("disableMP", "peer-18", disableMP=True), "bgp-multiprotocol")
    beside = [
        (replace(row, what=f"{row.what} with disableMP", spec={**row.spec, "disableMP": True}), capability)
        for row, capability in LACKED
        if row.kind == "BGPPeer"
    ]
    rows = [row for row, capability in (alone, *beside) if profile.lacks([capability])]
    propose.refused("CONFIG-012", rows, [PEER])


@pytest.mark.covers("CONFIG-013")
@pytest.mark.catches("peer-port-unbounded")
def test_fields_have_their_bounds(cluster: Cluster, profile: Profile, propose: Proposals) -> None:
    """Numbers out of their bounds are refused, and so is an edit of what cannot change.

    Given, where graceful restart can be had, a peer without it that no node opens a session with
    When peers and BFD profiles are asked for with ports, AS numbers, intervals, multipliers and hops next to their
        bounds, and with an unknown dynamicASN; and when graceful restart is switched on
    Then each is refused, and objects at the bounds are not (CONFIG-002)
    """
    rows = [
        peer("peerPort 0", "peer-12", peerPort=0),
        peer("peerPort 16385", "peer-12", peerPort=16385),
        peer("AS number of 33 bits", "peer-12", peerASN=2**32),
        peer("AS number below 0", "peer-12", peerASN=-1),
        peer("localASN 0", "peer-12", "bgp-local-asn", localASN=0),
        peer("dynamicASN of another kind", "peer-4", "bgp-dynamic-asn", peerASN=None, dynamicASN="any"),
        *(
            bfd(f"{name} {value}", "bfd-1", **{name: value})
            for name, least, most in (
                ("receiveInterval", 10, 60000),
                ("transmitInterval", 10, 60000),
                ("echoInterval", 10, 60000),
                ("detectMultiplier", 2, 255),
                ("minimumTtl", 1, 254),
            )
            for value in (least - 1, most + 1)
        ),
        *_edits_of_graceful_restart(cluster, profile),
    ]
    propose.refused("CONFIG-013", rows, [PEER, bfd("BFD profile", receiveInterval=300)])


def _edits_of_graceful_restart(cluster: Cluster, profile: Profile) -> list[Row]:
    """Edits of peers that are made for them."""
    rows: list[Row] = []
    for name, given in {"said-off": {"enableGracefulRestart": False}, "never-said": {}}.items():
        what = f"graceful restart switched on where it was {name.replace('-', ' ')}"
        on = peer(what, "peer-14", "bgp-graceful-restart")
        for row in asked([replace(on, name=name, edit=True, spec={"enableGracefulRestart": True})], profile):
            fields: dict[str, Any] = {**PEER.spec, "peerAddress": f"10.97.255.{2 + len(rows)}", **given}
            cluster.configure("BGPPeer", name, **fields, nodeSelectors=NOBODY)
            rows.append(row)
    return rows


@pytest.mark.covers("CONFIG-019")
@pytest.mark.catches("disable-mp-skips-validation")
def test_no_field_of_a_peer_switches_validation_off(propose: Proposals) -> None:
    """A peer with a mistake is refused, whatever else it says.

    Given the definitions of the implementation
    When peers with a mistake are asked for that set disableMP, which MetalLB has deprecated
    Then each is refused, and a peer with neither is not
    """
    rows = [
        peer("hold time 1 s with disableMP", "peer-8", holdTime="1s", disableMP=True),
        peer("address that ends in 300 with disableMP", "peer-7", peerAddress="10.97.255.300", disableMP=True),
        replace(peer("another namespace with disableMP", "ns-1", disableMP=True), namespace="default"),
    ]
    propose.refused("CONFIG-019", rows, [PEER])
