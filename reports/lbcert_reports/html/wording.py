"""Numbers and times as people read them."""

from datetime import UTC, datetime
from typing import Any

_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def number(value: float) -> str:
    """A number with the digits that matter: three, more only if they are whole; thousands set apart."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}".replace(",", "\u202f")
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace(",", "\u202f")
    return f"{value:.3g}"


def seconds(value: float) -> str:
    """A duration: ``840 ms``, ``6.12 s``, ``4 min 5 s``."""
    size = abs(value)
    if size == 0:
        return "0 s"
    if size < 0.99995e-3:
        return f"{value * 1e6:.4g} µs"
    if size < 0.99995:
        return f"{value * 1e3:.4g} ms"
    if size < 120:
        return f"{value:.4g} s"
    minutes, rest = divmod(round(size), 60)
    hours, minutes = divmod(minutes, 60)
    words = f"{hours} h {minutes} min" if hours else f"{minutes} min" + (f" {rest} s" if rest else "")
    return words if value > 0 else f"-{words}"


def quantity(value: Any, unit: str = "") -> str:
    """A value with its unit; times are put into the unit in which they are short, shares into per cent."""
    if value is None:
        return "none"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value) + (f" {unit}" if unit else "")
    if unit in _SECONDS:
        return seconds(value * _SECONDS[unit])
    if unit in ("share", "fraction"):
        return f"{number(round(value * 100, 2))} %"
    return number(value) + (f" {unit}" if unit not in ("", "1", "count") else "")


def difference(value: float, unit: str = "") -> str:
    """The distance of two quantities: that of two shares is in points, not in per cent."""
    return f"{number(round(value * 100, 2))} points" if unit in ("share", "fraction") else quantity(value, unit)


def span(low: float, high: float, unit: str) -> str:
    """An interval: ``5.91 s to 6.12 s``."""
    return quantity(low, unit) if low == high else f"{quantity(low, unit)} to {quantity(high, unit)}"


def size(count: int) -> str:
    """A number of bytes: ``812 B``, ``14 kB``, ``3.1 MB``."""
    for unit, factor in (("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)):
        if count >= factor:
            return f"{count / factor:.2g} {unit}" if count < 10 * factor else f"{count / factor:.0f} {unit}"
    return f"{count} B"


def moment(stamp: str) -> str:
    """An RFC 3339 time as ``23 November 2026, 12:04 UTC``; anything else stays as it is."""
    try:
        time = datetime.fromisoformat(stamp).astimezone(UTC)
    except ValueError:
        return stamp
    return f"{time.day} {time:%B %Y, %H:%M} UTC"


def count(amount: int, one: str, many: str | None = None) -> str:
    """``1 case``, ``3 cases``."""
    return f"{number(amount)} {one if amount == 1 else many or one + 's'}"
