"""Two reports side by side: changed verdicts first, then shifted measurements, then versions and environment.

`compare` is a pure function of two report documents. What it says of a measurement rests on the uncertainty that the
reports state: two intervals that have no point in common are a shift *beyond* their uncertainty, two that overlap
one *within* it; where a report states neither interval nor resolution, or rests on fewer than six trials, nothing can
be said. Where only one of them has a number, or each has its own unit, the two are *incomparable*.

Two runs that were asked for different parts of the suite differ in what ran. What one of them left out for that is
listed apart, and is no changed verdict.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from lbcert_reports.report import Report
from lbcert_reports.selection import left_out_by, one_family

ABSENT: Final = "absent"
"""The verdict on what one of the reports does not know."""

Comparison = dict[str, Any]
"""Plain JSON: ``old``, ``new``, ``changed``, ``certificates``, ``requirements``, ``cases``, ``leftOut``,
``measurements``, ``settings``."""

# From what a reader is glad of to what a reader has to act on.
_ORDER: Final = {
    word: rank
    for rank, words in enumerate(
        (
            ("pass", "conformant", "success"),
            ("noted", "not-applicable", "conformant with deviations"),
            ("expected-failure", "deviation"),
            ("inconclusive", "undetermined", "not-run", ABSENT, "error"),
            ("fail", "not conformant"),
        )
    )
    for word in words
}
_UNKNOWN: Final = _ORDER[ABSENT]
# As few give a 95 % confidence interval of the median; see `lbcert_reports.statistics.median_interval`.
_TRIALS: Final = 6
# Facts that differ between any two runs and explain nothing.
_RESTLESS: Final = ("environment.loadAverage", "environment.testbed.limits", "options.seed")
# The options that decide which cases are run.
_SELECTION: Final = ("only", "quick", "all", "trials")
# By what the rows of each table are named.
_KEYS: Final = {"certificates": "name", "requirements": "id", "cases": "testId"}


def compare(old: Report, new: Report) -> Comparison:
    """What changed from one report to another, both of the form ``report.schema.json``."""
    certificates = _changes(
        {each["name"]: {"verdict": each["certificate"], "reason": each["summary"]} for each in old["profiles"]},
        {each["name"]: {"verdict": each["certificate"], "reason": each["summary"]} for each in new["profiles"]},
        "name",
    )
    requirements = _changes(
        {each["id"]: {**each, "verdict": each["shown"]} for each in old["requirements"]},
        {each["id"]: {**each, "verdict": each["shown"]} for each in new["requirements"]},
        "id",
    )
    cases = _changes(
        {each["testId"]: each for each in old["results"]}, {each["testId"]: each for each in new["results"]}, "testId"
    )
    changes = {"certificates": certificates, "requirements": requirements, "cases": cases}
    left_out = {"old": _set_apart(changes, old, new), "new": _set_apart(changes, new, old)}
    return {
        "old": _identity(old),
        "new": _identity(new),
        "changed": any(changes.values()),
        **changes,
        "leftOut": left_out,
        "measurements": _shifts(old, new),
        "settings": _settings(old, new),
    }


def _identity(report: Report) -> dict[str, Any]:
    """What tells a reader which run it is."""
    return {
        "name": report["metadata"]["name"],
        "implementation": report["implementation"]["name"],
        "mode": report["implementation"]["mode"],
        "version": report["implementation"]["version"],
        "date": report["run"]["date"],
        "interrupted": report["run"]["interrupted"],
        "digest": report["run"]["journalDigest"],
    }


def _set_apart(changes: dict[str, list[dict[str, Any]]], report: Report, other: Report) -> dict[str, Any]:
    """Take out of the changes what was not run in a report since less was asked for; returns its names and why."""
    options, others = report["run"]["options"], other["run"]["options"]
    differ = any(options.get(each) != others.get(each) for each in _SELECTION)
    differ = differ or one_family(options) != one_family(others)  # both families are asked for by not saying so, too
    apart: dict[str, Any] = {"by": left_out_by(options)}
    for title, names in _left_out(report, other).items():
        key = _KEYS[title]
        apart[title] = [row[key] for row in changes[title] if differ and row[key] in names]
        changes[title] = [row for row in changes[title] if row[key] not in apart[title]]
    return apart


def _left_out(report: Report, other: Report) -> dict[str, set[str]]:
    """What a report has no verdict on as no case of its run was about it, and certificates that wait for that alone."""
    silent = {each["id"] for each in report["requirements"] if each["shown"] == "not-run" and not each["tests"]}
    return {
        "certificates": {
            each["name"]
            for each in report["profiles"]
            if each["certificate"] == "undetermined"
            and not report["run"]["interrupted"]
            and not each["core"]["unexpectedPasses"]
            and silent.issuperset(each["core"]["unknown"])
        },
        "requirements": silent,
        # a case is about no requirement where the cluster lacks the address family that it takes
        "cases": {each["testId"] for each in other["results"]}
        - {each["testId"] for each in report["results"] if each["requirementIds"]},
    }


def _changes(
    old: Mapping[str, Mapping[str, Any]], new: Mapping[str, Mapping[str, Any]], key: str
) -> list[dict[str, Any]]:
    """What has another verdict, the worst turn first."""
    rows = []
    for name in dict.fromkeys([*new, *old]):
        before, after = old.get(name, {}), new.get(name, {})
        was, became = before.get("verdict", ABSENT), after.get("verdict", ABSENT)
        if was != became:
            rows.append(
                {
                    key: name,
                    "title": (after or before).get("title", name),
                    "old": was,
                    "new": became,
                    "turn": _turn(was, became),
                    "oldReason": before.get("reason", ""),
                    "newReason": after.get("reason", ""),
                }
            )
    return sorted(rows, key=lambda row: ("worse", "other", "better").index(row["turn"]))


def _turn(was: str, became: str) -> str:
    """Whether it got worse or better; ``other`` if what is known of it changed, and not for the worse or better.

    What no longer applies, or is no longer known, is not better for it: nothing is known of what failed.
    """
    before, after = _ORDER.get(was, _UNKNOWN), _ORDER.get(became, _UNKNOWN)
    silent = became == "not-applicable" or after == _UNKNOWN
    if before == after or ABSENT in (was, became) or (after < before and silent):
        return "other"
    return "worse" if after > before else "better"


def _measured(report: Report) -> dict[tuple[str, str, str, int], Mapping[str, Any]]:
    """Every measurement by case, requirement, name and which of that name it is."""
    found: dict[tuple[str, str, str, int], Mapping[str, Any]] = {}
    for result in report["results"]:
        for judgement in result["judgements"]:
            for each in judgement["measurements"]:
                number = 0
                while (key := (result["testId"], judgement["requirement"], each["name"], number)) in found:
                    number += 1
                found[key] = each
    return found


def _shifts(old: Report, new: Report) -> list[dict[str, Any]]:
    """Measurements of both reports that differ: beyond their uncertainty first, each kind the largest first."""
    before, after = _measured(old), _measured(new)
    rows = [row for key, then in before.items() if (now := after.get(key)) and (row := _shift(key, then, now))]
    order = ("beyond", "incomparable", "unknown", "within")
    return sorted(rows, key=lambda row: (order.index(row["uncertainty"]), -abs(row["relative"] or 0.0)))


def _shift(key: tuple[str, str, str, int], then: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any] | None:
    """How one measurement shifted; None if it did not."""
    sides = {name: _side(each) for name, each in (("old", then), ("new", now))}
    what = {"testId": key[0], "requirement": key[1], "name": key[2], "unit": now["unit"]}
    if not _is_number(then["value"]) or not _is_number(now["value"]) or then["unit"] != now["unit"]:
        if then["value"] == now["value"] and then["unit"] == now["unit"]:
            return None
        return {**what, **sides, "shift": None, "relative": None, "uncertainty": "incomparable"}
    shift = now["value"] - then["value"]
    if not shift:
        return None
    was, became = sides["old"]["range"], sides["new"]["range"]
    if was is None or became is None:
        uncertainty = "unknown"
    else:
        uncertainty = "beyond" if was[1] < became[0] or became[1] < was[0] else "within"
    relative = shift / abs(then["value"]) if then["value"] else None
    return {**what, **sides, "shift": shift, "relative": relative, "uncertainty": uncertainty}


def _side(measurement: Mapping[str, Any]) -> dict[str, Any]:
    """What one report says of a measurement."""
    known = _is_number(measurement["value"])
    return {
        "value": measurement["value"] if known else None,
        "unit": measurement["unit"],
        "range": _range(measurement) if known else None,
        "n": measurement["n"],
    }


def _range(measurement: Mapping[str, Any]) -> list[float] | None:
    """Where the true value lies by the report: its interval, else as far as the method resolves.

    None if it rests on fewer than `_TRIALS`: their intervals say how well each was measured, not how they scatter.
    """
    if measurement["n"] < _TRIALS:
        return None
    interval, resolution, value = measurement["interval"], measurement["resolution"], measurement["value"]
    if interval and all(map(_is_number, interval)):
        return [min(interval), max(interval)]
    return [value - resolution, value + resolution] if _is_number(resolution) else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _settings(old: Report, new: Report) -> list[dict[str, Any]]:
    """Versions first, then the declared times, the options, and where it was measured: what differs."""
    before, after = dict(_facts(old)), dict(_facts(new))
    return [
        {"name": name, "old": before.get(name), "new": after.get(name)}
        for name in dict.fromkeys([*after, *before])
        if before.get(name) != after.get(name)
    ]


def _facts(report: Report) -> Iterator[tuple[str, Any]]:
    for part, tree in (
        ("implementation", report["implementation"]),
        ("suite", report["suite"]),
        ("options", report["run"]["options"]),
        ("environment", report["environment"]),
    ):
        for name, value in _leaves(part, tree):
            if not name.startswith(_RESTLESS):
                yield name, value


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _leaves(f"{name}.{key}", each)
    elif isinstance(value, list) and any(isinstance(each, Mapping | list) for each in value):
        for number, each in enumerate(value, start=1):
            yield from _leaves(f"{name} {number}", each)
    else:
        yield name, value
