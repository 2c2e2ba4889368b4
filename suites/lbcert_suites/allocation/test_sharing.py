"""Who may share an address with whom."""

from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import chain
from typing import Any

import pytest

from lbcert_fixtures import annotations
from lbcert_fixtures.cluster import Cluster, Service, ranges_of
from lbcert_fixtures.kubernetes.watching import Ingress
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
@pytest.mark.catches("sharing-not-reconsidered", "sharers-compared-by-key", "pending-not-retried")
def test_sharing_is_looked_at_again_when_a_key_changes(
    cluster: Cluster, profile: Profile, record: CaseRecorder
) -> None:
    """When Services that share come to differ one of them keeps the address; when Services agree all have it.

    Given three pairs of Services that share an address of each family by a key, one of them with policy Local; a third
        with another key that waits for the first pair's; and one with policy Local that waits for that of one with
        policy Cluster
    When one of each pair has a key of its own, the other's port, or another selector with policy Local
    Then one of each pair has the address in the declared time, and the other has not
    And when the one with policy Cluster has policy Local, and both of a pair the third's key, who waited has it too
    """
    within = profile.timers.assignment
    held = {
        what: ranges_of(cluster.families, (f"10.98.0.{number}", f"fd00:98::{number}"))
        for number, what in enumerate(("key", "port", "selector", "policy"), start=1)
    }
    cluster.pool("10.98.0.0/28", "fd00:98::/124")

    def serve(what: str, port: int, key: str = "k", policy: str = "Cluster") -> Service:
        wish = Wish("all", addresses=",".join(held[what]), key=key, policy=policy, ports=[f"TCP/{port}"])
        return wish.serve(cluster, f"{what}-{port}")

    policies = {"key": "Cluster", "port": "Cluster", "selector": "Local"}
    pairs = {what: [serve(what, port, policy=policy) for port in (80, 81)] for what, policy in policies.items()}
    with cluster.watch_services() as watch, cluster.watch_events() as events:
        alone = serve("policy", 80)
        if not watch.until(assigned(alone, *chain(*pairs.values())), within):
            raise PreconditionUnmetError("those with the same key do not share")
        third, waiter = serve("key", 82, key="m"), serve("policy", 81, policy="Local")
        events.until(warned(third, waiter), within)

    edits: Mapping[str, Mapping[str, Any]] = {
        "key": _with_key("n"),
        "port": {"spec": {"ports": [{"name": "p80-tcp", "port": 80}]}},  # merged with that there is
        "selector": {"spec": {"selector": {"app": "other"}}},
    }
    with cluster.watch_services() as watch:
        for what, edit in edits.items():
            cluster.patch_service(pairs[what][1].name, edit)
        watch.until(_are_parted(pairs.values()), within)
    with cluster.watch_services() as watch:
        watch.observe(MARGIN_SECONDS)
    addresses = [*chain(*held.values())]
    parted = {"ingress": record.observed("ingress", watch, "parted")}
    record.judge("ALLOC-045", "no-duplicates", parted, {"least": len(addresses)})
    record.judge("ALLOC-045", "exact-addresses", parted, {"expected": addresses, "within": MARGIN_SECONDS / 2})

    steps: Mapping[str, tuple[Mapping[Service, Mapping[str, Any]], Sequence[Service]]] = {
        "policy": ({alone: {"spec": {"externalTrafficPolicy": "Local"}}}, [alone, waiter]),
        "key": ({service: _with_key("m") for service in pairs["key"]}, [*pairs["key"], third]),
    }
    for what, (changes, agreeing) in steps.items():
        expected = {service.key: held[what] for service in agreeing}
        with cluster.watch_services() as watch:
            with record.act(f"set-{what}", agreeing[0].key) as agreed:
                for service, change in changes.items():
                    cluster.patch_service(service.name, change)
            watch.until(has(expected), within)
        together = {"ingress": record.observed("ingress", watch, what), "cause": agreed.evidence}
        record.judge("ALLOC-045", "moved", together, {"expected": expected, "within": within})


def _with_key(key: str) -> Mapping[str, Any]:
    """A patch of a Service, by which it has a sharing key."""
    return {"metadata": {"annotations": {annotations.SHARING: key}}}


def _are_parted(pairs: Collection[Sequence[Service]]) -> Callable[[Sequence[Ingress]], bool]:
    """One of each of these pairs has an address, and the other has none."""

    def hold(rows: Sequence[Ingress]) -> bool:
        holders = holdings(rows).keys()
        return all(sum(service.key in holders for service in pair) == 1 for pair in pairs)

    return hold
