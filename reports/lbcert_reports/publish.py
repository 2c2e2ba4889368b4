"""From a run directory to what is handed on: report.json, report.html, junit.xml and badge.svg."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from lbcert_reports import badge, bundle, coherence, evidence, html, journal, junit
from lbcert_reports.bundle import BundleError
from lbcert_reports.comparison import Comparison
from lbcert_reports.report import Report, ReportError, build, journal_digest, validate


@dataclass(frozen=True)
class Paths:
    """The files that were written.

    Attributes:
        json: the report for machines, of the form ``report.schema.json``.
        html: the report for people, one file.
        junit: the cases for programs that read JUnit.
        badge: the certificate for a README.
    """

    json: Path
    html: Path
    junit: Path
    badge: Path


def report_of(run: Path) -> Report:
    """The report of a run directory, held against its schema; also of a run that was killed.

    Raises:
        JournalError: if there is no journal, or it is malformed.
        EvidenceError: if evidence that the journal names cannot be read.
        ReportError: if the journal's events do not make a run.
    """
    report = build(journal.read(run), lambda path: evidence.read(run / path), place=str(run / "journal"))
    validate(report, str(run / "report.json"))
    return report


def report_from(path: Path) -> Report:
    """The report of a run directory, of a bundle, or in a report.json.

    Raises:
        ReportError: if a report.json is not as its schema says, or a journal's events do not make a run.
        BundleError: if a bundle is not whole or was altered.
        JournalError: if there is no journal, or it is malformed.
        EvidenceError: if evidence that the journal names cannot be read.
    """
    if path.is_dir():
        return report_of(path)
    try:
        if not path.read_bytes()[:64].lstrip().startswith(b"{"):
            with bundle.opened(path) as (run, unpacked):
                if unpacked.findings:
                    hint = "" if bundle.is_bundle(path) else "give a run directory, RUN.lbcert.tar.gz or report.json"
                    raise BundleError(*unpacked.findings[0], hint)
                if unpacked.manifest:
                    _refuse_altered(run, unpacked.manifest)
                return report_of(run)
        report: Report = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ReportError(str(path), f"cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise ReportError(str(path), f"is not JSON: {error}") from error
    validate(report, str(path))
    return report


def _refuse_altered(run: Path, manifest: bundle.Manifest) -> None:
    """Refuse an unpacked bundle of which manifest, journal and evidence are not those of one run."""
    recorded = journal.read(run)
    findings = (
        *coherence.manifest(manifest, recorded, journal_digest(recorded)),
        *coherence.files(run, recorded),
    )
    for finding in findings:
        raise BundleError(finding.place, finding.problem, "`lbcert judge` says all that does not hold")


def write_all(run: Path, report: Report | None = None, difference: Comparison | None = None) -> Paths:
    """Write all reports of a run into its directory; each file is replaced as a whole.

    Args:
        run: the run directory.
        report: what `report_of` made of it, if the caller has it already.
        difference: how it compares with another; the page shows it.

    Raises:
        JournalError: if there is no journal, or it is malformed.
        EvidenceError: if evidence that the journal names cannot be read.
        ReportError: if the journal's events do not make a run, or a file cannot be written.
    """
    report = report or report_of(run)
    paths = Paths(run / "report.json", run / "report.html", run / "junit.xml", run / "badge.svg")
    _replace(paths.json, json.dumps(report, ensure_ascii=False, allow_nan=False, indent=1) + "\n")
    _replace(paths.html, html.render(report, difference))
    _replace(paths.junit, junit.render(report))
    _replace(paths.badge, badge.render(report))
    return paths


def _replace(path: Path, text: str) -> None:
    """Write a file so that nobody ever sees half of it."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(text, "utf-8")
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise ReportError(str(path), f"cannot be written: {error.strerror or error}") from error
