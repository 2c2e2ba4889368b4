"""What happens to the cases of a run: chosen, planned, run, and each brought to a verdict.

Registered by `lbcert_tools.plugin` in every process that collects cases: the only one, or each of xdist's workers.
"""

import os
import random
import sys
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NoReturn

import pytest

from lbcert_fixtures.probes.noise import NoiseWatch
from lbcert_fixtures.testbeds import PreconditionUnmetError
from lbcert_fixtures.testbeds.families import FAMILIES
from lbcert_reports.calibrations import TIMED
from lbcert_reports.judges import Judgement
from lbcert_reports.recorder import CaseRecorder, EvidenceRef, Recorder
from lbcert_reports.selection import one_family
from lbcert_reports.verdicts import Verdict, combine, declared
from lbcert_suites.catalogue import catalogue
from lbcert_tools import environment, scope
from lbcert_tools.planning import Case, PlanError, all_cases, case_of, choose, covered
from lbcert_tools.plugin import ASIDE, destination
from lbcert_tools.settings import Settings, settings_of

LOWEST_PRIORITY: Final = 19

_RECORDER = pytest.StashKey[Recorder]()
_CASE = pytest.StashKey[Case]()
_RECORD = pytest.StashKey["Record"]()


class CaseError(Exception):
    """A case is not written as it must be: our error."""


def writer(config: pytest.Config) -> str:
    """Who this process is in the journal: xdist's name of the worker, else ``main``."""
    return str(getattr(config, "workerinput", {}).get("workerid", "main"))


def recorder(config: pytest.Config) -> Recorder:
    """The recorder of this process; its journal appears with the first call."""
    if _RECORDER not in config.stash:
        config.stash[_RECORDER] = Recorder(Path(config.getoption(destination("run-dir"))), writer(config))
        config.add_cleanup(config.stash[_RECORDER].close)
    return config.stash[_RECORDER]


@dataclass
class Record(CaseRecorder):
    """What a case records with; it keeps what the judges said for the end of the case.

    Attributes:
        judgements: requirement and judgement, in order.
        error: the first thing that broke.
        applicable: whether the case applies to the implementation at all.
        spoken: whether the test was just ended to say what the judges said.
        noise: what the machine does besides, if somebody watches.
    """

    judgements: list[tuple[str, Judgement]] = field(default_factory=list)
    error: BaseException | None = None
    applicable: bool = True
    spoken: bool = False
    noise: NoiseWatch | None = None
    _noise: EvidenceRef | None = None
    _since: int = field(default_factory=time.time_ns)

    def judge(
        self,
        requirement: str,
        judge: str,
        inputs: Mapping[str, EvidenceRef],
        bound: Mapping[str, Any] | None = None,
    ) -> Judgement:
        """Have stored evidence judged, and keep the judgement; where time is judged, beside what the machine did."""
        if judge in TIMED and self.noise:
            self._noise = self._noise or self.evidence("noise", self.noise.rows(self._since))
            inputs = {**inputs, "noise": self._noise}
        judgement = super().judge(requirement, judge, inputs, bound)
        self.judgements.append((requirement, judgement))
        return judgement

    @property
    def silent(self) -> Verdict | None:
        """What the case comes to without any judgement; None if it has to bring one."""
        return None if self.applicable else Verdict.NOT_APPLICABLE

    @property
    def verdict(self) -> Verdict:
        """What the case comes to as far as is known, before the profile's expected failures are applied."""
        broken = [Verdict.ERROR] if self.error else []
        return combine([*self.verdicts, *broken, *([self.silent] if self.silent else [])])

    def of_requirements(self) -> dict[str, Verdict]:
        """The verdict on each requirement that was judged."""
        verdicts: dict[str, list[Verdict]] = {}
        for requirement, judgement in self.judgements:
            verdicts.setdefault(requirement, []).append(judgement.verdict)
        return {requirement: combine(each) for requirement, each in verdicts.items()}

    def conclude(self) -> None:
        """Journal how the case ended."""
        self.finish(self.error, self.silent)


