"""Every case was seen to fail, and everything that is required of anybody was broken once: by a defect, by name."""

import ast
import importlib.resources
from pathlib import Path
from random import Random

import pytest

from lbcert_fixtures.reference.defects import CATALOGUE
from lbcert_suites.catalogue import catalogue
from lbcert_tools.controls import Costs, broken, plan
from lbcert_tools.planning import Case, all_cases, covered

NEVER_MISSED = {"POLICY-004": "it asks that something be put on record; nothing is demanded of what it is"}
"""Requirements on which no verdict but a pass exists, and why."""


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return all_cases()


def catching(cases: list[Case], defect: str) -> list[Case]:
    return [case for case in cases if defect in case.catches]


def test_every_case_names_a_defect_that_it_catches(cases: list[Case]) -> None:
    assert [case.case for case in cases if not case.catches] == []


def test_every_defect_that_a_case_names_exists(cases: list[Case]) -> None:
    assert {name for case in cases for name in case.catches} - CATALOGUE.keys() == set()


def test_every_defect_is_named_by_a_case(cases: list[Case]) -> None:
    assert CATALOGUE.keys() - {name for case in cases for name in case.catches} == set()


def test_every_requirement_that_has_a_case_is_broken_by_a_defect(cases: list[Case]) -> None:
    covered = {requirement for case in cases for requirement in case.requirements}
    broken = {requirement for defect in CATALOGUE.values() for requirement in defect.breaks}
    assert covered - broken == NEVER_MISSED.keys()


@pytest.mark.parametrize("seed", range(5))
def test_every_requirement_that_has_a_case_can_be_seen_to_fail_in_the_kill_matrix_whatever_cases_cost(
    cases: list[Case], monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance, costs = Random(seed), Costs()
    takes = {case.case: chance.uniform(0, 100) for case in cases}
    monkeypatch.setattr(costs, "of", takes.get)
    tasks, by_name = plan(cases, CATALOGUE, costs, against="assigned"), {case.case: case for case in cases}
    assert {task.defect for task in tasks if task.cases} == CATALOGUE.keys()
    seen = {each for task in tasks for case in task.cases for each in broken(by_name[case], task.defect)}
    assert covered(cases) - seen == NEVER_MISSED.keys()


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_what_a_defect_breaks_is_covered_by_the_cases_that_name_it(name: str, cases: list[Case]) -> None:
    covered = {requirement for case in catching(cases, name) for requirement in case.requirements}
    assert set(CATALOGUE[name].breaks) <= covered
    assert set(CATALOGUE[name].breaks) <= catalogue().keys()


def test_every_defect_that_a_case_names_breaks_a_requirement_that_the_case_covers(cases: list[Case]) -> None:
    foreign = [
        (case.case, name)
        for case in cases
        for name in case.catches
        if not {*CATALOGUE[name].breaks} & {*case.requirements}
    ]
    assert foreign == []


def asked_for(code: str) -> set[str]:
    """The names that code asks for: what it hands to `defect` and `any_of`, by itself or from a table of the module."""
    module = ast.parse(code)
    tables = {
        target.id: statement.value
        for statement in module.body
        if isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value
        for target in (statement.targets if isinstance(statement, ast.Assign) else [statement.target])
        if isinstance(target, ast.Name)
    }
    found: set[str] = set()
    for function in ast.walk(module):
        if not isinstance(function, ast.FunctionDef):
            continue
        parts = list(ast.walk(function))
        asked = [
            each for each in parts if isinstance(each, ast.Call) and ast.unparse(each.func) in ("defect", "any_of")
        ]
        names = {each.id for each in parts if isinstance(each, ast.Name)} if asked else set()
        for tree in (*asked, *(tables[name] for name in names & tables.keys())):
            found |= {str(each.value) for each in ast.walk(tree) if isinstance(each, ast.Constant)}
    return found


def test_a_name_that_code_only_mentions_is_not_asked_for() -> None:
    code = """
TABLE = {"a": 1}
OTHER = {"b": 1}
def asks():
    log("c")
    return any(map(defect, TABLE)) or any_of(TABLE) or defect("d")
def does_not():
    return OTHER, "e"
"""
    assert asked_for(code) & set("abcde") == {"a", "d"}


def test_every_defect_is_asked_for_somewhere_in_the_code() -> None:
    package = Path(str(importlib.resources.files("lbcert_fixtures.reference")))
    files = [file.read_text() for file in package.rglob("*.py") if file.name != "defects.py"]
    assert CATALOGUE.keys() - {name for code in files for name in asked_for(code)} == set()


def test_there_are_at_least_seventy_defects() -> None:
    assert len(CATALOGUE) >= 70
