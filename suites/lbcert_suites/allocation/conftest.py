"""What the cases of allocation share."""

import pytest

from lbcert_fixtures.cluster import Cluster
from lbcert_fixtures.deployment import Deployment
from lbcert_fixtures.patience import Expectations
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import Testbed
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.allocation.arrangement import NAMESPACE, Seen, watch_arrangement
from lbcert_suites.allocation.controller import Controller

HOLD_SECONDS = 10.0
"""How long nothing may happen where the catalogue asks for a hold check."""

QUICK_HOLD_SECONDS = 3.0
"""Likewise with ``--quick``: what a controller does wrongly it does on a write, and thus at once."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep what looks at the common arrangement on one worker of pytest-xdist, which then arranges it once."""
    if hasattr(config, "workerinput"):
        for item in items:
            if "arrangement" in getattr(item, "fixturenames", ()) and not item.get_closest_marker("xdist_group"):
                item.add_marker(pytest.mark.xdist_group("arrangement"))


@pytest.fixture(scope="session")
def hold(quick: bool) -> float:
    """How long nothing may happen, s: the bound of every hold check."""
    return QUICK_HOLD_SECONDS if quick else HOLD_SECONDS


@pytest.fixture(scope="session")
def assigning(
    testbed: Testbed,
    profile: Profile,
    implementation: Deployment,  # noqa: ARG001 - order
    expectations: Expectations,
) -> None:
    """An implementation that gives out addresses at all, so that it makes sense to look at which and when.

    Raises:
        PreconditionUnmetError: it gives none; each case that asks for this ends at once.
    """
    with Cluster(testbed, profile, NAMESPACE, expectations) as cluster:
        cluster.create_namespace()
        cluster.pool("10.98.15.0/28", "fd00:98:15::/124")
        cluster.serve("first", families="dual" if "dual-stack" in profile.capabilities else cluster.families[0])


@pytest.fixture(scope="session")
def arrangement(
    request: pytest.FixtureRequest,
    testbed: Testbed,
    profile: Profile,
    hold: float,
    assigning: None,  # noqa: ARG001 - without it all is in vain
) -> Seen:
    """What ten seconds of the arrangement common to the chosen cases showed.

    It is taken away before the first of them looks.
    """
    marks = (item.get_closest_marker("arranges") for item in request.session.items)
    groups = [mark.args[0] for mark in marks if mark]
    return watch_arrangement(Cluster(testbed, profile, NAMESPACE), profile, hold, groups)


@pytest.fixture
def controller(implementation: Deployment, cluster: Cluster, record: CaseRecorder) -> Controller:
    """The allocation controller, to be ended."""
    return Controller(implementation, cluster, record)
