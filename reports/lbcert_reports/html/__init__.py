"""The report as one HTML file that needs nothing else: no network, no framework, no font.

`render` is a pure function of the report document. Everything that comes from outside (names, reasons, observations)
is escaped by the template engine, and the page forbids itself every script but its own by its digest.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final

import jinja2
from markupsafe import Markup

from lbcert_reports.bundle import SUFFIX
from lbcert_reports.html import again, plots, wording
from lbcert_reports.matrix import Matrix, by_requirement
from lbcert_reports.selection import one_family
from lbcert_reports.verdicts import profiles_of

WORDS: Final[Mapping[str, str]] = {
    "pass": "pass",
    "fail": "fail",
    "deviation": "deviation",
    "inconclusive": "inconclusive",
    "not-run": "not run",
    "error": "error",
    "expected-failure": "expected failure",
    "noted": "noted",
    "not-applicable": "not applicable",
}
"""Every verdict that is shown, from the reader's first interest to the last but for pass, and how it is written."""

MEANINGS: Final[Mapping[str, str]] = {
    "pass": "the evidence shows that the requirement is met",
    "fail": "the evidence shows that a MUST is missed",
    "deviation": "the evidence shows that a SHOULD is missed",
    "inconclusive": "the evidence does not allow a verdict",
    "not-run": "no case came to a verdict",
    "error": "the suite or the testbed broke; nothing is said of the implementation",
    "expected-failure": "missed, as the implementation's profile declares",
    "noted": "a MAY that is not offered; recorded only",
    "not-applicable": "the implementation does not claim the capability, or the cluster has not the address family",
}

LIMITS: Final[Mapping[str, str]] = {"<=": "at most", ">=": "at least", "==": "exactly"}
"""How a bound is read."""

CERTIFICATES: Final[Mapping[str, str]] = {
    "conformant": "pass",
    "conformant with deviations": "deviation",
    "not conformant": "fail",
    "undetermined": "inconclusive",
}
"""For each certificate the verdict whose symbol and colour it shares."""

ABOUT: Final[Mapping[str, str]] = {
    "core-l2": "Announcement in layer 2: ARP and NDP, one announcing node, failover; allocation and traffic policy",
    "core-bgp": "Announcement by BGP: sessions, routes, withdrawal, connections across changes; allocation and traffic"
    " policy",
    "extended-alloc": "Allocation beyond the core",
    "extended-dual": "Dual stack, and BGP for IPv6",
    "extended-l2": "Layer 2 beyond the core",
    "extended-bgp": "BGP beyond the core",
    "extended-bfd": "Bidirectional forwarding detection",
    "extended-gr": "Graceful restart",
    "extended-config": "Validation of configuration objects",
    "extended-obs": "Events, status objects and metrics",
    "extended-chaos": "Behaviour under compound faults",
}
"""What each conformance profile is about, in the words of the catalogue, and with what both core ones share."""

CERTIFIED: Final[Mapping[str, str]] = {
    "conformant": "every MUST and every SHOULD that applies is met",
    "conformant with deviations": "every MUST is met, and a SHOULD is missed",
    "not conformant": "a MUST is missed, whether its profile declares it or not",
    "undetermined": "no MUST is known to be missed, but of a MUST or a SHOULD nothing can be said, one passes that is"
    " declared to fail, or the run was interrupted",
}
"""What each certificate states of a conformance profile."""

TURNS: Final[Mapping[str, str]] = {"worse": "fail", "other": "inconclusive", "better": "pass"}
"""For each turn that a verdict can take the verdict whose symbol and colour it shares."""


def render(report: Mapping[str, Any], difference: Mapping[str, Any] | None = None) -> str:
    """The page of a report.

    Args:
        report: a document of the form ``report.schema.json``.
        difference: how it compares with an older one, from `lbcert_reports.comparison.compare`.
    """
    style, script = _text("report.css"), _text("report.js")
    results = {each["testId"]: each for each in report["results"]}
    home: dict[str, str] = {}
    for requirement in report["requirements"]:
        for test in requirement["tests"]:
            home.setdefault(test, requirement["id"])
    timelines = {
        each["testId"]: {**each, "key": f"timeline-{number}"}
        for number, each in enumerate(report["panels"]["timelines"])
    }
    return (
        _environment()
        .get_template("report.html")
        .render(
            report=report,
            difference=difference,
            requirements={each["id"]: each for each in report["requirements"]},
            results=results,
            evidence={each["path"]: each for each in report["evidence"]},
            home=home,
            homeless=[each for each in report["results"] if each["testId"] not in home],
            timelines=timelines,
            ways=_ways(report["panels"]["paths"]),
            tally=_tally(report["summary"]["requirements"]),
            probes=_probes(report["calibration"]["gaps"]),
            **_settings(report),
            style=Markup(style),  # noqa: S704 - both are files of this package
            script=Markup(script),  # noqa: S704
            style_digest=_digest(style),
            script_digest=_digest(script),
        )
    )


