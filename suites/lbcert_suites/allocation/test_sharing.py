"""Who may share an address with whom."""

import pytest

from lbcert_fixtures import annotations
from lbcert_fixtures.cluster import Cluster, Service, ranges_of
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import PreconditionUnmetError
from lbcert_reports.recorder import CaseRecorder
from lbcert_reports.verdicts import Verdict
from lbcert_suites.allocation.arrangement import GIVEN, KEYS, POLICIES, PORTS, Seen
from lbcert_suites.allocation.conditions import MARGIN_SECONDS, assigned, has, holdings, warned
from lbcert_suites.allocation.wishes import Wish

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
    "ports-of-second-address-unseen",
    "dual-sharing-refused",
    "target-port-compared",
    "last-port-only-compared",
)
@pytest.mark.arranges(PORTS)
def test_sharing_takes_disjoint_ports(arrangement: Seen, profile: Profile, record: CaseRecorder) -> None:
    """Services that share an address have no pair of protocol and port in common.

    Given Services that hold an address under a key
    When others with the same key ask for it: on the same port, on one port that is taken among others, on the same
        number for the other protocol, on the next port, also if that leads to the same port of the pods; on the port of
        either one where two share; and on the port of one that holds an address of each family, for either of them
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


@pytest.mark.covers("ALLOC-045")
@pytest.mark.usefixtures("assigning")
@pytest.mark.catches("sharing-not-reconsidered", "pending-not-retried")
def test_sharing_is_looked_at_again_when_a_key_changes(
    cluster: Cluster, profile: Profile, record: CaseRecorder
) -> None:
    """When keys of Services that share differ one of them keeps the address; when they agree again all have it.

    Given two Services that share an address of each family by a key, and a third with another key that waits for it
    When one of the two has a key of its own
    Then one of the two has the address in the declared time, and the other has not
    And when the keys of both become that of the third, all three have it
    """
    pool = ranges_of(cluster.families, ("10.98.0.1/32", "fd00:98::1/128"))
    addresses = [each.partition("/")[0] for each in pool]
    cluster.pool(*pool)
    within = profile.timers.assignment

    def wish(key: str, port: int) -> Wish:
        return Wish("all", addresses=",".join(addresses), key=key, ports=[f"TCP/{port}"])

    pair = [wish("k", port).serve(cluster, f"sharer-{port}") for port in (80, 81)]
    with cluster.watch_services() as watch, cluster.watch_events() as events:
        if not watch.until(assigned(*pair), within):
            raise PreconditionUnmetError("those with the same key do not share")
        third = wish("m", 82).serve(cluster, "third")
        events.until(warned(third), within)

    def set_key(service: Service, key: str) -> None:
        cluster.patch_service(service.name, {"metadata": {"annotations": {annotations.SHARING: key}}})

    with cluster.watch_services() as watch:
        set_key(pair[1], "n")
        watch.until(lambda rows: len(pair) > len({service.key for service in pair} & holdings(rows).keys()), within)
    with cluster.watch_services() as watch:
        watch.observe(MARGIN_SECONDS)
    parted = {"ingress": record.observed("ingress", watch, "parted")}
    record.judge("ALLOC-045", "no-duplicates", parted, {"least": len(addresses)})
    record.judge("ALLOC-045", "exact-addresses", parted, {"expected": addresses, "within": MARGIN_SECONDS / 2})
    with cluster.watch_services() as watch:
        with record.act("set-keys", pair[0].key) as agreed:
            for service in pair:
                set_key(service, "m")
        watch.until(has({service.key: addresses for service in (*pair, third)}), within)
    together = {"ingress": record.observed("ingress", watch, "agreed"), "cause": agreed.evidence}
    expected = {service.key: addresses for service in (*pair, third)}
    record.judge("ALLOC-045", "moved", together, {"expected": expected, "within": within})
