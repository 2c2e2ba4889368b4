"""``lbcert report``, ``judge`` and ``bundle``: from a run directory or a bundle, without a testbed."""

from pathlib import Path

import click

from lbcert_tools import rundir
from lbcert_tools.refusals import NOT_CONFORMANT, UNDETERMINED, USAGE, Refusal

_RUN = click.argument("run", required=False, type=click.Path(path_type=Path, exists=True, file_okay=False))


@click.command()
@_RUN
def report(run: Path | None) -> int:
    """Write the reports of RUN again, by default of the newest run below lbcert-runs.

    They follow from the journal and the evidence alone. Exit code as of `lbcert certify`.
    """
    from lbcert_tools.commands.certifying import conclude

    return conclude((run or _latest()).absolute())


@click.command()
@click.argument("run", required=False, metavar="[RUN|BUNDLE]", type=click.Path(path_type=Path, exists=True))
def judge(run: Path | None) -> int:
    """Recompute every verdict of RUN or BUNDLE from its evidence, and hold it against the one in the journal.

    Needs no network and no testbed. A bundle has to be whole, too: no byte altered, no file missing or added. What
    does not hold is said with its place. The digest is the one in the report's certificate strip.

    Exit codes: 0 all verdicts agree, 1 something does not hold, 2 a mistake in the command, 3 there is no verdict.
    """
    from lbcert_reports.bundle import BundleError
    from lbcert_reports.journal import JournalError
    from lbcert_reports.rejudge import rejudge

    try:
        again = rejudge((run or _latest()).absolute())
    except (BundleError, JournalError) as error:
        raise Refusal(_printable(str(error)), exit_code=NOT_CONFORMANT) from error
    for finding in again.findings:
        click.echo(_printable(str(finding)))
    if again.digest:
        click.echo(f"digest {again.digest}")
    click.echo(f"{again.verdicts} verdicts recomputed, {len(again.findings)} findings")
    if again.interrupted:
        click.echo("the run was interrupted: there may be more that was not judged")
    if again.findings:
        return NOT_CONFORMANT
    return 0 if again.verdicts else UNDETERMINED


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
    """
    from lbcert_reports.bundle import SUFFIX, pack

    folder = (run or _latest()).absolute()
    target = output or folder / f"{folder.name}{SUFFIX}"
    pack(folder, target)
    click.echo(str(target))
    return 0


def _printable(text: str) -> str:
    """Text from a bundle of anybody's, as a terminal may be given it."""
    return "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in text)


def _latest() -> Path:
    found = rundir.latest()
    if found is None:
        hint = "name a run directory, or run `lbcert certify` here first"
        raise Refusal(f"there is no run below {rundir.RUNS.absolute()}", hint, USAGE)
    return found