def render_matrix(matrix: Matrix) -> str:
    """The page of a kill matrix."""
    style = _text("report.css")
    return (
        _environment()
        .get_template("matrix.html")
        .render(
            matrix=matrix,
            requirements=by_requirement(matrix.rows),
            style=Markup(style),  # noqa: S704 - a file of this package
            style_digest=_digest(style),
        )
    )


def _settings(report: Mapping[str, Any]) -> dict[str, Any]:
    """The tables of the environment, and how the run is judged and made again."""
    implementation, environment = report["implementation"], report["environment"]
    profile, testbed = implementation["profile"], environment["testbed"]
    timers, images = implementation["declaredTimers"], implementation["images"]
    bundle = f"{report['metadata']['name']}{SUFFIX}"
    identity = {name: value for name, value in implementation.items() if name not in ("declaredTimers", "images")}
    return {
        "kubernetes": str(environment.get("kubernetes") or testbed.get("kubernetes") or ""),
        "family": one_family(testbed),
        "bundle": bundle,
        # A profile that comes with lbcert is called by its name, any other by its path.
        "again": {
            "whole": again.whole(report),
            "judged": again.judged(bundle),
            "alone": again.alone(
                report, profile["name"] if "(" in profile["path"] else profile["path"] or profile["name"]
            ),
        },
        "here": [row for row in _flat(environment) if not row[0].startswith("testbed.limits")],
        "product": _flat(identity),
        "timers": [
            (name.replace("_", " "), value if isinstance(value, str) else wording.number(value))
            for name, value in timers.items()
        ],
        "images": [(name, _line(value)) for name, value in images.items()],
    }


def _ways(paths: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The four ways in their order, each with every node that any of them touches."""
    nodes = sorted({each["node"] for way in paths for each in [*way["entries"], *way["endpoints"]] if each["node"]})
    order = {"l2": 0, "bgp": 1, "Cluster": 0, "Local": 1}
    ranked = sorted(paths, key=lambda way: (way["family"], order.get(way["mode"], 2), order.get(way["policy"], 2)))
    return [{**way, "nodes": nodes} for way in ranked]


def _probes(gaps: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What known gaps say of each probe: all of them together, and the length and method at which its bias is worst."""
    by_probe: dict[str, list[Mapping[str, Any]]] = {}
    for each in gaps:
        by_probe.setdefault(each["probe"], []).append(each)
    found = []
    for probe, every in by_probe.items():
        cut = [each for each in every if each["size"]]
        found.append(
            {
                "probe": probe,
                "gaps": sum(each["n"] for each in cut),
                "controls": sum(each["n"] for each in every if not each["size"]),
                "void": sum(each["void"] for each in every),
                "worst": max(cut, key=lambda each: abs(each["bias"]), default=None),
                "least": min((each["spread"][0] for each in cut), default=0),
                "greatest": max((each["spread"][1] for each in cut), default=0),
                "accepted": all(each["accepted"] for each in every),
            }
        )
    return found


def _tally(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return [(word, counts[word]) for word in WORDS if counts.get(word)]


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _text(name: str) -> str:
    return (files(__package__) / name).read_text("utf-8")


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lbcert_reports", "html"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        seconds=wording.seconds,
        quantity=wording.quantity,
        difference=wording.difference,
        size=wording.size,
        moment=wording.moment,
        number=wording.number,
        share=lambda value: wording.quantity(value, "share"),
        flat=_flat,
        line=_line,
    )
    environment.globals.update(
        plots=plots,
        span=wording.span,
        count=wording.count,
        words=WORDS,
        meanings=MEANINGS,
        certificates=CERTIFICATES,
        about=ABOUT,
        certified=CERTIFIED,
        profiles_of=profiles_of,
        turns=TURNS,
        limits=LIMITS,
    )
    return environment


def _flat(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    """A tree of settings as rows of name and value: ``router.version``, ``10.3``."""
    if isinstance(value, Mapping):
        pairs = [(f"{prefix}.{key}" if prefix else str(key), each) for key, each in value.items()]
        return [row for name, each in pairs for row in _flat(each, name)]
    if isinstance(value, list) and any(isinstance(each, Mapping | list) for each in value):
        return [row for number, each in enumerate(value, start=1) for row in _flat(each, f"{prefix} {number}")]
    if prefix.endswith("memory") and isinstance(value, int):
        return [(prefix, wording.size(value))]
    return [(prefix, ", ".join(map(_said, value)) if isinstance(value, list) else _said(value))]


def _said(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {True: "yes", False: "no", None: "none"}[value]
    return wording.number(value) if isinstance(value, float) else str(value)


def _line(value: Any) -> str:
    """A tree of settings on one line, without what is not set."""
    if not isinstance(value, Mapping):
        return _said(value)
    return ", ".join(f"{name} {said}" for name, said in _flat(value) if said not in ("", "none"))