class Certification:
    """The part of lbcert in a pytest run that has cases."""

    def __init__(self, config: pytest.Config, folder: Path) -> None:
        self.config = config
        self.folder = folder
        self.interrupted = False
        self.noise: NoiseWatch | None = None

    @cached_property
    def settings(self) -> Settings:
        """What the run was asked to do."""
        return settings_of(self.config)

    @cached_property
    def expected_failures(self) -> dict[str, str]:
        """The failures that the profile declares and that have not expired: requirement to reason."""
        return scope.expected_failures(self.settings.profile, datetime.now(UTC).date())

    # --- planning -------------------------------------------------------------------------------------------------

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Read the cases off the tests and keep those that were asked for."""
        ours = [i for i in items if isinstance(i, pytest.Function) and self.folder in i.path.resolve().parents]
        only = self.config.getoption(destination("only")) or ()
        try:
            cases = [case_of(item, self.folder, catalogue()) for item in ours]
            chosen = {
                case.case
                for case in choose(
                    cases,
                    only,
                    quick=self.config.getoption(destination("quick")),
                    everything=self.config.getoption(destination("all")),
                    trials=self.config.getoption(destination("trials")),
                )
            }
        except PlanError as error:
            raise pytest.UsageError(str(error)) from error
        left_out = []
        for item, case in zip(ours, cases, strict=True):
            item.stash[_CASE] = case
            if case.case not in chosen:
                left_out.append(item)
        if left_out:
            self.config.hook.pytest_deselected(items=left_out)
            items[:] = [item for item in items if item not in left_out]
        if self.config.getoption(destination("shuffle")):
            _shuffle(items, self.config.getoption(destination("seed")))
        items.sort(key=lambda item: item.get_closest_marker("last") is not None)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Begin the run: journal the plan, before anything boots."""
        ours = [item for item in session.items if _CASE in item.stash]
        if not ours or self.config.option.collectonly:
            return
        able, families = self.settings.profile.capabilities, FAMILIES[self.settings.testbed.families]
        for item in ours:
            item.stash[_CASE] = item.stash[_CASE].within(able, families)
        plan = [item.stash[_CASE] for item in ours]
        # Every worker collects the same cases; the first of them begins the run for all.
        if writer(self.config) in ("main", "gw0"):
            beginning = self._run_started(plan)
            recorder(self.config).event("run-started", **beginning)
            (self.settings.run / "profile.toml").write_bytes(self.settings.profile.text.encode())

    def _run_started(self, plan: list[Case]) -> dict[str, Any]:
        settings, profile = self.settings, self.settings.profile
        inherited = os.environ.get("LBCERT_COMMAND")
        try:  # whatever pytest was pointed at: who runs less has the same scope
            tested = covered(all_cases(self.folder))
        except PlanError as error:
            raise pytest.UsageError(str(error)) from error
        requirements = scope.concerned(tested, profile.implementation.mode)
        certified = {name for each in requirements for name in each.certificates}
        return {
            "run": settings.run.name,
            "suite": environment.suite(),
            "profile": scope.declaration(profile, certified, self.expected_failures),
            "testbed": {
                **settings.testbed.plain(),
                "labs": int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")),
                "limits": [
                    f"This suite has cases for {len(tested)} of the {len(catalogue())} requirements of its"
                    " catalogue; nothing is said about the others."
                ],
            },
            "environment": environment.machine(),
            "command": inherited or [Path(sys.argv[0]).name, *sys.argv[1:]],
            "options": settings.options(),
            "plan": [case.plain() for case in plan],
            "requirements": {each.id: each.plain() for each in requirements},
        }

    def pytest_keyboard_interrupt(self) -> None:
        """Remember that nobody wants to wait for what would come last."""
        self.interrupted = True

    # --- a case ---------------------------------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Journal the beginning and the end of a case; one that is interrupted has no end."""
        if _CASE not in item.stash:
            return (yield)
        self._stand_aside(item)
        record = Record(recorder(self.config), item.stash[_CASE].case)
        item.stash[_RECORD] = record
        record.start()
        result = yield
        record.conclude()
        return result

    def _stand_aside(self, item: pytest.Item) -> None:
        """Let this process and its lab have what the other leaves of the machine, if its cases are those for that."""
        group = item.get_closest_marker("xdist_group")
        if group and group.args == (ASIDE,) and os.nice(0) < LOWEST_PRIORITY:
            os.nice(LOWEST_PRIORITY)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Leave a case out that does not apply to implementation or cluster, before anything is set up for it."""
        if _CASE not in item.stash:
            return
        case, profile = item.stash[_CASE], self.settings.profile
        lacking = profile.lacks(case.needs)
        mode = profile.implementation.mode
        if lacking:
            reason = f"{profile.name} does not declare {', '.join(lacking)}"
        elif self.settings.shown.lacks(case.needs):
            reason = f"the cluster is {one_family(self.settings.testbed.plain())}"
        elif not any(catalogue()[each].concerns(mode) for each in case.requirements):
            reason = f"{', '.join(case.requirements)} do not concern the mode {mode}"
        else:
            return
        item.stash[_RECORD].note(f"Not applicable: {reason}.")
        item.stash[_RECORD].applicable = False
        pytest.skip(reason)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        """Hold a case to what it claims, and turn what the judges said into pytest's words."""
        record = item.stash.get(_RECORD, None)
        if record:
            record.noise = self.noise
        yield
        if record:
            _insist_on_judgement(record, item.stash[_CASE])
            _speak(record, self.expected_failures)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note what broke a case, and give its verdict to pytest's report."""
        record, error = item.stash.get(_RECORD, None), call.excinfo.value if call.excinfo else None
        if record and isinstance(error, PreconditionUnmetError):
            _judge_unmet(record, item.stash[_CASE], str(error))
        elif record and error:
            _take_note(record, error)
        report = yield
        if record:
            if isinstance(error, PreconditionUnmetError):
                report.longrepr = f"inconclusive: {error}"
            elif isinstance(record.error, CaseError) and report.skipped:
                report.outcome, report.longrepr = "failed", str(record.error)
            report.lbcert_outcome = str(record.verdict)  # type: ignore[attr-defined] # reports take any
        return report


