"""The kill matrix: what is planned, how a defect gets into the pods, and what counts as caught."""

import contextlib
import json
import multiprocessing
import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import kubernetes.client
import pytest

from lbcert_fixtures.profiles import load, resolve
from lbcert_fixtures.profiles.declaration import Component
from lbcert_fixtures.profiles.manifests import missing_components
from lbcert_fixtures.reference.defects import CATALOGUE
from lbcert_fixtures.testbeds import TestbedError
from lbcert_reports.html import render_matrix
from lbcert_reports.matrix import Failed, Matrix, Result, Row, by_requirement
from lbcert_tools import controls, environment
from lbcert_tools.controls import (
    Costs,
    Place,
    Running,
    Task,
    assign,
    clean_tasks,
    plan,
    switch,
    take_next,
    with_defect,
    write_profile,
)
from lbcert_tools.planning import Case, all_cases

CASES = [
    Case("chaos/long", "", "", "chaos", ("L2-001",), (), ("no-arp",)),
    Case("layer2/short", "", "", "layer2", ("L2-001",), (), ("no-arp", "no-ndp")),
    Case("allocation/any", "", "", "allocation", ("ALLOC-001",), (), ("one-family-only",)),
    Case("allocation/other", "", "", "allocation", ("ALLOC-001",), (), ("one-family-only",)),
]


@pytest.fixture
def costs(tmp_path: Path) -> Costs:
    path = tmp_path / "case_seconds.toml"
    path.write_text('"chaos/long" = 90')
    return Costs(path)


def test_no_seconds_are_known_of_a_case_that_is_gone() -> None:
    assert set(tomllib.loads(controls.COSTS.read_text())) <= {case.case for case in all_cases()}


def test_the_quickest_case_comes_first_and_the_others_if_it_catches_nothing(costs: Costs) -> None:
    (arp, ndp) = sorted(plan(CASES, ["no-ndp", "no-arp"], costs, against="assigned"), key=lambda task: task.defect)
    assert (arp.cases, arp.more) == (["layer2/short"], ["chaos/long"])
    assert (ndp.cases, ndp.more) == (["layer2/short"], [])


def test_of_cases_that_cost_about_the_same_one_is_taken_that_no_other_defect_has(
    costs: Costs, monkeypatch: pytest.MonkeyPatch
) -> None:
    takes = {"layer2/quick": 4.0, "layer2/like-it": 9.0, "layer2/slow": 40.0}
    monkeypatch.setattr(costs, "of", takes.get)
    cases = [Case(name, "", "", "layer2", ("L2-001",), (), ("no-arp", "no-ndp")) for name in takes]
    chosen = assign(cases, costs)
    assert sorted((chosen["no-arp"], chosen["no-ndp"])) == [["layer2/like-it"], ["layer2/quick"]]


def test_what_would_be_seen_to_fail_in_no_case_and_what_costs_little_is_run_too(
    costs: Costs, monkeypatch: pytest.MonkeyPatch
) -> None:
    takes = {"bgp/quick": 4.0, "bgp/needed": 90.0, "bgp/little": 9.0, "bgp/much": 11.0}
    monkeypatch.setattr(costs, "of", takes.get)
    covered = {"bgp/quick": "BGP-005", "bgp/needed": "BGP-008", "bgp/little": "BGP-005", "bgp/much": "BGP-005"}
    cases = [Case(name, "", "", "bgp", (covered[name],), (), ("hold-time-ignored",)) for name in takes]
    assert assign(cases, costs)["hold-time-ignored"] == ["bgp/quick", "bgp/little", "bgp/needed"]


def test_all_means_every_case_and_named_those_that_name_it(costs: Costs) -> None:
    (every,) = plan(CASES, ["no-ndp"], costs, against="all")
    (named,) = plan(CASES, ["no-arp"], costs, against="named")
    assert every.cases == ["chaos/long", "layer2/short", "allocation/any", "allocation/other"]
    assert named.cases == ["layer2/short", "chaos/long"]


def test_without_a_defect_each_planned_case_runs_once_beside_those_of_its_area(costs: Costs) -> None:
    tasks = plan(CASES, ["no-ndp", "no-arp", "one-family-only"], costs, against="named")
    clean = clean_tasks(CASES, tasks, costs)
    areas = [["chaos/long"], ["layer2/short"], ["allocation/any", "allocation/other"]]
    assert [(task.defect, task.cases) for task in clean] == [("", cases) for cases in areas]


