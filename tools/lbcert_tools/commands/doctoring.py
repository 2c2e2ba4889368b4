"""``lbcert doctor``."""

import sys
from pathlib import Path

import click

from lbcert_tools.doctor import Finding, Level, Wish, as_json, examine
from lbcert_tools.refusals import UNDETERMINED

_MARKS = {
    Level.MISSING: ("✗", "red"),
    Level.DEGRADED: ("!", "yellow"),
    Level.INFORMATION: ("i", "cyan"),
    Level.FINE: ("✓", "green"),
}

ENGINE = click.option(
    "--engine", type=click.Choice(["docker", "podman"]), help="What runs kind's containers: docker by default."
)


@click.command()
@click.option("--nodes", default=3, show_default=True, metavar="N", type=click.IntRange(1), help="Nodes of a lab.")
@click.option(
    "--workers", default=1, show_default=True, metavar="N", type=click.IntRange(1), help="Labs at the same time."
)
@click.option("--testbed", default="netns", show_default=True, metavar="NAME", help="Which testbed: netns or kind.")
@click.option("--kubernetes", metavar="VERSION", help="Version of Kubernetes, as in 1.36.")
@click.option(
    "--node-image",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="ARCHIVE",
    help="Another node image for kind, so that none has to be made.",
)
@ENGINE
@click.option("--json", "as_document", is_flag=True, help="Print the findings as JSON.")
def doctor(
    nodes: int,
    workers: int,
    testbed: str,
    kubernetes: str | None,
    node_image: Path | None,
    engine: str | None,
    as_document: bool,
) -> int:
    """Say what this machine lacks for a lab, all at once, each with what helps.

    Features of the kernel are tried in a private namespace. Exit code 0 if nothing stops a lab, 3 if something does.
    """
    from lbcert_tools.testbeds import choose  # takes a while, and `lbcert --help` imports every command

    chosen = choose(testbed=testbed, nodes=nodes, kubernetes=kubernetes, engine=engine, node_image=node_image)
    wish = Wish(
        nodes=nodes,
        labs=workers,
        testbed=testbed,
        engine=chosen.engine,
        node_image=bool(chosen.node_image),
        kubernetes=chosen.kubernetes,
    )
    findings = examine(wish)
    if as_document:
        click.echo(as_json(findings))
    else:
        for finding in findings:
            show(finding)
    blocked = sum(finding.level is Level.MISSING for finding in findings)
    if not as_document:
        click.echo()
        click.echo(f"{blocked} to mend before a lab can be had" if blocked else "a lab can be had")
    return UNDETERMINED if blocked else 0


def show(finding: Finding) -> None:
    """Print one finding, and what to do about it."""
    mark, colour = _MARKS[finding.level]
    if not (sys.stdout.encoding or "").lower().startswith("utf"):
        mark = {"✗": "x", "✓": "."}.get(mark, mark)
    click.echo(f"{click.style(mark, fg=colour)} {finding.subject}: {finding.observed}")
    if finding.fix:
        click.echo(f"    {finding.fix}")
