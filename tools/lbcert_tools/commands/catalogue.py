"""``lbcert list`` and ``lbcert explain``: what is required, and how it is tested."""

import json
import textwrap
from typing import Any

import click

from lbcert_suites.catalogue import Requirement, catalogue, waivers
from lbcert_tools.refusals import USAGE, Refusal

_AS_JSON = click.option("--json", "as_document", is_flag=True, help="Print JSON.")


@click.command("list")
@click.argument("what", default="cases", type=click.Choice(["cases", "requirements", "profiles"]))
@_AS_JSON
def list_(what: str, as_document: bool) -> None:
    """List cases (the default), requirements, or built-in profiles."""
    rows = {"cases": _cases, "requirements": _requirements, "profiles": _profiles}[what]()
    if as_document:
        click.echo(json.dumps(rows, indent=2))
        return
    columns = list(rows[0]) if rows else []
    widths = {name: max(len(_cell(row[name])) for row in rows) for name in columns}
    for row in rows:
        click.echo("  ".join(f"{_cell(row[name]):<{widths[name]}}" for name in columns).rstrip())


def _cell(value: Any) -> str:
    return ", ".join(value) if isinstance(value, list) else str(value)


def _cases() -> list[dict[str, Any]]:
    from lbcert_tools.planning import all_cases

    return [{"case": c.case, "requirements": list(c.requirements), "title": c.title} for c in all_cases()]


def _requirements() -> list[dict[str, Any]]:
    from lbcert_tools.planning import all_cases, covered

    tested = covered(all_cases())
    return [
        {
            "id": each.id,
            "level": each.level,
            "profile": each.profile,
            "tested": "tested" if each.id in tested else "-",
            "waived": f"until {waivers()[each.id].review_by}" if each.id in waivers() else "",
            "title": each.title,
        }
        for each in catalogue().values()
    ]


def _profiles() -> list[dict[str, Any]]:
    from lbcert_fixtures.profiles import built_in, load

    return [
        {
            "profile": name,
            "product": f"{(profile := load(name)).implementation.name} {profile.implementation.version}",
            "claims": list(profile.claims),
        }
        for name in built_in()
    ]


@click.command()
@click.argument("requirement")
@_AS_JSON
def explain(requirement: str, as_document: bool) -> None:
    """Say what REQUIREMENT (such as L2-003) demands, where that comes from, and which cases test it."""
    from lbcert_tools.planning import all_cases

    found = catalogue().get(requirement.upper())
    if found is None:
        raise Refusal(f"there is no requirement {requirement}", "see `lbcert list requirements`", USAGE)
    cases = [case for case in all_cases() if found.id in case.requirements]
    if as_document:
        waiver = waivers().get(found.id)
        why = waiver and {"reason": waiver.reason, "decided": str(waiver.decided), "reviewBy": str(waiver.review_by)}
        document = {**found.plain(), "cases": [case.plain() for case in cases], "waiver": why}
        click.echo(json.dumps(document, indent=2))
        return
    click.echo(f"{click.style(found.id, bold=True)}  {found.title}")
    whose = {"K8S": "Kubernetes", "MLB": "MetalLB"}.get(found.class_, found.class_)
    modes = "any mode" if "any" in found.mode else f"mode {', '.join(found.mode)}"
    click.echo(f"{found.level}, profile {found.profile}, a rule of {whose}, {modes}")
    for name, text in _paragraphs(found):
        click.echo(f"\n{click.style(name, bold=True)}")
        click.echo(textwrap.indent(textwrap.fill(text, 96), "  "))
    click.echo(f"\n{click.style('Cases', bold=True)}")
    for case in cases:
        click.echo(f"  {case.case}: {case.title}")
        click.echo(textwrap.indent(case.text, "    "))
    if cases:
        click.echo(f"\n  lbcert certify --profile PROFILE --only {found.id}")
    elif waiver := waivers().get(found.id):
        click.echo(f"  none: waived on {waiver.decided}, to be looked at again by {waiver.review_by}")
        click.echo(textwrap.indent(textwrap.fill(waiver.reason, 96), "  "))
    else:
        click.echo("  none yet")


def _paragraphs(requirement: Requirement) -> list[tuple[str, str]]:
    named = {
        "Required": requirement.statement,
        "Observed by": requirement.observe,
        "Numbers": requirement.numbers,
        "Source": requirement.source,
        "Covered by MetalLB's own tests": requirement.covered_by,
        "Note": requirement.note,
    }
    return [(name, text) for name, text in named.items() if text]
