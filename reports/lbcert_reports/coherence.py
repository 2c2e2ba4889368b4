"""What in a run has to fit together beside its verdicts: its beginning and end, cases, faults, calibrations, report.

Each function yields a `Finding` for what does not hold. Nothing is taken on trust: none of them may break on a journal
whose values are of other types than those that lbcert writes.
"""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, Final

from lbcert_reports.bundle import REQUIRED, Manifest, is_member
from lbcert_reports.calibrations import METHODS, SIZES, is_calibration, measurable
from lbcert_reports.evidence import Evidence
from lbcert_reports.evidence import digest as digest_of
from lbcert_reports.journal import Event, Journal
from lbcert_reports.recorder import folder
from lbcert_reports.report import Report, claimed
from lbcert_reports.verdicts import Verdict, combine

WORDS: Final = frozenset(map(str, Verdict))

Read = Callable[[str], Evidence[Any] | None]
"""Gives an evidence file by its path; None if that is not as it was recorded, which is a finding of its own."""

CLOCKS: Final = 5_000_000_000
"""How far the times in evidence may lie beyond those in the journal, ns.

All are of one machine's CLOCK_REALTIME. But the load generator and the watch of the machine tell of whole seconds, of
which the first begins before the case and the last ends after it, late on a busy machine; Kubernetes writes times in
whole seconds; and who keeps the clock sets it at once where it is more than a fraction of a second off.
"""

SHARED: Final = frozenset({"ingress", "events"})
"""Kinds of what cases may have watched in common, before the first of them began: one arrangement for many."""

_MOST_DIFFERENCES: Final = 20
_LACKS: Final = "nothing"
_OF_A_CASE: Final = frozenset({"evidence", "fault", "measurement", "verdict"})


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


def ends(journal: Journal) -> Iterator[Finding]:
    """A run that does not begin once, with its plan, or in which something comes after its end."""
    starts, finishes = journal.of("run-started"), journal.of("run-finished")
    if len(starts) != 1:
        yield Finding("run-started", f"there are {len(starts)} such events, a run begins once")
    for start in starts:
        if start.seq:
            yield Finding("run-started", f"comes after {start.seq} other events of {start.writer}")
    if len(finishes) > 1:
        yield Finding("run-finished", f"there are {len(finishes)} such events, a run ends once")
    elif finishes and journal.events[-1] is not finishes[0]:
        yield Finding("run-finished", f"a later event follows: {journal.events[-1].event}")
    for torn in journal.torn:
        if torn.writer in {each.writer for each in finishes}:
            yield Finding(f"journal/{torn.writer}.jsonl", "a torn line follows the end of the run")


def members(run: Path, journal: Journal) -> Iterator[Finding]:
    """What the bundle of a run that came to its end lacks."""
    for name in REQUIRED:
        if journal.finished and not (run / name).is_file():
            yield Finding(name, "is missing, and the run came to its end")


def manifest(said: Manifest, journal: Journal, digest: str) -> Iterator[Finding]:
    """What a bundle's manifest says of the run and its journal does not."""
    start = next(iter(journal.of("run-started")), None)
    run, suite = (start["run"], dict(start["suite"])) if start else ("", {})
    if said.digest != digest:
        yield Finding("manifest.json", f"has the digest {said.digest}, the journal comes to {digest}")
    if said.run != run:
        yield Finding("manifest.json", f"is of the run {said.run!r}, the journal of {run!r}")
    if said.suite != suite:
        yield Finding("manifest.json", f"has the suite {said.suite}, the journal {suite}")


def profile(run: Path, journal: Journal) -> Iterator[Finding]:
    """A profile's text that is not the one with which the run began."""
    path = run / "profile.toml"
    if path.is_file() and (start := next(iter(journal.of("run-started")), None)):
        got, said = hashlib.sha256(path.read_bytes()).hexdigest(), start["profile"].get("sha256")
        if got != said:
            yield Finding("profile.toml", f"has the SHA-256 {got}, the run began with {said}")


def unended(journal: Journal) -> set[str]:
    """The cases that began and have no end: the run was killed, or a worker of it, or it goes on."""
    ended = {(event.writer, event["case"]) for event in journal.of("case-finished")}
    return {event["case"] for event in journal.of("case-started") if (event.writer, event["case"]) not in ended}


