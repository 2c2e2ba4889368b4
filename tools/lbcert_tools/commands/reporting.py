"""``lbcert report``, ``judge``, ``bundle`` and ``diff``: from a run directory or a bundle, without a testbed."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lbcert_tools import rundir
from lbcert_tools.refusals import NOT_CONFORMANT, UNDETERMINED, USAGE, Refusal, located, no_run, printable

if TYPE_CHECKING:
    from lbcert_reports.rejudge import Held

_RUN = click.argument("run", required=False, type=click.Path(path_type=Path, exists=True, file_okay=False))


@click.command()
@_RUN
@click.option(
    "--diff",
    "old",
    type=click.Path(path_type=Path, exists=True),
    metavar="OLD",
    help="Show on the page what changed since OLD: a run directory, a bundle or a report.json.",
)
def report(run: Path | None, old: Path | None) -> int:
    """Write the reports of RUN again, by default of the newest run below lbcert-runs.

    They follow from the journal and the evidence alone. Exit code as of `lbcert certify`.
    """
    from lbcert_tools.commands.certifying import conclude

    return conclude((run or _latest()).absolute(), old=_report_from(old) if old else None)


@click.command()
@click.argument("run", required=False, metavar="[RUN|BUNDLE]", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--bounds", is_flag=True, help="Print for each verdict its judge, its trials and what it was held against."
)
def judge(run: Path | None, bounds: bool) -> int:
    """Recompute every verdict of RUN or BUNDLE from its evidence, and hold it against the one in the journal.

    Needs no network and no testbed. A bundle has to be whole, too: no byte altered, no file missing or added. What
    does not hold is said with its place. The digest is the one in the report's certificate strip; the certificates
    are those that follow from the journal.

    Requirements, plan and profile are held against this suite where it is the one that made the run; else it is said
    what was not checked. What a case asked of a judge is taken as it stands: --bounds prints it, and the evidence that
    no judge was shown.

    Exit codes: 0 all verdicts agree, 1 something does not hold, 2 a mistake in the command, such as what is no run and
    no bundle at all, 3 there is no verdict.
    """
    from lbcert_reports.bundle import BundleError, is_bundle
    from lbcert_reports.journal import JournalError
    from lbcert_reports.rejudge import rejudge
    from lbcert_tools import scope

    path = run or _latest()
    if not (rundir.is_run(path) if path.is_dir() else is_bundle(path)):
        problem = "holds no journal" if path.is_dir() else "does not begin as a bundle of lbcert does"
        hint = "give the run directory or RUN.lbcert.tar.gz; report.json and report.html hold no evidence"
        raise Refusal(printable(f"{path}: {problem}"), hint, USAGE)
    try:
        again = rejudge(path.absolute())
    except (BundleError, JournalError) as error:
        raise located(error, NOT_CONFORMANT) from error
    checked = scope.check(again)
    findings = [*again.findings, *checked.findings]
    lines = [str(finding) for finding in findings]
    if bounds:
        lines += [_held(each) for each in again.held] + [f"no verdict rests on {path}" for path in again.unused]
    lines += [f"digest {again.digest}"] if again.digest else []
    if again.report and not findings:
        lines += [f"{each['name']}: {each['certificate']}, {each['summary']}" for each in again.report["profiles"]]
    lines += checked.unchecked
    lines += [
        f"{each} not judged: its case, or the run, was cut off before the journal told of it" for each in again.untold
    ]
    lines.append(f"{again.verdicts} verdicts recomputed, {len(findings)} findings")
    if again.interrupted and again.digest:
        lines.append("the run was interrupted: there may be more that was not judged")
    for line in lines:
        click.echo(printable(line))
    if findings and checked.other:
        click.echo(printable(f"Hint: the run was {checked.other}; judge it with the one that made it"), err=True)
    if findings:
        return NOT_CONFORMANT
    return 0 if again.verdicts else UNDETERMINED


def _held(verdict: "Held") -> str:
    """What one verdict was held against, in a line."""
    bound = ", ".join(f"{key} {json.dumps(value)}" for key, value in verdict.bound.items())
    trials = f", {verdict.trials} trials" if verdict.trials > 1 else ""
    return f"{verdict.requirement} in {verdict.case}: {verdict.judge}{trials}; {bound or 'no bound'}"


@click.command()
@_RUN
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The bundle; by default RUN/RUN.lbcert.tar.gz. It is replaced if it is there.",
)
def bundle(run: Path | None, output: Path | None) -> int:
    """Pack RUN into one file: journal, evidence, report.json and the profile, with the digest of each.

    `lbcert judge` and `lbcert diff` take it on any machine. Logs and the pages that follow from report.json are
    left out, evidence never: a run with more than 512 MB of it is refused. The same run gives the same bytes.

    Exit codes: 0 it is packed, 1 the run was altered, 2 a mistake in the command, 3 it cannot be packed.
    """
    from lbcert_reports.bundle import SUFFIX, AlteredError, pack
    from lbcert_reports.journal import JournalError

    folder = (run or _latest()).absolute()
    if not rundir.is_run(folder):
        raise no_run(folder)
    target = output or folder / f"{folder.name}{SUFFIX}"
    try:
        pack(folder, target)
    except (AlteredError, JournalError) as error:
        raise located(error, NOT_CONFORMANT) from error
    click.echo(str(target))
    return 0


@click.command()
@click.argument("old", type=click.Path(path_type=Path, exists=True))
@click.argument("new", type=click.Path(path_type=Path, exists=True))
@click.option("--json", "as_document", is_flag=True, help="Print JSON, with the shifts within their uncertainty too.")
def diff(old: Path, new: Path, as_document: bool) -> int:
    """Say what changed from OLD to NEW: run directories, bundles, or report.json of runs.

    Options that differ come first, with how much was not run for them; then changed verdicts; then measurements,
    with whether a shift exceeds the uncertainty that the reports state; then versions and environment. What one run
    left out, since less was asked for, is no changed verdict.

    Exit codes: 0 no verdict changed, 1 one did, 2 a mistake in the command.
    """
    from lbcert_reports.comparison import compare

    found = compare(_report_from(old), _report_from(new))
    if as_document:
        click.echo(json.dumps(found, indent=1))
    else:
        for line in _told(found):
            click.echo(printable(line))
    return NOT_CONFORMANT if found["changed"] else 0


def _report_from(path: Path) -> dict[str, Any]:
    """The report of whatever was named; what is none is a mistake in the command."""
    from lbcert_reports.located import LocatedError
    from lbcert_reports.publish import report_from

    try:
        return report_from(path)
    except LocatedError as error:
        raise located(error, USAGE) from error


def _told(found: dict[str, Any]) -> list[str]:
    """A comparison as lines for people."""
    from lbcert_reports.html import wording

    lines = []
    for name in ("old", "new"):
        run = found[name]
        what = f"{run['implementation']} {run['mode']} {run['version']}, {wording.moment(run['date'])}"
        lines.append(f"{name}  {run['name']}: {what}{', interrupted' if run['interrupted'] else ''}")
    options = [row for row in found["settings"] if row["name"].startswith("options.")]
    lines += [f"{row['name']}: {_given(row['old'])} -> {_given(row['new'])}" for row in options]
    lines += [line for name in ("old", "new") if (line := _left_out(name, found["leftOut"][name]))]
    for title, key in (("certificates", "name"), ("requirements", "id"), ("cases", "testId")):
        if rows := found[title]:
            lines += ["", f"Verdicts that changed: {wording.count(len(rows), title[:-1])}"]
        for row in rows:
            lines.append(f"  {row['turn']:<6} {row[key]}: {row['old']} -> {row['new']}")
            lines += [f"         {row['newReason']}"] if row["newReason"] else []
    if not found["changed"]:
        lines += ["", "No verdict changed."]
    by = {word: [row for row in found["measurements"] if row["uncertainty"] == word] for word in _UNCERTAINTY}
    for word, title in _UNCERTAINTY.items():
        if by[word]:
            lines += ["", f"{title}: {wording.count(len(by[word]), 'measurement')}"]
        if word != "within":
            lines += [_shifted(row) for row in by[word]]
    if settings := [row for row in found["settings"] if row not in options]:
        lines += ["", "Versions and environment"]
        lines += [f"  {row['name']}: {row['old']} -> {row['new']}" for row in settings]
    return lines


def _given(value: object) -> object:
    """An option's value for people."""
    return "none" if value in ("", None) else value


