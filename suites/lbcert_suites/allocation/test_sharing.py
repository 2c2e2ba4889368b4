"""Who may share an address with whom."""

import pytest

from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import PreconditionUnmetError
from lbcert_reports.recorder import CaseRecorder
from lbcert_reports.verdicts import Verdict
from lbcert_suites.allocation.arrangement import GIVEN, KEYS, POLICIES, PORTS, Seen

pytestmark = pytest.mark.untimed


@pytest.mark.covers("ALLOC-041", "ALLOC-005")
@pytest.mark.catches(
    "sharing-without-key",
    "sharing-refused",
    "sharing-key-not-compared",
    "sharing-key-begins-alike",
    "sharer-leaves-frees",
    "left-address-not-shared",
)
@pytest.mark.arranges(KEYS)
def test_sharing_takes_the_same_key(arrangement: Seen, profile: Profile, record: CaseRecorder) -> None:
    """Two Services share an address only when both carry the same key.

    Given Services that hold an address, with a key that allows sharing and without
    When others ask for the same address on another port: without a key, with one, with others, with the same; and
        without a key once the first of two that share is gone
    Then only the one with the same key gets it; the others do not have it for ten seconds
    And the port of one that shared and is gone is free for another with the same key
    """
    seen = arrangement.record(record, KEYS)
    joined = {"expected": arrangement.addresses(KEYS.joiners), "within": profile.timers.assignment}
    alone = arrangement.refusal(KEYS)
    shared = record.judge("ALLOC-041", "exact-addresses", {"ingress": seen["ingress"]}, joined)
    record.judge("ALLOC-041", "stays-pending", {"ingress": seen["ingress"]}, alone)
    if shared.verdict is not Verdict.PASS:
        raise PreconditionUnmetError("no Service can follow one that shared: those with the same key do not share")
    pools = {"pools": GIVEN, "services": arrangement.keys(KEYS.followers), "within": profile.timers.assignment}
    record.judge("ALLOC-005", "assigned-from-pool", {"ingress": seen["ingress"]}, pools)


@pytest.mark.covers("ALLOC-042")
@pytest.mark.catches(
    "sharing-of-a-port",
    "sharing-by-port-number",
    "third-sharer-unseen",
    "target-port-compared",
    "last-port-only-compared",
)
@pytest.mark.arranges(PORTS)
def test_sharing_takes_disjoint_ports(arrangement: Seen, profile: Profile, record: CaseRecorder) -> None:
    """Services that share an address have no pair of protocol and port in common.

    Given Services that hold an address under a key
    When others with the same key ask for it: on the same port, on one port that is taken among others, on the same
        number for the other protocol, on the next port, also if that leads to the same port of the pods; and on the
        port of either one where two share
    Then those get it whose port is free, and the others do not have it for ten seconds
    """
    seen = arrangement.record(record, PORTS)
    joined = {"expected": arrangement.addresses(PORTS.joiners), "within": profile.timers.assignment}
    alone = arrangement.refusal(PORTS)
    record.judge("ALLOC-042", "exact-addresses", {"ingress": seen["ingress"]}, joined)
    record.judge("ALLOC-042", "stays-pending", {"ingress": seen["ingress"]}, alone)


@pytest.mark.covers("ALLOC-043")
@pytest.mark.catches("sharing-across-policies", "sharing-local-backends", "sharing-cluster-refused")
@pytest.mark.arranges(POLICIES)
def test_sharing_depends_on_the_traffic_policy(arrangement: Seen, profile: Profile, record: CaseRecorder) -> None:
    """Policy Cluster shares with Cluster whatever the selectors, Local only with Local and the same selector.

    Given Services that hold an address under a key, with policy Cluster and with Local
    When others with the same key ask for it, with either policy, and with the same selector or another
    Then those get it that the rule allows; the others do not have it for ten seconds
    """
    seen = arrangement.record(record, POLICIES)
    joined = {"expected": arrangement.addresses(POLICIES.joiners), "within": profile.timers.assignment}
    alone = arrangement.refusal(POLICIES)
    record.judge("ALLOC-043", "exact-addresses", {"ingress": seen["ingress"]}, joined)
    record.judge("ALLOC-043", "stays-pending", {"ingress": seen["ingress"]}, alone)