def untold(run: Path, journal: Journal) -> list[str]:
    """The evidence files of which the journal does not tell, by their paths."""
    known = {event["path"] for event in journal.of("evidence")}
    found = (path.relative_to(run).as_posix() for path in sorted((run / "evidence").rglob("*")) if path.is_file())
    return [name for name in found if name not in known]


def is_cut_off(name: str, journal: Journal) -> bool:
    """Whether an evidence file of which the journal does not tell may be that of a run that was killed, or goes on.

    Evidence is written before its event: in between the journal does not know it, and it may be half a file.
    """
    return is_member(name) and (not journal.finished or name.split("/")[1] in map(folder, unended(journal)))


def files(run: Path, journal: Journal) -> Iterator[Finding]:
    """Evidence files that are not as the journal says."""
    known: set[str] = set()
    for event in journal.of("evidence"):
        path = run / event["path"]
        if event["path"] in known:
            yield Finding(event["path"], "is recorded twice")
        elif not is_member(event["path"]) or not path.resolve().is_relative_to(run.resolve()):
            yield Finding(event["path"], "lies where no evidence of a run lies")
        elif not path.is_file():
            yield Finding(event["path"], "is missing")
        elif (got := digest_of(path)) != event["sha256"]:
            yield Finding(event["path"], f"was altered: its SHA-256 is {got}, the journal has {event['sha256']}")
        elif path.stat().st_size != event["bytes"]:
            yield Finding(event["path"], f"has {path.stat().st_size} bytes, the journal has {event['bytes']}")
        known.add(event["path"])
    for name in untold(run, journal):
        if not is_cut_off(name, journal):
            yield Finding(name, "is evidence of which the journal knows nothing")


# --- cases ----------------------------------------------------------------------------------------------------------


def planned(start: Event | None) -> dict[str, Mapping[str, Any]]:
    """The plan of a run by the names of its cases; what has none is left out."""
    plan: list[Mapping[str, Any]] = start["plan"] if start else []
    return {each["case"]: each for each in plan if isinstance(each.get("case"), str)}


def outcomes(journal: Journal) -> Iterator[Finding]:
    """Cases whose outcome does not follow from their verdicts, and counts that do not follow from the cases."""
    start = next(iter(journal.of("run-started")), None)
    plan = planned(start)
    verdicts: dict[tuple[str, str | None], list[Event]] = {}
    counted: Counter[str] = Counter()
    for event in journal.events:
        if event.event == "case-started":
            verdicts[event.writer, event["case"]] = []
        elif event.event == "verdict":
            verdicts.setdefault((event.writer, event["case"]), []).append(event)
        elif event.event == "case-finished":
            counted[event["outcome"]] += 1
            yield from _outcome(event, verdicts.get((event.writer, event["case"]), []), start, plan)
    unplanned = {event["case"] for event in journal.events if event.fields.get("case") is not None} - plan.keys()
    yield from (Finding(case, "is not in the plan of the run") for case in sorted(unplanned))
    for event in journal.of("run-finished"):
        if (counts := {verdict: n for verdict, n in event["cases"].items() if n}) != dict(counted):
            yield Finding("run-finished", f"counts {counts}, the cases come to {dict(counted)}")


def _outcome(
    event: Event, given: list[Event], start: Event | None, plan: Mapping[str, Mapping[str, Any]]
) -> Iterator[Finding]:
    """What does not hold of how one case ended."""
    case, outcome = event["case"], event["outcome"]
    words = [Verdict(each["verdict"]) if each["verdict"] in WORDS else Verdict.ERROR for each in given]
    follows = combine([*words, *([Verdict.ERROR] if event["error"] else [])])
    if outcome == Verdict.NOT_APPLICABLE and not given and not event["error"]:
        if not _is_inapplicable(start, plan.get(case, {})):
            yield Finding(
                case,
                "is called not applicable, but the profile declares all that it needs, and it is about requirements"
                " in scope",
            )
    elif outcome != follows:
        yield Finding(case, f"the outcome is {outcome}, its verdicts come to {follows}")
    if case in plan and not event["error"]:
        covered = _words(plan[case].get("requirements"))
        for foreign in dict.fromkeys(each["requirement"] for each in given if each["requirement"] not in covered):
            yield Finding(f"{case} {foreign}", "is judged, and the case does not cover it")


