"""The command line: what it prints, what it refuses, and with which exit code."""

import fcntl
import json
import os
import re
import runpy
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest

from lbcert_fixtures.deployment import Deployment
from lbcert_fixtures.images.own import ECHO, FRR
from lbcert_fixtures.profiles import built_in, load
from lbcert_fixtures.testbeds import TestbedError, netns
from lbcert_fixtures.testbeds.kind import engine, image
from lbcert_fixtures.testbeds.netns import wire
from lbcert_reports.judges.registry import REGISTRY
from lbcert_reports.recorder import Recorder
from lbcert_tools import doctor, experiments, main, testbeds
from lbcert_tools.commands import certifying
from lbcert_tools.doctor import Finding, Level
from lbcert_tools.planning import Case, PlanError, choose, words_of
from lbcert_tools.rundir import choose as choose_run
from lbcert_tools.scope import declaration

Lbcert = Callable[..., tuple[int, str, str]]


@pytest.fixture
def lbcert(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lbcert:
    """Run a command line in an empty folder; returns exit code, output, errors. A certificate is never begun."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(certifying, "_run", lambda *_: pytest.fail("a run was begun"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main.run(list(arguments))
        said = capfd.readouterr()
        return code, said.out, said.err

    return run


@pytest.mark.parametrize("command", ["", *main.COMMANDS, "profile new", "profile check", "lab up", "lab shell"])
def test_every_command_explains_itself(lbcert: Lbcert, command: str) -> None:
    code, out, _ = lbcert(*command.split(), "--help")
    assert code == 0
    assert out.startswith("Usage: lbcert")
    assert len(out.splitlines()) > 4


def test_every_option_of_certify_has_a_help_text(lbcert: Lbcert) -> None:
    certify = main.cli.get_command(click.Context(main.cli), "certify")
    assert certify
    assert [p.name for p in certify.params if isinstance(p, click.Option) and not p.help] == []


def test_certify_takes_every_option_of_the_plugin(lbcert: Lbcert) -> None:
    from lbcert_tools.plugin import OPTIONS

    _, out, _ = lbcert("certify", "--help")
    offered = set(re.findall(r"--([a-z-]+)", out))
    assert OPTIONS.keys() - offered == {"run-dir", "no-calibration"}  # who certifies calibrates
    assert "output" in offered


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bogus"], "No such command 'bogus'"),
        (["certify"], "Missing option '--profile'"),
        (["certify", "--profile=metallb-native", "--trials=0"], "--trials"),
        (["certify", "--profile=nobody"], "built in are"),
        (["certify", "--profile=metallb-native", "--only=L2-999"], "no case fits 'L2-999'"),
        (["certify", "--profile=metallb-native", "--testbed=moon"], "there is netns"),
        (["certify", "--profile=metallb-native", "--feature-gate=A=true"], "netns cannot be told; --testbed kind can"),
        (["certify", "--profile=metallb-native", "--node-image=x.tar"], "netns cannot be told; --testbed kind can"),
        (["certify", "--profile=metallb-native", "--testbed=kind", "--node-image=x.tar"], "there is no such file"),
        (["certify", "--profile=metallb-native", "--testbed=kind", "--feature-gate=A"], "say NAME=true or NAME=false"),
        (["certify", "--profile=metallb-native", "--proxy-mode=ipvs"], "--proxy-mode"),
        (["lab", "up", "--families=both"], "--families"),
        (["certify", "--profile=metallb-native", "--lab=nobodys"], "no lab named 'nobodys' is up (up: "),
        (["certify", "--profile=metallb-native", "--testbed=kind", "--aside"], "testbed kind gets no second lab"),
        (["certify", "--profile=metallb-native", "--workers=2", "--aside"], "--workers share all cases"),
        (["certify", "--profile=reference", "--only=ALLOC-016", "--load-ui=8089"], "only chaos experiments make load"),
        (["certify", "--profile=reference", "--only=BGP-001", "--load-workers=2"], "only chaos experiments make load"),
        (["kind", "up", "--feature-gate=A"], "say NAME=true or NAME=false"),
        (["kind", "image", "--output=no/such/node.tar"], "--output no/such/node.tar: no/such is no folder"),
        (["kind", "images", "--kubernetes=1.2"], "Kubernetes 1.2 cannot be built here, only 1.34"),
        (["explain", "L2-999"], "there is no requirement L2-999"),
        (["profile", "new", " "], "say what the product is called"),
        (["profile", "new", "My LB", "--output=no/such/my.toml"], "--output no/such/my.toml: No such file"),
        (["report"], "there is no run below"),
        (["report", "nowhere"], "nowhere"),
        (["lab", "shell", "--name"], "--name"),
        (["doctor", "--testbed", "kin"], "there is netns, kind"),
        (["doctor", "--node-image", "x.tar"], "netns cannot be told; --testbed kind can"),
        (["doctor", "--testbed", "kind", "--node-image", "x.tar"], "there is no such file"),
        (["report", "."], "holds no journal"),
    ],
)
def test_a_mistake_in_the_command_has_exit_code_2_and_no_traceback(
    lbcert: Lbcert, arguments: list[str], said: str
) -> None:
    code, _, err = lbcert(*arguments)
    assert code == 2
    assert said in err
    assert "Traceback" not in err


def test_every_mistake_of_a_profile_is_said_with_its_place_before_anything_starts(
    lbcert: Lbcert, tmp_path: Path
) -> None:
    (tmp_path / "bad.toml").write_text('schema = 2\n\n[implementation]\nname = 3\nurl = "ftp"\n')
    code, _, err = lbcert("certify", "--profile=bad.toml")
    assert code == 2
    for place in ("bad.toml:1: schema", "bad.toml:4: implementation.name", "bad.toml:5: implementation.url"):
        assert place in err
    assert not (tmp_path / "lbcert-runs").exists()


def test_certify_says_all_that_the_machine_lacks_and_starts_nothing(
    lbcert: Lbcert, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lacking = [
        Finding("crun", Level.MISSING, "not found", "apt-get install crun"),
        Finding("disk", Level.MISSING, "full", "x"),
    ]
    monkeypatch.setattr(doctor, "blocking", lambda *_: lacking)
    code, out, err = lbcert("certify", "--profile=metallb-native")
    assert code == 3
    assert "crun: not found" in out
    assert "disk: full" in out
    assert "cannot carry the lab" in err
    assert not (tmp_path / "lbcert-runs").exists()


def test_kind_up_says_all_that_the_machine_lacks_and_starts_nothing(
    lbcert: Lbcert, monkeypatch: pytest.MonkeyPatch
) -> None:
    wishes: list[doctor.Wish] = []

    def blocking(wish: doctor.Wish) -> list[Finding]:
        wishes.append(wish)
        return [Finding("testbed kind", Level.MISSING, "no container engine", "install it")]

    monkeypatch.setattr(doctor, "blocking", blocking)
    code, out, err = lbcert("kind", "up", "--nodes=2", "--profile=metallb-native")
    assert code == 3
    assert "no container engine" in out
    assert "cannot carry the lab" in err
    assert wishes == [doctor.Wish(2, testbed="kind", kubernetes="1.36")]


def test_certify_does_not_write_into_a_folder_that_holds_something(
    lbcert: Lbcert, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(doctor, "blocking", lambda *_: [])
    (tmp_path / "mine").write_text("x")
    code, _, err = lbcert("certify", "--profile=metallb-native", f"--output={tmp_path}")
    assert code == 2
    assert "is not empty" in err


def test_options_that_add_nothing_are_noted(lbcert: Lbcert, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    monkeypatch.setattr(testbeds, "choose", lambda **_: testbeds.Chosen())
    command = ["certify", "--profile=reference", "--only=L2-003", f"--output={tmp_path}", "--lab=there"]
    assert "adds nothing" not in lbcert(*command)[2]
    err = lbcert(*command, "--all", "--keep-lab")[2]
    assert "note: --all adds nothing: --only names the cases" in err
    assert "note: --keep-lab adds nothing: the lab there stays up anyway" in err


def test_the_doctor_says_with_its_exit_code_whether_a_lab_can_be_had(
    lbcert: Lbcert, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lbcert_tools.commands import doctoring

    monkeypatch.setattr(doctoring, "examine", lambda _: [Finding("crun", Level.DEGRADED, "old")])
    assert lbcert("doctor")[0] == 0
    monkeypatch.setattr(doctoring, "examine", lambda _: [Finding("crun", Level.MISSING, "none", "install it")])
    code, out, _ = lbcert("doctor", "--json")
    assert code == 3
    assert json.loads(out) == [{"subject": "crun", "level": "missing", "observed": "none", "fix": "install it"}]


@pytest.fixture
def lives(monkeypatch: pytest.MonkeyPatch) -> dict[str, wire.Life]:
    """The labs that are up, one of them a run's; ``ended`` are the others, once somebody ended them."""
    up = {
        "kept": wire.Life(1, "kind", is_used=False),
        "lab": wire.Life(2, "netns", is_used=False),
        "of-a-run": wire.Life(3, "kind", is_used=True),
    }
    monkeypatch.setattr(wire, "names", lambda: list(up))
    monkeypatch.setattr(wire, "look", up.get)
    monkeypatch.setattr(netns, "end", up.pop)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(engine, "clean", lambda _cache, _living: [])
    return up


def test_a_lab_that_somebody_uses_ends_by_its_name_only(lbcert: Lbcert, lives: dict[str, wire.Life]) -> None:
    code, _, err = lbcert("lab", "down")
    assert code == 2
    assert "several labs are up: kept, lab" in err
    assert lbcert("lab", "down", "--all")[0] == 0
    assert list(lives) == ["of-a-run"]
    code, _, err = lbcert("lab", "down")
    assert code == 2
    assert "somebody uses of-a-run" in err
    assert lbcert("lab", "down", "of-a-run")[0] == 0
    assert lives == {}


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("lab down kept nowhere", r"no lab named nowhere is up \(up: kept, lab, of-a-run\)"),
        ("lab down kept --all", "--all names all labs that nobody uses"),
        ("kind clean kept lab", r"no kind testbed named lab is up \(up: kept, of-a-run\)"),
        ("lab logs --name nowhere", "no lab named nowhere is up"),
    ],
)
def test_a_name_that_is_wrong_is_said_before_anything_is_done(
    lbcert: Lbcert, lives: dict[str, wire.Life], command: str, said: str
) -> None:
    code, _, err = lbcert(*command.split())
    assert code == 2
    assert re.search(said, err)
    assert len(lives) == 3


