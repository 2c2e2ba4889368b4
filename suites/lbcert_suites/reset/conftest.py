"""What the cases of connections share."""

from collections.abc import Iterator

import pytest

from lbcert_fixtures.testbeds import Testbed
from lbcert_suites.reset.exclusion import Exclusion
from lbcert_suites.ways import Way


@pytest.fixture
def bgp_way(bgp: tuple[str, ...]) -> Way:
    """BGP with all families that the implementation announces, at once."""
    return Way("bgp", ("ipv4", "ipv6")[: len(bgp)])


@pytest.fixture
def exclusion(testbed: Testbed) -> Iterator[Exclusion]:
    """Excludes nodes from load balancing; readmits after the case what it did not readmit."""
    exclusion = Exclusion(testbed)
    yield exclusion
    for node in list(exclusion.excluded):
        exclusion.readmit(node)
