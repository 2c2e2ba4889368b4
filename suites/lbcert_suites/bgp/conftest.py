"""What the cases about BGP share, beside `bgp`: the sessions that everybody may ask for."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from lbcert_fixtures.cluster import Cluster
from lbcert_fixtures.kubernetes.secrets import BasicAuth
from lbcert_fixtures.patience import Patience
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.routers.changes import RouterChanges
from lbcert_fixtures.routers.ports import OtherPort
from lbcert_fixtures.testbeds import PreconditionUnmetError, Testbed
from lbcert_suites.bgp.peering import ROUTER, SPARE, SPARE_PORT, Peering
from lbcert_suites.leftovers import Leftovers
from lbcert_suites.standing import StandingSessions


@pytest.fixture
def router(testbed: Testbed) -> Iterator[RouterChanges]:
    """The router's configuration, for changes that end with the case."""
    with RouterChanges(testbed, ROUTER) as changes:
        yield changes


@pytest.fixture
def peering(
    testbed: Testbed, router: RouterChanges, cluster: Cluster, profile: Profile, patience_with_sessions: Patience
) -> Peering:
    """All sessions of the nodes with the router, to be opened and edited by the case."""
    return Peering(testbed, cluster, profile, router, patience_with_sessions)


@pytest.fixture
def unpeered(
    testbed: Testbed,
    router: RouterChanges,  # noqa: ARG001 - order, see below
    standing: StandingSessions,
    leftovers: Leftovers,
) -> Iterator[None]:
    """A router without sessions at the begin, and again at the end.

    It is asked for by `usefixtures`, and so set up before `cluster`: when it ends, the BGPPeers are deleted, and the
    router's configuration stands. A session that closes then shows that the implementation has forgotten the peer;
    one that merely cannot be opened, because the router was put back first, would come up in the next case.

    Raises:
        PreconditionUnmetError: sessions of an earlier case do not close.
    """
    standing.end()
    if not leftovers.until_closed(testbed):
        raise PreconditionUnmetError("sessions of an earlier case are still open, long after their BGPPeer is gone")
    yield
    leftovers.until_closed(testbed)


@pytest.fixture
def second_address(testbed: Testbed) -> Iterator[None]:
    """The addresses `SPARE` on the first node, beside its own.

    To be asked for by `usefixtures` before `unpeered`: it outlives the sessions that use it.
    """
    node = testbed.nodes[0]
    with ExitStack() as stack:
        for address in SPARE.values():
            what = [f"{address}/{address.max_prefixlen}", "dev", node.interface]
            testbed.run(node.name, ["ip", "address", "add", *what, *(["nodad"] if address.version == 6 else [])])
            stack.callback(testbed.run, node.name, ["ip", "address", "delete", *what])
        yield


@pytest.fixture
def other_port(testbed: Testbed, leftovers: Leftovers) -> Iterator[None]:
    """A router that takes sessions at the port `SPARE_PORT` only.

    To be asked for by `usefixtures` behind `unpeered`: a session that is open already has the usual port.
    """
    with OtherPort(testbed, ROUTER, SPARE_PORT):
        yield
        leftovers.until_closed(testbed)


@pytest.fixture
def secret(testbed: Testbed, profile: Profile) -> Iterator[BasicAuth]:
    """A secret in the implementation's namespace, not made yet."""
    with BasicAuth(testbed, profile.install.namespace) as basic_auth:
        yield basic_auth
