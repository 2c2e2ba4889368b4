"""``lbcert lab``: standing labs for people."""

import contextlib
import os
import select
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from lbcert_tools.commands.doctoring import show
from lbcert_tools.refusals import USAGE, Refusal

_NAME = click.option("--name", default=None, metavar="NAME", help="Which lab, if several are up.")
_PASS_ON = {"ignore_unknown_options": True, "allow_interspersed_args": False}


@click.group()
def lab() -> None:
    """Stand up a real cluster with routers and clients, and look around in it.

    \b
    lbcert lab up --profile metallb-native     three nodes with MetalLB; leave --profile out for a bare cluster
    lbcert lab kubectl get pods -A
    lbcert lab shell client                    a shell on the nodes' segment: ip, curl, tcpdump ...
    lbcert lab shell router -- vtysh -c 'show bgp summary'
    lbcert lab shell n1                        a shell on a node
    lbcert lab logs n1/kubelet
    lbcert lab down
    """  # noqa: D301 - \b is click's mark for text that is not wrapped


routers = click.option(
    "--routers", default=1, show_default=True, type=click.IntRange(1, 2), metavar="N", help="FRR routers."
)
kubernetes = click.option("--kubernetes", metavar="VERSION", help="Version of Kubernetes, as in 1.36.")
proxy_mode = click.option(
    "--proxy-mode",
    default="nftables",
    show_default=True,
    type=click.Choice(["nftables", "iptables"]),
    help="Of kube-proxy.",
)
families = click.option(
    "--families",
    default="dual",
    show_default=True,
    type=click.Choice(["ipv4", "ipv6", "dual"]),
    help="Address families of Kubernetes; the network around it has both.",
)
profile = click.option("--profile", metavar="NAME|FILE", help="Deploy this implementation and wait until it is ready.")
FEATURE_GATES = click.option(
    "--feature-gate", "feature_gates", multiple=True, metavar="NAME=true|false", help="Of Kubernetes, on kind."
)
NODE_IMAGE = click.option(
    "--node-image",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="ARCHIVE",
    help="Another node image for kind: one image, as `kind image --output` or `docker save` wrote it.",
)
LOOK_AROUND = "lbcert lab kubectl get nodes | lbcert lab shell client | lbcert lab status | lbcert lab down"


@lab.command()
@click.argument("name", default="lab")
@click.option("--nodes", default=3, show_default=True, type=click.IntRange(1), metavar="N", help="Nodes.")
@routers
@kubernetes
@profile
@proxy_mode
@families
@click.option("--dns", is_flag=True, help="Run CoreDNS.")
def up(name: str, nodes: int, routers: int, profile: str | None, **options: Any) -> None:
    """Start a lab that stays up until `lbcert lab down`."""
    stand_up("netns", name, nodes, profile, routers=routers, **options)
    click.echo(f"lab {name} is up: {nodes} nodes, {routers} router{'s'[: routers - 1]}")
    click.echo(LOOK_AROUND)


def stand_up(
    testbed: str, name: str, nodes: int, profile: str | None, *, kubernetes: str | None, **options: Any
) -> None:
    """Start a testbed that stays up, if this machine can carry it, and deploy an implementation if one is named.

    Args:
        testbed: its sort.
        name: its name.
        nodes: how many.
        profile: the implementation.
        kubernetes: the version; None for the newest.
        options: what else the sort of testbed is told.

    Raises:
        Refusal: the machine cannot carry it, and what it lacks was said; or it does not come up.
    """
    from lbcert_fixtures.deployment import Deployment
    from lbcert_fixtures.kubernetes.programs import DEFAULT_KUBERNETES
    from lbcert_fixtures.profiles import load, resolve
    from lbcert_fixtures.testbeds import TestbedError
    from lbcert_tools import doctor, rundir
    from lbcert_tools.progress import display
    from lbcert_tools.testbeds import DEFAULT_ENGINE, TESTBEDS, images_of

    wish = doctor.Wish(
        nodes=nodes,
        testbed=testbed,
        engine=options.get("engine", DEFAULT_ENGINE),
        node_image=bool(options.get("node_image")),
        kubernetes=kubernetes or DEFAULT_KUBERNETES,
    )
    if blocked := doctor.blocking(wish):
        for finding in blocked:
            show(finding)
        raise Refusal("this machine cannot carry the lab yet", "mend what is named above")
    chosen = load(profile) if profile else None
    sort = TESTBEDS[testbed]()
    with display() as screen:
        manifests = resolve(chosen, progress=screen.step) if chosen else ()
        images = images_of(chosen, manifests) if chosen else {}
        wanted = sort.options(nodes=nodes, kubernetes=kubernetes or DEFAULT_KUBERNETES, images=images, **options)
        logs = rundir.boot_logs(name)
        try:
            started = sort.start(name, wanted, standing=True, logs=logs, progress=screen.step)
        except TestbedError as error:
            raise Refusal(str(error), f"its logs are in {logs}" if logs.exists() else "") from error
        try:
            if chosen:
                screen.step("implementation", f"applying {chosen.name}")
                deployment = Deployment(started, chosen, manifests)
                deployment.apply()
                deployment.await_ready(lambda detail: screen.step("implementation", detail))
        except BaseException:
            screen.say(f"{name} is up all the same: look into it, or end it with `lbcert lab down {name}`")
            raise
        finally:
            started.detach()