def test_cleaning_up_after_kind_leaves_what_somebody_uses_unless_it_is_named(
    lbcert: Lbcert, lives: dict[str, wire.Life]
) -> None:
    code, out, _ = lbcert("kind", "clean")
    assert code == 0
    assert list(lives) == ["lab", "of-a-run"]
    assert "of-a-run is used, and stays" in out
    assert lbcert("kind", "clean", "of-a-run")[0] == 0
    assert list(lives) == ["lab"]


def test_cleaning_up_after_kind_says_where_it_found_nothing_and_refuses_who_can_have_nothing(
    lbcert: Lbcert, lives: dict[str, wire.Life], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lives.clear()
    assert str(tmp_path / "cache" / "lbcert" / "engines") in lbcert("kind", "clean")[1]
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    code, out, err = lbcert("kind", "clean")
    assert (code, out) == (2, "")
    assert "run it as root" in err


@pytest.fixture
def boots(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What becomes of a kind testbed that is started, which comes up unless something else is put here."""
    told: list[str] = []

    def start(name: str, _options: object, *, logs: Path, **_: object) -> Any:
        if "fails" in told:
            logs.mkdir(parents=True)
            raise TestbedError("kind could not make the cluster")
        return SimpleNamespace(name=name, detach=lambda: told.append("let go"))

    monkeypatch.setattr(doctor, "blocking", lambda *_: [])
    monkeypatch.setattr(testbeds, "TESTBEDS", {"kind": lambda: testbeds.Sort(dict, str, dict, start)})
    return told


def test_a_testbed_whose_implementation_is_not_ready_stays_and_says_so(
    lbcert: Lbcert, boots: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_deployment: Deployment) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Deployment, "__init__", lambda *_: None)
    monkeypatch.setattr(Deployment, "apply", interrupt)
    code, _, err = lbcert("kind", "up", "mine", "--profile=reference")
    assert (code, boots) == (130, ["let go"])
    assert "mine is up all the same: look into it, or end it with `lbcert lab down mine`" in err


def test_a_testbed_that_does_not_come_up_says_where_its_logs_are(
    lbcert: Lbcert, boots: list[str], tmp_path: Path
) -> None:
    boots.append("fails")
    code, _, err = lbcert("kind", "up", "mine")
    assert code == 3
    assert re.search(rf"its logs are in {tmp_path}/lbcert-runs/mine-boot-\d+-\d+/logs", err.replace("\n", ""))


@pytest.mark.parametrize(("before", "interrupts"), [(signal.SIG_DFL, 1), (signal.SIG_IGN, 0)])
def test_to_lose_the_terminal_is_to_be_interrupted_once_but_for_who_began_with_nohup(
    monkeypatch: pytest.MonkeyPatch, before: signal.Handlers, interrupts: int
) -> None:
    def run(_arguments: list[str]) -> int:
        count = 0
        for _ in range(2):
            try:
                signal.raise_signal(signal.SIGHUP)
            except KeyboardInterrupt:
                count += 1
        return count

    monkeypatch.setattr(main, "run", run)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGTERM)}
    signal.signal(signal.SIGHUP, before)
    try:
        with pytest.raises(SystemExit) as ended:
            main.main()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert ended.value.code == interrupts


def test_the_images_that_a_run_on_kind_needs_are_listed_without_making_one(
    lbcert: Lbcert, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = ("registry.k8s.io/kube-apiserver:v1.36.3", image.NETWORK_TOOLS)
    monkeypatch.setattr(image, "held_images", lambda _kubernetes, progress: held)
    monkeypatch.setattr(image, "node_image", lambda *_, **__: pytest.fail("the node image is made"))
    code, out, _ = lbcert("kind", "images")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == [image.REPOSITORY, *held, FRR, ECHO]


def test_lists_are_for_people_and_for_programs(lbcert: Lbcert) -> None:
    _, out, _ = lbcert("list", "requirements")
    _, document, _ = lbcert("list", "requirements", "--json")
    rows = json.loads(document)
    assert len(rows) == len(out.splitlines()) > 100
    assert {row["tested"] for row in rows} == {"tested", "-"}
    assert {row["profile"] for row in json.loads(lbcert("list", "profiles", "--json")[1])} == set(built_in())


def test_explain_says_what_is_required_and_which_cases_test_it(lbcert: Lbcert) -> None:
    code, out, _ = lbcert("explain", "l2-003")
    assert code == 0
    for words in ("L2-003  Exactly one node answers", "MUST", "Required", "Source", "layer2/"):
        assert words in out
    assert out.splitlines()[1] == "MUST, profile core-l2, a rule of MetalLB, any mode"
    assert "a rule of RFC" in lbcert("explain", "BGP-001")[1]


def test_the_status_of_a_lab_keeps_its_columns_whatever_its_places_are_called(
    lbcert: Lbcert, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {"client": "client", "some-long-name-worker2": "node", "control-plane": "control-plane"}
    places = {
        name: SimpleNamespace(name=name, role=role, ipv4="192.0.2.1", ipv6=f"2001:db8::{number}")
        for number, (name, role) in enumerate(names.items())
    }

    def nothing() -> None:
        """Neither checks nor lets go."""

    lab = SimpleNamespace(places=places, switched_off=["client"], check=nothing, detach=nothing)
    monkeypatch.setattr(netns, "labs", lambda: ["some"])
    monkeypatch.setattr(netns, "attach", lambda _: lab)
    code, out, _ = lbcert("lab", "status")
    assert code == 0
    rows = out.splitlines()[1:]
    assert len({row.index("192.0.2.1") for row in rows}) == len({row.index("2001:db8") for row in rows}) == 1
    assert rows[0].endswith("2001:db8::0 (switched off)")


def test_following_a_log_ends_with_its_lab(lbcert: Lbcert, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    log, up = tmp_path / "kubelet.log", ["mine"]
    log.write_text("first\n")

    def labs() -> list[str]:
        if up and log.stat().st_size > 10:
            up.clear()
        with log.open("a") as file:
            file.write("more\n")
        return up

    monkeypatch.setattr(
        netns, "attach", lambda name: SimpleNamespace(name=name, open_log=lambda _: log.open("rb"), detach=lambda: None)
    )
    monkeypatch.setattr(netns, "labs", labs)
    assert lbcert("lab", "logs", "--name=mine", "n1/kubelet", "--follow") == (0, "first\nmore\nmore\n", "")


def test_every_place_that_a_shell_opens_in_is_named(lbcert: Lbcert) -> None:
    out = lbcert("lab", "shell", "--help")[1]
    assert all(place in out for place in ("n1", "control-plane", "router2", "far-client", "NAMESPACE/POD"))


def test_a_new_profile_is_complete_but_for_what_only_its_vendor_knows(lbcert: Lbcert, tmp_path: Path) -> None:
    code, _, _ = lbcert("profile", "new", "My LB", "--output=my.toml")
    assert code == 0
    code, _, err = lbcert("profile", "check", "my.toml")
    assert code == 2
    assert "is still to be filled in" in err
    assert lbcert("profile", "new", "Other", "--output=my.toml")[0] == 2, "what is there is not overwritten"
    assert lbcert("profile", "check", "metallb-native", "--no-fetch")[0] == 0


def test_a_profile_that_expects_a_failure_nobody_looks_for_is_told_so(lbcert: Lbcert, tmp_path: Path) -> None:
    text = lbcert("profile", "show", "metallb-native")[1]
    for requirement in ("OBS-001", "L2-001"):
        text += f'[[expected-failures]]\nrequirement = "{requirement}"\nreason = "known"\n'
    (tmp_path / "my.toml").write_text(text)
    code, out, _ = lbcert("profile", "check", str(tmp_path / "my.toml"), "--no-fetch")
    assert code == 0
    assert "OBS-001: no case" in out
    assert "L2-001" not in out


def test_what_is_claimed_and_has_no_case_is_noted_by_check_and_by_certify(
    lbcert: Lbcert, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = "(built in):15: conformance.claims: claimed, but no case yet: extended-"
    code, out, _ = lbcert("profile", "check", "metallb-native", "--no-fetch")
    assert code == 0
    assert f"note: metallb-native {note}" in out
    assert out.splitlines()[-1] == "no mistake was found; next: lbcert certify --profile metallb-native --quick"
    monkeypatch.setattr(doctor, "blocking", lambda *_: [Finding("crun", Level.MISSING, "not found", "x")])
    code, _, err = lbcert("certify", "--profile=metallb-native")
    assert code == 3
    assert note in err


def test_a_profile_that_is_shown_can_be_checked_wherever_it_is_copied_to(lbcert: Lbcert, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(lbcert("profile", "show", "reference")[1])
    code, out, err = lbcert("profile", "check", "mine.toml")
    assert (code, err) == (0, "")
    assert "manifest.yaml: " in out


def test_a_manifest_that_cannot_be_fetched_is_said_in_words_with_the_way_around(lbcert: Lbcert, tmp_path: Path) -> None:
    text = lbcert("profile", "show", "reference")[1]
    (tmp_path / "my.toml").write_text(re.sub(r'file = ".*"', 'url = "http://127.0.0.1:1/lb.yaml"', text))
    code, _, err = lbcert("profile", "check", "my.toml")
    assert code == 2
    assert "http://127.0.0.1:1/lb.yaml: could not be fetched: Connection refused\n" in err
    assert "Hint: --no-fetch checks all else without a network" in err
    assert lbcert("profile", "check", "my.toml", "--no-fetch")[0] == 0


def test_the_cache_says_its_size_and_goes_away_part_by_part(lbcert: Lbcert, tmp_path: Path) -> None:
    for name in ("programs", "images"):
        part = tmp_path / "cache" / "lbcert" / name
        part.mkdir(parents=True)
        (part / "file").write_bytes(b"x" * 3_000_000)
    assert re.search(r"6 MB +\S+lbcert", lbcert("cache", "size")[1])
    assert lbcert("cache", "clean", "--yes", "nothing")[0] == 2
    assert lbcert("cache", "clean", "--yes", "images")[0] == 0
    assert [part.name for part in (tmp_path / "cache" / "lbcert").iterdir()] == ["programs"]


def test_cleaning_the_cache_leaves_the_data_of_a_cluster_that_is_up(lbcert: Lbcert, tmp_path: Path) -> None:
    engines = tmp_path / "cache" / "lbcert" / engine.DATA
    for name in ("0", "1"):
        (engines / name / "image").mkdir(parents=True)
    with (engines / "0" / "lock").open("w") as used:
        fcntl.flock(used, fcntl.LOCK_EX)
        code, out, _ = lbcert("cache", "clean", "--yes")
        assert code == 0
        assert out.startswith(f"in use, and kept: {engines / '0'}")
        assert [path.name for path in engines.iterdir()] == ["0"]
    assert lbcert("cache", "clean", "--yes")[1] == "removed engines\n"
    assert not engines.exists()


@pytest.fixture(scope="module")
def sessions() -> dict[str, Any]:
    """What the noxfile defines; nox wants to see it once only."""
    return runpy.run_path(str(Path(__file__).parents[3] / "noxfile.py"))


@pytest.mark.parametrize(
    ("session", "given", "run"),
    [
        ("certify_kind", [], "--testbed=kind --profile=metallb-native"),
        ("certify_kind", ["--quick"], "--testbed=kind --profile=metallb-native --quick"),
        ("certify_kind", ["--profile", "mine.toml"], "--testbed=kind --profile mine.toml"),
        ("certify", [], "--profile=metallb-native --quick"),
        ("certify", ["--profile=mine.toml"], "--profile=mine.toml"),
    ],
)
def test_the_sessions_that_certify_keep_their_profile_unless_another_is_named(
    sessions: dict[str, Any], session: str, given: list[str], run: str
) -> None:
    words: list[str] = []
    sessions[session].func(SimpleNamespace(posargs=given, run=lambda *command: words.extend(command)))
    assert words == ["lbcert", "certify", *run.split()]


# --- a run directory ------------------------------------------------------------------------------------------------


def a_run(folder: Path, verdict: str | None, *, finished: bool = True, only: str = "") -> Path:
    """A run of one case on one requirement, as the plugin writes it; of none of it if only another was asked for."""
    recorder = Recorder(folder)
    profile, name = load("metallb-native"), only or "layer2/one"
    (folder / "profile.toml").write_text(profile.text)
    recorder.event(
        "run-started",
        run=folder.name,
        suite={"version": "1", "commit": ""},
        profile=declaration(profile, {"core-l2"}, {}),
        testbed={"name": "netns"},
        environment={},
        command=["lbcert"],
        options={"only": only},
        plan=[{"case": name, "title": "One", "text": "", "area": "layer2", "requirements": [] if only else ["L2-003"]}],
        requirements={
            "L2-003": {
                "id": "L2-003",
                "title": "One",
                "level": "MUST",
                "profile": "core-l2",
                "statement": "s",
                "source": "x",
            }
        },
    )
    with recorder.case(name) as case:
        if verdict:
            seen = case.evidence(
                "ingress",
                [{"t": time.time_ns(), "service": "a/b", "addresses": [], "present": True}],
                "seen",
                pools=[],
            )
            assert seen.kind == "ingress"
            case.judge("L2-003", "precondition", {}, {"unmet": "no address"})
    if finished:
        recorder.event("run-finished", cases={str(case.outcome): 1}, duration=1.0)
    recorder.close()
    return folder


def test_a_report_is_written_again_from_the_run_directory_and_its_path_is_the_last_line(
    lbcert: Lbcert, tmp_path: Path
) -> None:
    a_run(tmp_path / "run", "inconclusive")
    code, out, _ = lbcert("report", "run")
    assert code == 3
    assert "core-l2  UNDETERMINED" in out
    assert "no address" in out
    assert out.splitlines()[-1] == "run/report.html"
    for name in ("report.json", "report.html", "junit.xml", "badge.svg"):
        assert (tmp_path / "run" / name).stat().st_size > 100
    first = (tmp_path / "run" / "report.json").read_bytes()
    lbcert("report", "run")
    assert (tmp_path / "run" / "report.json").read_bytes() == first


def test_an_interrupted_run_says_so(lbcert: Lbcert, tmp_path: Path) -> None:
    a_run(tmp_path / "run", "inconclusive", finished=False)
    code, out, _ = lbcert("report", "run")
    assert code == 3
    assert "interrupted" in out


def test_judging_again_agrees_and_finds_what_was_altered(lbcert: Lbcert, tmp_path: Path) -> None:
    run = a_run(tmp_path / "run", "inconclusive")
    assert lbcert("judge", "run")[0] == 0
    journal = run / "journal" / "main.jsonl"
    journal.write_text(journal.read_text().replace('"verdict":"inconclusive"', '"verdict":"pass"'))
    code, out, _ = lbcert("judge", "run")
    assert code == 1
    assert "the verdict does not follow" in out


def test_the_bundle_beside_the_report_is_judged_anywhere_as_the_run_is(lbcert: Lbcert, tmp_path: Path) -> None:
    a_run(tmp_path / "run", "inconclusive")
    assert "run/run.lbcert.tar.gz (0.0 MB" in lbcert("report", "run")[1]
    elsewhere = (tmp_path / "run" / "run.lbcert.tar.gz").rename(tmp_path / "theirs.lbcert.tar.gz")
    code, out, _ = lbcert("judge", str(elsewhere))
    assert (code, out) == (0, lbcert("judge", "run")[1])
    assert out.splitlines()[-1] == "1 verdicts recomputed, 0 findings"
    digest = json.loads((tmp_path / "run" / "report.json").read_text())["run"]["journalDigest"]
    assert f"digest {digest}" in out
    assert "core-l2: undetermined, 0 of 1 requirements pass, nothing can be said of 1" in out.splitlines()


def test_judging_says_what_was_not_checked_and_what_verdicts_were_held_against(lbcert: Lbcert, tmp_path: Path) -> None:
    a_run(tmp_path / "run", "inconclusive")
    code, out, err = lbcert("judge", "run", "--bounds")
    assert (code, err) == (0, "")
    assert re.search(r"^scope not checked: made by suite 1, this is \S", out, re.MULTILINE)
    assert 'L2-003 in layer2/one: precondition; unmet "no address"' in out.splitlines()


def test_a_run_of_a_later_suite_that_does_not_hold_is_to_be_judged_with_that(lbcert: Lbcert, tmp_path: Path) -> None:
    run = a_run(tmp_path / "run", "inconclusive")
    lbcert("report", "run")
    journal = run / "journal" / "main.jsonl"
    journal.write_text(journal.read_text().replace('"judge":"precondition"', '"judge":"later"'))
    code, out, err = lbcert("judge", "run")
    assert code == 1
    assert "layer2/one L2-003: cannot be judged again: this suite has no judge 'later'" in out.splitlines()
    assert "core-l2" not in out, "nothing is certified by a run that does not hold"
    assert re.match(r"Hint: the run was made by suite 1, this is \S.*; judge it with the one that made it", err)


def test_a_run_is_packed_again_to_the_same_bytes(lbcert: Lbcert, tmp_path: Path) -> None:
    a_run(tmp_path / "run", "inconclusive")
    lbcert("report", "run")
    code, out, _ = lbcert("bundle", "run", "--output=mine.lbcert.tar.gz")
    assert (code, out.strip()) == (0, "mine.lbcert.tar.gz")
    assert (tmp_path / out.strip()).read_bytes() == (tmp_path / "run" / "run.lbcert.tar.gz").read_bytes()


def test_a_bundle_that_does_not_hold_is_refused_with_the_place(lbcert: Lbcert, tmp_path: Path) -> None:
    a_run(tmp_path / "run", "inconclusive")
    lbcert("report", "run")
    lbcert("bundle", "run", "--output=whole")
    content = (tmp_path / "whole").read_bytes()
    (tmp_path / "cut").write_bytes(content[:-100])
    code, out, _ = lbcert("judge", "cut")
    assert code == 1
    assert "cut: was altered or cut" in out
    (tmp_path / "other").write_bytes(b"\x1b[31mred")
    code, out, err = lbcert("judge", "other")
    assert (code, out) == (2, "")
    assert "other: does not begin as a bundle of lbcert does\n" in err


def test_what_is_no_run_at_all_is_a_mistake_in_every_command(lbcert: Lbcert, tmp_path: Path) -> None:
    a_run(tmp_path / "run", "inconclusive")
    lbcert("report", "run")
    (tmp_path / "none" / "journal").mkdir(parents=True)
    for command in (["judge", "none"], ["report", "none"], ["bundle", "none"], ["diff", "none", "run"]):
        code, out, err = lbcert(*command)
        assert (code, out) == (2, "")
        assert "none: holds no journal\nHint: " in err
    for name in ("report.json", "report.html"):
        code, out, err = lbcert("judge", f"run/{name}")
        assert (code, out) == (2, "")
        assert "Hint: give the run directory or RUN.lbcert.tar.gz; report.json and report.html hold no evidence" in err
    code, _, err = lbcert("diff", "run", "run/report.html")
    assert code == 2
    assert "Hint: give a run directory, RUN.lbcert.tar.gz or report.json" in err


def test_a_diff_says_with_its_exit_code_whether_a_verdict_changed(lbcert: Lbcert, tmp_path: Path) -> None:
    for name, verdict in (("old", "inconclusive"), ("same", "inconclusive"), ("new", None)):
        a_run(tmp_path / name, verdict)
        lbcert("report", name)
    code, out, _ = lbcert("diff", "old/old.lbcert.tar.gz", "same")
    assert (code, "No verdict changed." in out) == (0, True)
    code, out, _ = lbcert("diff", "old", "new/report.json")
    assert code == 1
    assert "other  L2-003: inconclusive -> not-run" in out
    code, out, _ = lbcert("diff", "old", "new", "--json")
    assert (code, json.loads(out)["changed"]) == (1, True)
    code, out, err = lbcert("diff", "old", "old/junit.xml")
    assert (code, out) == (2, "")
    assert "junit.xml: does not begin as a bundle of lbcert does" in err


def test_a_diff_tells_a_part_from_a_loss(lbcert: Lbcert, tmp_path: Path) -> None:
    a_run(tmp_path / "old", "inconclusive")
    a_run(tmp_path / "new", None, only="layer2/other")
    code, out, _ = lbcert("diff", "old", "new")
    assert code == 0
    assert out.splitlines()[2:5] == [
        "options.only: none -> layer2/other",
        "not run in old (without --all): 1 case",
        "not run in new (--only layer2/other): 1 requirement, 1 case",
    ]
    assert "No verdict changed." in out
    assert out.count("options.only") == 1


def test_a_report_shows_what_changed_since_another(lbcert: Lbcert, tmp_path: Path) -> None:
    a_run(tmp_path / "old", None)
    a_run(tmp_path / "new", "inconclusive")
    assert lbcert("report", "new", "--diff=old")[0] == 3
    assert "whose verdict changed: 1" in (tmp_path / "new" / "report.html").read_text()
    assert lbcert("report", "new", "--diff=new/report.html")[0] == 2


def test_a_run_that_cannot_be_packed_says_so_and_has_its_report(lbcert: Lbcert, tmp_path: Path) -> None:
    run = a_run(tmp_path / "run", "inconclusive")
    (run / "evidence" / "notes.txt").write_text("mine")
    code, out, err = lbcert("report", "run")
    assert (code, out.splitlines()[-1]) == (3, "run/report.html")
    assert "no evidence bundle was written" in err
    assert "notes.txt: does not belong into a run directory" in err
    assert lbcert("bundle", "run")[0] == 3


def test_an_altered_run_is_not_packed_with_the_exit_code_of_judge(lbcert: Lbcert, tmp_path: Path) -> None:
    run = a_run(tmp_path / "run", "inconclusive", finished=False)
    next(run.glob("evidence/*/*.gz")).write_bytes(b"other")
    code, _, err = lbcert("bundle", "run")
    assert (code, lbcert("judge", "run")[0]) == (1, 1)
    assert "was altered: its SHA-256 is not the one in the journal" in err


def test_a_run_without_verdicts_is_undetermined_when_judged_again(lbcert: Lbcert, tmp_path: Path) -> None:
    a_run(tmp_path / "run", None)
    assert lbcert("judge", "run")[0] == 3


def test_the_newest_run_is_taken_if_none_is_named(lbcert: Lbcert, tmp_path: Path) -> None:
    a_run(tmp_path / "lbcert-runs" / "first", "inconclusive")
    assert lbcert("report")[1].splitlines()[-1] == "lbcert-runs/first/report.html"


def test_the_judge_of_unmet_preconditions_is_always_inconclusive() -> None:
    from lbcert_reports.judges import run

    assert "precondition" in REGISTRY
    assert str(run("precondition", {}, {"unmet": "x"}).verdict) == "inconclusive"


# --- errors ---------------------------------------------------------------------------------------------------------


def test_a_fault_of_lbcert_is_called_one_and_its_traceback_goes_to_a_file(
    lbcert: Lbcert, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from lbcert_tools.commands import doctoring

    monkeypatch.setattr(doctoring, "examine", lambda _: [][1])
    code, _, err = lbcert("--debug", "doctor")
    assert code == 3
    assert "lbcert itself failed: IndexError" in err
    assert "Traceback" not in err
    (log,) = tmp_path.glob("lbcert-debug-*.log")
    assert "IndexError" in log.read_text()


@pytest.mark.parametrize(
    ("script", "code", "kept"),
    [
        ("", 3, "of an earlier run"),
        ("""echo '{"status": "completed", "lbcert": {"evidence": []}}' > "$0" """, 0, '{"status"'),
    ],
)
def test_a_journal_of_an_earlier_run_is_not_taken_for_the_one_of_an_experiment_that_wrote_none(
    lbcert: Lbcert, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, code: int, kept: str
) -> None:
    def command(_name: str, journal: Path, log: Path) -> list[str]:
        log.touch()
        return ["sh", "-c", script, str(journal)]

    journal, temporary = tmp_path / "node-reboot-journal.json", tmp_path / "temporary"
    journal.write_text('{"title": "of an earlier run", "status": "completed", "lbcert": {"evidence": []}}')
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setattr(experiments, "command", command)
    assert lbcert("chaos", "run", "node-reboot")[0] == code
    assert kept in journal.read_text()
    assert list(temporary.iterdir()) == []


def test_an_interrupt_ends_without_a_traceback(lbcert: Lbcert, monkeypatch: pytest.MonkeyPatch) -> None:
    from lbcert_tools.commands import doctoring

    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(doctoring, "examine", interrupt)
    code, _, err = lbcert("doctor")
    assert (code, err.strip()) == (130, "lbcert: stopped")


# --- choosing -------------------------------------------------------------------------------------------------------


def a_case(name: str, *requirements: str, thorough: bool = False, campaign: bool = False) -> Case:
    return Case(name, "t", "", name.partition("/")[0], requirements, (), (), thorough, campaign)


CASES = [
    a_case("layer2/one-answers[ipv4]", "L2-003"),
    a_case("layer2/one-answers[ipv6]", "L2-003"),
    a_case("bgp/withdraws", "BGP-039", "BGP-025"),
    a_case("bgp/restarts", "BGP-040", thorough=True),
]
RARE = a_case("layer2/outlasts", "L2-041", campaign=True)


@pytest.mark.parametrize(
    ("only", "count"),
    [
        ("L2-003", 2),
        ("L2", 2),
        ("layer2", 2),
        ("one-answers", 2),
        ("one-answers[ipv6]", 1),
        ("layer2/one-answers[ipv4]", 1),
        ("bgp/*", 2),
        ("BGP-0?9", 1),
        ("withdraws,one-answers", 3),
        ("withdraws one-answers", 3),
    ],
)
def test_cases_are_chosen_by_requirement_area_and_name(only: str, count: int) -> None:
    assert len(choose(CASES, [only])) == count


def test_what_was_asked_for_is_told_word_by_word() -> None:
    assert words_of(["L2-003,bgp/*", " RESET-001 "]) == ["L2-003", "bgp/*", "RESET-001"]


def test_quick_leaves_out_what_is_thorough_unless_it_is_named() -> None:
    assert a_case("bgp/restarts", "BGP-040", thorough=True) not in choose(CASES, quick=True)
    assert len(choose(CASES, ["restarts"], quick=True)) == 1


def test_what_is_for_campaigns_runs_in_them_with_all_and_by_name() -> None:
    cases = [*CASES, RARE]
    assert choose(cases) == CASES
    assert choose(cases, trials=29) == choose(cases, everything=True) == cases
    assert choose(cases, ["L2-041"]) == [RARE]


def test_a_requirement_without_a_case_is_told_from_a_typing_mistake() -> None:
    with pytest.raises(PlanError, match="no case for ALLOC-002 yet"):
        choose(CASES, ["ALLOC-002"])
    with pytest.raises(PlanError, match="did you mean withdraws"):
        choose(CASES, ["withdrawn"])


def test_two_runs_never_share_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first = choose_run("./my lb.toml")
    first.mkdir(parents=True)
    second = choose_run("./my lb.toml")
    assert first != second
    assert first.name.startswith("my-lb-")


@pytest.mark.parametrize(
    ("used", "arguments", "aside"),
    [(0.1, [], True), (0.9, [], False), (0.9, ["--aside"], True), (0.1, ["--no-aside"], False)],
)
def test_no_lab_stands_aside_where_other_programs_use_the_machine(
    lbcert: Lbcert, monkeypatch: pytest.MonkeyPatch, used: float, arguments: list[str], aside: bool
) -> None:
    begun: list[dict[str, Any]] = []
    monkeypatch.setattr(doctor, "blocking", lambda _: [])
    monkeypatch.setattr(certifying, "share_in_use", lambda: used)
    monkeypatch.setattr(certifying, "_run", lambda _run, options, *_: begun.append(options) or True)
    monkeypatch.setattr(certifying, "conclude", lambda *_, **__: 0)
    code, _, err = lbcert("certify", "--profile=reference", "--quick", *arguments)
    assert code == 0
    assert [each["aside"] for each in begun] == [aside]
    assert ("other programs use 90% of the processors" in err) == (used > 0.5 and not arguments)
