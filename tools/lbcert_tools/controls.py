"""The kill matrix: run the reference implementation with each of its defects before the cases that should catch it.

``nox -s controls``, or ``python -m lbcert_tools.controls``. Labs are started once and stay up, and so do the pods in
them, whose programs are told to begin anew with another defect. Each run is a process forked off this one, which has
everything imported already. A lab in which a run came to an error is replaced, and the run made once more.
"""

import argparse
import contextlib
import copy
import gc
import importlib
import json
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import time
import tomllib
from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from statistics import median
from typing import Any, Final

import kubernetes.client
import pytest
import urllib3
import yaml

from lbcert_fixtures.deployment import WORKLOADS, Deployment
from lbcert_fixtures.profiles import Profile, load, resolve
from lbcert_fixtures.reference import program
from lbcert_fixtures.reference.defects import CATALOGUE, NONE, OF_PODS, OF_THE_CONTROLLER, Defect
from lbcert_fixtures.testbeds import PreconditionUnmetError, TestbedError, netns
from lbcert_reports.html import render_matrix
from lbcert_reports.judges.registry import Judgement
from lbcert_reports.matrix import Failed, Matrix, Result, Row, results_of
from lbcert_tools import environment
from lbcert_tools.certification import record_of
from lbcert_tools.planning import Case, all_cases
from lbcert_tools.plugin import suites_folder
from lbcert_tools.testbeds import images_of

PROFILE: Final = "reference"
TOLD: Final = "defects"
"""The ConfigMap that tells programs which begin which defect to have, by the names of their containers."""

COSTS: Final = Path(__file__).with_name("case_seconds.toml")
"""How many seconds cases take by themselves, with one trial: what decides which of those that name a defect is run. The
same on every machine, so that everybody runs the same; ``--learn`` writes it."""

UNKNOWN_SECONDS: Final = 15.0
"""About how long a case takes that is not in there."""

LONGEST_SECONDS: Final = 420.0
"""A run that takes longer is ended: nothing that a defect does may hold up all the others."""

CHANCES: Final = 3
"""How many of the cases that name a defect are tried before it counts as escaped."""

LOADING: Final = ("chaos/", "reset/")
"""What cases begin with that keep hundreds of connections busy, and make new ones all the while."""

LITTLE_SECONDS: Final = 10.0
"""So much time is no reason to run one case and not another, or not to run it."""

STOPPED: Final = 130
"""The exit code of a session that was interrupted."""

LATE: Final = ("lbcert_fixtures.probes.frames", "lbcert_tools.case_fixtures", "scipy.stats")
"""What cases import late, beside the Kubernetes client's classes."""

_FORK = multiprocessing.get_context("fork")


@dataclass
class Task:
    """One run: a defect, or none, and cases.

    Attributes:
        defect: its name; empty for the flawless reference.
        cases: to run, one after the other in one run.
        more: cases for further runs, as long as the defect was not caught.
        seconds: about how long it takes.
        again: whether it was put back because it came to an error.
    """

    defect: str
    cases: Sequence[str]
    more: list[str] = field(default_factory=list)
    seconds: float = 0.0
    again: bool = False

    @property
    def loads(self) -> bool:
        """Whether a case of it loads the machine."""
        return any(case.startswith(LOADING) for case in self.cases)


class Place:
    """A lab that stays up, kept by a process.

    Args:
        lab: its name.
        keeper: the end of a pipe to that process.
    """

    def __init__(self, lab: str, keeper: Connection) -> None:
        self.lab = lab
        self.keeper = keeper
        self.is_up = False
        self.pods_of: str | None = None
        """The defect, one of `OF_PODS` or empty, with which the reference's manifest is applied; None before it is."""

    def await_up(self) -> None:
        """Wait until it is up, for the first time or anew.

        Raises:
            TestbedError: it did not come up.
        """
        try:
            self.keeper.recv()
        except EOFError:
            raise TestbedError(f"the lab {self.lab} did not come up; above is why") from None
        self.is_up = True

    def renew(self) -> None:
        """Have another lab in its place, which is not up yet."""
        self.is_up, self.pods_of = False, None
        self.keeper.send(True)


