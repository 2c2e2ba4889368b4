"""What a case holds in its hands to write down what it saw, and to have it judged.

    with Recorder(run).case("layer2/one-announcer") as record:
        answers = record.evidence("answers", client.ask(...), "steady")
        record.judge("L2-003", "one-announcer", {"answers": answers}, {"nodes": nodes})

A judge sees only what was stored: the recorder reads the evidence back from the disk, and journals measurements and
verdict.
"""

import dataclasses
import hashlib
import re
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from lbcert_reports import evidence as stored
from lbcert_reports import judges
from lbcert_reports.journal import Event, JournalWriter
from lbcert_reports.verdicts import Verdict, combine

_LONGEST: Final = 80


class FaultLike(Protocol):
    """A fault as a testbed returns it."""

    @property
    def name(self) -> str:
        """What was done."""

    @property
    def target(self) -> str:
        """To what."""

    @property
    def began(self) -> int:
        """Just before, ns."""

    @property
    def effective(self) -> int:
        """Just after its effect became visible, ns."""

    @property
    def proof(self) -> Mapping[str, Any]:
        """What shows that it happened."""


class Watched(Protocol):
    """A probe that gathers rows, as the fixtures have them."""

    def rows(self) -> Iterable[object]:
        """What it gathered."""

    def meta(self) -> Mapping[str, Any]:
        """Header fields: vantage, begin and end, drops."""


@dataclass(frozen=True)
class EvidenceRef:
    """Evidence that was written, as judges are given it.

    Attributes:
        path: relative to the run directory, with ``/``.
        kind: its kind.
        name: its name within the case.
    """

    path: str
    kind: str
    name: str


@dataclass
class Act:
    """Something a case does and whose effect is timed: it stands for the fault it will have been.

    Attributes:
        name: what is done.
        target: to what.
        proof: what shows that it happened; a case may add to it.
        began: just before, ns.
        effective: just after, ns; 0 until then.
    """

    name: str
    target: str
    proof: dict[str, Any] = field(default_factory=dict)
    began: int = 0
    effective: int = 0
    _evidence: EvidenceRef | None = None

    @property
    def evidence(self) -> EvidenceRef:
        """The evidence of it, once it is done."""
        if self._evidence is None:
            raise ValueError(f"{self.name} of {self.target} is not done yet")
        return self._evidence


def folder(case: str) -> str:
    """A case's name as the name of a folder: safe on every file system, and no other case has the same.

    A name that had to be changed or cut gets a digest of the whole at its end.
    """
    safe = re.sub(r"[^A-Za-z0-9_-]+", "-", case).strip("-")[:_LONGEST]
    return safe if safe == case else f"{safe}-{hashlib.sha256(case.encode()).hexdigest()[:8]}".lstrip("-")


class Recorder:
    """Writes the journal and the evidence of one process of a run.

    Args:
        run: the run directory; made if it is not there.
        writer: ``main``, or the worker's id.
        now: the clock, ns.
    """

    def __init__(self, run: Path, writer: str = "main", *, now: Callable[[], int] = time.time_ns) -> None:
        self.run = run
        self._journal = JournalWriter(run, writer, now=now)

    def event(self, event: str, **fields: Any) -> Event:
        """Journal an event: ``run-started``, ``run-finished``, or any other.

        Raises:
            JournalError: if the fields are not the event's, or the disk refuses.
        """
        return self._journal.append(event, **fields)

    def note(self, text: str) -> None:
        """A remark for the report's reader that belongs to no case."""
        self.event("note", case=None, text=text)

    @contextmanager
    def phase(self, name: str) -> Iterator[Callable[[str], None]]:
        """Journal begin and end of a phase, whatever ends it; what this gives journals in between what it is at."""

        def at(detail: str) -> None:
            self.event("phase", name=name, state="at", detail=detail)

        self.event("phase", name=name, state="begin")
        try:
            yield at
        finally:
            self.event("phase", name=name, state="end")

    def case(self, case: str) -> "CaseRecorder":
        """What a case records with; a context manager that journals its begin and its end."""
        return CaseRecorder(self, case)

    def own(self) -> "CaseRecorder":
        """What the run itself records and judges with: evidence that belongs to no case."""
        return CaseRecorder(self, "")

    def close(self) -> None:
        """Close the journal."""
        self._journal.close()


