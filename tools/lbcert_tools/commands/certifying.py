"""``lbcert certify``."""

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from lbcert_fixtures.commands import dying_with_us
from lbcert_fixtures.probes.noise import share_in_use
from lbcert_tools.commands.doctoring import ENGINE, show
from lbcert_tools.commands.labs import FEATURE_GATES, NODE_IMAGE
from lbcert_tools.refusals import UNDETERMINED, USAGE, Refusal, no_run

if TYPE_CHECKING:
    from lbcert_tools.planning import Case

_LOOK_SECONDS = 0.2
_TAKEN = 0.5
"""Where other programs use so much of the processors, a lab at the lowest priority gets too little to be of use."""


@click.command()
@click.option("--profile", required=True, metavar="NAME|FILE", help="The implementation: see `lbcert list profiles`.")
@click.option("--quick", is_flag=True, help="One trial a fault, and no thorough cases: a first look in minutes.")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Also what takes a minute and more a case: experiments with the control plane, and others under load.",
)
@click.option(
    "--only",
    multiple=True,
    metavar="EXPR",
    help="Only these, separated by commas: requirement ids, areas, case names (with * and ?).",
)
@click.option(
    "--trials",
    type=click.IntRange(1),
    metavar="N",
    help="How often each fault is tried: 5 by default. 29 and more are a campaign, which runs all cases.",
)
@click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    metavar="N",
    help="Labs at the same time. Each wants two cores to itself, or what it measures is the machine.",
)
@click.option(
    "--aside/--no-aside",
    default=True,
    show_default=True,
    help="Whether cases that measure no times go to a second lab, which gets what the first leaves of the "
    "machine. Where other programs use most of that, one lab takes all unless this is asked for.",
)
@click.option("--nodes", type=click.IntRange(1), metavar="N", help="Nodes of a lab: 3 by default.")
@click.option("--kubernetes", metavar="VERSION", help="Version of Kubernetes, as in 1.36.")
@click.option("--testbed", metavar="NAME", help="What the cases stand on: netns, by default, or kind.")
@click.option("--proxy-mode", type=click.Choice(["nftables", "iptables"]), help="Of kube-proxy: nftables by default.")
@click.option("--families", type=click.Choice(["ipv4", "ipv6", "dual"]), help="Of the cluster: dual stack by default.")
@ENGINE
@FEATURE_GATES
@NODE_IMAGE
@click.option("--seed", type=int, metavar="N", help="Seed of what is chosen at random; the report names it.")
@click.option("--shuffle", is_flag=True, help="Run the cases in an order that the seed decides.")
@click.option("--lab", metavar="NAME", help="Stand on this lab, which is up (see `lbcert lab`), and leave it up.")
@click.option("--keep-lab", is_flag=True, help="Leave the labs up at the end, for `lbcert lab`.")
@click.option(
    "--load-workers",
    type=click.IntRange(1),
    metavar="N",
    help="Processes of the load generator (Locust's distributed mode) during chaos experiments.",
)
@click.option(
    "--load-ui",
    type=click.IntRange(1, 65535),
    metavar="PORT",
    help="Offer Locust's web UI during chaos experiments: http://127.0.0.1:PORT.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="The run directory: new, or empty. By default below lbcert-runs.",
)
def certify(
    profile: str,
    quick: bool,
    everything: bool,
    only: tuple[str, ...],
    trials: int | None,
    workers: int,
    aside: bool,
    nodes: int | None,
    kubernetes: str | None,
    testbed: str | None,
    proxy_mode: str | None,
    families: str | None,
    engine: str | None,
    feature_gates: tuple[str, ...],
    node_image: Path | None,
    seed: int | None,
    shuffle: bool,
    lab: str | None,
    keep_lab: bool,
    load_workers: int | None,
    load_ui: int | None,
    output: Path | None,
) -> int:
    """Test an implementation and say what it can be certified for.

    The last line is the path of the report, one HTML page; beside it lie report.json (for programs), junit.xml
    (for CI), badge.svg, all evidence, and the same in one file, RUN.lbcert.tar.gz. `lbcert judge` recomputes every
    verdict from that evidence.

    \b
    lbcert certify --profile metallb-native                       what certificates stand on, about 16 minutes
    lbcert certify --profile ./my-lb.toml --quick                 a first look, about 2 minutes
    lbcert certify --profile ./my-lb.toml --all                   every case there is, about half an hour
    lbcert certify --profile metallb-frr --only bgp,RESET-001     a part
    lbcert certify --profile metallb-native --testbed kind        on a real kind cluster, about 28 minutes; needs root

    With --quick, --only, or a cluster of one address family, a conformance profile of which not every requirement
    ran is undetermined, even if all that ran passed.

    Exit codes: 0 conformant (also with deviations), 1 not conformant, 2 a mistake in the command or the
    profile, 3 undetermined, 130 stopped before the run began.
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    from lbcert_fixtures.profiles import load
    from lbcert_suites.catalogue import catalogue
    from lbcert_tools import doctor, planning, rundir
    from lbcert_tools.remarks import remarks
    from lbcert_tools.testbeds import choose

    chosen_profile = load(profile, requirements=catalogue())
    chosen = choose(
        testbed=testbed,
        nodes=nodes,
        kubernetes=kubernetes,
        proxy_mode=proxy_mode,
        families=families,
        engine=engine,
        feature_gates=feature_gates,
        node_image=node_image,
        lab=lab,
    )
    try:
        all_cases = planning.all_cases()
        cases = planning.choose(all_cases, only, quick=quick, everything=everything, trials=trials)
    except planning.PlanError as error:
        raise Refusal(str(error), exit_code=USAGE) from error
    if not cases:
        raise Refusal("there is no case to run", "see `lbcert list cases`", UNDETERMINED)
    if lab and workers > 1:
        raise click.BadParameter("one lab is stood on by one worker", param_hint="--workers")
    _refuse_idle(cases, chosen.name)
    if everything and only:
        click.echo("note: --all adds nothing: --only names the cases, and each that it names is run", err=True)
    if keep_lab and lab:
        click.echo(f"note: --keep-lab adds nothing: the lab {lab} stays up anyway", err=True)
    for remark in remarks(chosen_profile, all_cases, datetime.now(UTC).date()):
        click.echo(f"note: {remark}", err=True)
    workers = min(workers, len(cases))
    aside = aside and workers == 1 and not lab and chosen.name == "netns" and len({case.untimed for case in cases}) == 2
    # a lab that is up was carried already
    wish = doctor.Wish(
        nodes=chosen.nodes,
        labs=2 if aside else workers,
        testbed=chosen.name,
        engine=chosen.engine,
        node_image=bool(chosen.node_image),
        kubernetes=chosen.kubernetes,
    )
    blocked = [] if lab else doctor.blocking(wish)
    if blocked and aside and not (blocked := doctor.blocking(replace(wish, labs=1))):
        click.echo("one lab takes all cases: the machine does not carry a second (see `lbcert doctor`)", err=True)
        aside = False
    elif aside and not blocked and not _asked_for("aside") and (used := share_in_use()) > _TAKEN:
        click.echo(f"one lab takes all cases: other programs use {used:.0%} of the processors", err=True)
        aside = False
    if blocked:
        for finding in blocked:
            show(finding)
        raise Refusal("this machine cannot carry the lab yet", "mend what is named above; `lbcert doctor` says more")
    run = rundir.choose(profile, output)
    if run.exists() and any(run.iterdir()):
        raise Refusal(f"{run} is not empty", "a run directory is used once; name another, or none", USAGE)

    options: dict[str, Any] = {
        "profile": str(Path(profile).absolute()) if Path(profile).suffix == ".toml" else profile,
        "run-dir": run,
        "quick": quick,
        "all": everything,
        "only": only,
        "trials": trials,
        "testbed": testbed,
        "nodes": nodes,
        "kubernetes": kubernetes,
        "proxy-mode": proxy_mode,
        "families": families,
        "engine": engine,
        "feature-gate": feature_gates,
        "node-image": node_image,
        "seed": seed,
        "shuffle": shuffle,
        "lab": lab,
        "keep-lab": keep_lab,
        "aside": aside,
        "load-workers": load_workers,
        "load-ui": load_ui,
    }
    interrupted = _run(run, options, 2 if aside else workers, _preparation(chosen_profile, chosen, lab))
    return conclude(run, interrupted=interrupted)


def _refuse_idle(cases: "Sequence[Case]", testbed: str) -> None:
    """Refuse options that would do nothing of what they were given for, before anybody waits for that.

    Args:
        cases: those that were chosen.
        testbed: the sort of testbed.

    Raises:
        click.BadParameter: naming the first.
    """
    given = click.get_current_context().params
    if given["aside"] and _asked_for("aside"):
        if given["lab"]:
            raise click.BadParameter(f"the lab {given['lab']} takes all cases", param_hint="--aside")
        if given["workers"] > 1:
            raise click.BadParameter("the labs of --workers share all cases", param_hint="--aside")
        if testbed != "netns":
            raise click.BadParameter(f"the testbed {testbed} gets no second lab", param_hint="--aside")
    if not any(case.area == "chaos" for case in cases):
        for option in ("load_ui", "load_workers"):
            if given[option] is not None:
                message = "only chaos experiments make load, and none is chosen (see --all, or --only chaos)"
                raise click.BadParameter(message, param_hint=f"--{option.replace('_', '-')}")


def _asked_for(option: str) -> bool:
    """Whether an option was given, and does not stand by default."""
    return click.get_current_context().get_parameter_source(option) is ParameterSource.COMMANDLINE


def _preparation(profile: Any, testbed: Any, lab: str | None) -> Any:
    """What is built and fetched before anything starts, so that its progress is seen."""
    from lbcert_fixtures.cache import Progress
    from lbcert_fixtures.profiles import resolve
    from lbcert_tools.testbeds import prepare

    def run(progress: Progress) -> None:
        prepare(testbed, profile, resolve(profile, progress=progress), lab, progress)

    return run


def _run(run: Path, options: Mapping[str, Any], labs: int, preparation: Any) -> bool:
    """Prepare, then run the cases in pytest, showing how it goes; returns whether that was interrupted."""
    from lbcert_tools.following import Durations, Tail, Watcher
    from lbcert_tools.progress import display

    with display() as screen:
        preparation(screen.step)
        (run / "logs").mkdir(parents=True, exist_ok=True)
        tail, durations = Tail(run), Durations()
        watcher = Watcher(screen, durations, labs)
        with (run / "logs" / "pytest.log").open("wb") as log:
            process = subprocess.Popen(
                dying_with_us(_pytest(options, labs)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=_environment(),
                start_new_session=True,  # so that Ctrl-C reaches it once, and by us
            )
        interrupted = False
        while process.poll() is None:
            try:
                for event in tail.events():
                    watcher.see(event)
                watcher.show()
                process.wait(_LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            except KeyboardInterrupt:
                if interrupted:
                    process.kill()
                interrupted = True
                screen.say("stopping: the lab is taken down, and what was recorded becomes a report; again: at once")
                process.send_signal(signal.SIGINT)
        for event in tail.events():
            watcher.see(event)
        durations.save()
        return interrupted


def _pytest(options: Mapping[str, Any], labs: int) -> list[str]:
    """The command that runs the cases; nothing of the folder in which it is given has a say in it."""
    from lbcert_tools.plugin import suites_folder

    folder = suites_folder()
    command = [sys.executable, "-m", "pytest", "-c", os.devnull, f"--rootdir={folder}", "--import-mode=importlib"]
    command += ["-p", "lbcert_tools.plugin", "-p", "no:cacheprovider", "--strict-markers", "--assert=plain", "-v"]
    if labs > 1:
        command += ["-p", "xdist.plugin", f"--numprocesses={labs}", "--dist=loadgroup", "--no-loadscope-reorder"]
    for name, value in options.items():
        values = value if isinstance(value, tuple) else (value,)
        for each in values:
            if each is True:
                command.append(f"--lbcert-{name}")
            elif each is not None and each is not False:
                command.append(f"--lbcert-{name}={each}")
    return [*command, str(folder)]


def _environment() -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = shlex.join(["lbcert", *sys.argv[1:]])
    return inherited | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "LBCERT_COMMAND": command, "PYTHONUNBUFFERED": "1"}


def conclude(run: Path, *, interrupted: bool = False, old: dict[str, Any] | None = None) -> int:
    """Write the reports of a run, say what it came to, and where the page is; returns the exit code.

    Raises:
        Refusal: the run ended before it began, with what pytest said.
    """
    from lbcert_reports import journal
    from lbcert_tools import rundir
    from lbcert_tools.publishing import publish, summary

    has_journal, log = rundir.is_run(run), run / "logs" / "pytest.log"
    if not has_journal or not journal.read(run).of("run-started"):
        if interrupted:
            raise KeyboardInterrupt
        if not has_journal and not log.exists():
            raise no_run(run)
        raise Refusal(f"the run ended before it began\n{_last_words(log)}")
    published = publish(run, old)
    click.echo(summary(published.document))
    _pack(run)
    click.echo(str(_short(published.html)))
    return published.exit_code


def _pack(run: Path) -> None:
    """Write the bundle beside the report; a run that cannot be packed is reported all the same, and says so."""
    from lbcert_reports import bundle

    target = run / f"{run.name}{bundle.SUFFIX}"
    try:
        size = bundle.pack(run, target)
    except bundle.BundleError as error:
        target.unlink(missing_ok=True)
        click.echo(f"no evidence bundle was written: {error.place}: {error.problem}", err=True)
        if error.hint:
            click.echo(f"Hint: {error.hint}", err=True)
    else:
        click.echo(f"evidence: {_short(target)} ({size / 1e6:.1f} MB; `lbcert judge` takes it on any machine)")


def _last_words(log: Path) -> str:
    """What pytest said when it gave up."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    errors = [line for line in lines if line.startswith(("ERROR", "E  ", "INTERNALERROR"))]
    return "\n".join([*(errors or lines)[-12:], f"(all of it is in {log})"])


def _short(path: Path) -> Path:
    """A path below the working directory as such, any other as it is."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
