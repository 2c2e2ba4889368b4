"""The pytest fixtures that every case may ask for; there only in runs that have cases."""

import random
from collections.abc import Iterator, Sequence

import pytest

from lbcert_fixtures.deployment import Deployment, NotReadyError
from lbcert_fixtures.profiles import Profile, ResolvedManifest, resolve
from lbcert_fixtures.testbeds import Testbed
from lbcert_tools.certification import Certification, Record, record_of, recorder, writer
from lbcert_tools.settings import Settings
from lbcert_tools.testbeds import TESTBEDS


@pytest.fixture(scope="session")
def settings(request: pytest.FixtureRequest) -> Settings:
    """What the run was asked to do."""
    certification = request.config.pluginmanager.get_plugin("lbcert-certification")
    assert isinstance(certification, Certification)
    return certification.settings


@pytest.fixture(scope="session")
def profile(settings: Settings) -> Profile:
    """The implementation under test, as its vendor declares it."""
    return settings.profile


@pytest.fixture(scope="session")
def trials(settings: Settings) -> int:
    """How often a case tries a fault."""
    return settings.trials


@pytest.fixture(scope="session")
def manifests(profile: Profile) -> Sequence[ResolvedManifest]:
    """The implementation's manifests, as they were released."""
    return resolve(profile)


@pytest.fixture(scope="session")
def testbed(
    request: pytest.FixtureRequest, settings: Settings, manifests: Sequence[ResolvedManifest]
) -> Iterator[Testbed]:
    """What the cases stand on, with its nodes Ready: booted for the first case that asks, one a worker."""
    journal = recorder(request.config)
    stand = TESTBEDS[settings.testbed](settings, manifests, writer(request.config), lambda *_words, **_more: None)
    with journal.phase("boot"):
        up = stand.__enter__()
    try:
        yield up
    finally:
        with journal.phase("take down"):
            stand.__exit__(None, None, None)


@pytest.fixture(scope="session")
def implementation(
    request: pytest.FixtureRequest, testbed: Testbed, profile: Profile, manifests: Sequence[ResolvedManifest]
) -> Deployment:
    """The implementation in the testbed, from its own manifests.

    One that never gets ready is recorded as such, and the cases go on: what it does not do is theirs to say.
    """
    deployment = Deployment(testbed, profile, manifests)
    journal = recorder(request.config)
    with journal.phase("implementation"):
        deployment.apply()
        try:
            deployment.await_ready()
        except NotReadyError as error:
            journal.note(f"The implementation did not get ready. {error}")
    return deployment


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Record:
    """What the case records and judges with."""
    assert isinstance(request.node, pytest.Item)
    return record_of(request.node)


@pytest.fixture
def chance(settings: Settings, record: Record) -> random.Random:
    """A source of random choices that the run's seed and the case's name decide."""
    return random.Random(f"{settings.seed} {record.case}")  # noqa: S311 - reproducible, not secret
