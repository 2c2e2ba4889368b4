"""``lbcert profile``: how a vendor declares an implementation."""

from collections.abc import Collection
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

    text = scaffold(name)
    if output is None:
        click.echo(text, nl=False)
    elif output.exists():
        raise Refusal(f"{output} exists already", "name another file, or remove it first", USAGE)
    else:
        output.write_text(text, "utf-8")
        click.echo(f"{output}: fill in what is marked <...>, then: lbcert profile check {output}")


@profile.command()
@click.argument("file")
@click.option("--fetch/--no-fetch", default=True, show_default=True, help="Fetch the manifests and look into them.")
def check(file: str, fetch: bool) -> int:
    """Check a profile (a file, or the name of a built-in one): every mistake at once, each with its place.

    With its manifests fetched, also whether they hold the workloads that it names, and which of their images it
    does not declare. Exit code 0 if it can be used, 2 if not.
    """
    from lbcert_fixtures.profiles import load, resolve, undeclared_images
    from lbcert_fixtures.profiles.manifests import missing_components
    from lbcert_suites.catalogue import catalogue

    found = load(file, requirements=catalogue())
    click.echo(f"{found.implementation.name} {found.implementation.version}, {found.implementation.mode}")
    click.echo(f"claims {', '.join(found.claims)}; capabilities {', '.join(sorted(found.capabilities))}")
    for requirement in _without_case(found.expected_failures):
        click.echo(f"expected failure of {requirement}: no case of this suite is about it, so nothing will come of it")
    if not fetch:
        return 0
    manifests = resolve(found)
    for manifest in manifests:
        click.echo(f"{manifest.origin}: {len(manifest.objects)} objects, sha256 {manifest.sha256}")
    for problem in undeclared_images(found, manifests):
        click.echo(f"{problem} - it will be pulled from its registry")
    problems = missing_components(found, manifests)
    for problem in problems:
        click.echo(str(problem), err=True)
    return USAGE if problems else 0


def _without_case(requirements: Collection[str]) -> list[str]:
    """Those of some requirements that no case is about."""
    if not requirements:
        return []
    from lbcert_tools.planning import all_cases, covered

    return sorted(set(requirements) - covered(all_cases()))


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
    """Print a profile as it is written, to start one of your own from it."""
    from lbcert_fixtures.profiles import load

    text = load(name).text
    click.echo(text, nl=not text.endswith("\n"))
    return 0 if text else UNDETERMINED
