"""How long things take, shown while they take it: a bar on a terminal, plain lines everywhere else."""

import time
from types import TracebackType
from typing import Protocol, Self

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

_SILENCE_SECONDS = 15.0
"""How often a step that goes on is mentioned in plain lines."""


class Display(Protocol):
    """Shows what is going on. Its `step` fits `lbcert_fixtures.cache.Progress`."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the screen as it was, below what was said."""

    def step(self, step: str, detail: str = "", fraction: float | None = None) -> None:
        """A step is at `detail`; `fraction` of it (0 to 1) is done, None if nobody knows."""

    def say(self, text: str) -> None:
        """Say something that stays."""


def display() -> Display:
    """The display that fits where standard error goes."""
    console = Console(stderr=True)
    return _Terminal(console) if console.is_terminal else Lines()


class Lines:
    """One line for each step, and one while it goes on if nothing else was said for a while."""

    def __init__(self) -> None:
        self._began = self._last = time.monotonic()
        self._step = ""

    def __enter__(self) -> Self:
        """Nothing to prepare."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to clear."""

    def step(self, step: str, detail: str = "", fraction: float | None = None) -> None:
        """Say a step when it is new, and again when it has not been said for a while."""
        now = time.monotonic()
        if step == self._step and now - self._last < _SILENCE_SECONDS:
            return
        self._step = step
        share = "" if fraction is None else f"{fraction:4.0%} "
        self.say(f"{step}: {share}{detail}".rstrip(": "))

    def say(self, text: str) -> None:
        """Say something, with the seconds since the beginning."""
        self._last = time.monotonic()
        click.echo(f"[{self._last - self._began:5.0f} s] {text}", err=True)


class _Terminal:
    """One line at the bottom that changes."""

    def __init__(self, console: Console) -> None:
        columns = (TimeElapsedColumn(), BarColumn(bar_width=24), TextColumn("{task.description}"))
        self._progress = Progress(*columns, console=console, transient=True)
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def step(self, step: str, detail: str = "", fraction: float | None = None) -> None:
        """Change the line."""
        if self._task is None:
            self._task = self._progress.add_task("", total=None)
        words = escape(f"{step}: {detail}".rstrip(": "))
        total = None if fraction is None else 1.0
        self._progress.update(self._task, description=words, total=total, completed=fraction or 0.0)

    def say(self, text: str) -> None:
        """Print a line above the one that changes."""
        self._progress.console.print(escape(text), highlight=False)
