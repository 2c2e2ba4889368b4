"""A run that is followed: what its journal says is told once, and what is left of it is estimated."""

import time
from pathlib import Path
from typing import Any

import pytest

from lbcert_tools.following import Durations, Tail, Watcher
from lbcert_tools.progress import Lines


@pytest.fixture
def durations(tmp_path: Path) -> Durations:
    """Two cases of which it is known how long they take."""
    known = Durations(tmp_path / "durations.json")
    known.seconds = {"bgp/one x5": 100.0, "allocation/two x5": 30.0}
    return known


def started(**options: Any) -> dict[str, Any]:
    plan = [{"case": "bgp/one"}, {"case": "allocation/two", "untimed": True}]
    return {"event": "run-started", "plan": plan, "options": {"trials": 5, **options}}


def begun(case: str, ago: float) -> dict[str, Any]:
    return {"event": "case-started", "case": case, "writer": "main", "t": time.time_ns() - round(ago * 1e9)}


def test_what_is_left_counts_down_while_a_case_runs(durations: Durations) -> None:
    watcher = Watcher(Lines(), durations)
    watcher.see(started())
    assert watcher.remaining == 130
    watcher.see(begun("bgp/one", 40))
    assert watcher.remaining == pytest.approx(90, abs=5)


def test_a_case_that_takes_longer_than_ever_is_about_to_end(durations: Durations) -> None:
    watcher = Watcher(Lines(), durations)
    watcher.see(started())
    watcher.see(begun("bgp/one", 1000))
    assert watcher.remaining == 30


def test_what_runs_aside_adds_nothing_unless_it_takes_longer(durations: Durations) -> None:
    watcher = Watcher(Lines(), durations)
    watcher.see(started(aside=True))
    assert watcher.remaining == 100
    watcher.see(begun("bgp/one", 90))
    assert watcher.remaining == 30


def test_a_case_that_ended_is_learnt_from_and_counts_no_more(durations: Durations) -> None:
    watcher = Watcher(Lines(), durations)
    watcher.see(started())
    watcher.see(begun("bgp/one", 0))
    ended = {"event": "case-finished", "case": "bgp/one", "writer": "main", "outcome": "pass", "duration": 60.0}
    watcher.see({**ended, "error": None})
    assert watcher.remaining == 30
    assert durations.of("bgp/one x5") == 80


def test_one_short_case_does_not_make_all_the_others_short(tmp_path: Path) -> None:
    known = Durations(tmp_path / "durations.json")
    known.learn("bgp/one x5", 1.0)
    assert known.of("bgp/two x5") > 10


def test_a_first_look_is_not_expected_to_take_as_long_as_what_was_run_before(durations: Durations) -> None:
    assert durations.of("bgp/one x1") < 10 < durations.of("bgp/three x5")


def test_what_a_boot_is_at_is_shown_until_it_ends(durations: Durations) -> None:
    shown: list[str] = []

    class Seen(Lines):
        def step(self, step: str, detail: str = "", fraction: float | None = None) -> None:
            shown.append(detail.partition(",")[0])

    watcher = Watcher(Seen(), durations)
    for state, more in (("begin", {}), ("at", {"detail": "kind: Preparing nodes after 5.0 s"}), ("end", {})):
        watcher.see({"event": "phase", "name": "boot", "state": state, "writer": "main", "t": 1, **more})
    assert shown == ["boot", "boot: kind: Preparing nodes after 5.0 s", ""]


def test_a_log_has_one_line_a_case_and_more_only_of_one_that_lasts(
    durations: Durations, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def said() -> list[str]:
        return [line[10:] for line in capsys.readouterr().err.splitlines()]

    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    watcher = Watcher(Lines(), durations)
    watcher.see(started())
    assert said() == ["2 cases, about 2 min and the boot", "cases:   0% 0 of 2, about 2 min left"]
    ended = {"event": "case-finished", "writer": "main", "outcome": "pass", "duration": 1.0, "error": None}
    watcher.see(begun("allocation/two", 1))
    watcher.see({**ended, "case": "allocation/two"})
    assert said() == ["1/2 pass           allocation/two  [1.0 s]"]
    watcher.see(begun("bgp/one", 1000))
    now[0] += 16
    watcher.show()
    watcher.show()
    assert said() == ["cases:  50% 1 of 2, bgp/one, longer than last time"]
    watcher.see({**ended, "case": "bgp/one"})
    watcher.show()
    assert said() == ["2/2 pass           bgp/one  [1.0 s]"]


def test_a_case_that_never_ran_takes_longer_than_expected(durations: Durations) -> None:
    shown: list[str] = []

    class Seen(Lines):
        def step(self, step: str, detail: str = "", fraction: float | None = None) -> None:
            shown.append(detail)

    watcher = Watcher(Seen(), durations)
    watcher.see({**started(), "plan": [{"case": "bgp/new"}]})
    watcher.see(begun("bgp/new", 1000))
    assert shown[-1] == "0 of 1, bgp/new, longer than expected"


def test_a_damaged_file_of_durations_costs_the_estimate_only(tmp_path: Path) -> None:
    (tmp_path / "durations.json").write_text('{"bgp/one x5": "long"}')
    assert Durations(tmp_path / "durations.json").seconds == {}


def test_a_line_that_is_still_written_waits(tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()
    journal = tmp_path / "journal" / "gw0.jsonl"
    journal.write_text('{"event": "one"}\n{"event": ')
    tail = Tail(tmp_path)
    assert [event["event"] for event in tail.events()] == ["one"]
    journal.write_text('{"event": "one"}\n{"event": "two"}\n')
    assert list(tail.events()) == [{"event": "two", "writer": "gw0"}]
