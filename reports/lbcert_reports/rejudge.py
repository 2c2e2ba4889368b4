"""Judging again: every verdict of a run recomputed from its evidence, and nothing taken on trust.

What is checked: the bytes of each evidence file against the digest in the journal, its header against the event that
tells of it, and its times against those of its case; that no file is missing, or there beside; that each verdict with
its reason and its measurements follows from evidence of its own case, of which no file counts as several trials; and
what `coherence` holds against each other: the run's beginning and end, its cases, faults and calibrations, the report
and the profile. Of a bundle also that it is whole, and holds what its manifest says. What does not hold is a *finding*
with its place.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from lbcert_reports import bundle, coherence, judges
from lbcert_reports import evidence as stored
from lbcert_reports import journal as journals
from lbcert_reports.coherence import Finding, same
from lbcert_reports.evidence import Evidence, EvidenceError
from lbcert_reports.journal import Event, Journal, JournalError
from lbcert_reports.recorder import measured
from lbcert_reports.report import Report, build, journal_digest
from lbcert_reports.verdicts import Verdict

HELD_LIMIT: Final = 512_000_000
"""Bytes that the evidence of the cases that are being judged may unfold to: several times what a campaign needs."""

_TRIALS_OF: Final = frozenset({"stream", "replies", "answers", "connections"})
"""Kinds of evidence of which each trial has its own; causes, routes and what is watched throughout may be shared."""


@dataclass(frozen=True)
class Held:
    """What one verdict was held against: by whom, against what, and from how much.

    Attributes:
        case: the case; ``run`` for the run's own.
        requirement: on which it is the verdict.
        judge: the judge.
        bound: what the case asked of it; docs/judges.md says what each key means.
        trials: how many trials its evidence has.
    """

    case: str
    requirement: str
    judge: str
    bound: Mapping[str, Any]
    trials: int


@dataclass(frozen=True)
class Rejudged:
    """What judging again came to.

    Attributes:
        verdicts: how many verdicts were recomputed.
        findings: what does not hold; none if the run agrees with itself.
        interrupted: whether the run did not come to its end.
        digest: over all events of the journal, as in the report's certificate strip; empty if there is no journal.
        suite: the suite that made the run, as far as is known.
        start: the ``run-started`` event, if there is one.
        profile: the text of profile.toml; empty if there is none.
        report: what the journal comes to, if it makes a run.
        held: what each verdict was held against, in the order of the journal.
        unused: the evidence on which no verdict rests.
        untold: files beside of which the journal does not tell, as whatever is killed may leave them.
    """

    verdicts: int
    findings: tuple[Finding, ...]
    interrupted: bool
    digest: str = ""
    suite: Mapping[str, Any] = field(default_factory=dict)
    start: Event | None = None
    profile: str = ""
    report: Report | None = None
    held: tuple[Held, ...] = ()
    unused: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


def rejudge(path: Path) -> Rejudged:
    """Recompute every verdict of a run directory or a bundle from its evidence.

    Raises:
        JournalError: if the journal of a run directory cannot be read at all; of a bundle that is a finding.
        BundleError: if the bundle cannot be read from the disk.
    """
    with bundle.opened(path) as (run, unpacked):
        findings = [Finding(place, problem) for place, problem in unpacked.findings]
        if not unpacked.whole:
            return Rejudged(0, tuple(findings), interrupted=False, suite=unpacked.suite)
        try:
            journal = journals.read(run)
            return _rejudged(run, journal, unpacked.manifest, findings)
        except RecursionError as error:
            raise JournalError(str(path), "is nested deeper than anything that lbcert writes") from error
        except JournalError as error:
            if unpacked.manifest is None:
                raise
            findings.append(Finding(_within(run, error.place).replace(str(run), path.name), error.problem))
            return Rejudged(0, tuple(findings), interrupted=False, suite=unpacked.suite)


def _within(run: Path, text: str) -> str:
    """A message without the folder in which the run lies, which for a bundle nobody ever sees."""
    return text.replace(f"{run}/", "")


def _rejudged(run: Path, journal: Journal, manifest: bundle.Manifest | None, findings: list[Finding]) -> Rejudged:
    """Judge a run directory again, and add to what was found of its bundle."""
    digest = journal_digest(journal)
    if manifest:
        findings += [*coherence.manifest(manifest, journal, digest), *coherence.members(run, journal)]
    recorded = journal.of("evidence")
    files = [*coherence.files(run, journal)]
    findings += files
    shelf = _Shelf(run, journal, {finding.place for finding in files}, findings.append)
    measurements: dict[tuple[str, str | None, str], list[Event]] = {}
    held = []
    count = 0
    for event in journal.events:
        if event.event == "measurement":
            measurements.setdefault(_key(event), []).append(event)
        elif event.event == "verdict":
            told = measurements.pop(_key(event), [])
            held.append(_held(event))
            try:
                findings += _verdict(event, told, shelf.inputs(event))
                count += 1
            except _SpoiltError as error:
                findings.append(Finding(_place(event), str(error)))
        elif event.event == "case-finished":
            shelf.close(event["case"])
        elif event.event == "phase":
            shelf.close(None)
    unended = coherence.unended(journal)
    findings += [
        Finding(f"{case or 'run'} {requirement}", f"{len(left)} measurements belong to no verdict")
        for (_, case, requirement), left in measurements.items()
        if journal.finished and case not in unended
    ]
    findings += [*coherence.faults(journal, shelf.whole), *coherence.calibrations(journal, shelf.whole)]
    shelf.rest()
    findings += [*coherence.ends(journal), *coherence.outcomes(journal), *coherence.placed(journal)]
    report = _report(run, journal, findings)
    findings += coherence.profile(run, journal)
    used = {path for event in journal.of("verdict") for path in event["inputs"].values()}
    start = next(iter(journal.of("run-started")), None)
    profile = run / "profile.toml"
    return Rejudged(
        count,
        tuple(findings),
        not journal.finished,
        digest,
        dict(start["suite"]) if start else {},
        start,
        profile.read_text("utf-8", "replace") if profile.is_file() else "",
        report,
        tuple(held),
        tuple(dict.fromkeys(event["path"] for event in recorded if event["path"] not in used)),
        tuple(name for name in coherence.untold(run, journal) if coherence.is_cut_off(name, journal)),
    )


def _key(event: Event) -> tuple[str, str | None, str]:
    return event.writer, event["case"], event["requirement"]


def _held(event: Event) -> Held:
    trials = {trial for role in event["inputs"] if (trial := role.partition(".")[2])}
    bound = {key: value for key, value in event["bound"].items() if key != "derivation"}
    return Held(event["case"] or "run", event["requirement"], event["judge"], bound, len(trials) or 1)


class _SpoiltError(Exception):
    """A verdict cannot be judged again; the message says why."""


class _Shelf:
    """The evidence of the cases that are being judged: a file is read once while its case lasts, and every file once.

    Args:
        run: the run directory.
        journal: tells of the evidence.
        altered: paths of files that are not as they were.
        find: takes what does not hold of a file.
    """

    def __init__(self, run: Path, journal: Journal, altered: set[str], find: Callable[[Finding], object]) -> None:
        self._run = run
        self._events = {event["path"]: event for event in journal.of("evidence")}
        self._spans = coherence.spans(journal)
        self._altered = altered
        self._find = find
        self._read: set[str] = set()
        self._held: dict[str | None, dict[str, Evidence[Any]]] = {}

    def inputs(self, event: Event) -> dict[str, Evidence[Any]]:
        """The evidence of one verdict, by role.

        Raises:
            _SpoiltError: it is not what the verdict was judged from, or not what a verdict can rest on.
        """
        inputs: Mapping[str, str] = event["inputs"]
        if unknown := sorted(set(inputs.values()) - self._events.keys()):
            raise _SpoiltError(f"rests on {', '.join(unknown)}, of which the journal knows nothing")
        for path in inputs.values():
            if (case := self._events[path]["case"]) != event["case"]:
                raise _SpoiltError(f"rests on {path}, which was recorded by {case or 'the run itself'}")
        again = f"{event['judge']} cannot be judged again"
        if spoilt := sorted(set(inputs.values()) & self._altered):
            raise _SpoiltError(f"{again}: {', '.join(spoilt)} is not as it was")
        try:
            read = {role: self._take(path) for role, path in inputs.items()}
        except EvidenceError as error:
            raise _SpoiltError(f"{again}: {_within(self._run, str(error))}") from error
        if twice := _counted_twice(inputs, read):
            raise _SpoiltError(twice)
        return read

    def whole(self, path: str) -> Evidence[Any] | None:
        """An evidence file for a look at its rows, not held any longer; None if it is not as it was recorded."""
        if path in self._altered or path not in self._events:
            return None
        try:
            return self._opened(path, stored.LARGEST)
        except EvidenceError:
            return None

    def close(self, case: str | None) -> None:
        """Hold the evidence of a case no longer; without one that of the run itself."""
        self._held.pop(case, None)

    def rest(self) -> None:
        """Read what no verdict rests on, so that every file is one."""
        self._held.clear()
        for path in sorted(self._events.keys() - self._read - self._altered):
            try:
                self._opened(path, stored.LARGEST)
            except EvidenceError as error:
                self._find(Finding(_within(self._run, error.place), error.problem))

    def _take(self, path: str) -> Evidence[Any]:
        """An evidence file, held until its case is over."""
        held = self._held.setdefault(self._events[path]["case"], {})
        if path not in held:
            there = sum(each.bytes for files in self._held.values() for each in files.values())
            held[path] = self._opened(path, min(stored.LARGEST, HELD_LIMIT - there))
        return held[path]

    def _opened(self, path: str, most: int) -> Evidence[Any]:
        read = stored.read(self._run / path, most)
        if path not in self._read:
            self._read.add(path)
            self._introduce(self._events[path], read)
        return read

    def _introduce(self, event: Event, read: Evidence[Any]) -> None:
        """Hold what a file says of itself against what the journal says of it."""
        said = (event["case"] or "", event["name"], event["kind"], event["rows"])
        got = (read.case, read.name, read.kind, len(read.rows))
        for what, then, now in zip(("case", "name", "kind", "number of rows"), said, got, strict=True):
            if then != now:
                self._find(Finding(event["path"], f"its {what} is {now!r}, the journal has {then!r}"))
        if span := self._spans.get(event["path"]):
            for finding in coherence.within(event["path"], read, span):
                self._find(finding)


def _counted_twice(inputs: Mapping[str, str], read: Mapping[str, Evidence[Any]]) -> str:
    """Which file counts as more than one trial of a role, or holds the very rows of another; empty if none does."""
    seen: dict[tuple[str, str], str] = {}
    rows: dict[str, list[tuple[str, Evidence[Any]]]] = {}
    for key, path in inputs.items():
        role = key.partition(".")[0]
        if read[key].kind not in _TRIALS_OF:
            continue
        if (role, path) in seen:
            return f"rests on {path} twice, as {seen[role, path]} and as {key}"
        seen[role, path] = key
        for other, evidence in rows.setdefault(role, []):
            if evidence.rows and evidence.rows == read[key].rows:
                return f"rests on the same rows twice, as {other} and as {key}"
        rows[role].append((key, read[key]))
    return ""


def _place(event: Event) -> str:
    return f"{event['case'] or 'run'} {event['requirement']}"


def _verdict(event: Event, told: list[Event], read: Mapping[str, Evidence[Any]]) -> list[Finding]:
    """What does not hold of one verdict.

    Raises:
        _SpoiltError: the judge, or what it is asked, is not known to this suite.
    """
    place = _place(event)
    if event["judge"] not in judges.REGISTRY:
        raise _SpoiltError(f"cannot be judged again: this suite has no judge {event['judge']!r}")
    judgement = judges.run(event["judge"], read, event["bound"])
    if judgement.verdict is Verdict.ERROR and event["verdict"] != Verdict.ERROR:
        raise _SpoiltError(f"{event['judge']} cannot be judged again: {judgement.reason}")
    findings = [
        Finding(place, f"the {field} does not follow: the journal has {event[field]!r}, the evidence says {said!r}")
        for field, said in (
            ("verdict", str(judgement.verdict)),
            ("reason", judgement.reason),
            ("expected", judgement.expected),
            ("observed", judgement.observed),
            ("probes", list(judgement.probes)),
        )
        if event.fields.get(field, []) != said
    ]
    return findings + _measurements(place, told, judgement)


def _measurements(place: str, told: list[Event], judgement: judges.Judgement) -> list[Finding]:
    """Which measurements do not follow from the evidence."""
    again = [measured(each) for each in judgement.measurements]
    journalled: list[dict[str, Any]] = [
        {field: value for field, value in event.fields.items() if field not in ("case", "requirement")}
        for event in told
    ]
    if (got := [each["name"] for each in journalled]) != (said := [each["name"] for each in again]):
        return [Finding(place, f"measurements do not follow: the journal has {got}, the evidence says {said}")]
    return [
        Finding(place, f"measurement {now['name']!r}: {field} is {then[field]!r}, the evidence says {now[field]!r}")
        for then, now in zip(journalled, again, strict=True)
        for field in now
        if not same(then.get(field), now[field])
    ]


def _report(run: Path, journal: Journal, findings: list[Finding]) -> Report | None:
    """What the journal comes to, if it makes a run; what report.json states beside it is added to the findings."""
    path = run / "report.json"
    try:
        follows = build(journal, lambda name: stored.read(run / name))
        if path.is_file():
            findings += coherence.report(path, follows)
    except Exception as error:  # noqa: BLE001 - whatever a forged journal breaks is a finding
        if path.is_file() or not findings:
            said = _within(run, f"{type(error).__name__}: {error}")
            findings.append(Finding("report.json", f"cannot be held against the journal: {said}"))
        return None
    return follows
