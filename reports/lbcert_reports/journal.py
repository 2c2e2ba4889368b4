"""The journal: what a run did, event by event, kept through whatever ends the run.

Every process of a run appends to its own file ``RUN/journal/<writer>.jsonl``, one event a line, each durable before
the run goes on. Reading merges the files by time. A run that was killed may leave half a line at the end of a file:
that line is reported as torn and left out. Anything else that is wrong with a journal is an error with its place, even
a line that means an event and is not the one that is written for it: a digest over events would not tell them apart.
"""

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NotRequired, TypedDict

import msgspec

from lbcert_reports.durable import sync_folder
from lbcert_reports.integers import refuse_absurd
from lbcert_reports.located import LocatedError

LARGEST: Final = 32_000_000
"""Bytes that all files of a journal may have together: fifty times those of a full run, several those of a campaign."""

LONGEST: Final = 4_000_000
"""Bytes that a line may have: forty times those of the longest, which holds the plan."""


class Bound(TypedDict):
    """What a measurement is held against."""

    value: Any
    op: str
    """``<=``, ``>=``, ``==``"""
    derivation: str
    """where the value comes from, e.g. ``hold time 9 s + 1 s``"""


class RunStarted(TypedDict):
    """First event of a run: what is tested, on what, and which cases are planned."""

    run: str
    suite: dict[str, Any]
    profile: dict[str, Any]
    testbed: dict[str, Any]
    environment: dict[str, Any]
    command: Any
    options: dict[str, Any]
    plan: list[dict[str, Any]]
    requirements: dict[str, dict[str, Any]]


class Phase(TypedDict):
    """A phase whose wall time is reported: its ``begin``, its ``end``, and in between what it is ``at``."""

    name: str
    state: str
    detail: NotRequired[str]
    """what it is at"""


class CaseStarted(TypedDict):
    """A case began."""

    case: str


class EvidenceWritten(TypedDict):
    """An evidence file was written; ``path`` is relative to the run directory. No case: it is the run's own."""

    case: str | None
    name: str
    kind: str
    path: str
    sha256: str
    rows: int
    bytes: int


class FaultInjected(TypedDict):
    """A fault was injected, or (``healed`` set) undone."""

    case: str | None
    fault: str
    target: str
    began: int
    effective: int
    healed: int | None
    proof: dict[str, Any]


class MeasurementMade(TypedDict):
    """A number on which the next verdict of the same case and requirement rests."""

    case: str | None
    requirement: str
    name: str
    value: float | int | None
    unit: str
    interval: list[float] | None
    n: int
    method: str
    resolution: float | None
    bound: Bound | None
    samples: list[Any] | None


class VerdictGiven(TypedDict):
    """A judge's verdict, before the profile's expected failures are applied.

    One without a case is on the suite itself: a calibration, on which the verdicts on timing beside it depend.
    """

    case: str | None
    requirement: str
    judge: str
    inputs: dict[str, str]
    bound: dict[str, Any]
    verdict: str
    reason: str
    expected: str
    observed: str
    probes: NotRequired[list[str]]
    """with what gaps were measured; of a calibration, what it calibrates"""


class CaseFinished(TypedDict):
    """A case ended; ``duration`` in seconds, ``error`` with type, message and place."""

    case: str
    outcome: str
    duration: float
    error: dict[str, str] | None


class Note(TypedDict):
    """A remark for the report's reader."""

    case: str | None
    text: str


class RunFinished(TypedDict):
    """Last event of a run that was not interrupted."""

    cases: dict[str, int]
    duration: float


EVENTS: Final[Mapping[str, type]] = {
    "run-started": RunStarted,
    "phase": Phase,
    "case-started": CaseStarted,
    "evidence": EvidenceWritten,
    "fault": FaultInjected,
    "measurement": MeasurementMade,
    "verdict": VerdictGiven,
    "case-finished": CaseFinished,
    "note": Note,
    "run-finished": RunFinished,
}
"""Every event and the type of its fields."""


class JournalError(LocatedError):
    """A journal that cannot be written or read."""


@dataclass(frozen=True)
class Event:
    """One event of a run.

    Attributes:
        t: when it was written, ns; never before the writer's previous event.
        writer: who wrote it.
        seq: its number among the writer's events, from 0.
        event: its name, a key of `EVENTS`.
        fields: its own fields.
    """

    t: int
    writer: str
    seq: int
    event: str
    fields: Mapping[str, Any]

    def __getitem__(self, field: str) -> Any:
        return self.fields[field]


@dataclass(frozen=True)
class Torn:
    """A half-written line at the end of a journal file, left out.

    Attributes:
        place: file and line.
        text: what there is of it.
        writer: whose file it is in.
    """

    place: str
    text: str
    writer: str = ""


@dataclass(frozen=True)
class Journal:
    """All events of a run, in order of time, and the lines that were torn."""

    events: Sequence[Event]
    torn: Sequence[Torn]

    def of(self, event: str) -> list[Event]:
        """The events of one name, in order."""
        return [each for each in self.events if each.event == event]

    @property
    def finished(self) -> bool:
        """Whether the run came to its end; False means that it was interrupted."""
        return any(each.event == "run-finished" for each in self.events)


