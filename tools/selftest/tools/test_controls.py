"""The kill matrix: what is planned, how a defect gets into the pods, and what counts as caught."""

from pathlib import Path

import pytest
import yaml

from lbcert_fixtures.profiles import load, resolve
from lbcert_fixtures.reference.defects import CATALOGUE
from lbcert_reports.html import render_matrix
from lbcert_reports.matrix import Failed, Matrix, Result, Row, by_requirement
from lbcert_tools.controls import Costs, Place, Task, clean_tasks, plan, take_next, with_defect, write_profile
from lbcert_tools.planning import Case

CASES = [
    Case("chaos/long", "", "", "chaos", ("L2-001",), (), ("no-arp",)),
    Case("layer2/short", "", "", "layer2", ("L2-001",), (), ("no-arp", "no-ndp")),
    Case("allocation/any", "", "", "allocation", ("ALLOC-001",), (), ("one-family-only",), untimed=True),
]


@pytest.fixture
def costs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Costs:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return Costs()


def test_the_quickest_case_comes_first_and_the_others_if_it_catches_nothing(costs: Costs) -> None:
    (arp, ndp) = sorted(plan(CASES, ["no-ndp", "no-arp"], costs, against="quickest"), key=lambda task: task.defect)
    assert (arp.cases, arp.more) == (["layer2/short"], ["chaos/long"])
    assert (ndp.cases, ndp.more) == (["layer2/short"], [])


def test_all_means_every_case_and_named_those_that_name_it(costs: Costs) -> None:
    (every,) = plan(CASES, ["no-ndp"], costs, against="all")
    (named,) = plan(CASES, ["no-arp"], costs, against="named")
    assert every.cases == ["chaos/long", "layer2/short", "allocation/any"]
    assert named.cases == ["layer2/short", "chaos/long"]


def test_without_a_defect_each_planned_case_runs_once(costs: Costs) -> None:
    tasks = plan(CASES, ["no-ndp", "no-arp", "one-family-only"], costs, against="named")
    clean = clean_tasks(CASES, tasks, costs)
    assert [(task.cases, task.untimed) for task in clean] == [
        (["chaos/long", "layer2/short"], False),
        (["allocation/any"], True),
    ]
    assert {task.defect for task in clean} == {""}


def test_a_lab_aside_takes_only_what_measures_no_times_and_the_others_that_last() -> None:
    timed, untimed = [Task(name, [], seconds=1) for name in "ab"], [Task(name, [], untimed=True) for name in "cd"]
    waiting = [untimed[0], timed[0], untimed[1], timed[1]]
    first, second, aside = Place("1"), Place("2"), Place("3", aside=True)
    assert take_next(waiting, aside, first=False) is untimed[0]
    assert take_next(waiting, second, first=False) is timed[1]
    assert take_next(waiting, first, first=True) is timed[0]
    assert take_next(waiting, second, first=False) is untimed[1]
    assert take_next([Task("e", [])], aside, first=False) is None
    assert not waiting


@pytest.mark.parametrize(("defect", "workload"), [("address-outside-pool", "Deployment"), ("no-arp", "DaemonSet")])
def test_only_the_program_that_has_the_defect_is_told_of_it(defect: str, workload: str) -> None:
    (manifest,) = resolve(load("reference"))
    things = [thing for thing in yaml.safe_load_all(with_defect(manifest.text, CATALOGUE[defect])) if thing]
    told = {
        thing["kind"]: container["args"][1:]
        for thing in things
        if thing["kind"] in ("Deployment", "DaemonSet")
        for container in thing["spec"]["template"]["spec"]["containers"]
    }
    assert told.pop(workload) == ["--defect", defect]
    assert list(told.values()) == [[]]


def test_a_profile_with_a_defect_loads_and_finds_its_manifest(tmp_path: Path) -> None:
    (manifest,) = resolve(load(write_profile(tmp_path, "duplicate-during-rollout")))
    (deployment,) = (thing for thing in manifest.objects if thing["kind"] == "Deployment")
    assert deployment["spec"]["strategy"] == {"type": "RollingUpdate"}


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
    whole = Matrix([row], [result("pass")], 60, 2, "abc")
    assert whole.holds
    assert by_requirement(whole.rows) == {"L2-001": ["no-arp"]}
    assert whole.plain()["caught"] == 1
    page = render_matrix(whole)
    assert "1 of 1 caught" in page
    assert "5 &lt;questions&gt; went" in page
    assert not Matrix([row, ROW], [result("pass")], 60, 2, "abc").holds
    assert not Matrix([row], [result("fail")], 60, 2, "abc").holds


def test_a_matrix_of_nothing_is_no_pass() -> None:
    nothing = Matrix([], [], 60, 2, "abc")
    assert not nothing.holds
    page = render_matrix(nothing)
    assert "not run" in page
    assert 'class="seal v-pass"' not in page
