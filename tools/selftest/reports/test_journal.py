"""The journal keeps every event through whatever ends the run, and says where it was altered."""

import errno
import json
import os
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lbcert_reports import journal
from lbcert_reports.journal import JournalError, JournalWriter


def counting(times: list[int]) -> Callable[[], int]:
    """A clock that shows these times, one a call."""
    remaining = iter(times)
    return lambda: next(remaining)


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """A new folder for each call: Hypothesis runs one test many times."""
    return lambda: tmp_path_factory.mktemp("run")


def notes(run: Path) -> list[str]:
    return [event["text"] for event in journal.read(run).of("note")]


def test_an_event_is_a_line_with_number_time_and_name(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, "gw0", now=counting([7]))
    event = writer.append("case-started", case="a")
    assert (tmp_path / "journal/gw0.jsonl").read_text() == '{"seq":0,"t":7,"event":"case-started","case":"a"}\n'
    assert journal.read(tmp_path).events == [event]
    assert (event.t, event.writer, event.seq, event.event, event["case"]) == (7, "gw0", 0, "case-started", "a")


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(["main", "gw0", "gw1"]), st.lists(st.integers(0, 50)), min_size=1))
def test_writers_are_merged_by_time_and_each_keeps_its_order(
    folder: Callable[[], Path], times: dict[str, list[int]]
) -> None:
    run = folder()
    for name, ticks in times.items():
        writer = JournalWriter(run, name, now=counting(ticks))
        for number in range(len(ticks)):
            writer.append("note", case=name, text=str(number))
        writer.close()
    events = journal.read(run).events
    assert [event.t for event in events] == sorted(event.t for event in events)
    for name, ticks in times.items():
        assert [event.seq for event in events if event.writer == name] == list(range(len(ticks)))


def test_events_at_the_same_time_are_ordered_by_writer(tmp_path: Path) -> None:
    for name in ("main", "gw1", "gw0"):
        JournalWriter(tmp_path, name, now=lambda: 1).append("note", case=None, text=name)
    assert notes(tmp_path) == ["gw0", "gw1", "main"]


def test_a_clock_that_is_set_back_does_not_turn_events_round(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, now=counting([9, 3, 10]))
    assert [writer.append("note", case=None, text=text).t for text in "abc"] == [9, 9, 10]
    assert notes(tmp_path) == ["a", "b", "c"]


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(), min_size=1, max_size=5), st.data())
def test_a_journal_that_is_cut_anywhere_keeps_all_whole_lines_and_names_the_torn_one(
    folder: Callable[[], Path], texts: list[str], data: st.DataObject
) -> None:
    run = folder()
    writer = JournalWriter(run)
    for text in texts:
        writer.append("note", case=None, text=text)
    whole = writer.path.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    writer.path.write_bytes(whole[:cut])
    kept = whole[:cut].count(b"\n")
    assert notes(run) == texts[:kept]
    torn = journal.read(run).torn
    rest = whole[:cut].rpartition(b"\n")[2]
    expected = [(f"{writer.path}:{kept + 1}", rest.decode(errors="replace"))] if rest else []
    assert [(each.place, each.text) for each in torn] == expected


