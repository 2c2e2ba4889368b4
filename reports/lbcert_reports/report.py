"""The report: what a run came to, as one document.

`build` is a pure function of the journal, and of the evidence from which the pictures are drawn; HTML, JUnit and
the badge are pure functions of the document. Its form is ``report.schema.json``: fields that mean the same as in
Gateway API's conformance report have the same name, so that table generators can be shared.
"""

import hashlib
import json
import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Final

import jsonschema

from lbcert_reports import panels
from lbcert_reports.calibrations import doubts, is_calibration
from lbcert_reports.evidence import Evidence, probe_of
from lbcert_reports.journal import Event, Journal
from lbcert_reports.judges.calibration import Gap, groups, measure
from lbcert_reports.located import LocatedError
from lbcert_reports.selection import one_family
from lbcert_reports.timelines import stamp
from lbcert_reports.verdicts import Certificate, Result, Verdict, certify, combine, declared, profiles_of

API_VERSION: Final = "lbcert.io/v1alpha1"
KIND: Final = "LBConformanceReport"

Report = dict[str, Any]
"""A document of the form ``report.schema.json``."""

RESULTS: Final[Mapping[Result, str]] = {
    Result.CONFORMANT: "success",
    Result.DEVIATIONS: "success",
    Result.NOT_CONFORMANT: "failure",
    Result.UNDETERMINED: "inconclusive",
}
"""Gateway API's word for each statement; its ``partial`` is not used, since it can be taken for a success."""


class ReportError(LocatedError):
    """No report can be made of what the run directory holds, or a report is not what its schema says."""


@dataclass
class _Case:
    """Everything the journal says about one case."""

    plan: Mapping[str, Any]
    attempts: int = 0
    finished: Mapping[str, Any] | None = None
    evidence: list[Mapping[str, Any]] = field(default_factory=list)
    faults: list[dict[str, Any]] = field(default_factory=list)
    judgements: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    doubted: bool = False
    """whether one of its verdicts does not stand: how it ended then does not either"""

    @property
    def outcome(self) -> Verdict:
        """What the case came to in the light of the profile's declarations; not-run unless it ended."""
        if self.finished is None:
            return Verdict.NOT_RUN
        outcome = Verdict(self.finished["outcome"])
        effective = combine(Verdict(each["outcome"]) for each in self.judgements)
        if self.doubted:
            return combine([effective, *([Verdict.ERROR] if self.finished["error"] else [])])
        explained = Verdict.EXPECTED_FAILURE in {each["outcome"] for each in self.judgements}
        return effective if outcome is Verdict.FAIL and explained and not self.finished["error"] else outcome

    @property
    def reason(self) -> str:
        """Why, in one sentence."""
        if self.finished is None:
            return "the run ended while the case ran" if self.attempts else "the run ended before the case began"
        if error := self.finished["error"]:
            return f"{error.get('type', 'error')}: {error.get('message', '')}".removesuffix(": ")
        if self.outcome is Verdict.NOT_APPLICABLE and self.notes:
            return self.notes[-1]
        worst = combine(Verdict(each["outcome"]) for each in self.judgements)
        return next((each["reason"] for each in self.judgements if each["outcome"] == worst), "")


def build(journal: Journal, evidence: Callable[[str], Evidence[Any]], place: str = "journal") -> Report:
    """Make the report of a run.

    Args:
        journal: the run's journal; without a ``run-finished`` event the run is reported as interrupted.
        evidence: gives an evidence file by its path within the run directory; only the pictures are drawn from it.
        place: what an error calls the journal.

    Raises:
        ReportError: if the journal does not begin a run, or its events do not fit together.
        EvidenceError: if evidence that the journal names cannot be read.
    """
    starts = journal.of("run-started")
    if not starts:
        hint = "the run ended before it began; there is nothing to report"
        raise ReportError(place, "has no run-started event", hint)
    try:
        return _built(journal, starts[0], evidence)
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        hint = "was it written by this version of lbcert?"
        raise ReportError(place, f"its events do not fit together: {type(error).__name__}: {error}", hint) from error


