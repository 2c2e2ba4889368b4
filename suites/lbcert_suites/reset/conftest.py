"""What the cases of connections share."""

from collections.abc import Iterator

import pytest

from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import Testbed
from lbcert_suites.reset.exclusion import Exclusion
from lbcert_suites.ways import Way


@pytest.fixture
def bgp_way(bgp: tuple[str, ...], profile: Profile) -> Way:  # noqa: ARG001 - order
    """BGP with all families that the implementation announces, at once."""
    return Way("bgp", profile.bgp_families)


@pytest.fixture
def exclusion(testbed: Testbed) -> Iterator[Exclusion]:
    """Excludes nodes from load balancing; readmits after the case what it did not readmit."""
    exclusion = Exclusion(testbed)
    yield exclusion
    for node in list(exclusion.excluded):
        exclusion.readmit(node)
