"""``lbcert profile``: how a vendor declares an implementation."""

import json
import shlex
from datetime import UTC, datetime
from pathlib import Path

import click

from lbcert_tools.refusals import UNDETERMINED, USAGE, Refusal


@click.group()
def profile() -> None:
    """Begin, check and list profiles: the TOML files that declare implementations.

    \b
    lbcert profile new "My LB" > my-lb.toml
    lbcert profile check my-lb.toml
    lbcert certify --profile ./my-lb.toml --quick
    """  # noqa: D301 - \b is click's mark for text that is not wrapped


@profile.command()
@click.argument("name")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="A file to write; by default, print.")
def new(name: str, output: Path | None) -> None:
    """Print a new profile for the product NAME: commented, to be filled in where it says <...>."""
    from lbcert_fixtures.profiles import scaffold

    if not name.strip():
        raise click.BadParameter("say what the product is called", param_hint="NAME")
    text = scaffold(name)
    if output is None:
        click.echo(text, nl=False)
    elif output.exists():
        raise Refusal(f"{output} exists already", "name another file, or remove it first", USAGE)
    else:
        try:
            output.write_text(text, "utf-8")
        except OSError as error:
            raise Refusal(f"--output {output}: {error.strerror or error}", exit_code=USAGE) from error
        click.echo(f"{output}: fill in what is marked <...>, then: lbcert profile check {output}")


@profile.command()
@click.argument("file")
@click.option("--fetch/--no-fetch", default=True, show_default=True, help="Fetch the manifests and look into them.")
def check(file: str, fetch: bool) -> int:
    """Check a profile (a file, or the name of a built-in one): every mistake at once, each with its place.

    With its manifests fetched, also whether they hold the workloads that it names, and which of their images it
    does not declare. A note is no mistake. Exit code 0 if it can be used, 2 if not.
    """
    from lbcert_fixtures.profiles import (
        ProfileError,
        load,
        missing_components,
        resolve,
        undeclared_images,
        unused_images,
    )
    from lbcert_suites.catalogue import catalogue
    from lbcert_tools.planning import all_cases
    from lbcert_tools.remarks import remarks

    found = load(file, requirements=catalogue())
    click.echo(f"{found.implementation.name} {found.implementation.version}, {found.implementation.mode}")
    click.echo(f"claims {', '.join(found.claims)}; capabilities {', '.join(sorted(found.capabilities))}")
    for remark in remarks(found, all_cases(), datetime.now(UTC).date()):
        click.echo(f"note: {remark}")
    if fetch:
        try:
            manifests = resolve(found)
        except ProfileError as error:
            is_remote = any(manifest.file is None for manifest in found.install.manifests)
            hint = "--no-fetch checks all else without a network" if is_remote else ""
            raise Refusal(str(error), hint, USAGE) from error
        for manifest in manifests:
            click.echo(f"{manifest.origin}: {len(manifest.objects)} objects, sha256 {manifest.sha256}")
        for problem in undeclared_images(found, manifests):
            click.echo(f"note: {problem} - it will be pulled from its registry")
        for problem in unused_images(found, manifests):
            click.echo(f"note: {problem}")
        if problems := missing_components(found, manifests):
            raise ProfileError(problems)
    named = shlex.quote(file)
    click.echo(f"no mistake was found; next: lbcert certify --profile {named} --quick")
    return 0


@profile.command("list")
def list_profiles() -> None:
    """List the built-in profiles."""
    from lbcert_fixtures.profiles import built_in, load

    for name in built_in():
        found = load(name)
        click.echo(f"{name:<18} {found.implementation.name} {found.implementation.version}  {', '.join(found.claims)}")


@profile.command("show")
@click.argument("name")
def show_profile(name: str) -> int:
    """Print a profile as it is written, to start one of your own from it.

    Of a built-in one, a manifest that comes with lbcert is named by its whole path, so that the copy works anywhere.
    """
    from lbcert_fixtures.profiles import built_in, load

    found = load(name)
    text = found.text
    for manifest in found.install.manifests if name in built_in() else ():
        if manifest.file:
            whole = json.dumps(str((found.folder / manifest.file).resolve()))
            text = text.replace(f'"{manifest.file}"', whole)
    click.echo(text, nl=not text.endswith("\n"))
    return 0 if text else UNDETERMINED