@dataclass
class Running:
    """A run in a lab.

    Attributes:
        task: what.
        process: the process that runs the cases.
        folder: its run directory.
        began: when, by the monotonic clock.
    """

    task: Task
    process: BaseProcess
    folder: Path
    began: float


class EndsOnceCaught:
    """A plugin of pytest that ends a case as soon as one of its judgements shows the defect.

    Args:
        row: the defect.
    """

    def __init__(self, row: Row) -> None:
        self._row = row

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        """Look at each judgement of a case.

        Raises:
            PreconditionUnmetError: in the case, so that nothing more is said and the failure stands.
        """
        record = record_of(item)
        judge = record.judge

        def look(requirement: str, *rest: Any, **more: Any) -> Judgement:
            judgement = judge(requirement, *rest, **more)
            if self._row.shown_by(Failed(requirement, judgement.verdict, judgement.reason)):
                raise PreconditionUnmetError("the defect is caught: the rest of the case was left out")
            return judgement

        record.judge = look  # type: ignore[method-assign]
        yield


class Switches:
    """A plugin of pytest that has the implementation switch to a defect, before any case begins.

    Args:
        defect: its name; empty for none.
        is_applied: whether the reference's manifest is, as it is to be: to let kubectl see to that takes a quarter of a
            second of a processor, and something of the API server's.
    """

    def __init__(self, defect: str, *, is_applied: bool) -> None:
        self._defect = defect or NONE
        self._is_applied = is_applied

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Generator[None, Any, Any]:
        """Switch as soon as the implementation is ready.

        Raises:
            TestbedError: a program does not get ready.
        """
        if fixturedef.argname != "implementation":
            return (yield)
        with pytest.MonkeyPatch.context() as patch:
            if self._is_applied:
                patch.setattr(Deployment, "apply", lambda deployment: tell(deployment, self._defect))
            made = yield
        switch(made, self._defect)
        return made


class Costs:
    """About how long cases take.

    Args:
        path: a table of seconds by case.
    """

    def __init__(self, path: Path = COSTS) -> None:
        self._path = path
        self._seconds: dict[str, float] = tomllib.loads(path.read_text())
        self._learnt = defaultdict[str, list[float]](list)

    def of(self, case: str) -> float:
        """About how long a case takes by itself, with one trial."""
        return self._seconds.get(case, UNKNOWN_SECONDS)

    def learn(self, case: str, seconds: float) -> None:
        """Take note of how long one took; of several times the median counts."""
        self._learnt[case].append(seconds)

    def save(self) -> None:
        """Write the table anew."""
        seconds = self._seconds | {case: median(took) for case, took in self._learnt.items()}
        lines = [f"{json.dumps(case)} = {took:.0f}" for case, took in sorted(seconds.items())]
        head = "# Seconds that cases take by themselves; see COSTS in controls.py, whose --learn writes this."
        self._path.write_text("\n".join([head, *lines, ""]))


def naming(cases: Iterable[Case], defect: str) -> list[str]:
    """The cases that name a defect."""
    return [case.case for case in cases if defect in case.catches]


def assign(cases: Sequence[Case], costs: Costs) -> dict[str, list[str]]:
    """For each defect cases that name it, so that many cases are run, and every requirement can be seen to fail.

    Each gets the quickest case, or one that costs little more and that no other has been given. What can be seen to
    fail in no case that is run then is added to one of them, and so is what costs little and was given to none.

    Args:
        cases: all cases.
        costs: how long cases take.
    """
    chosen: dict[str, list[str]] = {}
    given: set[str] = set()
    for defect in sorted(CATALOGUE, key=lambda each: len(naming(cases, each))):  # who has no choice chooses first
        named = sorted(naming(cases, defect), key=costs.of)
        trials = CATALOGUE[defect].trials
        more = {case: trials * (costs.of(case) - costs.of(named[0])) for case in named}
        fresh = [case for case in named if case not in given and more[case] <= LITTLE_SECONDS]
        chosen[defect] = (fresh or named)[:1]
        given.update(chosen[defect])
    pairs = sorted(
        (CATALOGUE[defect].trials * costs.of(case.case), case.case, defect, broken(case, defect))
        for case in cases
        for defect in case.catches
    )
    seen = {each for _, case, defect, breaks in pairs if case in chosen[defect] for each in breaks}
    for seconds, case, defect, breaks in pairs:
        if breaks - seen or (case not in given and seconds <= LITTLE_SECONDS):
            chosen[defect].append(case)
            given.add(case)
            seen |= breaks
    return chosen


