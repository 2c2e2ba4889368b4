"""Errors as people meet them: one message with its place, a hint, an exit code."""

from pathlib import Path
from typing import IO, Any
from unicodedata import category

import click

from lbcert_reports.located import LocatedError

CONFORMANT, NOT_CONFORMANT, USAGE, UNDETERMINED = range(4)
"""Exit codes of ``lbcert``."""


class Refusal(click.ClickException):
    """Why lbcert does not go on.

    Args:
        message: what is wrong, and where.
        hint: what to do about it.
        exit_code: `USAGE` for a mistake in a command or a profile, else `UNDETERMINED`.
    """

    def __init__(self, message: str, hint: str = "", exit_code: int = UNDETERMINED) -> None:
        super().__init__(message)
        self.hint = hint
        self.exit_code: int = exit_code  # type: ignore[misc] # click declares one for the class

    def show(self, file: IO[Any] | None = None) -> None:
        """Print it to standard error."""
        click.echo(f"{click.style('Error:', fg='red', bold=True)} {self.message}", file=file, err=file is None)
        if self.hint:
            click.echo(f"Hint: {self.hint}", file=file, err=file is None)


def no_run(path: Path) -> Refusal:
    """What to say of a folder that is no run directory."""
    return Refusal(f"{path}: holds no journal", "is this a run directory of lbcert?", USAGE)


def located(error: LocatedError, exit_code: int = UNDETERMINED) -> Refusal:
    """What an error about something that was handed to us amounts to; its text may be anybody's."""
    return Refusal(printable(f"{error.place}: {error.problem}"), printable(error.hint), exit_code)


def printable(text: str) -> str:
    """Text from a bundle of anybody's, as a terminal may be given it: spaces of all widths are harmless."""
    return "".join(
        each if each.isprintable() or category(each) == "Zs" else each.encode("unicode_escape").decode()
        for each in text
    )


def refusal_for(error: Exception) -> Refusal | None:
    """The refusal that an error amounts to; None if nobody foresaw it.

    Every error that one of lbcert's packages defines is written for people: it says place and remedy itself.
    """
    if isinstance(error, PermissionError | FileNotFoundError | FileExistsError | IsADirectoryError) or (
        isinstance(error, OSError) and error.filename and error.strerror
    ):
        return Refusal(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    if not type(error).__module__.startswith("lbcert_"):
        return None
    if isinstance(error, LocatedError):
        return located(error)
    mistaken = type(error).__name__ in {"ProfileError", "ChoiceError", "UnknownVersionError"}
    return Refusal(str(error), exit_code=USAGE if mistaken else UNDETERMINED)
