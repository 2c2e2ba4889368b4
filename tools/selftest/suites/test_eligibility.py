"""What cases say of nodes is said of those nodes alone, and is taken back."""

from types import SimpleNamespace
from typing import Any

import kubernetes.client
import pytest

from lbcert_suites.eligibility import Eligibility
from lbcert_suites.layer2.test_eligibility import QUIET_SECONDS, quietly
from lbcert_suites.questions import latest


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, str]]:
    """The labels of each node, and under ``network`` whether it is said to be unavailable."""
    nodes: dict[str, dict[str, str]] = {"n1": {}, "n2": {}, "n3": {}}

    def patch(_api: Any, node: str, body: Any) -> None:
        (condition,) = body["status"]["conditions"]
        assert condition["type"] == "NetworkUnavailable"
        nodes[node]["network"] = condition["status"]

    monkeypatch.setattr(kubernetes.client.CoreV1Api, "patch_node_status", patch)
    return nodes


@pytest.fixture
def eligibility(nodes: dict[str, dict[str, str]]) -> Eligibility:
    def kubectl(verb: str, kind: str, node: str, change: str, *_: str) -> str:
        assert (verb, kind) == ("label", "node")
        if change.endswith("-"):
            del nodes[node][change[:-1]]
        else:
            name, _, value = change.partition("=")
            nodes[node][name] = value
        return ""

    testbed: Any = SimpleNamespace(kubectl=kubectl, api=kubernetes.client.ApiClient())
    return Eligibility(testbed)


def test_a_label_is_on_those_nodes_alone(nodes: dict[str, dict[str, str]], eligibility: Eligibility) -> None:
    eligibility.label("role", {"n1": "a", "n2": ""})
    assert nodes == {"n1": {"role": "a"}, "n2": {"role": ""}, "n3": {}}
    eligibility.label("role", {"n2": "a", "n3": "b"})
    assert nodes == {"n1": {}, "n2": {"role": "a"}, "n3": {"role": "b"}}


def test_the_network_of_those_nodes_alone_is_unavailable(
    nodes: dict[str, dict[str, str]], eligibility: Eligibility
) -> None:
    eligibility.cut(["n1", "n2"])
    assert {node: said.get("network") for node, said in nodes.items()} == {"n1": "True", "n2": "True", "n3": None}
    eligibility.cut(["n2", "n3"])
    assert {node: said["network"] for node, said in nodes.items()} == {"n1": "False", "n2": "True", "n3": "True"}


def test_everything_is_taken_back(nodes: dict[str, dict[str, str]], eligibility: Eligibility) -> None:
    eligibility.label("role", {"n1": "a"})
    eligibility.label("other", {"n1": "b", "n2": "b"})
    eligibility.cut(["n3"])
    eligibility.restore()
    assert nodes == {"n1": {}, "n2": {}, "n3": {"network": "False"}}


def test_what_is_judged_of_a_change_is_what_was_waited_for() -> None:
    """Who announced an address before may answer once more just after the change: that is waited for, not judged."""
    changed, ms = 1_000_000_000, 1_000_000

    def answer(after: float, mac: str, form: str = "arp-reply") -> Any:
        return {"t": changed + round(after * ms), "address": "10.0.0.1", "mac": mac, "form": form, "flags": {}}

    rows = [answer(-100, "before"), answer(0.4, "before"), answer(17, "after"), answer(999.8, "after")]
    hold = quietly({"10.0.0.1": {"after"}}, changed)
    assert not hold([])
    assert not hold(rows)
    assert not hold([*rows, answer(1000.3, "me", "asked")])
    rows.append(answer(1000.5, "me", "asked"))
    assert hold(rows)
    assert {row["mac"] for row in latest(rows, QUIET_SECONDS)} == {"after", "me"}