def broken(case: Case, defect: str) -> set[str]:
    """The requirements on which a case may catch a defect."""
    return {*case.requirements} & {*CATALOGUE[defect].breaks}


def plan(cases: Sequence[Case], defects: Iterable[str], costs: Costs, *, against: str) -> list[Task]:
    """What to run, the longest first: for each defect those of `assign`, all cases that name it, or all cases.

    Args:
        cases: all cases.
        defects: which defects.
        costs: how long cases take.
        against: ``assigned``, ``named`` or ``all``.
    """
    tasks = []
    assigned = assign(cases, costs) if against == "assigned" else {}
    for defect in defects:
        named = sorted(naming(cases, defect), key=costs.of)
        more: list[str] = []
        if against == "all":
            chosen = [case.case for case in cases]
        elif against == "named":
            chosen = named
        else:
            chosen = assigned[defect]
            more = [case for case in named if case not in chosen][: CHANCES - 1]
        seconds = CATALOGUE[defect].trials * sum(map(costs.of, chosen))
        tasks.append(Task(defect, chosen, more, seconds))
    return sorted(tasks, key=lambda task: -task.seconds)


def clean_tasks(cases: Iterable[Case], tasks: Iterable[Task], costs: Costs) -> list[Task]:
    """The cases of these tasks without any defect, those of one area in one run: they share what they stand on."""
    chosen = {case for task in tasks for case in task.cases}
    areas = defaultdict[str, list[str]](list)
    for case in cases:
        if case.case in chosen:
            areas[case.area].append(case.case)
    return [Task("", run, seconds=sum(map(costs.of, run))) for run in areas.values()]


def take_next(waiting: list[Task], running: Sequence[Task], *, first: bool) -> Task | None:
    """Take the task out that a lab runs next, the longest that is for it; None if there is none now.

    The first lab takes what loads the machine and what has no defect, and is to pass; the others take the rest, and
    only one of them while it is loaded. A thousand connections a second are half of what two processors can do: beside
    two such cases the labs stood still for longer than the router's hold time, and beside two labs with others
    kube-proxy was so late that nodes attracted what they did not forward yet.

    Args:
        waiting: the longest first.
        running: what other labs run now.
        first: whether it is the first lab.
    """
    fitting = [task for task in waiting if (task.loads or not task.defect) is first]
    if first:
        fitting = fitting or waiting[:]
    elif any(task.loads for task in running) and len(running) > 1:
        return None
    if not fitting:
        return None
    waiting.remove(fitting[0])
    return fitting[0]


# --- the implementation with a defect ---------------------------------------------------------------------------------