def _built(journal: Journal, start: Event, evidence: Callable[[str], Evidence[Any]]) -> Report:
    expected_failures = _expected_failures(start["profile"])
    cases = _cases(journal, start, expected_failures)
    requirements = _requirements(start, cases, expected_failures)
    certificates = _certificates(start, cases, journal.finished, expected_failures)
    drawings = panels.draw(
        [(test, case.plan, case.faults, case.evidence, case.judgements) for test, case in cases.items()], evidence
    )
    report = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": start["run"]},
        "implementation": _implementation(start["profile"]),
        "suite": {"version": "", "commit": "", "catalogueVersion": "", "modified": False, **start["suite"]},
        "run": _run(journal, start, cases),
        "environment": {**start["environment"], "testbed": dict(start["testbed"])},
        "summary": _summary(journal, start, cases, requirements, certificates, drawings),
        "profiles": [_profile(each, start, cases, requirements) for each in certificates],
        "features": _features(start, cases, requirements),
        "requirements": requirements,
        "results": [_result(test, case) for test, case in cases.items()],
        "evidence": [
            {key: each[key] for key in ("path", "sha256", "kind", "name", "rows", "bytes")} | {"testId": test}
            for test, each in [
                *((test, each) for test, case in cases.items() for each in case.evidence),
                *(("", each.fields) for each in journal.of("evidence") if each["case"] is None),
            ]
        ],
        "calibration": _calibration(journal, evidence),
        "provisional": {
            "succeededTests": _provisional(cases, Verdict.PASS),
            "failedTests": _provisional(cases, Verdict.FAIL),
        },
        "panels": drawings,
    }
    document: Report = _clean(report)
    return document


def validate(report: Report, place: str = "report.json") -> None:
    """Hold a report against the schema.

    Raises:
        ReportError: naming the first field that is not as the schema says.
    """
    error = jsonschema.exceptions.best_match(_validator().iter_errors(report))
    if error is not None:
        raise ReportError(f"{place}: {error.json_path}", error.message[:500])


def schema() -> dict[str, Any]:
    """The JSON Schema of the report, as shipped."""
    document: dict[str, Any] = json.loads((files(__package__) / "report.schema.json").read_text("utf-8"))
    return document


@cache
def _validator() -> jsonschema.Draft202012Validator:
    jsonschema.Draft202012Validator.check_schema(schema())
    return jsonschema.Draft202012Validator(schema())


def _cases(journal: Journal, start: Event, expected_failures: Mapping[str, str]) -> dict[str, _Case]:
    """What is known of every planned case, in the order of the plan."""
    cases = {each["case"]: _Case(each) for each in start["plan"]}
    pending: dict[tuple[str, str], list[dict[str, Any]]] = {}
    doubted = doubts(journal.events)
    for event in journal.events:
        fields = dict(event.fields)
        if (name := fields.get("case")) is None:
            continue
        case = cases.setdefault(name, _Case({"case": name}))
        match event.event:
            case "case-started":
                case.attempts += 1
            case "case-finished":
                case.finished = fields
            case "evidence":
                case.evidence.append(fields)
            case "fault":
                panels.merge_fault(case.faults, fields)
            case "note":
                case.notes.append(fields["text"])
            case "measurement":
                pending.setdefault((name, fields["requirement"]), []).append(_measurement(fields))
            case "verdict":
                rests_on = pending.pop((name, fields["requirement"]), [])
                doubt = doubted.get((event.writer, event.seq), "")
                case.doubted |= bool(doubt)
                case.judgements.append(_judgement(fields, rests_on, fields["requirement"] in expected_failures, doubt))
    return cases


def _measurement(fields: Mapping[str, Any]) -> dict[str, Any]:
    names = ("name", "value", "unit", "interval", "n", "method", "resolution", "bound", "samples")
    measurement = {name: fields.get(name) for name in names}
    return measurement | {"margin": margin(measurement)}