def test_one_lab_takes_what_loads_the_machine_or_has_no_defect_and_the_others_the_rest() -> None:
    waiting = [Task(name, [name]) for name in ("chaos/long", "layer2/a", "reset/b", "layer2/c", "bgp/d")]
    waiting.insert(2, Task("", ["bgp/d"]))
    taken = [take_next(waiting, [], first=first) for first in (False, True, True, True, True, False, False, True)]
    order = ["layer2/a", "chaos/long", "", "reset/b", "layer2/c", "bgp/d", None, None]
    assert [task and task.defect for task in taken] == order
    assert take_next([Task("reset/b", ["reset/b"])], [], first=False) is None


def test_while_the_machine_is_loaded_one_lab_more_runs() -> None:
    load, other = Task("no-arp", ["reset/a"]), Task("no-ndp", ["layer2/a"])
    assert take_next([other], [load, other], first=False) is None
    assert take_next([other], [load], first=False) is other
    assert take_next([other], [other, other], first=False) is other
    assert take_next([load], [other, other], first=True) is load


def programs(defect: str) -> dict[str, list[str]]:
    """What the programs are told when they begin, with their variables filled in."""
    (manifest,) = resolve(load("reference"))
    things = with_defect(manifest.objects, CATALOGUE.get(defect))
    (map_,) = (thing for thing in things if thing["kind"] == "ConfigMap")
    told = {}
    for thing in things:
        for container in thing.get("spec", {}).get("template", {}).get("spec", {}).get("containers", []):
            told[container["name"]] = list(container["args"][1:])
            for variable in container["env"]:
                if reference := variable["valueFrom"].get("configMapKeyRef"):
                    assert reference["name"] == map_["metadata"]["name"]
                    value = map_["data"][reference["key"]]
                    told[container["name"]] = [
                        each.replace(f"$({variable['name']})", value) for each in told[container["name"]]
                    ]
    return told


@pytest.mark.parametrize(("defect", "name"), [("address-outside-pool", "controller"), ("no-arp", "speaker")])
def test_only_the_program_that_has_the_defect_is_told_of_it(defect: str, name: str) -> None:
    told = programs(defect)
    assert told.pop(name) == [f"--defect={defect}", "--switch=$(ADDRESS)"]
    assert list(told.values()) == [["--defect=none", "--switch=$(ADDRESS)"]]
    assert set(map(tuple, programs("").values())) == {("--defect=none", "--switch=$(ADDRESS)")}


def test_a_defect_that_is_of_the_pods_is_in_their_arguments() -> None:
    assert programs("speaker-exits")["speaker"] == ["--defect", "speaker-exits"]
    assert programs("duplicate-during-rollout")["controller"] == ["--defect", "duplicate-during-rollout"]


@pytest.mark.parametrize("defect", ["", "no-arp", "address-outside-pool"])
def test_to_switch_changes_no_pod(defect: str) -> None:
    (manifest,) = resolve(load("reference"))
    things = [with_defect(manifest.objects, CATALOGUE.get(name)) for name in ("no-ndp", defect)]
    pods, others = ([thing for thing in each if thing["kind"] in ("Deployment", "DaemonSet")] for each in things)
    assert pods == others


class Pods:
    """A reference whose programs can be told: two speakers, one controller, and a speaker that is going."""

    def __init__(self) -> None:
        self.profile = load("reference")
        self.namespace = self.profile.install.namespace
        self.testbed = SimpleNamespace(api=None, kubectl=lambda *words: self.done.append(" ".join(words)))
        self.restarts = 0
        self.refused: str = ""
        self.done: list[str] = []

    def await_ready(self) -> None:
        self.done.append("ready")

    def pods(self, component: Component) -> list[Any]:
        names = ["controller-1"] if component.name == "controller" else ["speaker-1", "speaker-2", "speaker-going"]
        return [
            SimpleNamespace(
                metadata=SimpleNamespace(name=name, deletion_timestamp="now" if "going" in name else None),
                status=SimpleNamespace(container_statuses=[SimpleNamespace(restart_count=self.restarts)]),
            )
            for name in names
        ]

    def connect_post_namespaced_pod_proxy_with_path(self, pod: str, _namespace: str, defect: str, **_: Any) -> None:
        if pod == self.refused:
            raise kubernetes.client.ApiException(503, "it did not get ready")
        self.done.append(f"{pod} {defect}")


@pytest.fixture
def pods(monkeypatch: pytest.MonkeyPatch) -> Pods:
    there = Pods()
    monkeypatch.setattr(kubernetes.client, "CoreV1Api", lambda _api: there)
    return there


