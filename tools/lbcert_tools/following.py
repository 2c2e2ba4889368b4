"""A run seen from outside while it runs: its journal, read as it grows, and what is left to do."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lbcert_fixtures.cache import cache_folder
from lbcert_tools.progress import Display

_UNKNOWN_CASE_SECONDS, _UNKNOWN_ONE_TRIAL_SECONDS, _UNKNOWN_WEIGHT = 13.0, 4.0, 20
"""What a case takes on average, with several trials and with one, and how many cases have to be known until they count
as much as that."""

_WEIGHT_OF_LAST = 0.5


class Tail:
    """The lines that appear in the journal files of a run directory.

    Args:
        run: the run directory; it need not exist yet.
    """

    def __init__(self, run: Path) -> None:
        self._folder = run / "journal"
        self._read: dict[Path, int] = {}

    def events(self) -> Iterator[dict[str, Any]]:
        """The events since the last call, each with its writer; a line that is still written waits for the next."""
        for path in sorted(self._folder.glob("*.jsonl")):
            with path.open("rb") as file:
                file.seek(self._read.get(path, 0))
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    self._read[path] = self._read.get(path, 0) + len(line)
                    yield {**json.loads(line), "writer": path.stem}


@dataclass
class Durations:
    """How long cases took before, on this machine; kept in the user's cache.

    Attributes:
        path: the file.
        seconds: by case; a run by another number of trials is another case.
    """

    path: Path = field(default_factory=lambda: cache_folder() / "durations.json")
    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            self.seconds = {str(k): float(v) for k, v in json.loads(self.path.read_text()).items()}
        except (OSError, ValueError, AttributeError, TypeError):
            self.seconds = {}  # only an estimate is lost

    def of(self, key: str) -> float:
        """How long a case will take, as far as we know."""
        if key in self.seconds:
            return self.seconds[key]
        trials = key[key.rindex(" x") :]
        known = [seconds for each, seconds in self.seconds.items() if each.endswith(trials)]
        unknown = _UNKNOWN_ONE_TRIAL_SECONDS if trials == " x1" else _UNKNOWN_CASE_SECONDS
        return (sum(known) + unknown * _UNKNOWN_WEIGHT) / (len(known) + _UNKNOWN_WEIGHT)

    def learn(self, key: str, seconds: float) -> None:
        """Take note of how long a case took."""
        before = self.seconds.get(key, seconds)
        self.seconds[key] = round(before + (seconds - before) * _WEIGHT_OF_LAST, 2)

    def save(self) -> None:
        """Keep what was learnt; a cache that cannot be written costs only the estimate."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(json.dumps(self.seconds, indent=1, sort_keys=True))
        except OSError:
            return


class Watcher:
    """Tells a display how a run goes.

    Args:
        display: where to show it.
        durations: how long cases took before.
        workers: how many of them run at once.
    """

    def __init__(self, display: Display, durations: Durations, workers: int = 1) -> None:
        self.display = display
        self.durations = durations
        self.workers = workers
        self.verdicts: dict[str, str] = {}
        self.phase = "collecting"
        self._plan: list[str] = []
        self._aside: set[str] = set()
        self._running: dict[str, int] = {}
        self._suffix = ""
        self._began: dict[str, int] = {}
        self._shared: dict[str, float] = {}

    def see(self, event: Mapping[str, Any]) -> None:
        """Take note of one event and show what follows from it."""
        match event["event"]:
            case "run-started":
                self.phase = ""
                self._plan = [each["case"] for each in event["plan"]]
                self._aside = {e["case"] for e in event["plan"] if event["options"].get("aside") and e.get("untimed")}
                self._suffix = f" x{event['options'].get('trials', 1)}"
                self.display.say(f"{len(self._plan)} cases, about {_minutes(self.remaining)} and the boot")
            case "phase":
                self._phase(event)
            case "note" if event["case"] is None:
                self.display.say(event["text"])
            case "case-started":
                self._running[event["case"]] = event["t"]
                self._shared[event["writer"]] = 0.0
            case "case-finished":
                self._finished(event)
        self.show()

    def _phase(self, event: Mapping[str, Any]) -> None:
        if event["state"] == "begin":
            self.phase = event["name"]
            self._began[event["writer"]] = event["t"]
            return
        if event["state"] == "at":
            self.phase = f"{event['name']}: {event['detail']}"
            return
        self.phase = ""
        took = (event["t"] - self._began.pop(event["writer"], event["t"])) / 1e9
        # The first case of a worker waits for the boot, the last one for the end: none of it is its own time.
        self._shared[event["writer"]] = self._shared.get(event["writer"], 0.0) + took
        self.display.say(f"{event['name']}: {took:.1f} s")

    def _finished(self, event: Mapping[str, Any]) -> None:
        case, outcome = event["case"], event["outcome"]
        self._running.pop(case, None)
        self.verdicts[case] = outcome
        seconds = max(0.0, event["duration"] - self._shared.get(event["writer"], 0.0))
        if outcome in ("pass", "fail"):
            self.durations.learn(case + self._suffix, seconds)
        error = event["error"]
        why = f" ({error['type']}: {error['message'].splitlines()[0][:150]})" if error and error["message"] else ""
        position = f"{len(self.verdicts)}/{len(self._plan)}"
        self.display.say(f"{position} {outcome:<14} {case}{why}  [{seconds:.1f} s]")

    @property
    def remaining(self) -> float:
        """Seconds until the last case ends, as far as is known."""
        left = [case for case in self._plan if case not in self.verdicts]
        if self._aside:  # who is aside waits for nobody, and nobody for him
            return max(self._seconds(set(left) - self._aside), self._seconds(set(left) & self._aside))
        return self._seconds(left) / max(1, min(self.workers, len(left)))

    def _seconds(self, cases: Iterable[str]) -> float:
        now = time.time_ns()
        gone = {case: (now - began) / 1e9 for case, began in self._running.items()}
        return sum(max(0.0, self.durations.of(case + self._suffix) - gone.get(case, 0.0)) for case in cases)

    def show(self) -> None:
        """Show what is going on now, under one name, so that lines are few where no terminal is."""
        now = [self.phase, *self._running]
        if self._plan:
            done, planned = len(self.verdicts), len(self._plan)
            told = [f"{done} of {planned}", *now, self._left if done < planned else ""]
            self.display.step("cases", ", ".join(filter(None, told)), done / planned)
        else:
            self.display.step("cases", ", ".join(filter(None, now)))

    @property
    def _left(self) -> str:
        """How long it will take, in words; what should have ended by now gives no number."""
        if (left := self.remaining) >= 1 or not self._running:
            return f"about {_minutes(left)} left"
        known = all(case + self._suffix in self.durations.seconds for case in self._running)
        return f"longer than {'last time' if known else 'expected'}"


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
