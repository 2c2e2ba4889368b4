"""Times and spans as judges need them: evidence has nanoseconds, bounds and measurements have seconds."""

from typing import Any

from lbcert_reports.evidence import Evidence, Fault
from lbcert_reports.judges.registry import SECOND, Row, Unclear


def seconds(nanoseconds: float) -> float:
    """Nanoseconds as seconds."""
    return nanoseconds / SECOND


def nanoseconds(seconds: float) -> int:
    """Seconds as nanoseconds."""
    return round(seconds * SECOND)


def watched(evidence: Evidence[Any]) -> tuple[int, int]:
    """From when to when something was watched, ns.

    Raises:
        Unclear: if neither header nor rows tell.
    """
    if evidence.watched is None:
        raise Unclear(f"the {evidence.kind} {evidence.name!r} have no rows and do not say how long they were watched")
    return evidence.watched


def rows(evidence: Evidence[Row], role: str) -> tuple[Row, ...]:
    """The rows of evidence that has to have some.

    Raises:
        Unclear: if there is none.
    """
    if not evidence.rows:
        raise Unclear(f"the evidence for {role!r} has no rows")
    return evidence.rows


def effect(cause: Evidence[Fault]) -> Fault:
    """The last thing that was done, whose effect is judged.

    Raises:
        Unclear: if nothing was done.
    """
    return rows(cause, "cause")[-1]