def test_each_pod_that_lives_is_told_what_its_program_is_to_have(pods: Any) -> None:
    switch(pods, "no-arp")
    assert sorted(pods.done) == ["controller-1:7480 none", "speaker-1:7480 no-arp", "speaker-2:7480 no-arp"]
    pods.done.clear()
    switch(pods, "order-by-text")
    assert sorted(pods.done) == ["controller-1:7480 order-by-text", "speaker-1:7480 none", "speaker-2:7480 none"]


def test_pods_that_have_a_defect_of_their_own_are_told_nothing(pods: Any) -> None:
    switch(pods, "speaker-exits")
    assert pods.done == ["controller-1:7480 none"]


def test_pods_whose_programs_were_started_again_are_replaced_first(pods: Any) -> None:
    pods.restarts = 1
    switch(pods, "none")
    assert pods.done[:4] == [
        "rollout restart Deployment/controller --namespace=lbcert-reference",
        "ready",
        "rollout restart DaemonSet/speaker --namespace=lbcert-reference",
        "ready",
    ]


def test_a_program_that_does_not_begin_anew_is_our_error(pods: Any) -> None:
    pods.refused = "speaker-2:7480"
    with pytest.raises(TestbedError, match="speaker-2 did not begin anew with the defect no-arp"):
        switch(pods, "no-arp")


def test_a_profile_with_a_defect_loads_and_finds_its_manifest(tmp_path: Path) -> None:
    (manifest,) = resolve(load(write_profile(tmp_path, "duplicate-during-rollout")))
    (deployment,) = (thing for thing in manifest.objects if thing["kind"] == "Deployment")
    assert deployment["spec"]["strategy"] == {"type": "RollingUpdate"}


def test_what_no_defect_changes_is_applied_to_a_lab_once(tmp_path: Path) -> None:
    (released,) = resolve(load("reference"))
    for defect in ("", *CATALOGUE):
        things = with_defect(released.objects, CATALOGUE[defect] if defect else None)
        assert [thing for thing in things if thing["kind"] not in ("ConfigMap", "Deployment", "DaemonSet")] == [
            thing for thing in released.objects if thing["kind"] not in ("Deployment", "DaemonSet")
        ]
    (manifest,) = resolve(load(write_profile(tmp_path, "no-arp", whole=False)))
    assert [thing["kind"] for thing in manifest.objects] == ["ConfigMap", "Deployment", "DaemonSet"]
    assert not missing_components(load("reference"), [manifest])


ROW = Row("no-arp", "answers no ARP request", ("L2-001",), "unanswered", ["layer2/short"])


def result(verdict: str, *failed: Failed, case: str = "layer2/short") -> Result:
    return Result(case, verdict, 1.5, failed)


@pytest.mark.parametrize(
    ("found", "caught"),
    [
        (result("fail", Failed("L2-001", "fail", "5 questions went unanswered")), True),
        (result("fail", Failed("L2-001", "fail", "two nodes answered")), False),
        (result("fail", Failed("L2-002", "fail", "5 questions went unanswered")), False),
        (result("inconclusive", Failed("L2-001", "inconclusive", "unanswered")), False),
        (result("error", Failed("", "error", "unanswered")), False),
        (result("pass"), False),
        (result("fail", Failed("L2-001", "fail", "unanswered"), case="layer2/other"), False),
    ],
)
def test_caught_means_failed_on_the_right_requirement_for_the_right_reason_by_a_case_that_names_it(
    found: Result, caught: bool
) -> None:
    row = Row(ROW.defect, ROW.does, ROW.breaks, ROW.shows, ROW.named, [found])
    assert row.caught == caught


def test_the_matrix_holds_only_if_all_was_caught_and_nothing_was_lost_and_its_page_says_so() -> None:
    good = result("fail", Failed("L2-001", "fail", "5 <questions> went unanswered"))
    row = Row(ROW.defect, ROW.does, ROW.breaks, ROW.shows, ROW.named, [good])
    whole = matrix([row], [result("pass")])
    assert whole.holds
    assert by_requirement(whole.rows) == {"L2-001": ["no-arp"]}
    assert whole.plain()["caught"] == 1
    page = render_matrix(whole)
    assert "1 of 1 caught" in page
    assert "5 &lt;questions&gt; went" in page
    assert not matrix([row, ROW], [result("pass")]).holds
    assert not matrix([row], [result("fail")]).holds


def matrix(rows: Sequence[Row], clean: Sequence[Result], due: Sequence[str] = ("layer2/short",)) -> Matrix:
    return Matrix(rows, clean, due, ["layer2/short", "layer2/long"], 60, 2, "abc")


GOOD = replace(ROW, results=[result("fail", Failed("L2-001", "fail", "unanswered"))])