def _is_inapplicable(start: Event | None, case: Mapping[str, Any]) -> bool:
    """Whether the profile lacks what a case needs, or none of its requirements is in scope."""
    if start is None:
        return False
    try:
        lacking = _words(case.get("needs")) - claimed(start["profile"])
    except TypeError:
        return False
    return bool(lacking) or not _words(case.get("requirements")) & start["requirements"].keys()


def _words(value: object) -> set[str]:
    return {each for each in value if isinstance(each, str)} if isinstance(value, list | tuple) else set()


def placed(journal: Journal) -> Iterator[Finding]:
    """What a case recorded, did or was judged by before its begin or after its end."""
    lasting: set[tuple[str, str]] = set()
    for event in journal.events:
        case: str = event.fields.get("case") or ""
        if event.event == "case-started":
            lasting.add((event.writer, case))
        elif event.event == "case-finished":
            lasting.discard((event.writer, case))
        elif event.event in _OF_A_CASE and case and (event.writer, case) not in lasting:
            what = event["path"] if event.event == "evidence" else f"{event.event} {event.seq} of {event.writer}"
            yield Finding(case, f"{what} does not lie between its begin and its end in the journal")


def spans(journal: Journal) -> dict[str, tuple[int, int]]:
    """From when to when the times in each evidence file of a case may lie, ns: from its case's begin to its event."""
    begins: dict[tuple[str, str], int] = {}
    allowed = {}
    for event in journal.events:
        if event.event == "case-started":
            begins[event.writer, event["case"]] = event.t
        elif event.event == "evidence" and event["case"]:
            begin = begins.get((event.writer, event["case"]), event.t)
            begin = journal.events[0].t if event["kind"] in SHARED else begin
            allowed[event["path"]] = begin - CLOCKS, event.t + CLOCKS
    return allowed


def within(path: str, seen: Evidence[Any], span: tuple[int, int]) -> Iterator[Finding]:
    """Evidence of another time than that at which the journal tells of it."""
    if times := seen.times:
        early, late = span[0] - times[0], times[1] - span[1]
        if early > 0 or late > 0:
            by, when = (early, "before") if early > 0 else (late, "after")
            yield Finding(path, f"is of {(by + CLOCKS) / 1e9:.1f} s {when} the journal has it seen")


# --- what was done and calibrated ----------------------------------------------------------------------------------


def faults(journal: Journal, read: Read) -> Iterator[Finding]:
    """Faults of which the journal says something else than their evidence, or of which there is none.

    Both are written at once, the event first. Where that did not succeed the case broke, or the run ended.
    """
    broken = {event["case"] for event in journal.of("case-finished") if event["error"]} | unended(journal)
    for event, following in _neighbours(journal):
        if event.event != "fault":
            continue
        place = f"{event['case'] or 'run'} {event['fault']} of {event['target']}"
        said = {field: value for field, value in event.fields.items() if field != "case"}
        if following and (following.event, following.fields.get("kind")) == ("evidence", "faults"):
            seen = read(following["path"])
            if seen and list(seen.rows) != [said]:
                yield Finding(place, f"the journal says something else of it than {following['path']}")
        elif event["case"] not in broken and (following or journal.finished):
            yield Finding(place, "there is no evidence of it")


def _neighbours(journal: Journal) -> Iterator[tuple[Event, Event | None]]:
    """Each event, and the next of its writer."""
    by_writer: dict[str, list[Event]] = {}
    for event in journal.events:
        by_writer.setdefault(event.writer, []).append(event)
    for own in by_writer.values():
        yield from pairwise(own)
        yield own[-1], None


def calibrations(journal: Journal, read: Read) -> Iterator[Finding]:
    """Calibrations that ask for less than any run does, share their probes, or were not made where they stand.

    What one rests on was recorded since the writer's last case began, and seen since the last phase or case did.
    """
    before: dict[str, int] = {}
    recorded: dict[str, dict[str, tuple[int, int]]] = {}
    used: set[str] = set()
    for event in journal.events:
        since = recorded.setdefault(event.writer, {})
        if event.event == "evidence":
            since[event["path"]] = before.get(event.writer, event.t), event.t
        elif is_calibration(event):
            yield from (Finding("run calibration", flaw) for flaw in _calibration(event, since, used, read))
        elif event.event not in _OF_A_CASE:
            before[event.writer] = event.t
        if event.event == "case-started":
            since.clear()


