"""Repeating the suite: seeds that come again, runs that go on where they stopped, and what changed."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lbcert_tools import repeat

OPTIONS = ["--profile=reference", "--quick"]


@pytest.fixture
def interrupted() -> str:
    """The run that is interrupted; by default none."""
    return ""


@pytest.fixture
def certified(monkeypatch: pytest.MonkeyPatch, interrupted: str) -> list[list[str]]:
    """Stands for `lbcert certify`: the second run finds something else, and each command is kept."""
    commands: list[list[str]] = []

    def certify(command: list[str]) -> None:
        commands.append(command)
        folder = Path(command[-1].removeprefix("--output="))
        folder.mkdir(parents=True)
        if folder.name == interrupted:
            raise KeyboardInterrupt
        verdict = "fail" if folder.name == "002" else "pass"
        report = {"run": {"interrupted": False}, "results": [{"testId": "layer2/one", "verdict": verdict}]}
        (folder / "report.json").write_text(json.dumps(report))

    monkeypatch.setattr(repeat, "certify", certify)
    return commands


def test_the_same_seed_gives_the_same_runs_and_more_runs_begin_with_them() -> None:
    assert repeat.seeds_of(5, 3) == repeat.seeds_of(5, 4)[:3]
    assert repeat.seeds_of(5, 3) != repeat.seeds_of(6, 3)
    assert len(set(repeat.seeds_of(5, 30))) == 30


def test_each_run_is_shuffled_by_a_seed_of_its_own_and_a_change_is_reported(
    certified: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert repeat.main(["3", "--seed", "5", "--into", str(tmp_path / "r"), *OPTIONS]) == 1
    assert [[each for each in command if each.startswith("--seed")] for command in certified] == [
        [f"--seed={seed}"] for seed in repeat.seeds_of(5, 3)
    ]
    assert all("--shuffle" in command and OPTIONS[0] in command for command in certified)
    document = json.loads((tmp_path / "r" / repeat.RESULT).read_text())
    (case,) = document["cases"]
    assert (case["verdict"], case["runs"], case["changes"]) == ("pass", 3, {"002": "fail"})
    assert document["runs"]["002"] == {"seed": repeat.seeds_of(5, 3)[1], "finished": True}
    assert "002: fail" in capsys.readouterr().out


def test_what_was_interrupted_goes_on_where_it_stopped(certified: list[list[str]], tmp_path: Path) -> None:
    repeat.main(["1", "--seed", "5", "--into", str(tmp_path), *OPTIONS])
    (tmp_path / "002").mkdir()
    assert repeat.main(["2", "--into", str(tmp_path), *OPTIONS]) == 0
    assert [Path(command[-1].removeprefix("--output=")).name for command in certified] == ["001", "002-2"]


@pytest.mark.parametrize("interrupted", ["003"])
@pytest.mark.usefixtures("certified")
def test_an_interrupt_loses_nothing_of_the_runs_before_and_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert repeat.main(["9", "--seed", "5", "--into", str(tmp_path), *OPTIONS]) == repeat.STOPPED
    document = json.loads((tmp_path / repeat.RESULT).read_text())
    assert document["cases"][0]["runs"] == 2
    assert f"--into {tmp_path} goes on" in capsys.readouterr().out


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Take interrupts as a program in the foreground does: a shell has those in the background ignore them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_ends_a_run_as_if_it_had_been_sent_to_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said = tmp_path / "said"
    code = f"""
import os, signal
try:
    os.kill(os.getppid(), signal.SIGINT)
    signal.pause()
except KeyboardInterrupt:
    open({str(said)!r}, "w").write("reported")
"""
    monkeypatch.setattr(repeat, "CERTIFY", ["env", "--default-signal=INT", sys.executable, "-c", code])
    with pytest.raises(KeyboardInterrupt):
        repeat.certify([])
    assert said.read_text() == "reported"


@pytest.mark.parametrize("other", [["--seed=6"], ["--load=1"], ["--only=bgp"]])
def test_runs_of_something_else_are_not_mixed(certified: list[list[str]], tmp_path: Path, other: list[str]) -> None:
    repeat.main(["1", "--seed", "5", "--into", str(tmp_path), *OPTIONS])
    with pytest.raises(SystemExit):
        repeat.main(["1", "--into", str(tmp_path), *OPTIONS, *other])


def test_runs_of_another_suite_are_not_mixed(
    certified: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    repeat.main(["1", "--seed", "5", "--into", str(tmp_path), *OPTIONS])
    monkeypatch.setattr(repeat, "suite", lambda: {"version": "9", "commit": "abc", "modified": False})
    with pytest.raises(SystemExit):
        repeat.main(["2", "--into", str(tmp_path), *OPTIONS])
    assert "this is 9 (abc)" in capsys.readouterr().err
    assert len(certified) == 1


@pytest.mark.usefixtures("certified")
def test_a_case_that_came_to_no_end_fails_the_session(tmp_path: Path) -> None:
    repeat.main(["1", "--seed", "5", "--into", str(tmp_path), *OPTIONS])
    report = tmp_path / "001" / "report.json"
    report.write_text(report.read_text().replace('"pass"', '"not-run"'))
    assert repeat.main(["1", "--into", str(tmp_path), *OPTIONS]) == 1


def test_busy_loops_end_with_what_they_stood_beside() -> None:
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    before = children.read_text().split()
    with repeat.busy(2):
        assert len(children.read_text().split()) == len(before) + 2
    assert children.read_text().split() == before
