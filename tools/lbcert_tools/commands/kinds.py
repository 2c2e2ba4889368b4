"""``lbcert kind``: what the testbed kind is made of, and what is left of it."""

import os
import shutil
from pathlib import Path

import click

from lbcert_tools.commands import labs
from lbcert_tools.commands.doctoring import ENGINE
from lbcert_tools.refusals import USAGE, Refusal


@click.group()
def kind() -> None:
    """Make what the testbed kind needs, start one to look around in, and clean up after it.

    A kind testbed that is up is a lab like any other: `lbcert lab status`, `shell`, `kubectl`, `logs` and `down` take
    its name, and `lbcert certify --lab NAME` stands on it.

    \b
    lbcert certify --testbed kind --profile metallb-native
    lbcert kind up && lbcert lab kubectl get nodes
    lbcert kind clean
    """  # noqa: D301 - \b is click's mark for text that is not wrapped


@kind.command()
@labs.kubernetes
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Copy the archive here, for another machine: `docker load` and `podman load` read it.",
)
def image(kubernetes: str | None, output: Path | None) -> None:
    """Make a node image that needs no registry, and say its name and where it lies.

    It is put together from Debian packages and from programs built out of Go modules, once: about six minutes on two
    cores, and as long again for those of Kubernetes, which the lab shares.
    """
    from lbcert_fixtures.kubernetes.programs import DEFAULT_KUBERNETES
    from lbcert_fixtures.testbeds.kind.image import node_image
    from lbcert_tools.progress import display

    if output and not os.access(output.parent, os.W_OK):
        there = "cannot be written to" if output.parent.is_dir() else "is no folder"
        raise Refusal(f"--output {output}: {output.parent} {there}", exit_code=USAGE)
    with display() as screen:
        made = node_image(kubernetes or DEFAULT_KUBERNETES, progress=screen.step)
    for name in made.images:
        click.echo(f"holds {name}")
    archive = made.archive
    if output:
        shutil.copyfile(archive, output)
        archive = output
    click.echo(f"{made.name} ({archive.stat().st_size / 1e6:.0f} MB)")
    click.echo(str(archive))


@kind.command()
@click.option("--profile", metavar="NAME|FILE", help="Of this implementation too.")
@labs.kubernetes
def images(profile: str | None, kubernetes: str | None) -> None:
    """List every image that a run on kind needs: what is to be carried to a machine behind an air gap.

    No image is made for it: what the node image holds is asked of kubeadm, which is built if it is not there, in a
    minute or two.
    """
    from lbcert_fixtures.images.own import ECHO, FRR
    from lbcert_fixtures.kubernetes.programs import DEFAULT_KUBERNETES
    from lbcert_fixtures.profiles import load, resolve
    from lbcert_fixtures.testbeds.kind.image import REPOSITORY, held_images
    from lbcert_tools.progress import display
    from lbcert_tools.testbeds import images_of

    with display() as screen:
        held = held_images(kubernetes or DEFAULT_KUBERNETES, progress=screen.step)
        chosen = load(profile) if profile else None
        manifests = resolve(chosen, progress=screen.step) if chosen else ()
    click.echo(f"{REPOSITORY}  the nodes; `lbcert kind image` makes it, and holds what follows")
    for name in held:
        click.echo(f"{name}  in the node image")
    click.echo(f"{FRR}  the routers; lbcert makes it of Debian packages")
    click.echo(f"{ECHO}  the backends of cases; lbcert builds it")
    if chosen:
        for name, source in images_of(chosen, manifests).items():
            click.echo(f"{name}  of {chosen.name}, source {source.source}")


@kind.command()
@click.argument("name", default="kind")
@click.option("--nodes", default=3, show_default=True, type=click.IntRange(1), metavar="N", help="Workers.")
@labs.routers
@labs.kubernetes
@labs.profile
@labs.proxy_mode
@labs.families
@ENGINE
@labs.FEATURE_GATES
@labs.NODE_IMAGE
def up(
    name: str,
    nodes: int,
    routers: int,
    kubernetes: str | None,
    profile: str | None,
    proxy_mode: str,
    families: str,
    engine: str | None,
    feature_gates: tuple[str, ...],
    node_image: Path | None,
) -> None:
    """Start a kind testbed that stays up until `lbcert lab down NAME`."""
    from lbcert_fixtures.testbeds.kind import cluster_name
    from lbcert_tools.testbeds import choose

    if cluster_name(name) != name:
        raise Refusal(f"{name!r} is no name for a cluster", "at most 40 of a-z, 0-9 and -, as in kind-2", USAGE)
    chosen = choose(
        testbed="kind", kubernetes=kubernetes, engine=engine, feature_gates=feature_gates, node_image=node_image
    )
    labs.stand_up(
        *("kind", name, nodes, profile),
        kubernetes=chosen.kubernetes,
        routers=routers,
        proxy_mode=proxy_mode,
        families=families,
        engine=chosen.engine,
        feature_gates=chosen.feature_gates,
        node_image=chosen.node_archive,
    )
    click.echo(f"{name} is up: {nodes} workers and a control plane, {routers} router{'s'[: routers - 1]}")
    click.echo(labs.LOOK_AROUND)


@kind.command()
@click.argument("names", nargs=-1)
def clean(names: tuple[str, ...]) -> None:
    """End kind testbeds that stay up (NAMES, or all), and remove what killed ones left: containers, data, cgroups.

    The data of every engine that does not run go, also of one that ended orderly: node images are loaded anew then.

    One that a run or another command stands on, or that still boots, ends only by its name. Nothing that lbcert did
    not make is touched: engines and clusters of others are not even looked for.
    """
    from lbcert_fixtures.cache import cache_folder
    from lbcert_fixtures.testbeds import netns
    from lbcert_fixtures.testbeds.kind import engine

    if os.geteuid() != 0:
        raise Refusal("kind testbeds are root's, and this user can have none", "run it as root", USAGE)
    up = netns.labs("kind")
    labs.require_up(names, up, "kind testbed")
    ended = list(names) or netns.idle_labs("kind")
    for name in ended:
        netns.end(name)
        click.echo(f"{name} is down")
    for name in [] if names else sorted(set(up) - set(ended)):
        click.echo(f"{name} is used, and stays: its name ends it, and what stands on it")
    engines = cache_folder() / engine.DATA
    removed = engine.clean(engines, netns.labs())
    for thing in removed:
        click.echo(f"removed {thing}")
    if not up and not removed:
        click.echo(f"there is nothing to clean: no kind testbed is up, and none left anything in {engines}")
