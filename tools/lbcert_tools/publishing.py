"""From a run directory to what people read: report.json, report.html, junit.xml, badge.svg."""

import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lbcert_reports.comparison import compare
from lbcert_reports.publish import report_of, write_all
from lbcert_reports.report import Report
from lbcert_reports.selection import is_part, left_out_by
from lbcert_reports.verdicts import Certificate, Result, exit_code


@dataclass(frozen=True)
class Published:
    """What was written.

    Attributes:
        document: the report.
        html: its page.
    """

    document: dict[str, Any]
    html: Path

    @property
    def exit_code(self) -> int:
        """0 conformant, 1 not conformant, 3 undetermined: the worst of its certificates."""
        profiles = self.document["profiles"]
        return exit_code(Certificate(each["name"], Result(each["certificate"]), {}) for each in profiles)


def publish(run: Path, old: Report | None = None) -> Published:
    """Write all reports of a run, whether it came to its end or not; what was there before is replaced.

    Args:
        run: the run directory.
        old: a report with which the page compares this one.

    Raises:
        JournalError, ReportError, EvidenceError: the run directory holds no run, or was altered.
    """
    document = report_of(run)
    return Published(document, write_all(run, document, compare(old, document) if old else None).html)


def summary(document: dict[str, Any]) -> str:
    """What a run came to, in a few lines: certificates first, then why it is not more."""
    lines = [""]
    if document["run"]["interrupted"]:
        lines.append("The run was interrupted: what was recorded until then is reported.")
    width = max((len(each["name"]) for each in document["profiles"]), default=0)
    for each in document["profiles"]:
        why = f": {left_out}" if (left_out := _left_out(document, each)) else ""
        lines.append(f"{each['name']:<{width}}  {each['certificate'].upper()}{why}  ({each['summary']})")
    if not document["profiles"]:
        lines.append("No conformance profile applies: nothing is certified.")
    for requirement in _worth_saying(document):
        lines.append(f"  {requirement['shown']:<13} {requirement['id']:<11} {requirement['title']}")
        lines.append(textwrap.shorten(requirement["reason"], 160, initial_indent=" " * 28, placeholder=" ..."))
    return "\n".join([*lines, *_not_run(document), ""])


def _left_out(document: dict[str, Any], profile: dict[str, Any]) -> str:
    """Why there is no certificate, if nothing stands in its way but that only a part was asked for; empty if not."""
    run, core = document["run"], profile["core"]
    if not is_part(run["options"]) or run["interrupted"] or core["unexpectedPasses"]:
        return ""
    counts = {name for name, count in core["statistics"].items() if count} - {"notApplicable"}
    if counts == {"passed", "skipped"} and profile["certificate"] == Result.UNDETERMINED:
        return "only a part was asked for; all that ran passed"
    return "none of it was asked for" if counts == {"skipped"} else ""


def _not_run(document: dict[str, Any]) -> list[str]:
    """How many requirements were not run, and why: no case of the run is about them, or theirs did not end."""
    silent = [each for each in document["requirements"] if each["shown"] == "not-run"]
    unasked = sum(not each["tests"] for each in silent)
    reasons = {
        left_out_by(document["run"]["options"]): unasked,
        "interrupted" if document["run"]["interrupted"] else "no case came to a judgement": len(silent) - unasked,
    }
    return [
        f"  not run: {count} requirement{'s'[: count - 1]}{f' ({reason})' if reason else ''}"
        for reason, count in reasons.items()
        if count
    ]


def _worth_saying(document: dict[str, Any], most: int = 20) -> list[dict[str, Any]]:
    """The requirements that stand in the way of a better certificate, the worst first."""
    order = ("fail", "error", "inconclusive", "deviation")
    requirements: list[dict[str, Any]] = document["requirements"]
    bad = [each for each in requirements if each["shown"] in order]
    return sorted(bad, key=lambda each: order.index(each["shown"]))[:most]
