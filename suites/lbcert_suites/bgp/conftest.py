"""What the cases about BGP share, beside `bgp`: the sessions that everybody may ask for."""

from collections.abc import Iterator, Sequence

import pytest

from lbcert_fixtures.cluster import Cluster
from lbcert_fixtures.kubernetes.secrets import BasicAuth
from lbcert_fixtures.probes.sessions import Session, SessionWatch
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.routers.changes import RouterChanges
from lbcert_fixtures.testbeds import PreconditionUnmetError, Testbed
from lbcert_suites.bgp.peering import ROUTER, Peering
from lbcert_suites.patience import Patience

CLOSING_SECONDS = 15.0
"""How long sessions of an earlier case may take to close: the longest time that a built-in profile declares for a
change of what it announces is 8 s."""


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
def unpeered(testbed: Testbed, router: RouterChanges) -> Iterator[None]:  # noqa: ARG001 - order, see below
    """A router without sessions at the begin, and again at the end.

    It is asked for by `usefixtures`, and so set up before `cluster`: when it ends, the BGPPeers are deleted, and the
    router's configuration stands. A session that closes then shows that the implementation has forgotten the peer;
    one that merely cannot be opened, because the router was put back first, would come up in the next case.

    Raises:
        PreconditionUnmetError: sessions of an earlier case do not close.
    """
    if not _until_closed(testbed):
        raise PreconditionUnmetError(f"sessions are still open {CLOSING_SECONDS:g} s after their BGPPeer was deleted")
    yield
    _until_closed(testbed)


def _until_closed(testbed: Testbed) -> bool:
    with SessionWatch(testbed, ROUTER) as sessions:
        return sessions.until(_are_closed, CLOSING_SECONDS)


def _are_closed(rows: Sequence[Session]) -> bool:
    return "Established" not in {row["peer"]: row["state"] for row in rows}.values()


@pytest.fixture
def secret(testbed: Testbed, profile: Profile) -> Iterator[BasicAuth]:
    """A secret in the implementation's namespace, not made yet."""
    with BasicAuth(testbed, profile.install.namespace) as basic_auth:
        yield basic_auth
