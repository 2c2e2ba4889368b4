"""What all experiments stand on."""

import pytest

from lbcert_fixtures.cluster import Backends, Cluster, ranges_of
from lbcert_fixtures.patience import Expectations
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import Testbed
from lbcert_suites.conftest import BGP_POOL, LAYER2_POOL, NAMESPACE
from lbcert_suites.standing import StandingSessions


@pytest.fixture(scope="session", autouse=True)
def carrying(
    testbed: Testbed,
    profile: Profile,
    backends: Backends,  # noqa: ARG001 - order
    expectations: Expectations,
) -> None:
    """An implementation that carries traffic to a Service at all: else each experiment would wait for that in vain.

    Raises:
        PreconditionUnmetError: it does not.
    """
    layer2 = "layer2" in profile.capabilities
    with Cluster(testbed, profile, NAMESPACE, expectations) as cluster:
        (family, *_) = cluster.families if layer2 else profile.bgp_families
        cluster.pool(*ranges_of([family], LAYER2_POOL if layer2 else BGP_POOL))
        service = cluster.serve("carried", families=family)
        if layer2:
            cluster.announce_layer2()
            cluster.await_served(service.address())


@pytest.fixture(autouse=True)
def unpeered(standing: StandingSessions) -> None:
    """No BGP sessions from before: an experiment opens its own."""
    standing.end()
