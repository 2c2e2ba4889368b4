"""Chaos Toolkit experiments in a run's evidence: their journals, taken apart into what happened and what was seen.

Chaos Toolkit's journal says what was done; the member ``lbcert``, which the experiments' control adds, says what the
observers saw meanwhile (see ``lbcert_chaos.controls``). Both become evidence, so that judges judge an experiment as
they judge a case.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from lbcert_reports.evidence import Activity
from lbcert_reports.recorder import CaseRecorder, EvidenceRef


@dataclass(frozen=True)
class Happened:
    """A fault as an experiment's journal has it; see `recorder.FaultLike`."""

    name: str
    target: str
    began: int
    effective: int
    healed: int | None
    proof: Mapping[str, Any]


@dataclass(frozen=True)
class Experiment:
    """An experiment that was run, with its evidence.

    Attributes:
        name: its name.
        title: what it claims.
        status: ``completed``, or why it is not: ``failed``, ``aborted``, ``interrupted``.
        deviated: whether the steady state was not there after the method.
        missed: the probes of hypotheses that were not within tolerance, and rollbacks that failed, in words.
        unmet: whether the implementation had not done what the experiment stands on: there was no steady state before
            the fault, or an action found none of what it needs.
        facts: what the experiment stood on: ``nodes`` (by hardware address), ``services`` (addresses of each),
            ``next_hops`` (of each prefix), ``peers``, ``policy``.
        faults: what was done, in order.
        causes: the evidence of each fault, in the same order.
        seen: the observers' evidence by name: ``answers``, ``stream-layer2-ipv4``, ``replies-bgp-ipv4``,
            ``connections-bgp-ipv4``, ``routes``, ``sessions``, ``ingress``, ``load``; and ``activities``.
        watched: for how long every observer watched, s.
    """

    name: str
    title: str
    status: str
    deviated: bool
    missed: Sequence[str]
    unmet: bool
    facts: Mapping[str, Any]
    faults: Sequence[Happened]
    causes: Sequence[EvidenceRef]
    seen: Mapping[str, EvidenceRef]
    watched: float

    @property
    def unhealed(self) -> list[str]:
        """The faults that were injected and never healed."""
        return [f"{fault.name} on {fault.target}" for fault in self.faults if fault.healed is None]

    def named(self, prefix: str) -> list[EvidenceRef]:
        """The evidence whose name begins so, as ``replies-layer2`` does for every family."""
        return [ref for name, ref in self.seen.items() if name.startswith(prefix)]


RunExperiment = Callable[[str], Experiment]
"""What cases are given: runs an experiment by its name, and makes its evidence theirs."""


def keep(record: CaseRecorder, name: str, journal: Mapping[str, Any]) -> Experiment:
    """Make evidence of an experiment's journal.

    Args:
        record: the case's.
        name: the experiment's name.
        journal: Chaos Toolkit's journal, with the member ``lbcert``.

    Raises:
        KeyError: the journal has no such member: the experiment did not begin.
        EvidenceError: what the observers saw is not what its kind declares.
    """
    told = journal["lbcert"]
    title = str(journal["experiment"]["title"])
    rows = list(activities(journal))
    seen = {
        "activities": record.evidence(
            "activities",
            rows,
            experiment=name,
            title=title,
            status=journal["status"],
            deviated=journal["deviated"],
            chaoslib=journal["chaoslib-version"],
        )
    }
    for each in told["evidence"]:
        seen[each["name"]] = record.evidence(each["kind"], each["rows"], each["name"], **each["meta"])
    faults = [_happened(row) for row in told["faults"]]
    causes = [record.fault(each, healed=each.healed) for each in faults]
    began = max((each["meta"]["began"] for each in told["evidence"]), default=0)
    ended = min((each["meta"]["ended"] for each in told["evidence"]), default=0)
    return Experiment(
        name,
        title,
        journal["status"],
        journal["deviated"],
        [*map(_missed, (row for row in rows if row["met"] is False or row["status"] == "failed"))],
        any(map(_is_unmet, rows)),
        told["facts"],
        faults,
        causes,
        seen,
        (ended - began) / 1e9,
    )


def activities(journal: Mapping[str, Any]) -> Iterator[Activity]:
    """Everything that an experiment did, in order of time."""
    states = journal["steady_states"]
    phases: list[tuple[Any, Sequence[Mapping[str, Any]]]] = [
        ("before", (states["before"] or {}).get("probes", [])),
        ("method", journal["run"]),
        ("after", (states["after"] or {}).get("probes", [])),
        ("rollback", journal["rollbacks"]),
    ]
    for phase, runs in phases:
        for run in runs:
            failed = run.get("status") != "succeeded"
            yield {
                "t": _nanoseconds(run["start"]),
                "until": _nanoseconds(run.get("end", run["start"])),
                "phase": phase,
                "name": run["activity"]["name"],
                "type": run["activity"]["type"],
                "status": "failed" if failed else "succeeded",
                "met": run.get("tolerance_met"),
                "output": "".join(run.get("exception", [])).strip() if failed else run["output"],
            }


def _happened(row: Mapping[str, Any]) -> Happened:
    return Happened(row["fault"], row["target"], row["began"], row["effective"], row["healed"], row["proof"])


def _is_unmet(row: Activity) -> bool:
    """Whether an activity shows that the implementation had not done what the experiment stands on."""
    raised = re.search(r"^[\w.]*\bPreconditionUnmetError: ", str(row["output"]), re.MULTILINE)
    return bool(raised and row["status"] == "failed") or (row["phase"] == "before" and row["met"] is False)


def _missed(row: Activity) -> str:
    return f"{row['name']} ({_WHEN[row['phase']]}): {row['output']}"


_WHEN: Final[Mapping[str, str]] = {
    "before": "before the fault",
    "method": "in the method",
    "after": "under the fault",
    "rollback": "in the end",
}


def _nanoseconds(stamp: str) -> int:
    """A time that Chaos Toolkit wrote, to its microsecond."""
    moment = datetime.fromisoformat(stamp)
    return int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1000