def margin(measurement: Mapping[str, Any]) -> dict[str, float | None] | None:
    """How far a measurement stays within its bound.

    The unfavourable end of the interval counts. A negative margin means that the bound is missed.

    Returns:
        ``value`` in the measurement's unit, ``relative`` to the bound (None if that is 0); None if there is no
        number to compare.
    """
    bound, value = measurement["bound"], measurement["value"]
    if bound is None or not _is_number(value) or not _is_number(bound["value"]):
        return None
    low, high = measurement["interval"] or (value, value)
    limit = bound["value"]
    spare = {"<=": limit - max(high, value), ">=": min(low, value) - limit, "==": -abs(value - limit)}.get(bound["op"])
    if spare is None:
        return None
    return {"value": spare, "relative": spare / abs(limit) if limit else None}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _judgement(
    fields: Mapping[str, Any], measurements: list[dict[str, Any]], expected_failure: bool, doubt: str
) -> dict[str, Any]:
    names = ("requirement", "judge", "verdict", "reason", "expected", "observed", "bound", "inputs")
    if doubt:
        said = f"{doubt} (otherwise {fields['verdict']}: {fields['reason']})"
        fields = {**fields, "verdict": Verdict.INCONCLUSIVE, "reason": said}
    outcome = declared(Verdict(fields["verdict"]), expected_failure=expected_failure)
    return {name: fields[name] for name in names} | {"outcome": outcome, "measurements": measurements}


def _calibration(journal: Journal, evidence: Callable[[str], Evidence[Any]]) -> dict[str, Any]:
    """Each calibration of the run, and what all together say of each probe, by length and method of the gaps."""
    made = [event for event in journal.events if is_calibration(event)]
    measured: dict[tuple[str, int], list[Gap]] = {}
    for event in made:
        if "stream" not in event["inputs"]:
            continue  # it could not be made
        gaps, stream = (evidence(event["inputs"][role]) for role in ("gaps", "stream"))
        found = measured.setdefault((probe_of(stream.meta), stream.meta["period"]), [])
        found += measure(gaps, stream, event["bound"]["sizes"])
    return {
        "made": [
            {
                "date": stamp(event.t),
                "writer": event.writer,
                "probes": event.fields.get("probes", []),
                "accepted": event["verdict"] == Verdict.PASS,
                "reason": event["reason"],
            }
            for event in made
        ],
        "gaps": [
            {
                "probe": probe,
                "method": group.method,
                "size": group.size,
                "n": group.n,
                "void": group.void,
                "bias": group.bias,
                "spread": list(group.spread),
                "allowed": group.allowed,
                "accepted": not group.flaws,
            }
            for (probe, period), gaps in sorted(measured.items())
            for group in groups(gaps, period)
        ],
    }


def _expected_failures(profile: Mapping[str, Any]) -> dict[str, str]:
    """Requirements that the profile declares to fail, with the reason it gives."""
    entries = profile.get("expected_failures", ())
    if isinstance(entries, Mapping):
        return {name: str(reason) for name, reason in entries.items()}
    return {
        each if isinstance(each, str) else each["id"]: "" if isinstance(each, str) else str(each.get("reason", ""))
        for each in entries
    }


def _covering(cases: Mapping[str, _Case], requirement: str) -> dict[str, _Case]:
    """The cases that cover a requirement, and those that judged it all the same."""
    return {
        test: case
        for test, case in cases.items()
        if requirement in case.plan.get("requirements", ())
        or any(each["requirement"] == requirement for each in case.judgements)
    }


def _verdicts(case: _Case, requirement: str) -> list[Verdict]:
    """What a case says about a requirement.

    A case that ends without a word on it has not passed it; one that broke or was cut off leaves every requirement
    that it covers unknown, as does an outcome that its judgements do not explain.
    """
    verdicts = [Verdict(each["verdict"]) for each in case.judgements if each["requirement"] == requirement]
    explained = {combine(Verdict(each[word]) for each in case.judgements) for word in ("verdict", "outcome")}
    if case.finished is None:
        return [*verdicts, Verdict.NOT_RUN]
    if case.finished["error"]:
        return [*verdicts, Verdict.ERROR]
    if case.outcome not in explained:
        return [*verdicts, Verdict.NOT_RUN if case.outcome is Verdict.PASS else case.outcome]
    return verdicts or [Verdict.NOT_RUN]


def _requirements(
    start: Event, cases: Mapping[str, _Case], expected_failures: Mapping[str, str]
) -> list[dict[str, Any]]:
    return [
        _requirement(name, each, _covering(cases, name), name in expected_failures, expected_failures.get(name, ""))
        for name, each in start["requirements"].items()
    ]