class JournalWriter:
    """Appends events to one journal file.

    Args:
        run: the run directory.
        writer: who writes: ``main``, or a worker's id.
        now: the clock, ns.

    Raises:
        JournalError: if the file exists (a run directory is used once), or cannot be made.
    """

    def __init__(self, run: Path, writer: str = "main", *, now: Callable[[], int] = time.time_ns) -> None:
        self.path = run / "journal" / f"{writer}.jsonl"
        if not re.fullmatch(r"[A-Za-z0-9_-]+", writer):
            raise JournalError(str(self.path), f"{writer!r} is no writer's name", "use letters, digits, - and _")
        self.writer = writer
        self._now = now
        self._seq = self._last = self._size = 0
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            sync_folder(self.path.parent)
        except FileExistsError:
            raise JournalError(str(self.path), "exists already", "a run directory is used once; name another") from None
        except OSError as error:
            raise JournalError(str(self.path), f"cannot be made: {error.strerror or error}") from error

    def append(self, event: str, **fields: Any) -> Event:
        """Write one event; it is durable when this returns.

        Raises:
            JournalError: if the fields are not the event's or too large, or the disk refuses; what was written before
                stays.
        """
        place = f"{self.path}:{self._seq + 1}"
        # Within one writer time never goes back, so that merging by time keeps the order of its events.
        self._last = max(self._now(), self._last)
        checked = _check(event, fields, place)
        line = _line(self._seq, self._last, event, fields) + b"\n"
        refuse_absurd(line, self.path, self._seq + 1, JournalError)
        _refuse_large(line, place, LARGEST - self._size - len(line))
        try:
            rest = line
            while rest:
                rest = rest[os.write(self._file, rest) :]
            os.fsync(self._file)
        except OSError as error:
            os.ftruncate(self._file, self._size)
            hint = "what was recorded before is kept"
            raise JournalError(place, f"cannot be written: {error.strerror or error}", hint) from error
        self._seq += 1
        self._size += len(line)
        return Event(self._last, self.writer, self._seq - 1, event, checked)

    def close(self) -> None:
        """Close the file; nothing can be appended afterwards."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def read(run: Path) -> Journal:
    """Read all journal files of a run directory and merge them by time, writer and number.

    Raises:
        JournalError: if there is none, one is malformed otherwise than by a torn last line, a line has more bytes than
            `LONGEST`, or all of them have more than `LARGEST`.
    """
    files = sorted((run / "journal").glob("*.jsonl"))
    if not files:
        raise JournalError(str(run), "holds no journal", "is this a run directory of lbcert?")
    events: list[Event] = []
    torn: list[Torn] = []
    left = LARGEST
    for path in files:
        last = 0
        for seq, line in enumerate(_lines(path)):
            place = f"{path}:{seq + 1}"
            left -= len(line)
            _refuse_large(line, place, left)
            if not line.endswith(b"\n"):
                torn.append(Torn(place, line.decode(errors="replace"), path.stem))
                break
            event = _parse(line[:-1], path, seq)
            if seq and event.t < last:
                raise JournalError(place, "is older than the line before", "the journal was altered")
            last = event.t
            events.append(event)
    return Journal(sorted(events, key=lambda each: (each.t, each.writer, each.seq)), torn)


def _lines(path: Path) -> Iterator[bytes]:
    """The lines of a journal file one by one, so that nothing is held of what is refused."""
    try:
        with path.open("rb") as file:
            yield from iter(lambda: file.readline(LONGEST + 1), b"")
    except OSError as error:
        raise JournalError(str(path), f"cannot be read: {error.strerror or error}") from error


def _refuse_large(line: bytes, place: str, left: int) -> None:
    """Refuse what takes more memory than anything that lbcert records, when it is written and when it is read."""
    if len(line) > LONGEST:
        raise JournalError(place, f"has more than {LONGEST} bytes", "no event of lbcert does")
    if left < 0:
        raise JournalError(place, f"is beyond the {LARGEST} bytes that a journal may have", "certify in parts: --only")


def _parse(line: bytes, path: Path, seq: int) -> Event:
    place = f"{path}:{seq + 1}"
    try:
        record = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise JournalError(place, f"is not JSON: {error}", "the journal was altered") from error
    if not isinstance(record, dict) or not isinstance(t := record.pop("t", None), int):
        raise JournalError(place, "is not an event with a time t")
    refuse_absurd(line, path, seq + 1, JournalError)
    if (number := record.pop("seq", None)) != seq:
        raise JournalError(place, f"has seq {number!r}, {seq} is due", "a line is missing or out of order")
    event = record.pop("event", None)
    checked = _check(event, record, place)
    if _line(seq, t, str(event), checked) != line:
        raise JournalError(place, "is not as lbcert writes this event", "the journal was altered")
    return Event(t, path.stem, seq, str(event), checked)


def _line(seq: int, t: int, event: str, fields: Mapping[str, Any]) -> bytes:
    """The one line that is written for an event, without its end."""
    return msgspec.json.encode({"seq": seq, "t": t, "event": event, **fields})


def _check(event: object, fields: dict[str, Any], place: str) -> dict[str, Any]:
    if not isinstance(event, str) or event not in EVENTS:
        raise JournalError(place, f"there is no event {event!r}", f"events are: {', '.join(EVENTS)}")
    try:
        msgspec.convert(msgspec.to_builtins(fields), EVENTS[event])
    except (msgspec.ValidationError, TypeError) as error:
        raise JournalError(place, f"event {event!r}: {error}") from error
    return fields