@dataclass
class CaseRecorder:
    """Records for one case.

    As a context manager it journals ``case-started`` and ``case-finished``. An exception becomes the outcome *error*
    (a verdict *fail* given before it stands) and goes on. What is no `Exception`, such as an interrupt, leaves the
    case unfinished, and the run interrupted.

    Attributes:
        recorder: of the run.
        case: the case's name; empty for what belongs to none.
        verdicts: the verdicts so far.
    """

    recorder: Recorder
    case: str
    verdicts: list[Verdict] = field(default_factory=list)
    _faults: int = 0
    _began: float = 0.0

    def __enter__(self) -> "CaseRecorder":
        self.start()
        return self

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        if error is None or isinstance(error, Exception):
            self.finish(error)

    def start(self) -> None:
        """Journal that the case begins."""
        self._began = time.monotonic()
        self.recorder.event("case-started", case=self.case)

    @property
    def outcome(self) -> Verdict:
        """All verdicts so far, combined; not-run if there is none."""
        return combine(self.verdicts)

    def finish(self, error: BaseException | None = None, outcome: Verdict | None = None) -> Verdict:
        """Journal that the case ended, and how.

        Args:
            error: what broke the case, if anything did: our error.
            outcome: for a case that gave no verdict, e.g. not-applicable.
        """
        verdicts = [*self.verdicts, *([outcome] if outcome else []), *([Verdict.ERROR] if error else [])]
        result = combine(verdicts)
        self.recorder.event(
            "case-finished",
            case=self.case,
            outcome=result,
            duration=time.monotonic() - self._began,
            error=_described(error) if error else None,
        )
        return result

    def evidence(self, kind: str, rows: Iterable[object], name: str | None = None, **meta: Any) -> EvidenceRef:
        """Write down what was observed.

        Args:
            kind: the kind of evidence.
            rows: mappings or dataclass instances with its fields.
            name: a name that this case has not used yet; by default the kind.
            meta: further fields of the header.

        Raises:
            EvidenceError: if it is not as its kind declares, the name is taken, or the disk refuses.
        """
        name = name or kind
        path = f"evidence/{folder(self.case) or 'run'}/{folder(name)}.jsonl.gz"
        written = stored.write(self.recorder.run / path, kind, rows, case=self.case, name=name, meta=meta)
        self.recorder.event(
            "evidence", case=self.case or None, name=name, kind=kind, path=path, **dataclasses.asdict(written)
        )
        return EvidenceRef(path, kind, name)

    def observed(self, kind: str, watch: Watched, name: str | None = None, **meta: Any) -> EvidenceRef:
        """Write down everything that a watch gathered, under its own header fields; see `evidence`."""
        return self.evidence(kind, watch.rows(), name, **watch.meta(), **meta)

    def fault(self, fault: FaultLike, *, healed: int | None = None, name: str | None = None) -> EvidenceRef:
        """Journal a fault and write it down as evidence; again with `healed` once it was undone.

        Args:
            fault: as the testbed returned it.
            healed: when it was undone, ns.
            name: name of the evidence; by default ``fault-1``, ``fault-2``, ...
        """
        self._faults += 1
        row = {
            "fault": fault.name,
            "target": fault.target,
            "began": fault.began,
            "effective": fault.effective,
            "healed": healed,
            "proof": dict(fault.proof),
        }
        self.recorder.event("fault", case=self.case, **row)
        return self.evidence("faults", [row], name or f"fault-{self._faults}")

    @contextmanager
    def act(self, name: str, target: str) -> Iterator[Act]:
        """Time something that is done inside the ``with``, such as a write to the API, as the cause of what follows.

            with record.act("delete-service", "default/web") as deleted:
                api.delete(...)
            record.judge(..., {"ingress": ..., "cause": deleted.evidence})

        Nothing is recorded if it raises.
        """
        act = Act(name, target, began=time.time_ns())
        yield act
        act.effective = time.time_ns()
        act._evidence = self.fault(act)

    def note(self, text: str) -> None:
        """A remark about this case for the report's reader."""
        self.recorder.event("note", case=self.case, text=text)

    def judge(
        self,
        requirement: str,
        judge: str,
        inputs: Mapping[str, EvidenceRef],
        bound: Mapping[str, Any] | None = None,
    ) -> judges.Judgement:
        """Have stored evidence judged, and journal measurements and verdict.

        Args:
            requirement: id of the requirement on which this is the verdict; of none for the run's own.
            judge: name of the judge.
            inputs: evidence by role; see ``docs/judges.md``.
            bound: what it is held against.
        """
        limits = stored.plain(bound or {}, f"bound of {requirement}")
        read = {role: stored.read(self.recorder.run / ref.path) for role, ref in inputs.items()}
        judgement = judges.run(judge, read, limits)
        for measurement in judgement.measurements:
            self.recorder.event("measurement", case=self.case or None, requirement=requirement, **measured(measurement))
        self.recorder.event(
            "verdict",
            case=self.case or None,
            requirement=requirement,
            judge=judge,
            inputs={role: ref.path for role, ref in inputs.items()},
            bound=limits,
            verdict=judgement.verdict,
            reason=judgement.reason,
            expected=judgement.expected,
            observed=judgement.observed,
            **({"probes": list(judgement.probes)} if judgement.probes else {}),
        )
        self.verdicts.append(judgement.verdict)
        return judgement


def measured(measurement: judges.Measurement) -> dict[str, Any]:
    """A measurement as the fields of its journal event."""
    fields = {each.name: getattr(measurement, each.name) for each in dataclasses.fields(measurement)}
    fields["bound"] = measurement.bound._asdict() if measurement.bound else None
    plain: dict[str, Any] = stored.plain(fields, f"measurement {measurement.name!r}")
    return plain


def _described(error: BaseException) -> dict[str, str]:
    """Type, message and place of an error."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return {"type": type(error).__name__, "message": str(error), "place": place}
