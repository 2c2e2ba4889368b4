"""The pytest fixtures that every case may ask for; there only in runs that have cases."""

import os
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from statistics import fmean

import pytest

from lbcert_fixtures.deployment import Deployment, NotReadyError
from lbcert_fixtures.probes.noise import NoiseWatch
from lbcert_fixtures.profiles import Profile, ResolvedManifest, resolve
from lbcert_fixtures.testbeds import PreconditionUnmetError, Testbed
from lbcert_fixtures.testbeds.families import FAMILIES
from lbcert_fixtures.testbeds.netns import wire
from lbcert_reports.experiments import Experiment, keep
from lbcert_reports.recorder import folder
from lbcert_reports.verdicts import Verdict
from lbcert_tools import calibrating, experiments
from lbcert_tools.certification import Certification, Record, record_of, recorder, writer
from lbcert_tools.settings import Settings
from lbcert_tools.testbeds import BOOTS, stand


@pytest.fixture(scope="session")
def settings(request: pytest.FixtureRequest) -> Settings:
    """What the run was asked to do."""
    return _certification(request).settings


def _certification(request: pytest.FixtureRequest) -> Certification:
    certification = request.config.pluginmanager.get_plugin("lbcert-certification")
    assert isinstance(certification, Certification)
    return certification


@pytest.fixture(scope="session")
def profile(settings: Settings) -> Profile:
    """The implementation under test, as its vendor declares it and the cluster can show it."""
    return settings.shown


@pytest.fixture(scope="session")
def trials(settings: Settings) -> int:
    """How often a case tries a fault."""
    return settings.trials


@pytest.fixture(scope="session")
def quick(settings: Settings) -> bool:
    """Whether the run is to be a first look in minutes."""
    return settings.quick


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
    with journal.phase("boot") as at:

        def progress(step: str, detail: str = "", fraction: float | None = None) -> None:  # noqa: ARG001
            if step in BOOTS:
                at(detail)

        standing = stand(settings, manifests, writer(request.config), progress)
        up = standing.__enter__()
    try:
        yield up
    finally:
        with journal.phase("take down"):
            standing.__exit__(None, None, None)


@pytest.fixture(scope="session")
def implementation(
    request: pytest.FixtureRequest,
    settings: Settings,
    testbed: Testbed,
    profile: Profile,
    manifests: Sequence[ResolvedManifest],
) -> Iterator[Deployment]:
    """The implementation in the testbed, from its own manifests.

    One that never gets ready is recorded as such, and the cases go on: what it does not do is theirs to say. What its
    pods said is kept in the end.
    """
    deployment = Deployment(testbed, profile, manifests)
    journal = recorder(request.config)
    with journal.phase("implementation") as at:
        deployment.apply()
        try:
            deployment.await_ready(at)
        except NotReadyError as error:
            journal.note(f"The implementation did not get ready. {error}")
    yield deployment
    deployment.save_logs(settings.run / "logs" / writer(request.config) / "implementation")


@pytest.fixture(scope="session")
def calibrated(
    request: pytest.FixtureRequest,
    testbed: Testbed,
    implementation: Deployment,  # noqa: ARG001 - the machine is to be as busy with it as during the cases
    settings: Settings,
) -> Iterator[None]:
    """The probes measure known gaps before the first case that asks for this, and again when the cases are over.

    Without it the verdict of a case on how long a gap was does not stand. In between the machine is watched.
    """
    certification = _certification(request)
    journal, who = recorder(request.config), writer(request.config)
    lengths, families = calibrating.lengths(settings.trials), FAMILIES[settings.testbed.families]

    def calibrate(when: str) -> None:
        name = f"calibration-{when}-{who}"
        with journal.phase("calibration"), NoiseWatch(_processes(request.config, testbed)) as noise:
            judgements = calibrating.calibrated(testbed, journal, name, lengths, families)
        rows = noise.rows()
        journal.own().evidence("noise", rows, f"{name}-noise")
        refused = [each for each in judgements if each.verdict is not Verdict.PASS]
        for each in refused:
            probe = ", ".join(each.probes)
            journal.note(f"The probe's calibration {when} the timed cases is not accepted ({probe}): {each.reason}.")
        if refused and (shares := [row["foreign_cpu"] for row in rows]):
            journal.note(
                f"Meanwhile other programs, and the host of a virtual machine, used {fmean(shares):.0%} of the "
                f"processors, and {max(shares):.0%} in one second."
            )

    if settings.calibrate:
        calibrate("before")
    with NoiseWatch(_processes(request.config, testbed)) as certification.noise:
        yield
    if settings.calibrate and not certification.interrupted:
        calibrate("after")