def test_a_case_that_came_to_no_end_before_the_flawless_reference_is_lost() -> None:
    found = matrix([GOOD], [])
    assert not found.holds
    assert found.plain()["lost"] == ["layer2/short"]
    page = render_matrix(found)
    assert "0 of 1 pass" in page
    assert "not run" in page[page.index('<section id="clean">') :]


def test_a_matrix_without_the_flawless_reference_says_so() -> None:
    found = matrix([GOOD], [], due=[])
    assert found.holds
    assert found.plain()["due"] == []
    assert "The reference without a defect was left out" in render_matrix(found)


def test_the_cases_that_were_not_run_against_any_defect_are_named() -> None:
    found = matrix([GOOD], [result("pass")])
    assert found.plain()["untried"] == ["layer2/long"]
    page = render_matrix(found)
    assert "1 of 2 were run against a defect" in page
    assert "<code>layer2/long</code>" in page[page.index('<section id="untried">') :]


def test_a_matrix_of_nothing_is_no_pass() -> None:
    nothing = matrix([], [], due=[])
    assert not nothing.holds
    page = render_matrix(nothing)
    assert "left out" in page
    assert 'class="seal v-pass"' not in page


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, costs: Costs) -> Callable[..., tuple[int, dict[str, Any]]]:
    """A session of one defect, no lab of which is real, and of whose runs each comes to what is told of its cases."""

    def hold(*options: str, run: Callable[[controls.Controls, Task], None]) -> tuple[int, dict[str, Any]]:
        def run_all(self: controls.Controls, tasks: Sequence[Task], labs: Sequence[Place]) -> None:
            for task in tasks:
                run(self, task)

        monkeypatch.setattr(controls, "_labs", lambda _: contextlib.nullcontext([]))
        monkeypatch.setattr(controls, "Costs", lambda: costs)
        monkeypatch.setattr(controls, "all_cases", lambda: CASES)
        monkeypatch.setattr(environment, "suite", lambda: {"commit": "abc"})
        monkeypatch.setattr(controls.Controls, "run", run_all)
        code = controls.main(["--only=no-arp", f"--output={tmp_path / 'matrix'}", *options])
        return code, json.loads((tmp_path / "matrix" / "matrix.json").read_text())

    return hold