@lab.command()
def status() -> None:
    """Say which labs are up, with their places."""
    from lbcert_fixtures.testbeds import TestbedError, netns

    names = netns.labs()
    if not names:
        click.echo("no lab is up; start one with: lbcert lab up")
    for name in names:
        click.echo(click.style(name, bold=True))
        try:
            with contextlib.closing(_Attached(name)) as attached:
                _describe(attached.lab)
        except TestbedError as error:  # it boots, ends, or one of its programs fell
            click.echo(click.style(f"  {error}", fg="red"))


def _describe(lab: Any) -> None:
    """Print the places of a lab, and make sure that all of its programs run."""
    off = lab.switched_off
    rows = [(place.name, place.role, str(place.ipv4), str(place.ipv6)) for place in lab.places.values()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        remark = " (switched off)" if row[0] in off else ""
        click.echo(f"  {'  '.join(map(str.ljust, row, widths)).rstrip()}{remark}")
    lab.check()


class _Attached:
    """A lab that is let go of again."""

    def __init__(self, name: str | None) -> None:
        self.lab = _attach(name)

    def close(self) -> None:
        self.lab.detach()


def _attach(name: str | None) -> Any:
    """Attach to a lab: the one that is named, else the only one that is up."""
    from lbcert_fixtures.testbeds import netns

    names = netns.labs()
    require_up([name] if name else [], names, "lab")
    return netns.attach(name or _only(names))


def require_up(wanted: Sequence[str], up: Sequence[str], what: str) -> None:
    """Make sure that what is named in a command is up, before anything is done.

    Raises:
        Refusal: naming what is not, and what is.
    """
    if unknown := sorted(set(wanted) - set(up)):
        raise Refusal(f"no {what} named {', '.join(unknown)} is up (up: {', '.join(up) or 'none'})", exit_code=USAGE)


def _only(names: Sequence[str]) -> str:
    """The one lab that there is to choose."""
    if not names:
        raise Refusal("no lab is up", "start one with `lbcert lab up`", USAGE)
    if len(names) > 1:
        raise Refusal(f"several labs are up: {', '.join(names)}", "say which with --name", USAGE)
    return names[0]


@lab.command(context_settings=_PASS_ON)
@_NAME
@click.argument("place", default="client")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def shell(name: str | None, place: str, command: tuple[str, ...]) -> NoReturn:
    """Open a shell in PLACE, or run COMMAND there.

    PLACE is a node (n1), control-plane, router, router2, client, far-client, as far as the lab has it (see `lbcert lab
    status`), or a pod: NAMESPACE/POD, or POD in the namespace default.
    """
    found = _attach(name)
    command = command[1:] if command[:1] == ("--",) else command
    if place in found.places:
        _become(found.shell_command(place, command))
    namespace, _, pod = place.rpartition("/")
    words = command or ("sh",)
    terminal = ["--stdin", *(["--tty"] if sys.stdin.isatty() else [])]
    _become_kubectl(found, ["exec", *terminal, f"--namespace={namespace or 'default'}", pod, "--", *words])


@lab.command(context_settings=_PASS_ON)
@_NAME
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def kubectl(name: str | None, arguments: tuple[str, ...]) -> NoReturn:
    """Run kubectl as cluster-admin: everything works, exec, logs --follow and port-forward too."""
    _become_kubectl(_attach(name), list(arguments))


def _become_kubectl(found: Any, arguments: list[str]) -> NoReturn:
    # kubectl and the files that it is given lie on this machine, not on a control plane that is a container
    _become(found.shell_command("control-plane", found.kubectl_command(*arguments), network_only=True))


def _become(command: list[str]) -> NoReturn:
    program = shutil.which(command[0]) or command[0]
    os.execv(program, command)  # noqa: S606 - the terminal is theirs from here on


@lab.command()
@_NAME
@click.argument("log", required=False)
@click.option("--follow", "-f", is_flag=True, help="Go on as it grows, until the lab ends.")
def logs(name: str | None, log: str | None, follow: bool) -> None:
    """Print LOG of a lab's program, such as n1/kubelet; without LOG, list which there are."""
    from lbcert_fixtures.testbeds import netns

    with contextlib.closing(_Attached(name)) as attached:
        if log is None:
            for each in sorted(attached.lab.logs()):
                click.echo(each)
            return
        with attached.lab.open_log(log) as file:
            while True:
                grows = follow and attached.lab.name in netns.labs()  # asked first: what was written last is read too
                shutil.copyfileobj(file, sys.stdout.buffer)
                sys.stdout.flush()
                if not grows or _reader_is_gone():
                    return
                time.sleep(0.2)  # a file on the lab's own file system cannot be watched from here


def _reader_is_gone() -> bool:
    """Whether nobody reads our output any more."""
    poll = select.poll()
    poll.register(sys.stdout, 0)
    return any(events & select.POLLERR for _, events in poll.poll(0))


@lab.command()
@click.argument("names", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All labs of this user that nobody uses.")
def down(names: tuple[str, ...], every: bool) -> None:
    """End labs: the ones that are named, or the only one that nobody uses.

    One that a run or another command stands on, or that still boots, ends only by its name.
    """
    from lbcert_fixtures.testbeds import netns

    if names and every:
        raise Refusal("--all names all labs that nobody uses", "leave it out, or the names", USAGE)
    up = netns.labs()
    require_up(names, up, "lab")
    idle = [] if names else netns.idle_labs()
    if not names and up and not idle:
        raise Refusal(f"somebody uses {', '.join(up)}", "its name ends it, and what stands on it", USAGE)
    for name in names or (idle if every else [_only(idle)]):
        netns.end(name)
        click.echo(f"lab {name} is down")
