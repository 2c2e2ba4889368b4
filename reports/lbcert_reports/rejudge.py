"""Judging again: every verdict of a run recomputed from its evidence, and nothing taken on trust.

What is checked: the bytes of each evidence file against the digest in the journal; that no file is missing, or there
beside; that each verdict with its reason and its measurements follows from the evidence; that each case's outcome
follows from its verdicts, and the run's counts from the cases; that what report.json states follows from the journal,
and that the profile is the one of the run. Of a bundle also that it is whole, and holds what its manifest says. What
does not hold is a *finding* with its place.
"""

import dataclasses
import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lbcert_reports import bundle, judges
from lbcert_reports import evidence as stored
from lbcert_reports import journal as journals
from lbcert_reports.evidence import Evidence, EvidenceError
from lbcert_reports.journal import Event, JournalError
from lbcert_reports.recorder import measured
from lbcert_reports.report import Report, build, journal_digest
from lbcert_reports.verdicts import Verdict, combine

WORDS: Final = frozenset(map(str, Verdict))


@dataclass(frozen=True)
class Finding:
    """Something in a run that does not hold.

    Attributes:
        place: file, or case and requirement.
        problem: what is wrong.
    """

    place: str
    problem: str

    def __str__(self) -> str:
        return f"{self.place}: {self.problem}"


