"""``lbcert chaos``: experiments with a standing lab, for people."""

import json
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from lbcert_tools.refusals import NOT_CONFORMANT, UNDETERMINED, USAGE, Refusal


@click.group()
def chaos() -> None:
    """Disturb a standing lab with Chaos Toolkit experiments, and see whether the load balancer holds.

    \b
    lbcert lab up --profile metallb-native
    lbcert chaos list
    lbcert chaos run node-power-off
    lbcert chaos run speaker-kill --load-ui 8089      Locust's web UI on http://127.0.0.1:8089 meanwhile

    Each experiment is a file that `chaos run FILE` takes as well; `lbcert chaos list --files` says where it lies.
    """  # noqa: D301 - \b is click's mark for text that is not wrapped


@chaos.command("list")
@click.option("--files", is_flag=True, help="Say where each lies, too.")
def list_(files: bool) -> None:
    """List the experiments with what each claims."""
    from lbcert_chaos import catalogue

    for name in catalogue.names():
        click.echo(f"{click.style(f'{name:<20}', bold=True)} {catalogue.experiment(name)['title']}")
        if files:
            click.echo(f"{'':<20} {catalogue.path(name)}")


@chaos.command()
@click.argument("name")
@click.option("--lab", default="", metavar="NAME", help="Which lab, if several are up.")
@click.option("--profile", metavar="NAME|FILE", help="The implementation in it, if it is none of the built-in ones.")
@click.option("--journal", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Where to keep it.")
@click.option("--load-users", type=click.IntRange(0), metavar="N", help="Locust's users: 10 by default, 0 for no load.")
@click.option("--load-workers", default=0, type=click.IntRange(0), metavar="N", help="Locust's worker processes.")
@click.option(
    "--load-ui", default=0, type=click.IntRange(0, 65535), metavar="PORT", help="Locust's web UI on 127.0.0.1:PORT."
)
def run(
    name: str,
    lab: str,
    profile: str | None,
    journal: Path | None,
    load_users: int | None,
    load_workers: int,
    load_ui: int,
) -> int:
    """Run the experiment NAME, or one in a FILE of your own, against a standing lab.

    Exit codes: 0 the steady state held and everything is as it was, 1 it did not, 2 a mistake in the command,
    3 the experiment could not be run.
    """
    from lbcert_fixtures.profiles import load
    from lbcert_tools import experiments

    chosen = load(profile) if profile else None
    kept = journal or Path(f"{Path(name).stem}-journal.json")
    with TemporaryDirectory(prefix="lbcert-chaos-") as folder:
        written = Path(folder) / "journal.json"  # not where the journal of an earlier run may lie
        try:
            command = experiments.command(name, written, Path(folder) / "log")
        except LookupError as error:
            raise Refusal(str(error.args[0]), "see `lbcert chaos list`", USAGE) from error
        experiments.check(name)
        wanted = experiments.Load(load_users, load_workers, load_ui)
        if load_ui:
            click.echo(f"Locust's web UI, once the load begins: http://127.0.0.1:{load_ui}")
        with subprocess.Popen(command, env=experiments.environment(lab, chosen, wanted)) as process:
            while process.poll() is None:
                # Ctrl-C reaches the experiment too, which rolls back; we wait for that
                with suppress(KeyboardInterrupt):
                    process.wait()
        if not written.exists():
            return UNDETERMINED
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(written, kept)
    click.echo(f"journal: {kept}")
    told = json.loads(kept.read_text("utf-8"))
    if told["status"] == "interrupted" or "evidence" not in told.get("lbcert", {}):
        return UNDETERMINED
    return NOT_CONFORMANT if process.returncode else 0