def _requirement(
    name: str,
    text: Mapping[str, Any],
    cases: Mapping[str, _Case],
    expected_failure: bool,
    expected_reason: str,
) -> dict[str, Any]:
    combined = combine(each for case in cases.values() for each in _verdicts(case, name))
    verdict = declared(combined, expected_failure=expected_failure)
    judgements = [each for case in cases.values() for each in case.judgements if each["requirement"] == name]
    decisive = min((each for each in judgements if each["verdict"] == combined), key=_least_margin, default=None)
    tightest = min(
        (one for each in judgements for one in each["measurements"] if one["margin"]), key=_tightness, default=None
    )
    return {
        "id": name,
        **{field: text.get(field, "") for field in ("title", "level", "profile", "statement", "source")},
        "area": name.partition("-")[0],
        "verdict": verdict,
        "shown": _shown(verdict, text.get("level", "")),
        "reason": decisive["reason"] if decisive else _silence(cases, combined),
        "expected": decisive["expected"] if decisive else "",
        "observed": decisive["observed"] if decisive else "",
        "measurement": tightest,
        "expectedFailure": {"declared": expected_failure, "reason": expected_reason},
        "unexpectedPass": expected_failure and combined is Verdict.PASS,
        "tests": list(cases),
        "catches": sorted({each for case in cases.values() for each in case.plan.get("catches", ())}),
    }


def _least_margin(judgement: Mapping[str, Any]) -> float:
    return min((_tightness(each) for each in judgement["measurements"] if each["margin"]), default=math.inf)


def _tightness(measurement: Mapping[str, Any]) -> float:
    """Relative margin; an exact count that is met says less than any bound that might be missed."""
    spare = measurement["margin"]
    if spare["value"] < 0:
        return float(spare["relative"] if spare["relative"] is not None else -math.inf)
    return 1e9 if spare["relative"] is None or measurement["bound"]["op"] == "==" else float(spare["relative"])


def _silence(cases: Mapping[str, _Case], verdict: Verdict) -> str:
    """Why no judgement decides: what the case itself came to."""
    if not cases:
        return "no case of this run covers it"
    for case in cases.values():
        broke = verdict is Verdict.ERROR and case.finished is not None and case.finished["error"]
        if (broke or case.outcome is verdict) and case.reason:
            return case.reason
    return "no case came to a judgement on it"


def _shown(verdict: Verdict, level: str) -> str:
    """The word a reader sees: a SHOULD that is missed is a deviation, a MAY is only noted."""
    if verdict is not Verdict.FAIL or level.startswith("MUST"):
        return verdict
    return "deviation" if level == "SHOULD" else "noted"


def _certificates(
    start: Event, cases: Mapping[str, _Case], finished: bool, expected_failures: Mapping[str, str]
) -> list[Certificate]:
    """One for each conformance profile the implementation claims, else for each that it can have.

    A profile of which no requirement is in scope, or none applies, gets no certificate.
    """
    requirements = start["requirements"]
    verdicts = {
        each: [verdict for case in _covering(cases, each).values() for verdict in _verdicts(case, each)]
        for each in requirements
    }
    names = dict.fromkeys(name for each in requirements.values() for name in profiles_of(each))
    wanted = start["profile"].get("conformance") or sorted(names, key=_profile_order)
    certificates = [
        certify(name, requirements, verdicts, finished=finished, expected_failures=expected_failures) for name in wanted
    ]
    return [each for each in certificates if set(each.verdicts.values()) - {Verdict.NOT_APPLICABLE}]


def _profile_order(name: str) -> tuple[int, str]:
    return (["core-l2", "core-bgp"].index(name) if name.startswith("core") else 2, name)


def _implementation(profile: Mapping[str, Any]) -> dict[str, Any]:
    texts = {name: str(profile.get(name, "")) for name in ("organization", "project", "url", "version")}
    contact = profile.get("contact", [])
    return {
        "name": str(profile.get("product") or profile.get("name") or texts["project"]),
        "mode": str(profile.get("mode", "")),
        **texts,
        "contact": [contact] if isinstance(contact, str) else list(contact),
        "images": dict(profile.get("images", {})),
        "declaredTimers": dict(profile.get("timers", {})),
        "profile": {name: str(profile.get(name, "")) for name in ("name", "path", "sha256")},
    }


