"""Experiments and load in a real lab, with a real implementation."""

import json
import os
import socket
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from lbcert_fixtures.deployment import Deployment
from lbcert_fixtures.load import Load, LoadError, Target, limit
from lbcert_fixtures.profiles import load, resolve
from lbcert_fixtures.testbeds import netns
from lbcert_fixtures.testbeds.netns import Lab
from lbcert_tools import experiments

pytestmark = [pytest.mark.lab, pytest.mark.slow]

NAME = f"selftest-chaos-{os.getpid()}"
PORT = 8080


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab with MetalLB in it."""
    profile = load("metallb-native")
    manifests = resolve(profile)
    with netns.start(NAME, netns.LabOptions(images=profile.images)) as lab:
        deployment = Deployment(lab, profile, manifests)
        deployment.apply()
        deployment.await_ready()
        yield lab


@pytest.fixture
def backend(lab: Lab) -> Iterator[Target]:
    """A web server at the far client, which the client reaches through the router."""
    handle = lab.start_program("far-client", "far-client/web", [sys.executable, "-m", "http.server", str(PORT)])
    yield Target(lab.places["far-client"].ipv4, PORT)
    lab.stop_started(handle)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def test_an_experiment_runs_to_its_end_and_its_journal_holds_what_was_seen(lab: Lab, tmp_path: Path) -> None:
    chosen = experiments.environment(lab.name, None, experiments.Load(users=2))
    journal = experiments.run("controller-restart", tmp_path / "log", chosen)
    assert (journal["status"], journal["deviated"]) == ("completed", False), (tmp_path / "log").read_text()[-3000:]
    told = journal["lbcert"]
    assert told["facts"]["profile"] == "metallb-native"
    (fault,) = told["faults"]
    assert fault["proof"]["deleted"] != fault["proof"]["replaced_by"]
    assert fault["began"] <= fault["effective"] < fault["healed"]
    seen = {each["name"]: each for each in told["evidence"]}
    assert seen["load"]["meta"]["limit"]["requests_per_second"] > 0
    assert all(each["rows"] for each in seen.values())
    assert any(fault["effective"] < row["sent"] < fault["healed"] for row in seen["stream-layer2-ipv4"]["rows"])
    assert lab.mend() == []
    assert "lbcert-chaos" not in lab.kubectl("get", "services", "-A")


def test_an_experiment_without_its_lab_says_why_and_touches_nothing(tmp_path: Path) -> None:
    journal = experiments.run(
        "node-power-off", tmp_path / "log", experiments.environment("nolab", None, experiments.Load())
    )
    assert journal["status"] == "interrupted"
    (why,) = journal["lbcert"]["refused"]
    assert "no lab named 'nolab' is up" in why


def test_a_profile_that_does_not_fit_the_lab_is_refused(lab: Lab, tmp_path: Path) -> None:
    frr = experiments.environment(lab.name, load("metallb-frr"), experiments.Load())
    journal = experiments.run("node-power-off", tmp_path / "log", frr)
    (why,) = journal["lbcert"]["refused"]
    assert "metallb-frr does not fit" in why


@pytest.mark.parametrize("workers", [0, 2])
def test_locust_asks_at_the_pace_that_was_wanted(lab: Lab, backend: Target, workers: int) -> None:
    with Load(lab, "client", backend, users=4, each=5, workers=workers) as put:
        assert put.until(lambda rows: sum(row["requests"] for row in rows) >= 60, 60)
    rows = put.rows()
    assert sum(row["failures"] for row in rows) == 0
    assert max(row["users"] for row in rows) == 4
    assert all(row["p50"] for row in rows if row["requests"])
    assert put.meta()["wanted"] == 20


def test_requests_that_nobody_takes_are_failures(lab: Lab) -> None:
    nobody = Target(lab.places["far-client"].ipv4, PORT + 1)
    with Load(lab, "client", nobody, users=2, each=5) as put:
        assert put.until(lambda rows: sum(row["failures"] for row in rows) >= 10, 60)
    assert any("refused" in error for row in put.rows() for error in row["errors"])


def test_the_limit_of_the_generator_is_measured_against_a_backend(lab: Lab, backend: Target) -> None:
    most = limit(lab, "client", backend, users=4, seconds=2)
    assert most["requests_per_second"] > 20
    assert json.dumps(most)


def test_locusts_web_ui_can_be_reached_from_here(lab: Lab, backend: Target) -> None:
    port = free_port()
    with (
        Load(lab, "client", backend, users=2, each=5, ui=port) as put,
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as page,
    ):
        assert b"Locust" in page.read()
        assert put.until(lambda rows: any(row["requests"] for row in rows), 30)


def test_a_generator_that_cannot_start_says_why(lab: Lab, backend: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lbcert_fixtures.load._LOCUSTFILE", "/nowhere.py")
    monkeypatch.setattr("lbcert_fixtures.load.START_BUDGET_SECONDS", 10)
    with pytest.raises(LoadError, match="Locust at client"), Load(lab, "client", backend):
        pass
