"""Every experiment that ships: valid, complete, and made of what is really there."""

import importlib
import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from chaoslib.exceptions import ChaosException
from chaoslib.experiment import ensure_experiment_is_valid
from chaoslib.hypothesis import within_tolerance

from lbcert_chaos import catalogue
from lbcert_chaos.bench import BenchError, Choice

NAMES = (
    "api-server-outage",
    "controller-restart",
    "kubelet-stop",
    "link-flap",
    "node-drain",
    "node-pause",
    "node-power-off",
    "node-reboot",
    "rolling-restart",
    "router-restart",
    "speaker-kill",
    "speaker-restart",
)
HARMLESS = {"spare_node"}
"""Actions of a method that inject no fault."""

each_experiment = pytest.mark.parametrize("name", NAMES)


def activities(experiment: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from experiment["steady-state-hypothesis"]["probes"]
    yield from experiment["method"]
    yield from experiment["rollbacks"]


def test_these_experiments_ship_and_no_others() -> None:
    assert catalogue.names() == NAMES


def test_an_experiment_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(LookupError, match="no experiment 'node-power-of': there are api-server-outage, "):
        catalogue.path("node-power-of")


@each_experiment
def test_chaos_toolkit_takes_the_experiment(name: str) -> None:
    ensure_experiment_is_valid(catalogue.experiment(name))


@each_experiment
def test_every_activity_calls_a_documented_function_with_arguments_of_the_right_kinds(name: str) -> None:
    for activity in activities(catalogue.experiment(name)):
        provider = activity["provider"]
        function = getattr(importlib.import_module(provider["module"]), provider["func"])
        assert inspect.getdoc(function)
        given = inspect.signature(function).bind(**provider.get("arguments", {})).arguments
        kinds = {"int": int, "float": (int, float), "str": str, "bool": bool}
        for argument, value in given.items():
            annotation = inspect.signature(function).parameters[argument].annotation
            assert isinstance(value, kinds[annotation.__name__]), f"{provider['func']}: {argument} is {value!r}"


@each_experiment
def test_every_method_injects_a_fault_and_waits_for_the_steady_state(name: str) -> None:
    method = catalogue.experiment(name)["method"]
    faults = [each for each in method if each["type"] == "action" and each["provider"]["func"] not in HARMLESS]
    assert len(faults) == 1
    assert faults[0]["provider"]["module"] == "lbcert_chaos.faults"
    assert method[-1]["provider"]["func"] == "steady_state_returns"


@each_experiment
def test_every_experiment_heals_always_and_proves_that_it_did(name: str) -> None:
    experiment = catalogue.experiment(name)
    assert [each["provider"]["func"] for each in experiment["rollbacks"]] == ["heal", "prove_as_before"]
    assert experiment["runtime"] == {"rollbacks": {"strategy": "always"}}
    assert [each["provider"]["module"] for each in experiment["controls"]] == ["lbcert_chaos.controls"]


@each_experiment
def test_every_hypothesis_looks_at_owner_requests_routes_and_sessions(name: str) -> None:
    probes = catalogue.experiment(name)["steady-state-hypothesis"]["probes"]
    looked = {probe["provider"]["func"] for probe in probes}
    assert looked >= {
        "owner_is_unique",
        "requests_are_served",
        "routes_are_complete",
        "sessions_are_established",
    }


@each_experiment
def test_the_tolerance_of_every_probe_lets_no_miss_pass(name: str) -> None:
    for probe in catalogue.experiment(name)["steady-state-hypothesis"]["probes"]:
        assert within_tolerance(probe["tolerance"], {"misses": 0})
        assert not within_tolerance(probe["tolerance"], {"misses": 1})


@each_experiment
def test_the_configuration_of_every_experiment_is_one_that_the_bench_takes(name: str) -> None:
    configuration = catalogue.experiment(name)["configuration"]
    plain = {key: value["default"] if isinstance(value, dict) else value for key, value in configuration.items()}
    choice = Choice.of(plain)
    assert choice == Choice(policy="Local" if name == "rolling-restart" else "Cluster")
    variables = {key: value["key"] for key, value in configuration.items() if isinstance(value, dict)}
    assert variables == {key: f"LBCERT_{key.replace('-', '_').upper()}" for key in variables}


@pytest.mark.parametrize(
    ("configuration", "words"),
    [
        ({"labs": "k"}, "there is no 'labs'; an experiment may set lab, "),
        ({"load-users": "many"}, "load-users is 'many': it must be a whole number"),
        ({"load-limit": "high"}, "load-limit is 'high': it must be a number"),
        ({"policy": "local"}, "policy is 'local': it must be Cluster or Local"),
    ],
)
def test_a_mistake_in_the_configuration_is_one_clear_error(configuration: dict[str, Any], words: str) -> None:
    with pytest.raises(BenchError, match=words):
        Choice.of(configuration)


@pytest.mark.parametrize("broken", ["func", "arguments", "tolerance"])
def test_a_broken_experiment_is_refused(broken: str) -> None:
    experiment = catalogue.experiment("node-power-off")
    if broken == "tolerance":
        del experiment["steady-state-hypothesis"]["probes"][0]["tolerance"]
    else:
        experiment["method"][0]["provider"][broken] = {"func": "no_such", "arguments": {"nod": "n1"}}[broken]
    with pytest.raises(ChaosException):
        ensure_experiment_is_valid(experiment)