@dataclass(frozen=True)
class Rejudged:
    """What judging again came to.

    Attributes:
        verdicts: how many verdicts were recomputed.
        findings: what does not hold; none if the run agrees with itself.
        interrupted: whether the run did not come to its end.
        digest: over all events of the journal, as in the report's certificate strip; empty if there is no journal.
    """

    verdicts: int
    findings: tuple[Finding, ...]
    interrupted: bool
    digest: str = ""

    @property
    def agrees(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


def rejudge(path: Path) -> Rejudged:
    """Recompute every verdict of a run directory or a bundle from its evidence.

    Raises:
        JournalError: if the journal cannot be read at all.
        BundleError: if the bundle cannot be read from the disk.
    """
    with bundle.opened(path) as (run, unpacked):
        findings = tuple(Finding(place, problem) for place, problem in unpacked.findings)
        if not unpacked.whole:
            return Rejudged(0, findings, interrupted=False)
        try:
            again = _rejudged(run)
        except RecursionError as error:
            raise JournalError(str(path), "is nested deeper than anything that lbcert writes") from error
        said = unpacked.manifest.digest if unpacked.manifest else again.digest
        if said != again.digest:
            findings += (Finding("manifest.json", f"has the digest {said}, the journal comes to {again.digest}"),)
        return dataclasses.replace(again, findings=findings + again.findings)


def _rejudged(run: Path) -> Rejudged:
    """Judge a run directory again."""
    journal = journals.read(run)
    findings = [*_files(run, journal.of("evidence"))]
    altered = {finding.place for finding in findings}
    known = {event["path"] for event in journal.of("evidence")}
    measurements: dict[tuple[str, str | None, str], list[Event]] = {}
    count = 0
    for event in journal.events:
        if event.event == "measurement":
            measurements.setdefault(_key(event), []).append(event)
        elif event.event == "verdict":
            told = measurements.pop(_key(event), [])
            try:
                read = _inputs(run, event, known, altered)
            except _SpoiltError as error:
                findings.append(Finding(_place(event), str(error)))
                continue
            count += 1
            findings += _verdict(event, told, read)
    findings += [
        Finding(f"{case or 'run'} {requirement}", f"{len(left)} measurements belong to no verdict")
        for (_, case, requirement), left in measurements.items()
        if journal.finished
    ]
    findings += [*_outcomes(journal), *_report(run, journal), *_profile(run, journal)]
    return Rejudged(count, tuple(findings), not journal.finished, journal_digest(journal))


def _key(event: Event) -> tuple[str, str | None, str]:
    return event.writer, event["case"], event["requirement"]


def _files(run: Path, events: list[Event]) -> Iterator[Finding]:
    """Evidence files that are not as the journal says."""
    for event in events:
        path = run / event["path"]
        if not bundle.is_member(event["path"]) or not path.resolve().is_relative_to(run.resolve()):
            yield Finding(event["path"], "lies where no evidence of a run lies")
        elif not path.is_file():
            yield Finding(event["path"], "is missing")
        elif (got := stored.digest(path)) != event["sha256"]:
            yield Finding(event["path"], f"was altered: its SHA-256 is {got}, the journal has {event['sha256']}")
        elif path.stat().st_size != event["bytes"]:
            yield Finding(event["path"], f"has {path.stat().st_size} bytes, the journal has {event['bytes']}")
    known = {event["path"] for event in events}
    for path in sorted((run / "evidence").rglob("*")):
        name = path.relative_to(run).as_posix()
        if path.is_file() and name not in known:
            yield Finding(name, "is evidence of which the journal knows nothing")


class _SpoiltError(Exception):
    """A verdict cannot be judged again; the message says why."""


def _place(event: Event) -> str:
    return f"{event['case'] or 'run'} {event['requirement']}"


def _inputs(run: Path, event: Event, known: set[str], altered: set[str]) -> dict[str, Evidence[Any]]:
    """The evidence of one verdict, by role.

    Raises:
        _SpoiltError: it is not what the verdict was judged from.
    """
    inputs: Mapping[str, str] = event["inputs"]
    if unknown := sorted(set(inputs.values()) - known):
        raise _SpoiltError(f"rests on {', '.join(unknown)}, of which the journal knows nothing")
    again = f"{event['judge']} cannot be judged again"
    if spoilt := sorted(set(inputs.values()) & altered):
        raise _SpoiltError(f"{again}: {', '.join(spoilt)} is not as it was")
    try:
        return {role: stored.read(run / path) for role, path in inputs.items()}
    except EvidenceError as error:
        raise _SpoiltError(f"{again}: {error}") from error


def _verdict(event: Event, told: list[Event], read: Mapping[str, Evidence[Any]]) -> list[Finding]:
    """What does not hold of one verdict."""
    place = _place(event)
    judgement = judges.run(event["judge"], read, event["bound"])
    findings = [
        Finding(place, f"the {field} does not follow: the journal has {event[field]!r}, the evidence says {said!r}")
        for field, said in (
            ("verdict", str(judgement.verdict)),
            ("reason", judgement.reason),
            ("expected", judgement.expected),
            ("observed", judgement.observed),
        )
        if event[field] != said
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
        if not _same(then.get(field), now[field])
    ]


def _same(then: object, now: object) -> bool:
    """Whether two values are the same, numbers but for what another machine's floating point may do to them."""
    if isinstance(then, int | float) and isinstance(now, int | float):
        return math.isclose(then, now, rel_tol=1e-6, abs_tol=1e-12)
    if isinstance(then, list) and isinstance(now, list):
        return len(then) == len(now) and all(map(_same, then, now))
    return then == now


def _outcomes(journal: journals.Journal) -> Iterator[Finding]:
    """Cases whose outcome does not follow from their verdicts, and counts that do not follow from the cases."""
    verdicts: dict[tuple[str, str | None], list[Verdict]] = {}
    outcomes: Counter[str] = Counter()
    for event in journal.events:
        if event.event == "case-started":
            verdicts[event.writer, event["case"]] = []
        elif event.event == "verdict":
            word = Verdict(event["verdict"]) if event["verdict"] in WORDS else Verdict.ERROR
            verdicts.setdefault((event.writer, event["case"]), []).append(word)
        elif event.event == "case-finished":
            outcomes[event["outcome"]] += 1
            given = verdicts.get((event.writer, event["case"]), [])
            follows = combine([*given, *([Verdict.ERROR] if event["error"] else [])])
            silent = event["outcome"] in WORDS - {Verdict.PASS} and not given and not event["error"]
            if event["outcome"] != follows and not silent:
                yield Finding(event["case"], f"the outcome is {event['outcome']}, its verdicts come to {follows}")
    for event in journal.of("run-finished"):
        if (counts := {verdict: n for verdict, n in event["cases"].items() if n}) != dict(outcomes):
            yield Finding("run-finished", f"counts {counts}, the cases come to {dict(outcomes)}")


def _report(run: Path, journal: journals.Journal) -> Iterator[Finding]:
    """What report.json states that does not follow from the journal."""
    path = run / "report.json"
    if not path.is_file():
        return
    try:
        told = json.loads(path.read_bytes())
        said, follows = (_stated(each) for each in (told, build(journal, lambda name: stored.read(run / name))))
    except Exception as error:  # noqa: BLE001 - whatever a forged report or journal breaks is a finding
        yield Finding("report.json", f"cannot be held against the journal: {type(error).__name__}: {error}")
        return
    for place in sorted(said.keys() | follows.keys()):
        if said.get(place) != follows.get(place):
            yield Finding(
                "report.json", f"{place}: states {said.get(place)!r}, the journal comes to {follows.get(place)!r}"
            )


def _stated(report: Report) -> dict[str, str]:
    """What a reader takes from a report, by its place in it."""
    return {
        "digest": str(report["run"]["journalDigest"]),
        "interrupted": str(report["run"]["interrupted"]),
        **{f"certificate {each['name']}": str(each["certificate"]) for each in report["profiles"]},
        **{
            f"{each['id']} {field}": str(each[field])
            for each in report["requirements"]
            for field in ("verdict", "shown", "reason", "expected", "observed")
        },
        **{f"{each['testId']} verdict": str(each["verdict"]) for each in report["results"]},
    }


def _profile(run: Path, journal: journals.Journal) -> Iterator[Finding]:
    """A profile's text that is not the one with which the run began."""
    path = run / "profile.toml"
    if path.is_file() and (start := next(iter(journal.of("run-started")), None)):
        got, said = hashlib.sha256(path.read_bytes()).hexdigest(), start["profile"].get("sha256")
        if got != said:
            yield Finding("profile.toml", f"has the SHA-256 {got}, the run began with {said}")