def _run(journal: Journal, start: Event, cases: Mapping[str, _Case]) -> dict[str, Any]:
    last = journal.events[-1]
    finish = journal.of("run-finished")
    command = start["command"]
    return {
        "date": stamp(start.t),
        "finished": stamp(finish[0].t) if finish else None,
        "interrupted": not journal.finished,
        "duration": float(finish[0]["duration"]) if finish else (last.t - start.t) / 1e9,
        "command": command if isinstance(command, str) else " ".join(map(_quoted, command)),
        "options": dict(start["options"]),
        "labMode": str(start["testbed"].get("name", "")),
        "planned": len(start["plan"]),
        "ran": sum(case.finished is not None for case in cases.values()),
        "phases": _phases(journal),
        "journalDigest": journal_digest(journal),
        "torn": [each.place.rpartition("/")[2] for each in journal.torn],
        "notes": [event["text"] for event in journal.of("note") if event["case"] is None],
    }


def _quoted(word: object) -> str:
    text = str(word)
    return text if re.fullmatch(r"[\w@%+=:,./-]+", text) else "'" + text.replace("'", "'\\''") + "'"


def _phases(journal: Journal) -> list[dict[str, Any]]:
    """Wall time by phase, in the order in which phases first began; parallel workers add up."""
    began: dict[tuple[str, str], int] = {}
    total: dict[str, float] = {}
    for event in journal.of("phase"):
        key = (event.writer, event["name"])
        total.setdefault(event["name"], 0.0)
        if event["state"] == "begin":
            began[key] = event.t
        elif event["state"] == "end" and key in began:
            total[event["name"]] += (event.t - began.pop(key)) / 1e9
    return [{"name": name, "seconds": round(seconds, 3)} for name, seconds in total.items()]


def journal_digest(journal: Journal) -> str:
    """SHA-256 over all events; the digests of the evidence are among them, so it stands for the whole bundle."""
    digest = hashlib.sha256()
    for each in journal.events:
        row = [each.writer, each.seq, each.t, each.event, dict(each.fields)]
        digest.update(json.dumps(row, sort_keys=True).encode() + b"\n")
    return digest.hexdigest()


def _summary(
    journal: Journal,
    start: Event,
    cases: Mapping[str, _Case],
    requirements: list[dict[str, Any]],
    certificates: list[Certificate],
    drawings: Mapping[str, Any],
) -> dict[str, Any]:
    def ids(*verdicts: Verdict, **fields: object) -> list[str]:
        return [
            each["id"]
            for each in requirements
            if each["verdict"] in verdicts and all(each[name] == value for name, value in fields.items())
        ]

    binding = {each["id"] for each in requirements if each["level"] != "MAY"}
    return {
        "requirements": _tally(each["shown"] for each in requirements),
        "cases": _tally(str(case.outcome) for case in cases.values()),
        "whyNot": {
            "failed": ids(Verdict.FAIL, shown="fail"),
            "deviations": ids(Verdict.FAIL, shown="deviation"),
            "inconclusive": ids(Verdict.INCONCLUSIVE),
            "notRun": [each for each in ids(Verdict.NOT_RUN) if each in binding],
            "errors": ids(Verdict.ERROR),
            "expectedFailures": ids(Verdict.EXPECTED_FAILURE),
            "unexpectedPasses": [each["id"] for each in requirements if each["unexpectedPass"]],
        },
        "limits": _limits(journal, start, cases, certificates, drawings),
    }


