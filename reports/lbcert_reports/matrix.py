"""The kill matrix: which deliberate fault was caught by which case, and what the flawless reference came to."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lbcert_reports import journal


@dataclass(frozen=True)
class Failed:
    """A judgement of a case that was no pass.

    Attributes:
        requirement: its id.
        verdict: what the judge said.
        reason: why.
    """

    requirement: str
    verdict: str
    reason: str


@dataclass(frozen=True)
class Result:
    """What one case came to.

    Attributes:
        case: which.
        verdict: the case's.
        seconds: how long it took.
        failed: the judgements that were no pass, or what broke.
    """

    case: str
    verdict: str
    seconds: float
    failed: Sequence[Failed] = ()

    @property
    def is_good(self) -> bool:
        """Whether nothing speaks against what the case was run before: it passed, or does not apply."""
        return self.verdict in ("pass", "not-applicable")


@dataclass(frozen=True)
class Row:
    """One defect, and the cases that were run against it.

    Attributes:
        defect: its name.
        does: what goes wrong.
        breaks: the requirements on which it may be caught.
        shows: what the failed judgement says, a regular expression; empty for anything.
        named: the cases that name it.
        results: by case.
        seconds: how long it took, with the restart of the pods.
    """

    defect: str
    does: str
    breaks: Sequence[str]
    shows: str = ""
    named: Sequence[str] = ()
    results: Sequence[Result] = field(default_factory=tuple)
    seconds: float = 0.0

    def shown_by(self, failed: Failed) -> bool:
        """Whether a judgement shows it: a failure on a requirement that the defect breaks, for the expected reason."""
        fails = failed.verdict == "fail" and failed.requirement in self.breaks
        return fails and re.search(self.shows, failed.reason) is not None

    def catches(self, result: Result) -> bool:
        """Whether a case caught it: it failed, and a judgement shows it."""
        return result.verdict == "fail" and any(map(self.shown_by, result.failed))

    @property
    def caught(self) -> bool:
        """Whether a case caught it that names it."""
        return any(self.catches(each) for each in self.results if each.case in self.named)


@dataclass(frozen=True)
class Matrix:
    """All defects, and the flawless reference before the same cases.

    Attributes:
        rows: one for each defect.
        clean: what the reference without a defect came to.
        due: the cases that it was to be run before; none if it was left out.
        cases: all that there are.
        seconds: how long all of it took.
        labs: in how many labs at the same time.
        commit: of the suite and the reference.
    """

    rows: Sequence[Row]
    clean: Sequence[Result]
    due: Sequence[str]
    cases: Sequence[str]
    seconds: float
    labs: int
    commit: str

    @property
    def escaped(self) -> list[Row]:
        """The defects that no case caught that names them."""
        return [row for row in self.rows if not row.caught]

    @property
    def lost(self) -> list[Result]:
        """The cases that the flawless reference did not pass, with those that came to no end.

        A case of which nothing could be said may have been tried again: then that counts.
        """
        found: dict[str, Result] = {}
        for each in self.clean:
            if each.case not in found or found[each.case].verdict == "inconclusive":
                found[each.case] = each
        return [*(each for each in found.values() if not each.is_good), *self.unended]

    @property
    def unended(self) -> list[Result]:
        """The cases that were due before the flawless reference and came to no end."""
        ended = {result.case for result in self.clean}
        return [Result(case, "not-run", 0.0) for case in self.due if case not in ended]

    @property
    def untried(self) -> list[str]:
        """The cases that were not run against any defect."""
        tried = {result.case for row in self.rows for result in row.results}
        return [case for case in self.cases if case not in tried]

    @property
    def holds(self) -> bool:
        """Whether there were defects, every one was caught, and the flawless reference lost no case that was due."""
        return bool(self.rows) and not self.escaped and not self.lost

    def plain(self) -> dict[str, Any]:
        """The matrix for JSON."""
        return {
            "schema": 1,
            "commit": self.commit,
            "labs": self.labs,
            "seconds": round(self.seconds, 1),
            "defects": len(self.rows),
            "caught": len(self.rows) - len(self.escaped),
            "escaped": [row.defect for row in self.escaped],
            "clean": [asdict(result) for result in self.clean],
            "due": list(self.due),
            "lost": [result.case for result in self.lost],
            "untried": self.untried,
            "rows": [
                {
                    **asdict(row),
                    "caught": row.caught,
                    "results": [asdict(each) | {"caught": row.catches(each)} for each in row.results],
                }
                for row in self.rows
            ],
        }


def results_of(run: Path) -> list[Result]:
    """What the cases of a run came to, from its journal; none for a run that ended before it began."""
    try:
        events = journal.read(run)
    except journal.JournalError:
        return []
    failed: dict[str, list[Failed]] = {}
    for verdict in events.of("verdict"):
        if verdict["verdict"] != "pass":
            said = Failed(verdict["requirement"], verdict["verdict"], verdict["reason"])
            failed.setdefault(verdict["case"], []).append(said)
    results = []
    for ended in events.of("case-finished"):
        error = ended["error"]
        broken = [Failed("", "error", f"{error['type']}: {error['message']}")] if error else []
        found = (*failed.get(ended["case"], ()), *broken)
        results.append(Result(ended["case"], ended["outcome"], ended["duration"], found))
    return results


def by_requirement(rows: Iterable[Row]) -> Mapping[str, Sequence[str]]:
    """The requirements on which a defect was caught, with the defects."""
    found: dict[str, list[str]] = {}
    for row in rows:
        for result in row.results:
            if row.catches(result):
                for each in result.failed:
                    if each.verdict == "fail" and each.requirement in row.breaks:
                        found.setdefault(each.requirement, []).append(row.defect)
    return {requirement: sorted(set(defects)) for requirement, defects in sorted(found.items())}
