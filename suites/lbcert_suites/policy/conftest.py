"""What the cases of traffic policy share."""

from collections.abc import Iterator

import pytest

from lbcert_fixtures.cluster import Backends, Cluster
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import Testbed
from lbcert_suites.conftest import NAMESPACE


@pytest.fixture(scope="module")
def uneven(testbed: Testbed, profile: Profile, backends: Backends) -> Iterator[Backends]:  # noqa: ARG001 - order
    """Two endpoints on the first node, one on the second, none on any other."""
    first, second = (node.name for node in testbed.nodes[:2])
    with Cluster(testbed, profile, NAMESPACE) as cluster:
        yield cluster.backends(first, first, second, app="uneven")
