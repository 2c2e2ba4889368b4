"""What the cases of configuration objects share."""

import pytest

from lbcert_fixtures.cluster import Cluster
from lbcert_fixtures.profiles import Profile
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.config.proposals import Proposals


@pytest.fixture
def propose(cluster: Cluster, profile: Profile, record: CaseRecorder) -> Proposals:
    """Asks for objects, and has the answers judged."""
    return Proposals(cluster, profile, record)
