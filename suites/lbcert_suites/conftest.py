"""What every case may ask for, beside the plugin's `profile`, `testbed`, `implementation`, `record` and `trials`."""

from collections.abc import Iterator, Mapping

import pytest

from lbcert_fixtures.cluster import Backends, Cluster, ranges_of
from lbcert_fixtures.deployment import Deployment
from lbcert_fixtures.patience import Expectations, Patience
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import Testbed
from lbcert_suites.eligibility import Eligibility
from lbcert_suites.families import EACH, IPV4, IPV6
from lbcert_suites.leftovers import Leftovers
from lbcert_suites.neighbours import forget_neighbours
from lbcert_suites.standing import StandingSessions
from lbcert_suites.ways import ARRANGED, Mode, Way

NAMESPACE = "lbcert"

LAYER2_POOL = ("172.30.0.200-172.30.0.219", "fd00:30::200-fd00:30::219")
BGP_POOL = ("10.99.0.0/24", "fd00:99::/120")


@pytest.fixture(scope="session")
def backends(testbed: Testbed, profile: Profile, implementation: Deployment) -> Backends:  # noqa: ARG001 - order
    """One echo pod on every node, label ``app=echo``, shared by all cases that leave them alone."""
    shared = Cluster(testbed, profile, NAMESPACE)
    shared.create_namespace()
    return shared.backends()


@pytest.fixture
def everywhere(testbed: Testbed, profile: Profile, backends: Backends) -> None:
    """Those pods again where a case took them away: what is evicted from a node is nobody's to start anew."""
    Cluster(testbed, profile, NAMESPACE).backends(*backends.pods.values(), app=backends.app)


@pytest.fixture(scope="session")
def expectations() -> Expectations:
    """What most cases stand on: one for all cases, so that only the first waits in vain for as long as is declared."""
    return Expectations()


@pytest.fixture
def cluster(
    testbed: Testbed,
    profile: Profile,
    everywhere: None,  # noqa: ARG001 - order
    expectations: Expectations,
) -> Iterator[Cluster]:
    """The cluster, of which no client knows anything; what a case makes in it is taken away after the case."""
    forget_neighbours(testbed)
    with Cluster(testbed, profile, NAMESPACE, expectations) as cluster:
        yield cluster
        testbed.mend()  # a case that broke between a fault and its cure
    testbed.check()


@pytest.fixture
def abroad(testbed: Testbed, cluster: Cluster, profile: Profile) -> Iterator[Cluster]:  # noqa: ARG001 - order
    """Another namespace, for namesakes of the Services that a case is about."""
    with Cluster(testbed, profile, f"{NAMESPACE}-abroad") as abroad:
        abroad.create_namespace()
        yield abroad


@pytest.fixture
def eligibility(testbed: Testbed, cluster: Cluster) -> Iterator[Eligibility]:  # noqa: ARG001 - order
    """What is said of nodes, taken back after the case."""
    eligibility = Eligibility(testbed)
    yield eligibility
    eligibility.restore()


@pytest.fixture(params=EACH)
def family(request: pytest.FixtureRequest) -> str:
    """The address families of the cluster, one after the other."""
    return str(request.param)


@pytest.fixture(
    params=[pytest.param("ipv4", marks=IPV4), pytest.param("ipv6", marks=pytest.mark.needs("bgp-ipv6"))],
)
def bgp_family(request: pytest.FixtureRequest) -> str:
    """The address families that an implementation announces over BGP, one after the other."""
    return str(request.param)


@pytest.fixture
def layer2(cluster: Cluster) -> tuple[str, ...]:
    """A pool on the nodes' segment, announced in layer 2; gives the pool's ranges."""
    cluster.announce_layer2(ipAddressPools=[cluster.pool(*LAYER2_POOL, name="layer2")])
    return LAYER2_POOL


@pytest.fixture(scope="session")
def patience_with_sessions() -> Patience:
    """For BGP sessions: one for all cases, so that only the first of them waits in vain for as long as is declared."""
    return Patience()


@pytest.fixture(scope="session")
def leftovers() -> Leftovers:
    """BGP sessions that an earlier case left: one for all cases, so that waiting for their end is soon over."""
    return Leftovers()


@pytest.fixture(scope="session")
def standing(
    testbed: Testbed,
    profile: Profile,
    implementation: Deployment,  # noqa: ARG001 - order
    leftovers: Leftovers,
    patience_with_sessions: Patience,
) -> Iterator[StandingSessions]:
    """BGP sessions that stand from one case to the next, for all cases that do not make their own."""
    with StandingSessions(
        testbed, profile, Cluster(testbed, profile, NAMESPACE), leftovers, patience_with_sessions
    ) as sessions:
        yield sessions


@pytest.fixture
def bgp(cluster: Cluster, standing: StandingSessions) -> tuple[str, ...]:
    """Sessions from every node to the router, and a pool that is announced over them; gives the pool's ranges.

    Raises:
        PreconditionUnmetError: the sessions are not established within the declared time, or those of an earlier case
            never end.
    """
    pool = ranges_of(standing.families, BGP_POOL)
    cluster.announce_bgp(ipAddressPools=[cluster.pool(*pool, name="bgp")])
    standing.insist()
    return pool


@pytest.fixture(
    params=[
        pytest.param(("l2", "ipv4"), id="layer2-ipv4", marks=[pytest.mark.needs("layer2"), IPV4]),
        pytest.param(("l2", "ipv6"), id="layer2-ipv6", marks=[pytest.mark.needs("layer2"), IPV6]),
        pytest.param(("bgp", "ipv4"), id="bgp-ipv4", marks=[pytest.mark.needs("bgp"), IPV4]),
        pytest.param(("bgp", "ipv6"), id="bgp-ipv6", marks=pytest.mark.needs("bgp", "bgp-ipv6")),
    ],
)
def way(request: pytest.FixtureRequest) -> Way:
    """Each mode with each family, one after the other, with a pool that is announced that way."""
    mode, family = request.param
    request.getfixturevalue(ARRANGED[mode])
    return Way(mode, (family,))


@pytest.fixture
def ways(request: pytest.FixtureRequest, profile: Profile) -> list[Way]:
    """Every mode with all its families, at once, each with a pool that is announced that way."""
    families: Mapping[Mode, tuple[str, ...]] = {"l2": profile.families, "bgp": profile.bgp_families}
    able = [mode for mode, arranged in ARRANGED.items() if arranged in profile.capabilities]
    for mode in able:
        request.getfixturevalue(ARRANGED[mode])
    return [Way(mode, families[mode]) for mode in able]
