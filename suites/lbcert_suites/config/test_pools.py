"""Which pools are refused."""

import pytest

from lbcert_fixtures.cluster import Cluster
from lbcert_suites.config.proposals import POOL, Proposals, pool

pytestmark = [pytest.mark.untimed, pytest.mark.thorough]

TAKEN = ("10.97.0.0/24", "fd00:97::/120")
"""What a pool has that is there."""


@pytest.mark.covers("CONFIG-003")
@pytest.mark.catches("range-backwards-accepted", "malformed-entry-accepted")
def test_pools_that_cannot_be_read_are_refused(propose: Proposals) -> None:
    """A pool whose addresses are missing, malformed or back to front is refused.

    Given the definitions of the implementation
    When pools are asked for with no addresses, with networks and ranges that are none, and with ranges that end before
        they begin, alone and among good ones
    Then each is refused, and a pool with none of these mistakes is not
    """
    rows = [
        pool("no addresses", matrix="pool-1"),
        pool("prefix of 33 bits", "10.97.0.0/33", matrix="pool-2"),
        pool("prefix of 129 bits", "fd00:97::/129", matrix="pool-2"),
        pool("network of letters", "ten.97.0.0/24", matrix="pool-2"),
        pool("prefix of 33 bits among good entries", "10.97.0.0/24", "10.97.1.0/33", matrix="pool-2"),
        pool("range without an end", "10.97.0.1-", matrix="pool-3"),
        pool("range to 300", "10.97.0.1-10.97.0.300", matrix="pool-3"),
        pool("range that ends before it begins", "10.97.0.9-10.97.0.1", matrix="pool-4"),
        pool("IPv6 range that ends before it begins", "fd00:97::9-fd00:97::1", matrix="pool-4"),
    ]
    propose.refused("CONFIG-003", rows, [POOL])


@pytest.mark.covers("CONFIG-003")
@pytest.mark.catches("malformed-entry-accepted")
def test_range_across_the_families_is_refused(propose: Proposals) -> None:
    """A pool is refused whose range begins in one family and ends in the other.

    Given the definitions of the implementation
    When a pool is asked for with a range from an IPv4 address to an IPv6 address
    Then it is refused, and a pool of both families is not
    """
    rows = [pool("range from one family to the other", "10.97.0.1-fd00:97::1", matrix="pool-3")]
    propose.refused("CONFIG-003", rows, [POOL])


@pytest.mark.covers("CONFIG-004")
@pytest.mark.catches("overlapping-pools-accepted", "overlap-within-pool-accepted", "only-equal-ranges-compared")
def test_pools_that_overlap_are_refused(cluster: Cluster, propose: Proposals) -> None:
    """A pool is refused whose addresses overlap, with one another or with those of a pool that is there.

    Given a pool from which a Service has its addresses
    When pools are asked for whose entries are the same, inside one another or share their ends, in one pool and with
        the pool that is there
    Then each is refused, and a pool beside it is not
    """
    cluster.pool(*TAKEN, name="taken")
    cluster.serve()
    rows = [
        pool("same entry twice in one pool", "10.97.1.0/24", "10.97.1.0/24", matrix="pool-5"),
        pool("entry inside another in one pool", "10.97.1.0/24", "10.97.1.16/28", matrix="pool-5"),
        pool("shared ends in one pool", "10.97.1.1-10.97.1.20", "10.97.1.20-10.97.1.30", matrix="pool-5"),
        pool("all of another pool", TAKEN[0], matrix="pool-5", across=True),
        pool("part of another pool", "10.97.0.16/28", matrix="pool-5", across=True),
        pool("range that is part of another pool", "10.97.0.7-10.97.0.7", matrix="pool-5", across=True),
        pool("network around another pool", "10.96.0.0/15", matrix="pool-5", across=True),
        pool("range into another pool", "10.96.255.250-10.97.0.0", matrix="pool-5", across=True),
        pool("range out of another pool", "fd00:97::ff-fd00:97::1ff", matrix="pool-5", across=True),
    ]
    propose.refused("CONFIG-004", rows, [pool("pool beside it", "10.97.1.0/24", "fd00:97::100/120")])
