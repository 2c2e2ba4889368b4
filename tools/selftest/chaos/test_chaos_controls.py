"""What the control makes up for in Chaos Toolkit, and how a bench that is not there is told."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from chaoslib.exceptions import InterruptExecution

from lbcert_chaos import bench, controls, recovery
from lbcert_chaos.bench import CUTTING, Bench, BenchError, Choice
from lbcert_fixtures.testbeds import Fault, TestbedError, netns


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Chaos Toolkit's controls keep state in their module, one experiment a process."""
    for name, value in (("_observing", ExitStack()), ("_standing", ExitStack()), ("_refused", [])):
        monkeypatch.setattr(controls, name, value)
    monkeypatch.setattr(controls, "_rolling_back", False)
    yield
    bench.use(None)


@dataclass
class Lab:
    """As much of a lab as a bench without activities needs."""

    name: str = "l"
    nodes: list[Any] = field(
        default_factory=lambda: [SimpleNamespace(name=n, mac=f"02::{n}", ipv4=n, ipv6=n) for n in ("n1", "n2")]
    )


def a_bench(**fields: Any) -> Bench:
    made: Any = Bench
    found: Bench = made(Choice(), Lab(), SimpleNamespace(name="p"), None, None, **fields)
    return found


def action(status: str, type_: str = "action") -> tuple[dict[str, Any], dict[str, Any]]:
    return {"name": "break", "type": type_}, {"status": status, "exception": ["TestbedError: no\n"]}


def test_an_action_that_fails_ends_the_experiment() -> None:
    context, state = action("failed")
    with pytest.raises(InterruptExecution, match="'break' failed: TestbedError: no"):
        controls.after_activity_control(context, state)


@pytest.mark.parametrize(("status", "type_"), [("succeeded", "action"), ("failed", "probe")])
def test_nothing_else_ends_it(status: str, type_: str) -> None:
    controls.after_activity_control(*action(status, type_))


def test_a_failed_rollback_does_not_keep_the_others_from_being_played() -> None:
    controls.before_rollback_control({})
    controls.after_activity_control(*action("failed"))


@pytest.mark.parametrize(("rollback", "status"), [("succeeded", "completed"), ("failed", "failed")])
def test_a_failed_rollback_is_told_in_the_status(rollback: str, status: str) -> None:
    observers: Any = SimpleNamespace(evidence=lambda: iter([]))
    found = a_bench(_observers=observers)
    bench.use(found)
    journal = {"status": "completed", "rollbacks": [{"status": rollback}]}
    controls.after_experiment_control({}, state=journal)
    assert journal["status"] == status
    assert journal["lbcert"] == {"facts": found.facts(), "faults": [], "evidence": []}


def test_an_experiment_that_cannot_begin_says_why_once_and_rolls_nothing_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netns, "labs", lambda: ["a", "b"])
    with pytest.raises(InterruptExecution, match=r"several labs are up \(a, b\); say which with LBCERT_LAB"):
        controls.before_experiment_control({}, configuration={"lab": ""})
    assert recovery.heal() == {"healed": []}
    assert recovery.prove_as_before() == {"mended": [], "returned": {}}
    journal: dict[str, Any] = {"status": "interrupted", "rollbacks": []}
    controls.after_experiment_control({}, state=journal)
    assert journal["lbcert"]["refused"] == ["BenchError: several labs are up (a, b); say which with LBCERT_LAB"]


def test_without_a_lab_the_way_to_one_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netns, "labs", list)
    with pytest.raises(BenchError, match="no lab is up; start one with 'lbcert lab up"):
        Bench.find(Choice())


def test_a_lab_that_is_not_up_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise TestbedError(f"no lab named {name!r} is up")

    monkeypatch.setattr(netns, "attach", refuse)
    with pytest.raises(BenchError, match="LBCERT_LAB: no lab named 'x' is up"):
        Bench.find(Choice(lab="x"))


def test_an_activity_without_its_control_says_so() -> None:
    with pytest.raises(BenchError, match=r"the experiment needs the control lbcert_chaos\.controls"):
        bench.current()


@pytest.mark.parametrize("name", ["node-power-off", "link-cut", "kubelet-stop"])
def test_a_node_counts_as_lost_until_its_fault_is_healed(name: str) -> None:
    found = a_bench()
    found.inject(Fault(name, "n1", 1, 2), lambda _: 7)
    assert found.lost() == ({"n1"} if name in CUTTING else set())
    found.heal(found.standing()[0])
    assert found.lost() == set()
    assert found.faults[0].row() == {
        "fault": name,
        "target": "n1",
        "began": 1,
        "effective": 2,
        "healed": 7,
        "proof": {},
    }


def test_faults_are_healed_latest_first_and_none_twice() -> None:
    found, healed = a_bench(), []
    bench.use(found)

    def cure(fault: Fault) -> int:
        healed.append(fault.target)
        return len(healed)

    for target in ("n1", "n2"):
        found.inject(Fault("link-cut", target, 1, 2), cure)
    assert [row["target"] for row in recovery.heal()["healed"]] == ["n2", "n1"]
    assert recovery.heal() == {"healed": []}
    assert healed == ["n2", "n1"]
