"""Which verdicts on timing stand: those whose probes were calibrated, before and after.

Before its first timed case and after its last a worker measures known gaps with each probe that its cases use, and has
that judged. A probe is known by what it sends, from where and how often (`evidence.probe_of`). A pass or a fail that
rests on gaps means nothing if its probe measured known ones badly, before or afterwards, or was never held against any:
it becomes inconclusive, a fail too. That follows from the journal alone, and so from its evidence.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from lbcert_reports.journal import Event
from lbcert_reports.judges.calibration import CALIBRATION, PERIODS
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


def is_timed(event: Event) -> bool:
    """Whether an event is a pass or a fail that rests on how long a gap was."""
    return event.event == "verdict" and event["judge"] in TIMED and event["verdict"] in (Verdict.PASS, Verdict.FAIL)


def measurable(sizes: Iterable[float], period: float) -> list[float]:
    """Which lengths of gaps a probe can be asked for, s: those into which five of its periods (s) fit."""
    return [size for size in sizes if size >= PERIODS * period]


def doubts(events: Iterable[Event]) -> Doubts:
    """The verdicts on timing that do not stand, each with the reason.

    Args:
        events: the journal's, in the order in which each writer wrote its own.
    """
    by_writer: dict[str, list[Event]] = {}
    for event in events:
        if is_calibration(event) or is_timed(event):
            by_writer.setdefault(event.writer, []).append(event)
    return {
        (event.writer, event.seq): why
        for own in by_writer.values()
        for place, event in enumerate(own)
        if is_timed(event) and (why := _doubt(event, own[:place][::-1], own[place:]))
    }


def _doubt(timed: Event, before: Iterable[Event], after: Iterable[Event]) -> str:
    """Why a verdict does not stand; empty if it does.

    Args:
        timed: the verdict.
        before: the writer's events before it, the last one first.
        after: itself, which is no calibration, and those after it.
    """
    if not _probes(timed):
        return "it does not say with what probe"
    return next((why for probe in _probes(timed) for why in _refused(probe, before=before, after=after)), "")


def _refused(probe: str, **when: Iterable[Event]) -> Iterator[str]:
    """Why a probe's measurements do not count, by its nearest calibrations on either side."""
    for side, events in when.items():
        nearest = next((each for each in events if is_calibration(each) and probe in _probes(each)), None)
        if nearest is None:
            yield f"the probe was not calibrated {side} it ({probe})"
        elif Verdict(nearest["verdict"]) is not Verdict.PASS:
            yield f"the probe's calibration {side} it is not accepted ({probe}): {nearest['reason']}"


def _probes(event: Event) -> list[str]:
    fields: Mapping[str, Any] = event.fields
    return list(fields.get("probes", ()))