def _tally(words: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    return counts


def _limits(
    journal: Journal,
    start: Event,
    cases: Mapping[str, _Case],
    certificates: list[Certificate],
    drawings: Mapping[str, Any],
) -> list[str]:
    """What the reader must not conclude from this report."""
    limits = []
    if not journal.finished:
        ran = sum(case.finished is not None for case in cases.values())
        limits.append(f"The run was interrupted: {ran} of {len(cases)} planned cases ended.")
    if not certificates:
        limits.append("No requirement of any conformance profile applies: there is nothing to certify.")
    silent = set(start["profile"].get("conformance", ())) - {each.profile for each in certificates}
    if certificates and silent:
        limits.append(f"Nothing is certified of {', '.join(sorted(silent))}: no case of this suite is about it.")
    if alone := one_family(start["testbed"]):
        limits.append(f"The cluster is {alone}: nothing is said about the other address family.")
    options = start["options"]
    if options.get("only"):
        only = options["only"]
        words = only if isinstance(only, str) else ", ".join(map(str, only))
        limits.append(f"Only a part of the suite was asked for: {words}.")
    if outages := [each for each in drawings["failover"] if each["traffic"]]:
        claims = {len(each["trials"]): each["claim"] for each in outages}
        ends = sorted({min(claims), max(claims)})
        bounds = [
            f"of {count} bounds the {math.floor(claims[count]['quantile'] * 100)}th percentile"
            f" at {claims[count]['level'] * 100:.0f} % confidence"
            for count in ends
        ]
        times = " to ".join(map(str, ends))
        limits.append(
            f"Timed faults were tried {times} {'time' if times == '1' else 'times'}, as their plots say;"
            f" the longest gap {', '.join(bounds)}, and no higher one."
        )
    limits += [str(each) for each in start["testbed"].get("limits", ())]
    return limits


def _profile(
    certificate: Certificate, start: Event, cases: Mapping[str, _Case], requirements: list[dict[str, Any]]
) -> dict[str, Any]:
    members = [each for each in requirements if each["id"] in certificate.verdicts]
    tests = dict.fromkeys(test for each in members for test in each["tests"])
    shown = _tally(each["shown"] for each in members)
    sentence = _sentence(certificate, shown, {each["id"] for each in members if each["level"] != "MAY"})
    features = {feature for test in tests for feature in cases[test].plan.get("needs", ()) if isinstance(feature, str)}
    claims = claimed(start["profile"])
    failing = {
        feature
        for test in tests
        for feature in cases[test].plan.get("needs", ())
        if cases[test].outcome in (Verdict.FAIL, Verdict.EXPECTED_FAILURE)
    }
    return {
        "name": certificate.profile,
        "certificate": certificate.result,
        "result": RESULTS[certificate.result],
        "summary": ", ".join(filter(None, (sentence, one_family(start["testbed"])))),
        "core": {
            "result": RESULTS[certificate.result],
            "statistics": {
                "passed": shown.get("pass", 0),
                "nonStrict": shown.get("deviation", 0) + shown.get("noted", 0),
                "failed": shown.get("fail", 0),
                "expectedFailure": shown.get("expected-failure", 0),
                "inconclusive": shown.get("inconclusive", 0),
                "skipped": shown.get("not-run", 0),
                "harnessError": shown.get("error", 0),
                "notApplicable": shown.get("not-applicable", 0),
            },
            "failedTests": [test for test in tests if cases[test].outcome is Verdict.FAIL],
            "skippedTests": [test for test in tests if cases[test].outcome is Verdict.NOT_RUN],
            "failedRequirements": list(certificate.failed),
            "deviations": list(certificate.deviations),
            "unknown": list(certificate.unknown),
            "unexpectedPasses": list(certificate.unexpected_passes),
        },
        "extended": {
            "supportedFeatures": sorted((features & claims) - failing),
            "unsupportedFeatures": sorted(features - claims),
            "declaredButFailing": sorted(features & claims & failing),
        },
    }


def _sentence(certificate: Certificate, shown: Mapping[str, int], binding: Collection[str]) -> str:
    """What a certificate rests on, in counts that come to all requirements that apply.

    Args:
        certificate: the certificate.
        shown: how many of its requirements show each word.
        binding: those of its requirements that are no MAY.
    """
    applicable = len(certificate.verdicts) - shown.get("not-applicable", 0)
    words = [f"{shown.get('pass', 0)} of {applicable} requirements pass"]
    if certificate.failed:
        words.append(f"{len(certificate.failed)} missed{_declared(certificate, certificate.failed)}")
    if certificate.deviations:
        many = len(certificate.deviations)
        words.append(f"{many} deviation{'s' * (many > 1)}{_declared(certificate, certificate.deviations)}")
    optional = {each: verdict for each, verdict in certificate.verdicts.items() if each not in binding}
    if noted := [each for each, verdict in optional.items() if verdict in (Verdict.FAIL, Verdict.EXPECTED_FAILURE)]:
        words.append(f"{len(noted)} noted")
    known = (Verdict.PASS, Verdict.NOT_APPLICABLE)
    silent = [each for each, verdict in optional.items() if verdict not in known and each not in noted]
    if certificate.unknown or silent:
        of_them = f" ({len(silent)} optional)" if silent else ""
        words.append(f"nothing can be said of {len(certificate.unknown) + len(silent)}{of_them}")
    if certificate.unexpected_passes:
        words.append(f"{len(certificate.unexpected_passes)} declared to fail pass")
    return ", ".join(words)


def _declared(certificate: Certificate, missed: Collection[str]) -> str:
    """How many of those that are missed the profile declares to be."""
    many = sum(certificate.verdicts[each] is Verdict.EXPECTED_FAILURE for each in missed)
    return f", {many} of them declared" if many else ""


def claimed(profile: Mapping[str, Any]) -> set[str]:
    """The capabilities that the profile declares, as a list of names or a table of name = true."""
    capabilities = profile.get("capabilities", ())
    if isinstance(capabilities, Mapping):
        return {name for name, has in capabilities.items() if has}
    return {str(each) for each in capabilities}


def _features(start: Event, cases: Mapping[str, _Case], requirements: list[dict[str, Any]]) -> list[dict[str, Any]]:
    claims = claimed(start["profile"])
    needed = {need for case in cases.values() for need in case.plan.get("needs", ())}
    rows = []
    for name in sorted(needed | claims):
        tests = {test: case for test, case in cases.items() if name in case.plan.get("needs", ())}
        # A requirement may have other cases too; they say nothing about what is not even claimed.
        covered = [each for each in requirements if name in claims and set(each["tests"]) & tests.keys()]
        verdict = combine(Verdict(each["verdict"]) for each in covered) if name in claims else Verdict.NOT_APPLICABLE
        shown = {each["shown"] for each in covered if each["verdict"] == verdict}
        rows.append(
            {
                "name": name,
                "declared": name in claims,
                "verdict": verdict,
                "shown": next((word for word in ("fail", "deviation", "noted") if word in shown), verdict),
                "statistics": _tally(each["shown"] for each in covered),
                "requirements": [each["id"] for each in covered],
                "tests": list(tests),
            }
        )
    return rows


def _judged_ids(case: _Case) -> list[str]:
    ids = [*case.plan.get("requirements", ()), *(each["requirement"] for each in case.judgements)]
    return list(dict.fromkeys(ids))


def _provisional(cases: Mapping[str, _Case], verdict: Verdict) -> list[str]:
    """The cases on trial themselves that came to a verdict."""
    return [test for test, case in cases.items() if case.plan.get("provisional") and case.outcome is verdict]


def _result(name: str, case: _Case) -> dict[str, Any]:
    return {
        "testId": name,
        "title": str(case.plan.get("title", name)),
        "text": str(case.plan.get("text", "")),
        "area": str(case.plan.get("area", "")),
        "requirementIds": _judged_ids(case),
        "needs": list(case.plan.get("needs", ())),
        "catches": list(case.plan.get("catches", ())),
        "verdict": case.outcome,
        "reason": case.reason,
        "attempts": case.attempts,
        "duration": float(case.finished["duration"]) if case.finished else None,
        "error": dict(case.finished["error"]) if case.finished and case.finished["error"] else None,
        "judgements": case.judgements,
        "faults": [
            {
                **fault,
                "began": stamp(fault["began"]),
                "effective": stamp(fault["effective"]),
                "healed": stamp(fault["healed"]) if fault["healed"] else None,
            }
            for fault in case.faults
        ],
        "evidence": [each["path"] for each in case.evidence],
        "notes": case.notes,
    }


# Not allowed in XML 1.0, or halves of a pair that no encoding can write: whoever named a thing so gets U+FFFD.
_UNSPEAKABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def _clean(value: Any) -> Any:
    """The same document with plain JSON values only: no unprintable text, no number that is not one."""
    if isinstance(value, str):
        return _UNSPEAKABLE.sub("\ufffd", str(value))
    if isinstance(value, Mapping):
        return {_clean(str(key)): _clean(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