def _left_out(side: str, names: dict[str, Any]) -> str:
    """What was not run on one side as nobody asked for it, in a line; empty if there is nothing."""
    from lbcert_reports.html import wording

    counts = [wording.count(len(names[what]), what[:-1]) for what in ("requirements", "cases") if names[what]]
    undetermined = f"; undetermined for that: {', '.join(names['certificates'])}" if names["certificates"] else ""
    by = f" ({names['by']})" if names["by"] else ""
    return f"not run in {side}{by}: {', '.join(counts)}{undetermined}" if counts or undetermined else ""


_UNCERTAINTY = {
    "beyond": "Shifted beyond the uncertainty that the reports state",
    "incomparable": "Only one of the reports has a number, or each has its own unit",
    "unknown": "Shifted, and a report states no uncertainty or has fewer than six trials",
    "within": "Shifted within the uncertainty that the reports state",
}


def _shifted(row: dict[str, Any]) -> str:
    from lbcert_reports.html import wording

    sides = [
        f"{wording.quantity(side['value'], side['unit'])}"
        + (f" ({wording.span(side['range'][0], side['range'][1], side['unit'])})" if side["range"] else "")
        for side in (row["old"], row["new"])
    ]
    line = f"  {row['requirement']} {row['testId']}, {row['name']}: {' -> '.join(sides)}"
    if row["shift"] is None:
        return line
    sign = "+" if row["shift"] > 0 else ""
    return f"{line}, {sign}{wording.difference(row['shift'], row['unit'])}"


def _latest() -> Path:
    found = rundir.latest()
    if found is None:
        hint = "name a run directory, or run `lbcert certify` here first"
        raise Refusal(f"there is no run below {rundir.RUNS.absolute()}", hint, USAGE)
    return found
