"""How often a verdict changes when nothing does: what many runs of the same cases came to, side by side.

A case's verdict is expected to be the one that most runs came to. Every other is a *change*, and so is a case that
came to no end in a run that did. That no change was seen in n runs does not say that there is none: the bound says how
many there may be, at 95 % confidence.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lbcert_reports.statistics import CONFIDENCE, clopper_pearson

_NOT_RUN: Final = "not-run"
"""The verdict on a case without end."""


@dataclass(frozen=True)
class Repeated:
    """What one case came to in all runs.

    Attributes:
        case: its name.
        runs: in how many runs it was planned.
        verdict: what most of those came to in which it ended, of several the one that was seen first; ``not-run`` if it
            ended in none.
        changes: runs that came to another verdict, or to ``not-run``, by their name, with it.
        bound: upper confidence bound of the share of runs that do (one-sided, Clopper-Pearson).
    """

    case: str
    runs: int
    verdict: str
    changes: Mapping[str, str]
    bound: float


def repeated(runs: Mapping[str, Mapping[str, str]], confidence: float = CONFIDENCE) -> list[Repeated]:
    """Compare the verdicts of several runs, those with changes first.

    Args:
        runs: for each run, by its name, the verdict of each case that was planned in it.
        confidence: of the bounds.
    """
    found = []
    for case in sorted({case for verdicts in runs.values() for case in verdicts}):
        seen = {name: verdicts[case] for name, verdicts in runs.items() if case in verdicts}
        ended = Counter(verdict for verdict in seen.values() if verdict != _NOT_RUN)
        usual = ended.most_common(1)[0][0] if ended else _NOT_RUN
        changes = {name: verdict for name, verdict in seen.items() if verdict != usual or not ended}
        found.append(Repeated(case, len(seen), usual, changes, upper_bound(len(changes), len(seen), confidence)))
    return sorted(found, key=lambda each: (-len(each.changes), each.case))


def upper_bound(events: int, n: int, confidence: float = CONFIDENCE) -> float:
    """One-sided upper confidence bound of a share (Clopper-Pearson); 1 if nothing was seen."""
    # the upper end of a two-sided interval leaves half of the rest above it
    return clopper_pearson(events, n, 2 * confidence - 1).upper if n else 1.0


def table(found: Sequence[Repeated]) -> str:
    """The same as a Markdown table."""
    lines = ["| case | runs | verdict | changes | at most (95 %) | which |", "|---|---|---|---|---|---|"]
    for each in found:
        which = ", ".join(f"{run}: {verdict}" for run, verdict in each.changes.items())
        lines.append(
            f"| {each.case} | {each.runs} | {each.verdict} | {len(each.changes)} | {each.bound:.1%} | {which} |"
        )
    return "\n".join(lines)


def verdicts_of(report: Mapping[str, Any]) -> dict[str, str]:
    """The verdict of each case that was planned, from a run's report."""
    return {each["testId"]: each["verdict"] for each in report["results"]}