def test_a_writer_that_is_killed_leaves_all_it_reported_written(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from lbcert_reports.journal import JournalWriter
writer = JournalWriter(Path(sys.argv[1]))
for number in range(100000):
    writer.append("note", case=None, text=str(number))
    print(number, flush=True)
"""
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(20)]
        process.send_signal(signal.SIGKILL)
        said += process.stdout.readlines()
    reported = [line for line in said if line.endswith("\n")]
    recovered = notes(tmp_path)
    assert recovered[: len(reported)] == [line.strip() for line in reported]
    assert len(recovered) >= 20
    assert not journal.read(tmp_path).finished


FIRST = '{"seq":0,"t":1,"event":"note","case":null,"text":"a"}'


@pytest.mark.parametrize(
    ("lines", "number", "problem"),
    [
        (['{"seq":0,"t":1,"event":"note","case":null,"text":"a"}', "{"], 2, "is not JSON"),
        (['{"seq":1,"t":1,"event":"note","case":null,"text":"a"}'], 1, "has seq 1, 0 is due"),
        (['{"seq":0,"t":1,"event":"note","case":null,"text":1}'], 1, "Expected `str`, got `int` - at `$.text`"),
        (['{"seq":0,"t":1,"event":"nota"}'], 1, "there is no event 'nota'"),
        (['{"seq":0,"event":"note"}'], 1, "is not an event with a time t"),
        (
            [f'{{"seq":{n},"t":{9 - n},"event":"note","case":null,"text":"a"}}' for n in range(2)],
            2,
            "is older than the line before",
        ),
        (["[]"], 1, "is not an event with a time t"),
        ([f"{FIRST} "], 1, "is not as lbcert writes this event"),
        ([f"{FIRST}\r"], 1, "is not as lbcert writes this event"),
        ([FIRST.replace('"event"', '"event":"phase","event"')], 1, "is not as lbcert writes this event"),
        ([FIRST.replace('"seq":0,"t":1', '"t":1,"seq":0')], 1, "is not as lbcert writes this event"),
        ([FIRST.replace('"a"', '"\\u0061"')], 1, "is not as lbcert writes this event"),
        ([FIRST, ""], 2, "is not JSON"),
    ],
)
def test_a_journal_that_was_altered_is_one_error_with_its_line(
    tmp_path: Path, lines: list[str], number: int, problem: str
) -> None:
    (tmp_path / "journal").mkdir()
    path = tmp_path / "journal/main.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines), newline="")
    with pytest.raises(JournalError) as error:
        journal.read(tmp_path)
    assert error.value.place == f"{path}:{number}"
    assert problem in error.value.problem


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**62), 2**62)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text(), VALUES, max_size=4), st.data())
def test_what_is_written_is_read_and_no_other_bytes_are_the_same_event(
    folder: Callable[[], Path], proof: dict[str, Any], data: st.DataObject
) -> None:
    run = folder()
    writer = JournalWriter(run, now=lambda: 7)
    fault = {"fault": "cut", "target": "n1", "began": 1, "effective": 2, "healed": None, "proof": proof}
    event = writer.append("fault", case="a", **fault)
    assert journal.read(run).events == [event]
    line = writer.path.read_bytes()
    at = data.draw(st.integers(0, len(line) - 1))
    other = line[:at] + data.draw(st.binary(max_size=2)) + line[at + data.draw(st.integers(0, 2)) :]
    writer.path.write_bytes(other)
    with suppress(JournalError):
        assert journal.read(run).events != [event] or other.startswith(line)


def test_a_journal_is_read_line_by_line_within_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("gw0", "main"):
        writer = JournalWriter(tmp_path, name, now=lambda: 1)
        for _ in range(2):
            writer.append("note", case=None, text="a" * 40)
    size = len(writer.path.read_bytes())
    monkeypatch.setattr(journal, "LARGEST", 2 * size)
    assert len(journal.read(tmp_path).events) == 4
    monkeypatch.setattr(journal, "LARGEST", 2 * size - 1)
    with pytest.raises(
        JournalError, match=rf"main\.jsonl:2: is beyond the {2 * size - 1} bytes that a journal may have"
    ):
        journal.read(tmp_path)
    monkeypatch.setattr(journal, "LARGEST", size)
    with pytest.raises(JournalError, match=r"main\.jsonl:3: is beyond"):
        writer.append("note", case=None, text="")
    monkeypatch.setattr(journal, "LONGEST", size // 2)
    with pytest.raises(JournalError, match=rf"main\.jsonl:3: has more than {size // 2} bytes"):
        writer.append("note", case=None, text="a" * 41)
    assert writer.path.read_bytes().count(b"\n") == 2
    writer.path.write_bytes(b"x" * size)
    with pytest.raises(JournalError, match=rf"main\.jsonl:1: has more than {size // 2} bytes"):
        journal.read(tmp_path)


def test_a_journal_that_is_refused_takes_no_memory(tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal/main.jsonl").write_bytes(b"\n" * 20_000_000)
    tracemalloc.start()
    with pytest.raises(JournalError, match=r"main\.jsonl:1: is not JSON"):
        journal.read(tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


def test_a_folder_without_journal_is_no_run_directory(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match=r"holds no journal \(is this a run directory"):
        journal.read(tmp_path)


def test_an_event_whose_fields_are_wrong_is_refused_and_writes_nothing(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path)
    with pytest.raises(JournalError, match=r"main\.jsonl:1: event 'case-started': .* missing required field `case`"):
        writer.append("case-started")
    with pytest.raises(JournalError, match="there is no event 'case-begun'"):
        writer.append("case-begun", case="a")
    with pytest.raises(JournalError, match="holds a number of twenty digits or more"):
        writer.append("run-finished", cases={"pass": 10**19}, duration=1.0)
    writer.append("case-started", case="a")
    assert [event.seq for event in journal.read(tmp_path).events] == [0]


def test_a_run_directory_is_used_once(tmp_path: Path) -> None:
    JournalWriter(tmp_path)
    with pytest.raises(JournalError, match="exists already"):
        JournalWriter(tmp_path)
    with pytest.raises(JournalError, match="is no writer's name"):
        JournalWriter(tmp_path, "../main")


def test_a_run_is_finished_only_by_its_last_event(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path)
    writer.append("note", case=None, text="a")
    assert not journal.read(tmp_path).finished
    writer.append("run-finished", cases={}, duration=1.0)
    assert journal.read(tmp_path).finished


def test_a_disk_that_is_full_is_one_error_and_what_was_recorded_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = JournalWriter(tmp_path)
    writer.append("note", case=None, text="before")
    write = os.write

    def full(file: int, data: bytes) -> int:
        if len(data) < 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, data[: len(data) - 10])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(JournalError, match=r"main\.jsonl:2: cannot be written: No space left on device \(what was"):
        writer.append("note", case=None, text="lost")
    assert json.loads(writer.path.read_text())["text"] == "before"
    monkeypatch.undo()
    writer.append("note", case=None, text="after")
    assert notes(tmp_path) == ["before", "after"]
    assert not journal.read(tmp_path).torn
