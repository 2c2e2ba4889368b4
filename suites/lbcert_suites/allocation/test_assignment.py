"""A Service gets an address, from where the configuration says."""

import pytest

from lbcert_fixtures.cluster import Cluster
from lbcert_fixtures.profiles.profile import Profile
from lbcert_reports.recorder import CaseRecorder


@pytest.mark.covers("ALLOC-001")
@pytest.mark.catches("address-outside-pool", "address-not-published")
def test_address_is_assigned_from_the_pool(cluster: Cluster, profile: Profile, record: CaseRecorder) -> None:
    """A Service that a pool can satisfy gets an address of that pool, and none from outside.

    Given a pool with IPv4 and IPv6 addresses
    When Services of one family, the other, and both are created
    Then each gets its addresses in the declared time, all of them inside the pool
    """
    ranges = ["172.30.0.200-172.30.0.203", "fd00:30::200-fd00:30::203"]
    cluster.pool(*ranges)
    with cluster.watch_services() as watch:
        services = [cluster.serve(family, families=family, wait=False) for family in ("ipv4", "ipv6", "dual")]
        watch.until(
            lambda rows: {row["service"] for row in rows if row["addresses"]} >= {s.key for s in services},
            profile.timers.assignment,
        )
    ingress = record.evidence("ingress", watch.rows(), name="services", **watch.meta())
    record.judge(
        "ALLOC-001",
        "assigned-from-pool",
        {"ingress": ingress},
        {"pools": ranges, "within": profile.timers.assignment, "services": [s.key for s in services]},
    )
