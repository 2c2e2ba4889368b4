"""``lbcert report`` and ``lbcert judge``: from a run directory, without a testbed."""

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
@_RUN
def judge(run: Path | None) -> int:
    """Recompute every verdict of RUN from its evidence, and hold it against the one in the journal.

    Needs no network and no testbed. Exit code 0 if all agree, 1 if something does not, 3 if there is no verdict.
    """
    from lbcert_reports.rejudge import rejudge

    again = rejudge((run or _latest()).absolute())
    for finding in again.findings:
        click.echo(str(finding))
    click.echo(f"{again.verdicts} verdicts recomputed, {len(again.findings)} findings")
    if again.interrupted:
        click.echo("the run was interrupted: there may be more that was not judged")
    if again.findings:
        return NOT_CONFORMANT
    return 0 if again.verdicts else UNDETERMINED


def _latest() -> Path:
    found = rundir.latest()
    if found is None:
        hint = "name a run directory, or run `lbcert certify` here first"
        raise Refusal(f"there is no run below {rundir.RUNS.absolute()}", hint, USAGE)
    return found