def with_defect(objects: Iterable[Mapping[str, Any]], defect: Defect | None) -> list[dict[str, Any]]:
    """A manifest's objects, with programs that can be told of a defect, and a ConfigMap that tells those that begin.

    What is of pods is in their arguments; a DaemonSet's pods all go at once.
    """
    things = [copy.deepcopy(dict(thing)) for thing in objects]
    told = _told(defect.name if defect else NONE)
    for thing in things:
        if thing["kind"] == "DaemonSet":
            thing["spec"]["updateStrategy"] = {"rollingUpdate": {"maxUnavailable": "100%"}}
        if thing["kind"] in WORKLOADS:
            for container in thing["spec"]["template"]["spec"]["containers"]:
                own = told[container["name"]]
                if own in OF_PODS:
                    container["args"] += ["--defect", own]
                else:
                    container["args"] += ["--defect=$(DEFECT)", "--switch=$(ADDRESS)"]
                    container.setdefault("readinessProbe", {"tcpSocket": {"port": program.PORT}, "periodSeconds": 1})
                    reference = {"name": TOLD, "key": container["name"]}
                    container["env"] += [
                        {"name": "DEFECT", "valueFrom": {"configMapKeyRef": reference}},
                        {"name": "ADDRESS", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                    ]
        for title, change in ((defect and defect.deployment) or {}).items():
            if title == f"{thing['kind']}/{thing['metadata']['name']}":
                thing.update(_merged(thing, change))
    first = next(number for number, thing in enumerate(things) if thing["kind"] in WORKLOADS)
    meta = {"name": TOLD, "namespace": things[first]["metadata"]["namespace"]}
    things.insert(first, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": told})
    return things


def _told(defect: str) -> dict[str, str]:
    """The defect that each program is told to have, where the reference is to have this one.

    By the program, which its container and what holds its pods are named after.
    """
    return {"controller": NONE, "speaker": NONE} | {"controller" if defect in OF_THE_CONTROLLER else "speaker": defect}


def tell(implementation: Deployment, defect: str) -> None:
    """Have programs that begin read from their ConfigMap that they are to have a defect."""
    core = kubernetes.client.CoreV1Api(implementation.testbed.api)
    core.patch_namespaced_config_map(TOLD, implementation.namespace, {"data": _told(defect)})


def switch(implementation: Deployment, defect: str) -> None:
    """Have each program that does not have it yet begin anew with a defect, in its pods, and wait until all are ready.

    Pods whose containers were started again are replaced first: kubelet lets such a container wait when it ends again,
    longer each time.

    Raises:
        TestbedError: one does not get ready.
    """
    core = kubernetes.client.CoreV1Api(implementation.testbed.api)
    components = implementation.profile.components
    told, asked = _told(defect), []
    for component in (components.controller, components.speaker):
        own = told[component.name]
        if own in OF_PODS:
            continue
        pods = implementation.pods(component)
        if any(status.restart_count for pod in pods for status in pod.status.container_statuses or []):
            name, namespace = f"{component.kind}/{component.name}", f"--namespace={implementation.namespace}"
            implementation.testbed.kubectl("rollout", "restart", name, namespace)
            implementation.await_ready()
            pods = implementation.pods(component)
        asked += [(pod.metadata.name, own) for pod in pods if pod.metadata.deletion_timestamp is None]

    def ask(pod: str, own: str) -> None:
        try:
            core.connect_post_namespaced_pod_proxy_with_path(
                f"{pod}:{program.PORT}", implementation.namespace, own, _request_timeout=program.READY_SECONDS + 10
            )
        except (kubernetes.client.ApiException, urllib3.exceptions.HTTPError) as error:
            raise TestbedError(f"{pod} did not begin anew with the defect {own}", str(error)) from error

    with ThreadPoolExecutor(len(asked)) as threads:
        for answer in [threads.submit(ask, *each) for each in asked]:
            answer.result()


def _merged(thing: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    merged = copy.deepcopy(dict(thing))
    for key, value in change.items():
        deeper = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merged(merged[key], value) if deeper else value
    return merged


def write_profile(folder: Path, defect: str, *, whole: bool = True) -> Path:
    """Write the reference's profile with a defect switched on, and its manifest beside it.

    Args:
        folder: where.
        defect: its name; empty for none.
        whole: whether the manifest holds everything; without it nothing but what differs from one defect to the next,
            for a lab where the rest has been applied.

    Returns:
        The profile's path.
    """
    profile = load(PROFILE)
    (manifest,) = resolve(profile)
    (origin,) = profile.install.manifests
    folder.mkdir(parents=True, exist_ok=True)
    applied = [thing for thing in manifest.objects if whole or thing["kind"] in WORKLOADS]
    things = with_defect(applied, CATALOGUE[defect] if defect else None)
    (folder / "manifest.yaml").write_text(yaml.safe_dump_all(things, sort_keys=False))
    path = folder / f"{PROFILE}.toml"
    assert origin.file
    path.write_text(profile.text.replace(origin.file, "manifest.yaml"))
    return path


# --- labs and runs ----------------------------------------------------------------------------------------------------


def _import_late() -> None:
    """Import what a case imports first when it needs it: two seconds of a processor for each of hundreds of runs."""
    for name in LATE:
        importlib.import_module(name)
    for name in ("AppsV1Api", "CoreV1Api", "CustomObjectsApi", "DiscoveryV1Api"):
        getattr(kubernetes.client, name)
    gc.freeze()  # pytest collects garbage several times in each run, and would look at all of that every time


def _keep_lab(name: str, profile: Profile, told: Connection) -> None:
    """Start a lab and keep it, or others after it, until told to end, or until our parent ends; in its own process."""
    parent, again = os.getppid(), True
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while again:
        lab = netns.start(name, netns.LabOptions(images=images_of(profile, resolve(profile))))
        try:
            told.send("up")
            while not told.poll(1) and os.getppid() == parent:
                pass  # the pipe's other end is open here too, so that its end shows nothing
        finally:
            lab.stop()
        again = os.getppid() == parent and told.recv()


@contextlib.contextmanager
def _labs(count: int) -> Iterator[list[Place]]:
    """So many labs, which end with the context, and with us."""
    profile = load(PROFILE)
    places, keepers = [], []
    try:
        for number in range(1, count + 1):
            ours, theirs = _FORK.Pipe()
            place = Place(f"controls-{os.getpid()}-{number}", ours)
            process = _FORK.Process(target=_keep_lab, args=(place.lab, profile, theirs))
            process.start()
            theirs.close()
            places.append(place)
            keepers.append(process)
            place.await_up()  # one after the other: what the first has built the next one finds
        yield places
    finally:
        for place, process in zip(places, keepers, strict=False):  # the last may not have begun
            with contextlib.suppress(BrokenPipeError):  # it ended by itself
                place.keeper.send(False)
            process.join(60)


def _row(defect: Defect, cases: Iterable[Case]) -> Row:
    """The row of a defect, without any result."""
    return Row(defect.name, defect.does, defect.breaks, defect.shows, naming(cases, defect.name))


def _run_cases(
    folder: Path, profile: Path, place: Place, cases: Sequence[str], options: Sequence[str], plugins: Sequence[object]
) -> None:
    """Run cases in a lab; in a process of its own."""
    os.setsid()
    with (folder / "pytest.log").open("wb") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    suites = suites_folder()
    assert suites
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    areas = sorted({case.partition("/")[0] for case in cases})
    pytest.main(
        [
            *("-c", os.devnull, f"--rootdir={suites}", "--import-mode=importlib", "-p", "lbcert_tools.plugin"),
            *("-p", "no:cacheprovider", "--strict-markers", "--assert=plain", "-q", "--tb=native"),
            *(f"--lbcert-profile={profile}", f"--lbcert-run-dir={folder / 'run'}", f"--lbcert-lab={place.lab}"),
            *(f"--lbcert-only={case}" for case in cases),
            *(*options, "--lbcert-seed=1"),
            *(str(suites / area) for area in areas),
        ],
        plugins,
    )
    sys.stdout.flush()
    os._exit(0)


def _start(task: Task, place: Place, folder: Path, *, to_the_end: bool) -> Running:
    folder.mkdir(parents=True)
    profile = write_profile(folder / "profile", task.defect, whole=place.pods_of is None)
    defect = CATALOGUE[task.defect] if task.defect else None
    pods_of = task.defect if task.defect in OF_PODS else ""
    plugins: list[object] = [Switches(task.defect, is_applied=place.pods_of == pods_of)]
    place.pods_of = pods_of
    if defect and not to_the_end:
        plugins.append(EndsOnceCaught(_row(defect, ())))
    # what a judge says of a defect is what counts, whether or not it could stand in a certificate
    options = [f"--lbcert-trials={defect.trials}", "--lbcert-no-calibration"] if defect else ["--lbcert-trials=1"]
    options.append("--lbcert-quick")  # of what is chosen by name that leaves nothing out; allocation is watched for 3 s
    process = _FORK.Process(target=_run_cases, args=(folder, profile, place, task.cases, options, plugins))
    process.start()
    return Running(task, process, folder, time.monotonic())


class Controls:
    """Runs tasks in labs, and gathers what they came to.

    Args:
        cases: all cases.
        folder: where everything is written.
        costs: learns how long cases take.
        to_the_end: whether a case goes on to its end when it has caught its defect.
    """

    def __init__(self, cases: Sequence[Case], folder: Path, costs: Costs, *, to_the_end: bool) -> None:
        self._cases = cases
        self._costs = costs
        self._folder = folder
        self._to_the_end = to_the_end
        self._count = 0
        self.clean: list[Result] = []
        self.rows: dict[str, Row] = {}

    def run(self, tasks: Sequence[Task], labs: Sequence[Place]) -> None:
        """Run all tasks, as many at once as there are labs.

        Args:
            tasks: the longest first.
            labs: where.

        Raises:
            TestbedError: a lab did not come up again.
        """
        running: dict[Place, Running] = {}
        try:
            self._run(list(tasks), running, labs)
        finally:
            for each in running.values():  # interrupted
                os.killpg(each.process.pid or 0, signal.SIGKILL)

    def undetermined(self) -> list[Task]:
        """What nothing could be said of, to be tried once more: the machine's fault or ours, and no catch."""
        tasks = []
        for row in self.rows.values():
            unsaid = [each.case for each in row.results if each.verdict == "inconclusive" and each.case in row.named]
            if unsaid and not row.caught:
                tasks.append(Task(row.defect, unsaid[:1]))
        unsaid = [each.case for each in self.clean if each.verdict == "inconclusive"]
        return [*tasks, *([Task("", unsaid)] if unsaid else [])]

    def _run(self, waiting: list[Task], running: dict[Place, Running], labs: Sequence[Place]) -> None:
        began, total = time.monotonic(), sum(task.seconds for task in waiting)
        done = 0.0
        while waiting or running:
            for lab in labs:
                if not lab.is_up or lab in running:
                    continue
                if task := take_next(waiting, [each.task for each in running.values()], first=lab is labs[0]):
                    self._count += 1
                    folder = self._folder / f"{self._count:03d}-{task.defect or 'clean'}"
                    running[lab] = _start(task, lab, folder, to_the_end=self._to_the_end)
            events = [each.process.sentinel for each in running.values()]
            multiprocessing.connection.wait([*events, *(lab.keeper for lab in labs if not lab.is_up)], timeout=5)
            for lab in labs:
                if not lab.is_up and lab.keeper.poll():
                    lab.await_up()
            for lab, each in list(running.items()):
                if each.process.is_alive() and time.monotonic() - each.began > LONGEST_SECONDS + each.task.seconds:
                    os.killpg(each.process.pid or 0, signal.SIGKILL)
                    each.process.join()
                if not each.process.is_alive():
                    del running[lab]
                    done += each.task.seconds
                    results = results_of(each.folder / "run")
                    broke = _came_to_an_error(each.task, results)
                    again = self._take(each, results, broke=broke)
                    waiting[:0] = [again] if again else []
                    now = time.monotonic()
                    worked = done + sum(min(now - one.began, one.task.seconds) for one in running.values())
                    left = (now - began) * (total - worked) / worked if worked else total
                    _say(f"{self._told(each, goes_on=again is not None)}; about {max(0, left) / 60:.0f} min left")
                    if broke:
                        _say(f"the lab {lab.lab} is replaced")
                        lab.renew()

    def _take(self, ended: Running, results: Sequence[Result], *, broke: bool) -> Task | None:
        """Keep what a run came to; returns what to try next if the defect was not caught yet."""
        task, took = ended.task, time.monotonic() - ended.began
        if not task.defect:
            self.clean += results
            return None
        if len(task.cases) == 1 and not broke:
            self._costs.learn(task.cases[0], took / CATALOGUE[task.defect].trials)
        row = self.rows.get(task.defect) or _row(CATALOGUE[task.defect], self._cases)
        row = replace(row, results=(*row.results, *results), seconds=row.seconds + took)
        self.rows[task.defect] = row
        if row.caught:
            return None
        if broke and not task.again:
            return replace(task, again=True, seconds=0.0)
        return replace(task, cases=task.more[:1], more=task.more[1:], seconds=0.0) if task.more else None

    def _told(self, ended: Running, *, goes_on: bool) -> str:
        took = f"{time.monotonic() - ended.began:.0f} s"
        if not ended.task.defect:
            good = {each.case for each in self.clean if each.is_good}
            lost = [case for case in ended.task.cases if case not in good]
            cases = ended.task.cases[0] if len(ended.task.cases) == 1 else f"{len(ended.task.cases)} cases"
            return f"no defect: {cases}, {', '.join(lost) or 'none'} lost ({took})"
        row = self.rows[ended.task.defect]
        said = "; ".join(f"{each.case}: {each.verdict}" for each in row.results) or "no case ended"
        outcome = "caught" if row.caught else "not caught yet" if goes_on else "NOT CAUGHT"
        return f"{row.defect}: {outcome} by {said} ({took})"


def _came_to_an_error(task: Task, results: Sequence[Result]) -> bool:
    """Whether a run broke, which tells nothing of its defect, and after which its lab is not to be trusted."""
    return any(each.verdict == "error" for each in results) or len(results) < len(task.cases)


def _say(text: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {text}", file=sys.stderr, flush=True)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="controls", description=__doc__)
    parser.add_argument("--all", action="store_const", dest="against", const="all", help="run every case")
    parser.add_argument("--named", action="store_const", dest="against", const="named", help="all cases that name it")
    parser.add_argument("--only", default="", help="only these defects, separated by commas")
    parser.add_argument("--no-clean", action="store_true", help="leave the flawless reference out")
    parser.add_argument("--learn", action="store_true", help=f"write how long cases took by themselves to {COSTS.name}")
    parser.add_argument("--labs", type=int, default=3, help="labs at the same time (default: 3)")
    parser.add_argument("--output", type=Path, default=None, help="a new folder to write to")
    parser.set_defaults(against="assigned")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the matrix.

    Returns:
        0 if every defect was caught, and the flawless reference passed unless it was left out; else 1; 2 for an unknown
        defect; 130 if it was interrupted.
    """
    options = _options(arguments)
    chosen = [name for name in options.only.split(",") if name] or list(CATALOGUE)
    if unknown := [name for name in chosen if name not in CATALOGUE]:
        _say(f"there is no defect {', '.join(unknown)}")
        return 2
    folder = (options.output or Path("lbcert-runs") / time.strftime("controls-%Y%m%d-%H%M%S")).absolute()
    folder.mkdir(parents=True)
    cases, costs = all_cases(), Costs()
    tasks = plan(cases, chosen, costs, against=options.against)
    clean = [] if options.no_clean else clean_tasks(cases, tasks, costs)
    tasks += clean
    tasks.sort(key=lambda task: -task.seconds)
    estimated = sum(task.seconds for task in tasks) / options.labs
    _say(f"{len(chosen)} defects, about {estimated / 60:.0f} min; results in {folder}")
    _import_late()
    controls, began = Controls(cases, folder, costs, to_the_end=options.against != "assigned"), time.monotonic()
    with _labs(options.labs) as labs:
        _say(f"{options.labs} labs are up")
        stopped = False
        try:
            controls.run(tasks, labs)
            if clean:  # cases that were tried since the first caught nothing, too
                tried = {result.case for row in controls.rows.values() for result in row.results}
                later = tried.difference(case for task in clean for case in task.cases)
                clean += (more := clean_tasks(cases, [Task("", list(later))], costs))
                controls.run(more, labs)
            if again := controls.undetermined():
                _say(f"nothing could be said of {sum(len(task.cases) for task in again)} runs of a case; once more")
                controls.run(again, labs)
        except KeyboardInterrupt:
            stopped = True
        except TestbedError as error:
            _say(str(error))
    if options.learn:
        costs.save()
    rows = [controls.rows[name] for name in chosen if name in controls.rows]
    missing = [_row(CATALOGUE[name], cases) for name in chosen if name not in controls.rows]
    commit = environment.suite()["commit"]
    due = [case for task in clean for case in task.cases]
    names = [case.case for case in cases]
    matrix = Matrix([*rows, *missing], controls.clean, due, names, time.monotonic() - began, len(labs), commit)
    (folder / "matrix.json").write_text(json.dumps(matrix.plain(), indent=1) + "\n")
    (folder / "matrix.html").write_text(render_matrix(matrix))
    caught = len(matrix.rows) - len(matrix.escaped)
    _say(f"{caught} of {len(matrix.rows)} defects caught in {matrix.seconds / 60:.1f} min")
    for row in matrix.escaped:
        _say(f"not caught: {row.defect}")
    for result in matrix.lost:
        _say(f"lost without a defect: {result.case}: {result.verdict}")
    if options.no_clean:
        _say("the flawless reference was left out: nothing is known of cases that fail whatever they see")
    if matrix.untried:
        _say(f"{len(matrix.untried)} of {len(cases)} cases were not run against any defect; the matrix names them")
    _say(str(folder / "matrix.html"))
    if stopped:
        return STOPPED
    return 0 if matrix.holds else 1


if __name__ == "__main__":
    sys.exit(main())
