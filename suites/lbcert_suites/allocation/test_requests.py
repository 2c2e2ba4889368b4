"""Services that ask for an address of their choice."""

import pytest

from lbcert_fixtures import annotations
from lbcert_fixtures.cluster import Cluster
from lbcert_fixtures.profiles import Profile
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.allocation.arrangement import FAMILIES, IN_USE, MALFORMED, MISMATCHED, OUTSIDE, TWICE, Seen
from lbcert_suites.allocation.conditions import assigned, has, warned
from lbcert_suites.allocation.release import insist_on_release
from lbcert_suites.allocation.wishes import Wish

pytestmark = [pytest.mark.untimed, pytest.mark.usefixtures("assigning")]


@pytest.mark.covers("ALLOC-018", "ALLOC-019")
@pytest.mark.catches("requested-address-ignored", "address-annotation-ignored", "request-in-first-pool-only")
def test_requested_address_is_given(cluster: Cluster, profile: Profile, record: CaseRecorder) -> None:
    """A Service gets exactly the address that it asks for, in its spec or in its annotation.

    Given two pools with IPv4 and IPv6 addresses, and a Service that has none since it asks for an address of one of
        them and names the other
    When Services ask for addresses of the second, the first and the last among them: in spec.loadBalancerIP, and in
        the annotation, for one family or for both, in either order, with blanks around the comma and without; one of
        them for the very address that the other was refused
    Then each gets exactly its addresses, in the declared time
    """
    cluster.pool("10.98.7.0/24", "fd00:98:7::/120", name="another")
    cluster.pool("10.98.0.70-10.98.0.83", "fd00:98::70-fd00:98::83")
    (first, *_) = cluster.families
    field = {"ipv4": "10.98.0.70", "ipv6": "fd00:98::70"}
    annotation = {
        "one-ipv4": ("ipv4", "10.98.0.80"),
        "one-ipv6": ("ipv6", "fd00:98::80"),
        "two": ("dual", "10.98.0.81,fd00:98::81"),
        "two-blanks": ("dual", "10.98.0.82 , fd00:98::82"),
        "two-turned": ("dual", "fd00:98::83, 10.98.0.83"),
    }
    with cluster.watch_events() as events:
        contradiction = Wish(address=field[first], pool="another").serve(cluster, "contradiction")
        events.until(warned(contradiction), profile.timers.assignment)
    with cluster.watch_services() as watch:
        by_field = {
            cluster.serve(f"field-{family}", families=family, wait=False, loadBalancerIP=address): [address]
            for family, address in field.items()
            if family in cluster.families
        }
        by_annotation = {
            cluster.serve(name, families=families, wait=False, annotations={annotations.ADDRESSES: text}): [
                each.strip() for each in text.split(",")
            ]
            for name, (families, text) in annotation.items()
            if families in cluster.stacks
        }
        watch.until(assigned(*by_field, *by_annotation), profile.timers.assignment)
    ingress = record.observed("ingress", watch)
    for requirement, wanted in (("ALLOC-018", by_field), ("ALLOC-019", by_annotation)):
        expected = {service.key: addresses for service, addresses in wanted.items()}
        bound = {"expected": expected, "within": profile.timers.assignment}
        record.judge(requirement, "exact-addresses", {"ingress": ingress}, bound)


@pytest.mark.covers("ALLOC-021")
@pytest.mark.catches("malformed-request-ignored", "malformed-edit-drops-address", "refusal-without-event")
@pytest.mark.arranges(MALFORMED)
def test_malformed_request_is_refused(arrangement: Seen, record: CaseRecorder) -> None:
    """A request that cannot be read gives no address, takes none away, and an event says why.

    Given a pool with free addresses, and Services that have one
    When requests that are no address, too many addresses, or two of one family, stand on new Services, and are
        written on those that have an address
    Then the new ones have no address for ten seconds and an event AllocationFailed; the others keep theirs and have
        an event LoadBalancerFailed
    """
    seen = arrangement.record(record, MALFORMED)
    new = arrangement.waiting(MALFORMED) | {"reason": "AllocationFailed"}
    old = {"services": arrangement.keys(MALFORMED.holders), "hold": arrangement.hold, "reason": "LoadBalancerFailed"}
    record.judge("ALLOC-021", "stays-pending", seen, new)
    record.judge("ALLOC-021", "assignment-stable", seen, old)