def _processes(config: pytest.Config, testbed: Testbed) -> list[int]:
    """The processes from which all that belongs to the run descends; workers have one that oversees them."""
    lab = wire.supervisor_pid(testbed.name)  # a lab that stood there before is not ours by descent
    return [os.getppid() if writer(config) != "main" else os.getpid(), *([lab] if lab else [])]


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Record:
    """What the case records and judges with."""
    assert isinstance(request.node, pytest.Item)
    return record_of(request.node)


@pytest.fixture
def chance(settings: Settings, record: Record) -> random.Random:
    """A source of random choices that the run's seed and the case's name decide."""
    return random.Random(f"{settings.seed} {record.case}")  # noqa: S311 - reproducible, not secret


@pytest.fixture(scope="session")
def loads(settings: Settings) -> list[experiments.Load]:
    """The load of the next experiment, last: with the generator's limit, once it was measured."""
    return [experiments.Load(workers=settings.load_workers, ui=settings.load_ui)]


@pytest.fixture
def experiment(
    request: pytest.FixtureRequest,
    testbed: Testbed,
    implementation: Deployment,  # noqa: ARG001 - it has to be there
    profile: Profile,
    settings: Settings,
    record: Record,
    loads: list[experiments.Load],
) -> Iterator[Callable[[str], Experiment]]:
    """Runs a Chaos Toolkit experiment by its name, and keeps its journal and what was seen as the case's evidence.

    The experiment heals in its rollbacks what it broke; whatever it left is mended after the case.
    """

    def run(name: str) -> Experiment:
        log = settings.run / "logs" / writer(request.config) / "chaos" / f"{folder(record.case)}.log"
        journal = experiments.run(name, log, experiments.environment(testbed.name, profile, loads[-1]))
        told = journal.get("lbcert", {"refused": []})
        if refused := told.get("refused"):
            raise _shown_nothing(name, "; ".join(refused), unmet=told["unmet"])
        if "evidence" not in told:
            raise experiments.ExperimentError(f"experiment {name}: its journal holds no evidence; its log is {log}")
        kept = keep(record, name, journal)
        for each in told["evidence"]:
            if limit := each["meta"].get("limit", {}).get("requests_per_second"):
                loads.append(replace(loads[-1], limit=limit))
        for missed in kept.missed:
            record.note(f"Experiment {name}: {missed}")
        if kept.unhealed:  # what was seen then is of a fault that we did not end when we meant to
            raise experiments.ExperimentError(f"experiment {name}: {', '.join(kept.unhealed)} was not healed")
        if kept.status == "interrupted" or not kept.faults:
            why = "; ".join(kept.missed) or f"it was interrupted; its log is {log}"
            raise _shown_nothing(name, why, unmet=kept.unmet)
        return kept

    yield run
    if mended := testbed.mend():
        record.note(f"After the experiment the testbed had to be mended: {'; '.join(mended)}.")
    testbed.check()


def _shown_nothing(name: str, why: str, *, unmet: bool) -> Exception:
    """Why an experiment shows nothing: the implementation did not do what it stands on, or we could not do it."""
    return (PreconditionUnmetError if unmet else experiments.ExperimentError)(f"experiment {name}: {why}")
