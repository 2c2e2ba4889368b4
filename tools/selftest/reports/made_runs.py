"""Journals made in memory, for tests that say in a line what happened in a run."""

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any

import msgspec

from lbcert_reports import report
from lbcert_reports.evidence import Evidence
from lbcert_reports.journal import Event, Journal

START = 1_795_000_000_000_000_000


def clock() -> Callable[[], int]:
    """A clock that shows 0, and a minute more each time that it is looked at, ns."""
    return count(0, 60 * 1_000_000_000).__next__


def line(event: Mapping[str, Any]) -> str:
    """An event as a line of a journal, as it is written there."""
    return msgspec.json.encode(event).decode() + "\n"


def requirement(name: str, level: str = "MUST", profile: str = "core-l2") -> dict[str, str]:
    return {
        "id": name,
        "title": f"About {name}",
        "level": level,
        "profile": profile,
        "statement": "So it is.",
        "source": "doc",
    }


def verdict(name: str, word: str, **fields: Any) -> dict[str, Any]:
    """A verdict on a requirement; `measurements` are put before it."""
    texts = {"judge": "some", "inputs": {}, "bound": {}, "reason": "because", "expected": "this", "observed": "that"}
    return {"requirement": name, "verdict": word, **texts, **fields}


def measurement(name: str = "gap", value: float | None = 1.0, unit: str = "s", **fields: Any) -> dict[str, Any]:
    """A measurement; `bound` as (value, op)."""
    value_and_op = fields.pop("bound", None)
    limit = None if value_and_op is None else {"value": value_and_op[0], "op": value_and_op[1], "derivation": "a rule"}
    rest = {"interval": None, "n": 1, "method": "", "resolution": None, "samples": None}
    return {"name": name, "value": value, "unit": unit, **rest, "bound": limit, **fields}


def case(
    name: str,
    *verdicts: Mapping[str, Any],
    covers: Sequence[str] | None = None,
    outcome: str | None = "pass",
    error: Mapping[str, str] | None = None,
    **plan: Any,
) -> dict[str, Any]:
    """A case of a made run; an outcome of None leaves it unfinished, ``unstarted`` not even begun."""
    ids = covers if covers is not None else [each["requirement"] for each in verdicts]
    entry = {
        "case": name,
        "title": f"Case {name}",
        "text": "",
        "area": "l2",
        "requirements": list(ids),
        "needs": [],
        "catches": [],
    }
    return {"plan": entry | plan, "verdicts": verdicts, "outcome": outcome, "error": error}


def journal(
    *cases: Mapping[str, Any],
    requirements: Sequence[Mapping[str, str]] | None = None,
    finished: bool = True,
    profile: Mapping[str, Any] | None = None,
    **start: Any,
) -> Journal:
    """The journal of a run with these cases; by default each requirement that they cover is a MUST of core-l2."""
    ids = dict.fromkeys(each for one in cases for each in one["plan"]["requirements"])
    known = requirements if requirements is not None else [requirement(each) for each in ids]
    events: list[tuple[str, dict[str, Any]]] = [
        (
            "run-started",
            {
                "run": "made",
                "suite": {"version": "1"},
                "profile": {"name": "made", "version": "1", **(profile or {})},
                "testbed": {"name": "none"},
                "environment": {},
                "command": ["lbcert", "certify"],
                "options": {},
                "plan": [one["plan"] for one in cases],
                "requirements": {each["id"]: dict(each) for each in known},
                **start,
            },
        )
    ]
    for one in cases:
        events += _of_case(one)
    if finished:
        events.append(("run-finished", {"cases": {}, "duration": 1.0}))
    return Journal(
        [
            Event(START + number * 1_000_000, "main", number, name, fields)
            for number, (name, fields) in enumerate(events)
        ],
        (),
    )


def _of_case(one: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    name = one["plan"]["case"]
    if one["outcome"] == "unstarted":
        return []
    events: list[tuple[str, dict[str, Any]]] = [("case-started", {"case": name})]
    for each in one["verdicts"]:
        fields = dict(each)
        about = {"case": name, "requirement": fields["requirement"]}
        events += [("measurement", about | number) for number in fields.pop("measurements", ())]
        events.append(("verdict", {"case": name, **fields}))
    if one["outcome"] is not None:
        events.append(
            ("case-finished", {"case": name, "outcome": one["outcome"], "duration": 0.5, "error": one["error"]})
        )
    return events


def build(*cases: Mapping[str, Any], **run: Any) -> report.Report:
    """The report of a made run, held against the schema."""
    document = report.build(journal(*cases, **run), _no_evidence)
    report.validate(document)
    return document


def _no_evidence(path: str) -> Evidence[Any]:
    raise AssertionError(f"a made run has no evidence {path}")


def of(document: report.Report, name: str) -> dict[str, Any]:
    """One requirement of a report."""
    found: dict[str, Any] = next(each for each in document["requirements"] if each["id"] == name)
    return found


def certificates(document: report.Report) -> dict[str, str]:
    """Each profile's certificate."""
    return {each["name"]: each["certificate"] for each in document["profiles"]}
