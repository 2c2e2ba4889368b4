"""Times and spans as judges need them: evidence has nanoseconds, bounds and measurements have seconds."""

from collections.abc import Sequence
from typing import Any

from lbcert_reports.evidence import Connection, Evidence, Fault
from lbcert_reports.judges.registry import SECOND, Row, Unclear, listed


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


def silence(connection: Connection) -> float:
    """For how long a heartbeat was without answer at worst; if that is not told, how old the last reply is, s."""
    if "silence" in connection:
        return seconds(connection["silence"])
    at, last = connection["at"], connection["last_reply"]
    return seconds(at - (last if last is not None else connection["opened"])) if at is not None else 0.0


def longest_silence(control: Evidence[Connection] | None) -> float:
    """The longest silence of any connection of a control; 0 without one, s."""
    return max(map(silence, control.rows), default=0.0) if control else 0.0


def disturbed(problems: Sequence[str], beside: float) -> str:
    """Why problems say nothing: what does not pass the load balancer was silent for `beside` seconds as well."""
    return f"{listed(problems)}; but connections straight to endpoints were silent for up to {beside:.2f} s as well"