@pytest.mark.covers("ALLOC-020")
@pytest.mark.catches("annotation-beats-field")
@pytest.mark.arranges(TWICE)
def test_two_requests_at_once_are_refused(arrangement: Seen, record: CaseRecorder) -> None:
    """Who asks for addresses in the spec and in the annotation gets none, and an event says why.

    Given a pool with free addresses
    When Services ask for one address by spec.loadBalancerIP and by the annotation, and for two
    Then they have no address for ten seconds, and an event AllocationFailed
    """
    seen = arrangement.record(record, TWICE)
    bound = arrangement.waiting(TWICE) | {"reason": "AllocationFailed"}
    record.judge("ALLOC-020", "stays-pending", seen, bound)


@pytest.mark.covers("ALLOC-024")
@pytest.mark.catches("families-of-request-ignored")
@pytest.mark.arranges(MISMATCHED)
def test_request_of_other_families_is_refused(arrangement: Seen, record: CaseRecorder) -> None:
    """Who asks for addresses of other families than its own gets none, and an event says why.

    Given a pool with free addresses of both families
    When Services of one family ask for an address of the other, or for two, and Services that require both, or prefer
        both, for one
    Then they have no address for ten seconds, and an event AllocationFailed
    """
    seen = arrangement.record(record, MISMATCHED)
    bound = arrangement.waiting(MISMATCHED) | {"reason": "AllocationFailed"}
    record.judge("ALLOC-024", "stays-pending", seen, bound)


@pytest.mark.covers("ALLOC-025", "ALLOC-027")
@pytest.mark.catches("other-request-ignored", "other-pool-ignored")
def test_changed_request_moves_the_service(cluster: Cluster, profile: Profile, record: CaseRecorder) -> None:
    """A Service that asks for another address or another pool than it has gets that, or none.

    Given Services that have an address each of a pool, because they asked for it, for the pool, or for nothing
    When they ask for another address, in the spec or in the annotation, for one that another holds, for another pool,
        and for one that does not exist
    Then each has in the declared time what it asks for, and nothing else, or nothing where that cannot be had
    """
    first, other = ["10.98.0.0/28", "fd00:98::/124"], ["10.98.1.1/32", "fd00:98:1::1/128"]
    cluster.pool(*first)
    cluster.pool(*other, name="other", autoAssign=False)
    (family, *_) = cluster.families
    number = FAMILIES.index(family)
    one, two, three, taken = (("10.98.0.", "fd00:98::")[number] + last for last in "5678")
    services = {
        name: wish.serve(cluster, name)
        for name, wish in (
            ("field", Wish(family, address=one)),
            ("annotation", Wish(family, addresses=two)),
            ("holder", Wish(family, address=taken)),
            ("refused", Wish(family)),
            ("named", Wish(family, pool="pool")),
            ("lost", Wish(family)),
        )
    }
    edits = {
        "field": (Wish(address=three), [three]),
        "annotation": (Wish(addresses=one), [one]),  # which the one before has let go by then
        "refused": (Wish(addresses=taken), []),
        "named": (Wish(pool="other"), [other[number].partition("/")[0]]),
        "lost": (Wish(pool="no-such-pool"), []),
    }
    with cluster.watch_services() as watch:
        watch.until(assigned(*services.values()), profile.timers.assignment)
        causes = {}
        for name, (wish, wanted) in edits.items():
            with record.act(f"change-request-of-{name}", services[name].key) as causes[name]:
                cluster.patch_service(name, wish.patch())
            watch.until(has({services[name].key: wanted}), profile.timers.assignment)
    ingress = record.observed("ingress", watch)
    for name, (wish, wanted) in edits.items():
        bound = {"expected": {services[name].key: wanted}, "within": profile.timers.assignment}
        seen = {"ingress": ingress, "cause": causes[name].evidence}
        record.judge("ALLOC-027" if wish.pool else "ALLOC-025", "moved", seen, bound)