def _calibration(event: Event, recorded: Mapping[str, tuple[int, int]], used: set[str], read: Read) -> Iterator[str]:
    """What is wrong with one calibration.

    Args:
        event: its verdict.
        recorded: from when to when what it may rest on was seen, ns, by its path.
        used: the streams on which others rest; its own is added.
        read: gives evidence.
    """
    for role, path in event["inputs"].items():
        if path in used:
            yield f"rests on {path}, as another does"
        seen = read(path)
        if role == "stream":
            used.add(path)
            period = seen.meta.get("period", 0) / 1e9 if seen else 0
            if lacking := _lacking(event["bound"], measurable(SIZES, period)):
                yield f"is held against {lacking}"
        begin, end = recorded.get(path, (0, 0))
        if seen and seen.times and not begin <= seen.times[0] <= seen.times[1] <= end:
            yield f"rests on {path}, which was not seen when the journal says"


def _lacking(bound: Mapping[str, Any], wanted: Sequence[float]) -> str:
    """Which known gaps a calibration does not ask for, though each must.

    Args:
        bound: what it asks for.
        wanted: the lengths that it has to ask for, s.
    """
    methods, sizes = bound.get("methods"), bound.get("sizes")
    if not isinstance(methods, list) or any(each not in methods for each in METHODS):
        return f"other methods than {', '.join(METHODS)}"
    if not isinstance(sizes, list) or (missing := [each for each in wanted if each not in sizes]):
        return f"no gaps of {', '.join(f'{each:g}' for each in missing) if isinstance(sizes, list) else 'any'} s"
    return ""


# --- the report -----------------------------------------------------------------------------------------------------


def report(path: Path, follows: Report) -> Iterator[Finding]:
    """What report.json states that does not follow from the journal: all of it is compared.

    Args:
        path: the file.
        follows: what the journal comes to.
    """
    try:
        found = list(islice(_differences(json.loads(path.read_bytes()), follows, ""), _MOST_DIFFERENCES + 1))
    except (OSError, ValueError, RecursionError) as error:
        yield Finding("report.json", f"cannot be held against the journal: {type(error).__name__}: {error}")
        return
    for place, said, follow in found[:_MOST_DIFFERENCES]:
        yield Finding("report.json", f"{place}: states {said}, the journal comes to {follow}")
    if len(found) > _MOST_DIFFERENCES:
        yield Finding("report.json", "differs from the journal in more than that")


def _differences(told: object, follows: object, place: str) -> Iterator[tuple[str, str, str]]:
    """Where two documents differ, and what either has there."""
    if isinstance(told, dict) and isinstance(follows, dict):
        for key in [*follows, *(key for key in told if key not in follows)]:
            where = f"{place}.{key}".lstrip(".")
            if key in told and key in follows:
                yield from _differences(told[key], follows[key], where)
            elif key in follows or told[key] is not None:  # null under a key that is no more states nothing
                said, follow = (shortened(each[key]) if key in each else _LACKS for each in (told, follows))
                yield where, said, follow
    elif isinstance(told, list) and isinstance(follows, list) and len(told) == len(follows):
        for number, (then, now) in enumerate(zip(told, follows, strict=True), start=1):
            yield from _differences(then, now, f"{place}.{_named(now, number)}")
    elif not same(told, follows):
        yield place or "all of it", shortened(told), shortened(follows)


def _named(each: object, number: int) -> str:
    """What a reader calls one of a list: its id, or which it is."""
    if isinstance(each, Mapping):
        return str(next((each[key] for key in ("id", "testId", "name") if each.get(key)), number))
    return str(number)


def shortened(value: object) -> str:
    """A value for a message: no more of it than a reader needs to recognise it."""
    text = repr(str(value) if isinstance(value, str) else value)
    return text if len(text) <= 200 else f"{text[:197]}..."


def same(then: object, now: object) -> bool:
    """Whether two values are the same, numbers but for what another machine's floating point may do to them."""
    if isinstance(then, bool) or isinstance(now, bool):
        return then is now
    if isinstance(then, int | float) and isinstance(now, int | float):
        return math.isclose(then, now, rel_tol=1e-6, abs_tol=1e-12)
    if isinstance(then, list) and isinstance(now, list):
        return len(then) == len(now) and all(map(same, then, now))
    return then == now