class Labs:
    """A lab that comes up as often as it is told to, and runs in it that come to what is said of them in turn."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *outcomes: Sequence[Result], boots: int = 9) -> None:
        ours, self._theirs = multiprocessing.Pipe()
        self.place = Place("1", ours)
        self.begun: list[str] = []
        self.renewed = 0
        self._boots = boots
        self._outcomes = iter(outcomes)
        self._boot()
        self.place.await_up()
        monkeypatch.setattr(self.place, "renew", self._renew)
        monkeypatch.setattr(controls, "_start", self._start)
        monkeypatch.setattr(controls, "results_of", lambda _run: next(self._outcomes))

    def _boot(self) -> None:
        self._boots -= 1
        if self._boots < 0:
            self._theirs.close()
        else:
            self._theirs.send("up")

    def _renew(self) -> None:
        Place.renew(self.place)
        assert self._theirs.recv()
        self.renewed += 1
        self._boot()

    def _start(self, task: Task, place: Place, folder: Path, *, to_the_end: bool) -> Running:
        self.begun.append("whole" if place.pods_of is None else task.defect or "clean")
        place.pods_of = ""
        process = multiprocessing.get_context("fork").Process(target=int)
        process.start()
        return Running(task, process, folder, time.monotonic())


def costs_known(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "case_seconds.toml").read_text())


BROKEN = [result("error", Failed("", "error", "the lab is damaged"))]
SHOWN = [result("fail", Failed("L2-001", "fail", "0 of 5 questions for 172.30.0.200 were answered"))]


def test_a_run_that_came_to_an_error_is_made_once_more_in_another_lab(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, costs: Costs
) -> None:
    labs = Labs(monkeypatch, BROKEN, SHOWN)
    of = controls.Controls(CASES, tmp_path, costs, to_the_end=False)
    of.run([Task("no-arp", ["layer2/short"])], [labs.place])
    costs.save()
    assert costs_known(tmp_path) == {"chaos/long": 90, "layer2/short": 0}  # of the second run
    assert of.rows["no-arp"].caught
    assert [each.verdict for each in of.rows["no-arp"].results] == ["error", "fail"]
    assert (labs.begun, labs.renewed) == (["whole", "whole"], 1)


def test_a_run_that_was_ended_breaks_its_lab_too_and_is_not_made_a_third_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, costs: Costs
) -> None:
    labs = Labs(monkeypatch, [], BROKEN, SHOWN)
    of = controls.Controls(CASES, tmp_path, costs, to_the_end=False)
    of.run([Task("no-arp", ["layer2/short"]), Task("no-ndp", ["layer2/short"])], [labs.place])
    assert not of.rows["no-arp"].caught
    assert labs.renewed == 2


def test_a_lab_is_kept_whatever_a_defect_does_to_its_case(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, costs: Costs
) -> None:
    labs = Labs(monkeypatch, [result("fail")], [result("inconclusive")], [result("fail")])
    of = controls.Controls(CASES, tmp_path, costs, to_the_end=False)
    tasks = [Task("", ["layer2/short"]), Task("no-ndp", ["layer2/short"]), Task("no-arp", ["layer2/short"])]
    of.run(tasks, [labs.place])
    assert (labs.begun, labs.renewed) == (["whole", "no-ndp", "no-arp"], 0)


def test_a_lab_that_does_not_come_up_again_is_our_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, costs: Costs
) -> None:
    labs = Labs(monkeypatch, BROKEN, boots=1)
    of = controls.Controls(CASES, tmp_path, costs, to_the_end=False)
    with pytest.raises(TestbedError, match="the lab 1 did not come up"):
        of.run([Task("no-arp", ["layer2/short"])], [labs.place])


def caught(of: controls.Controls, task: Task, clean: Sequence[str] = ()) -> None:
    """What a run comes to: the defect is caught, and without one these cases pass."""
    if task.defect:
        of.rows[task.defect] = GOOD
    of.clean += [result("pass", case=case) for case in task.cases if not task.defect and case in clean]


def test_a_session_holds_if_the_flawless_reference_came_to_the_end_of_every_case(session: Any) -> None:
    assert session(run=lambda of, task: caught(of, task, ["layer2/short"]))[0] == 0


def test_a_session_whose_flawless_reference_came_to_no_end_does_not_hold(session: Any) -> None:
    code, found = session(run=caught)
    assert (code, found["lost"]) == (1, ["layer2/short"])


def test_a_case_that_was_tried_since_the_first_caught_nothing_has_to_pass_without_a_defect_too(session: Any) -> None:
    def run(of: controls.Controls, task: Task) -> None:
        caught(of, task, ["layer2/short"])
        if task.defect:
            of.rows[task.defect] = replace(GOOD, results=[*GOOD.results, result("pass", case="chaos/long")])

    code, found = session(run=run)
    assert (code, found["due"], found["lost"]) == (1, ["layer2/short", "chaos/long"], ["chaos/long"])


def test_what_nothing_could_be_said_of_is_tried_once_more_and_both_are_told(session: Any) -> None:
    runs = list[Task]()

    def run(of: controls.Controls, task: Task) -> None:
        runs.append(task)
        verdict = "inconclusive" if len(runs) <= 2 else "pass"
        if task.defect:
            failed = Failed("L2-001", "inconclusive", "the machine was busy")
            earlier = [result("inconclusive", failed)] if len(runs) <= 2 else of.rows["no-arp"].results
            of.rows["no-arp"] = replace(ROW, results=[*earlier, *(GOOD.results if len(runs) > 2 else ())])
        of.clean += [result(verdict, case=case) for case in task.cases if not task.defect]

    code, found = session(run=run)
    assert [task.defect for task in runs].count("no-arp") == 2
    assert (code, found["escaped"], found["lost"]) == (0, [], [])
    assert [each["verdict"] for each in found["rows"][0]["results"]] == ["inconclusive", "fail"]
    assert [each["verdict"] for each in found["clean"]] == ["inconclusive", "pass"]


@pytest.mark.parametrize(
    ("verdicts", "lost"),
    [
        (["inconclusive", "pass"], 0),
        (["inconclusive", "inconclusive"], 1),
        (["inconclusive", "fail"], 1),
        (["fail", "pass"], 1),
        (["error", "pass"], 1),
    ],
)
def test_a_failure_of_the_flawless_reference_is_not_made_up_for(verdicts: Sequence[str], lost: int) -> None:
    assert len(matrix([GOOD], [result(each) for each in verdicts]).lost) == lost


def test_a_session_that_leaves_the_flawless_reference_out_says_so(
    session: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = session("--no-clean", run=caught)
    assert (code, found["due"]) == (0, [])
    assert "the flawless reference was left out" in capsys.readouterr().err


def test_a_session_that_is_interrupted_says_so_even_if_all_was_caught(session: Any) -> None:
    def run(of: controls.Controls, task: Task) -> None:
        caught(of, task, ["layer2/short"])
        if task.defect == "":
            raise KeyboardInterrupt

    assert session(run=run)[0] == controls.STOPPED
