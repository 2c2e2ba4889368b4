"""Judges of configuration objects: which are refused, which are accepted, and that their order is of no account."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from lbcert_reports.evidence import Admission, Evidence, Snapshot
from lbcert_reports.judges.registry import Judgement, Measurement, Unclear, judge, listed, ruling
from lbcert_reports.judges.spans import rows as present

_OF_THE_OBJECT: Final = range(400, 500)
"""Statuses by which an object is refused."""

_OF_SOMETHING_ELSE: Final = frozenset({401, 404, 405, 408, 409, 429})
"""Those that say nothing of the object: who asks, that there is no such kind, that it is there already, haste."""

_NOT_ASKED: Final = ("failed calling webhook", "does not support dry run", "denied the request: Unauthorized")
"""What the API server says where nobody looked at the object: a webhook that does not serve, or not for a dry run."""

_WITHOUT_REASON: Final = re.compile(
    r"""^(admission\ webhook\ "[^"]*"\ )?denied\ the\ request(:\s*|\ without\ explanation)?$""", re.VERBOSE
)
"""A refusal that says that it is one, and nothing else."""


@judge("objects-refused")
def objects_refused(admissions: Evidence[Admission], *, rows: dict[str, list[str]], control: list[str]) -> Judgement:
    """Each of some objects is refused, with words about what is wrong with it.

    The words are the implementation's own: those of the catalogue are counted, not demanded. A webhook that does not
    serve has refused nothing; and where an object without the mistake is refused too, refusals show nothing.

    Args:
        admissions: what was asked, and answered.
        rows: the rows that have to be refused, each with fragments of the message that the catalogue knows.
        control: rows that have to be accepted for the others to show anything: the same objects without the mistake.
    """
    answers = _answers(admissions, [*rows, *control])
    problems, unclear, refused = [], [], {}
    for row, words in rows.items():
        answer = answers[row]
        if answer["accepted"]:
            problems.append(f"{_named(answer)} was accepted")
        elif why := _unanswered(answer):
            unclear.append(why)
        else:
            message = " ".join(answer["message"].split())
            refused[row] = any(word.lower() in message.lower() for word in words) if words else None
            if not message or _WITHOUT_REASON.match(message):
                problems.append(f"{_named(answer)} was refused without a reason")
    unclear += [
        _unanswered(answer) or f"{_named(answer)}, which is valid, is refused too: {_said(answer)}"
        for answer in map(answers.__getitem__, control)
        if not answer["accepted"]
    ]
    worded = [each for each in refused.values() if each is not None]
    return ruling(
        problems,
        "every object was refused, with a reason",
        Measurement("objects refused", len(refused), "count", len(rows)),
        expected=f"a refusal (HTTP 4xx) with a reason for each of {len(rows)} objects",
        observed=f"{len(refused)} of {len(rows)} were refused; {sum(worded)} of {len(worded)} in the catalogue's words",
        short=listed(unclear),
    )


@judge("objects-accepted")
def objects_accepted(admissions: Evidence[Admission], *, rows: list[str]) -> Judgement:
    """Each of some objects is accepted.

    Args:
        admissions: what was asked, and answered.
        rows: the rows that have to be accepted.
    """
    answers = _answers(admissions, rows)
    problems, unclear = [], []
    for row in rows:
        if (answer := answers[row])["accepted"]:
            continue
        if why := _unanswered(answer):
            unclear.append(why)
        else:
            problems.append(f"{_named(answer)} was refused: {_said(answer)}")
    accepted = sum(answers[row]["accepted"] for row in rows)
    return ruling(
        problems,
        "every object was accepted",
        Measurement("objects accepted", accepted, "count", len(rows)),
        expected=f"each of {len(rows)} objects is accepted",
        observed=f"{accepted} of {len(rows)} were accepted",
        short=listed(unclear),
    )


@judge("orders-agree")
def orders_agree(states: Evidence[Snapshot], *, orders: int, expected: dict[str, Any]) -> Judgement:
    """The same objects end in the same state, in whatever order they were made.

    Args:
        states: a row for each order: the state in which it ended.
        orders: how many there have to be.
        expected: the state that the objects ask for: if no order ends in it, nothing can be said of orders.
    """
    ended = present(states, "states")
    short = f"{len(ended)} of {orders} orders were tried" if len(ended) < orders else ""
    way, *others = {_shown(each["value"], expected) for each in ended}
    if way and not others:
        raise Unclear(f"every order ended in {way}")
    odd = [each for each in ended if each["value"] != expected]
    problems = [f"{each['what']} ended in {_shown(each['value'], expected)}" for each in odd]
    return ruling(
        problems,
        "every order ended in the same state",
        Measurement("orders that ended in another state", len(odd), "count", len(ended)),
        expected=f"the same state after each of {orders} orders",
        observed=f"{len(ended) - len(odd)} of {len(ended)} orders ended in what the objects ask for",
        short=short,
    )


def _answers(admissions: Evidence[Admission], rows: Iterable[str]) -> Mapping[str, Admission]:
    """What was answered of each row.

    Raises:
        Unclear: a row was not asked, or more than once.
    """
    found: dict[str, Admission] = {}
    for answer in present(admissions, "admissions"):
        if answer["row"] in found:
            raise Unclear(f"{answer['row']!r} was asked more than once")
        found[answer["row"]] = answer
    if missing := [row for row in rows if row not in found]:
        raise Unclear(f"{listed(missing)} was not asked")
    return found


def _unanswered(answer: Admission) -> str:
    """Why an answer that is no acceptance is no refusal of the object either; empty if it is."""
    status, message = answer["status"], answer["message"]
    if (
        status in _OF_THE_OBJECT
        and status not in _OF_SOMETHING_ELSE
        and not any(each in message for each in _NOT_ASKED)
    ):
        return ""
    return f"{_named(answer)} was not looked at: {_said(answer)}"


def _named(answer: Admission) -> str:
    verb = "update" if answer["operation"] == "update" else "creation"
    return f"{answer['row']} ({verb} of {answer['kind']} {answer['name']})"


def _said(answer: Admission) -> str:
    return f"{answer['status']} {' '.join(answer['message'].split())[:300]}".strip()


def _shown(value: Any, expected: Mapping[str, Any]) -> str:
    """Where a state is not the expected one; empty if it is."""
    if not isinstance(value, Mapping):
        return str(value) or "nothing"
    parts = [
        f"{key}: {value.get(key)}, not {expected.get(key)}"
        for key in sorted({*value, *expected})
        if value.get(key) != expected.get(key)
    ]
    return listed(parts)
