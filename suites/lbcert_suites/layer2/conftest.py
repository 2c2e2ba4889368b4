"""What cases of layer 2 share."""

from collections.abc import Callable, Iterator
from random import Random

import pytest

from lbcert_fixtures.cluster import Backends, Cluster, Service
from lbcert_fixtures.deployment import Deployment
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import Testbed
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.layer2.speakers import Speakers
from lbcert_suites.layer2.takeovers import Takeovers


@pytest.fixture
def takeovers(
    testbed: Testbed,
    cluster: Cluster,
    backends: Backends,
    record: CaseRecorder,
    chance: Random,
    profile: Profile,
    calibrated: None,  # noqa: ARG001 - gaps are measured
) -> Callable[[Service, float], Takeovers]:
    """Makes trials of faults on the node that announces a Service; takes the limit of a takeover, s."""
    announcing = profile.timers.gratuitous_bursts * profile.timers.gratuitous_interval
    return lambda service, limit: Takeovers(testbed, cluster, backends, record, chance, service, limit, announcing)


@pytest.fixture
def speakers(testbed: Testbed, cluster: Cluster, implementation: Deployment, profile: Profile) -> Iterator[Speakers]:
    """The announcing pods; those that a case took away and did not bring back are brought back after it."""
    speakers = Speakers(testbed, cluster, implementation, profile.components.speaker)
    yield speakers
    speakers.restore()


@pytest.fixture
def node_of_mac(testbed: Testbed) -> dict[str, str]:
    """The node that has each hardware address."""
    return {node.mac: node.name for node in testbed.nodes}
