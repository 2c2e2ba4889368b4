"""Which verdicts on timing stand: those between two accepted calibrations of the probe.

Before its first timed case and after its last a worker measures known gaps with the very probe that the cases use, and
has that judged. A pass or a fail that rests on gaps means nothing if the probe measured known ones badly, before or
afterwards: it becomes inconclusive, a fail too. That follows from the journal alone, and so from its evidence.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from lbcert_reports.journal import Event
from lbcert_reports.judges.calibration import CALIBRATION
from lbcert_reports.verdicts import Verdict

TIMED: Final = frozenset({"failover-gap"})
"""Judges whose verdict rests on how long a gap was."""

METHODS: Final = ("link cut", "packet drop")
"""The ways in which known gaps are made in every calibration."""

SIZES: Final = (0.005, 0.02, 0.1)
"""Lengths of gaps, s, that there are in every calibration, however little a run asks for."""

Doubts = dict[tuple[str, int], str]
"""Why a verdict does not stand, by the writer and the number of its event."""


def is_calibration(event: Event) -> bool:
    """Whether an event is the verdict on a calibration."""
    return event.event == "verdict" and event["case"] is None and event["judge"] == CALIBRATION


def doubts(events: Iterable[Event]) -> Doubts:
    """The verdicts on timing that do not stand, each with the reason.

    Args:
        events: the journal's, in the order in which each writer wrote its own.
    """
    by_writer: dict[str, list[Event]] = {}
    for event in events:
        by_writer.setdefault(event.writer, []).append(event)
    return {(each.writer, each.seq): why for own in by_writer.values() for each, why in _doubted(own)}


def _doubted(events: Iterable[Event]) -> Iterator[tuple[Event, str]]:
    """The verdicts of one writer that do not stand."""
    last: Event | None = None
    waiting: list[Event] = []
    for event in events:
        if is_calibration(event):
            if not _accepted(event):
                yield from ((each, _refused(event, "after")) for each in waiting)
            last, waiting = event, []
        elif event.event == "verdict" and event["judge"] in TIMED and event["verdict"] in (Verdict.PASS, Verdict.FAIL):
            if last is None:
                yield event, "the probe was not calibrated before it"
            elif not _accepted(last):
                yield event, _refused(last, "before")
            else:
                waiting.append(event)
    yield from ((each, "the probe was not calibrated after it") for each in waiting)


def _accepted(calibration: Event) -> bool:
    return bool(calibration["verdict"] == Verdict.PASS)


def _refused(calibration: Event, when: str) -> str:
    return f"the probe's calibration {when} it is not accepted: {calibration['reason']}"
