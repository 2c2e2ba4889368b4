"""Numbers that no clock and no counter shows: they would break whoever reckons with them."""

import re
from typing import Final

_MOST: Final = 10**19
_DIGITS: Final = re.compile(rb"[0-9]{20}")


def suspicious(text: bytes) -> bool:
    """Whether JSON may hold an integer that is absurd: a quick look, before `absurd` looks at every value."""
    return _DIGITS.search(text) is not None


def absurd(value: object) -> bool:
    """Whether a JSON value holds an integer of twenty digits or more; times in nanoseconds have nineteen."""
    if isinstance(value, dict):
        return any(map(absurd, value.values()))
    if isinstance(value, list):
        return any(map(absurd, value))
    return isinstance(value, int) and abs(value) >= _MOST