@pytest.mark.covers("ALLOC-022")
@pytest.mark.catches(
    "foreign-request-granted",
    "foreign-request-ignored",
    "half-of-request-checked",
    "refusal-without-event",
    "address-beside-pool-granted",
)
@pytest.mark.arranges(OUTSIDE)
def test_address_outside_every_pool_is_refused(arrangement: Seen, record: CaseRecorder) -> None:
    """An address that is in no pool is given to nobody, and an event says why.

    Given pools with free addresses
    When Services ask for an IPv4 and an IPv6 address that are in none of them, far away and beside the first and the
        last of one, and for two of which one is
    Then they have no address for ten seconds, and a Warning event
    """
    seen = arrangement.record(record, OUTSIDE)
    bound = arrangement.waiting(OUTSIDE) | {"reason": "*"}
    record.judge("ALLOC-022", "stays-pending", seen, bound)


@pytest.mark.covers("ALLOC-022")
@pytest.mark.catches("pending-not-retried")
def test_requested_address_is_given_once_a_pool_has_it(
    cluster: Cluster, profile: Profile, record: CaseRecorder
) -> None:
    """A Service that asks for an address in no pool gets it as soon as a pool contains it.

    Given a pool, and Services that were refused an address of each family outside it
    When a pool with these addresses is created
    Then they get them in the declared time, without being touched
    """
    wanted = {"ipv4": "10.98.0.70", "ipv6": "fd00:98::70"}
    cluster.pool("10.98.1.0/24", "fd00:98:1::/120")
    with cluster.watch_services() as watch, cluster.watch_events() as events:
        services = {
            cluster.serve(f"early-{family}", families=family, wait=False, loadBalancerIP=address): [address]
            for family, address in wanted.items()
            if family in cluster.families
        }
        events.until(warned(*services), profile.timers.assignment)
        with record.act("create-pool", "late") as created:
            cluster.pool("10.98.0.64/27", "fd00:98::60/123", name="late")
        watch.until(assigned(*services), profile.timers.assignment)
    inputs = {"ingress": record.observed("ingress", watch), "cause": created.evidence}
    expected = {service.key: addresses for service, addresses in services.items()}
    record.judge("ALLOC-022", "exact-addresses", inputs, {"expected": expected, "within": profile.timers.assignment})


@pytest.mark.covers("ALLOC-023")
@pytest.mark.catches("address-in-use-granted", "address-in-use-replaced", "half-of-request-checked")
@pytest.mark.arranges(IN_USE)
def test_address_in_use_is_refused(arrangement: Seen, record: CaseRecorder) -> None:
    """An address that another Service holds is not given to a second one that asks for it.

    Given Services that hold an IPv4 and an IPv6 address, and do not share
    When others ask for the same addresses, and for two of which one is held
    Then these have no address for ten seconds, and nobody holds one twice
    """
    seen = arrangement.record(record, IN_USE)
    bound = arrangement.waiting(IN_USE)
    record.judge("ALLOC-023", "stays-pending", {"ingress": seen["ingress"]}, bound)
    record.judge("ALLOC-023", "assignment-stable", {"ingress": seen["ingress"]}, {"hold": arrangement.hold})


@pytest.mark.covers("ALLOC-023")
@pytest.mark.catches("address-not-freed", "pending-not-retried")
def test_requested_address_is_given_once_it_is_free(
    cluster: Cluster, profile: Profile, record: CaseRecorder, family: str
) -> None:
    """A Service that asks for an address in use gets it when the holder goes away.

    Given a Service that holds an address, and one that was refused it
    When the holder is deleted
    Then the other gets that very address in the declared time, though others are free
    """
    wanted = {"ipv4": "10.98.0.70", "ipv6": "fd00:98::70"}[family]
    insist_on_release(cluster, family)
    cluster.pool("10.98.0.0/24", "fd00:98::/120")
    holder = cluster.serve("holder", families=family, loadBalancerIP=wanted)
    with cluster.watch_services() as watch, cluster.watch_events() as events:
        waiter = cluster.serve("waiter", families=family, wait=False, loadBalancerIP=wanted)
        events.until(warned(waiter), profile.timers.assignment)
        with record.act("delete-service", holder.key) as deleted:
            cluster.delete_service(holder.name)
        watch.until(assigned(waiter), profile.timers.assignment)
    inputs = {"ingress": record.observed("ingress", watch), "cause": deleted.evidence}
    bound = {"holder": holder.key, "waiter": waiter.key, "address": wanted, "within": profile.timers.assignment}
    record.judge("ALLOC-023", "reassigned", inputs, bound)