def _shuffle(items: list[pytest.Item], seed: int) -> None:
    """Put the cases into an order that the seed decides: files, and the cases of each file.

    Those of a file stay together, since they may share what is costly to set up.
    """
    chance = random.Random(f"{seed} order")  # noqa: S311 - reproducible, not secret
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    order = sorted(files)
    chance.shuffle(order)
    for path in order:
        files[path].sort(key=lambda item: item.nodeid)
        chance.shuffle(files[path])
    items[:] = [item for path in order for item in files[path]]


def record_of(item: pytest.Item) -> Record:
    """What the case records with.

    Raises:
        pytest.UsageError: the test is no case of the suites.
    """
    if _RECORD not in item.stash:
        raise pytest.UsageError(f"{item.nodeid} is no case of lbcert_suites: it cannot record")
    return item.stash[_RECORD]


def _insist_on_judgement(record: Record, case: Case) -> None:
    judged = {requirement for requirement, _ in record.judgements}
    if not judged:
        raise CaseError(f"case judged nothing; it covers {', '.join(case.requirements)}")
    if silent := [each for each in case.requirements if each not in judged]:
        raise CaseError(f"the case covers {', '.join(silent)} but judged nothing of it")
    if foreign := judged.difference(case.requirements):
        raise CaseError(f"the case judged {', '.join(sorted(foreign))}, which it does not cover")


def _judge_unmet(record: Record, case: Case, why: str) -> None:
    """Nothing can be said of a case's requirements, but for a failure that was seen already."""
    for requirement in case.requirements:
        record.judge(requirement, "precondition", {}, {"unmet": why})


def _speak(record: Record, expected_failures: Mapping[str, str]) -> None:
    """End the test as the verdicts and the failures that the profile declares demand."""
    verdicts = record.of_requirements()
    bad = [(r, j) for r, j in record.judgements if j.verdict is not Verdict.PASS]
    text = "\n".join(_sentence(requirement, judgement) for requirement, judgement in bad)
    if passes := [r for r, verdict in verdicts.items() if verdict is Verdict.PASS and r in expected_failures]:
        text += f"\n{', '.join(passes)}: passes although the profile declares it to fail; remove the declaration"
        _end_test(record, text.strip())
    left = combine(declared(verdict, expected_failure=r in expected_failures) for r, verdict in verdicts.items())
    if left is Verdict.EXPECTED_FAILURE:
        record.spoken = True
        pytest.xfail("; ".join(expected_failures[r] for r, verdict in verdicts.items() if verdict is Verdict.FAIL))
    if left is not Verdict.PASS:
        _end_test(record, text)


def _end_test(record: Record, text: str) -> NoReturn:
    record.spoken = True
    pytest.fail(text, pytrace=False)


def _sentence(requirement: str, judgement: Judgement) -> str:
    lines = [f"{requirement} {judgement.verdict}: {judgement.reason}"]
    lines += [f"  expected: {judgement.expected}"] if judgement.expected else []
    lines += [f"  observed: {judgement.observed}"] if judgement.observed else []
    return "\n".join(lines)


def _take_note(record: Record, error: BaseException) -> None:
    """Keep the first thing that broke; what pytest raises to end a test on our behalf is none."""
    if record.spoken:
        record.spoken = False
    elif isinstance(error, pytest.skip.Exception):
        if record.applicable:
            hint = "a case does not skip itself: what it needs stands in @pytest.mark.needs"
            record.error = record.error or CaseError(f"skipped: {error}; {hint}")
    else:
        record.error = record.error or error
