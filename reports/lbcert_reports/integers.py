"""Numbers that no clock and no counter shows: they would break whoever reckons with them."""

from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from lbcert_reports.located import LocatedError

_MOST: Final = 10**19
_AS_NOUGHTS: Final = bytes.maketrans(b"123456789", 9 * b"0")


def may_be_absurd(content: bytes) -> bool:
    """Whether there are twenty digits in a row: a reason to look at the numbers one by one."""
    return 20 * b"0" in content.translate(_AS_NOUGHTS)


def refuse_absurd(line: bytes, path: Path, number: int, error: type[LocatedError]) -> None:
    """Refuse numbers with which nobody can reckon, when they are written and when they are read.

    Args:
        line: of JSON; what is none is left to whoever reads it.
        path: its file.
        number: its number there.
        error: raised for an integer of twenty digits or more, with the place.
    """
    if not may_be_absurd(line):
        return
    with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        if absurd(msgspec.json.decode(line)):
            hint = "no clock shows such a time"
            raise error(f"{path}:{number}", "holds a number of twenty digits or more", hint)


def absurd(value: object) -> bool:
    """Whether a JSON value holds an integer of twenty digits or more; times in nanoseconds have nineteen."""
    if isinstance(value, dict):
        return any(map(absurd, value.values()))
    if isinstance(value, list):
        return any(map(absurd, value))
    return isinstance(value, int) and abs(value) >= _MOST
