"""A small way to write SVG: elements as escaped markup, scales from data to paper, and axis ticks."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup, escape


def element(tag: str, *children: object, **attributes: object) -> Markup:
    """One element; text among the children is escaped, markup is not.

    Args:
        tag: name of the element.
        children: what stands in it, in order; None is left out.
        attributes: by name, with ``_`` for ``-`` and a trailing ``_`` where Python needs one (``class_``).
            Numbers are rounded to a hundredth of a unit; an attribute that is None is left out.
    """
    pairs = Markup("").join(
        Markup(' {}="{}"').format(name.rstrip("_").replace("_", "-"), _short(value))
        for name, value in attributes.items()
        if value is not None
    )
    content = Markup("").join(escape(child) for child in children if child is not None)
    form = "<{0}{1}>{2}</{0}>" if content else "<{0}{1}/>"
    return Markup(form).format(tag, pairs, content)  # noqa: S704 - both forms are ours


def picture(width: float, height: float, label: str, *children: object, **attributes: object) -> Markup:
    """A whole picture that scales with its place; `label` is what it says to those who do not see it."""
    return element(
        "svg",
        element("title", label),
        *children,
        viewBox=f"0 0 {_short(width)} {_short(height)}",
        width=width,
        height=height,
        role="img",
        **attributes,
    )


def group(*children: object, **attributes: object) -> Markup:
    """Several elements that share attributes."""
    return element("g", *children, **attributes)


def text(x: float, y: float, words: object, class_: str | None = None, anchor: str | None = None) -> Markup:
    """Words at a place; `anchor` is ``middle`` or ``end``, ``start`` if None."""
    return element("text", words, x=x, y=y, class_=class_, text_anchor=anchor)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def rect(
    x: float, y: float, width: float, height: float, class_: str, title: str | None = None, radius: float = 0
) -> Markup:
    """A box; `title` is shown when the pointer rests on it."""
    return element(
        "rect",
        None if title is None else element("title", title),
        x=x,
        y=y,
        width=max(0.0, width),
        height=max(0.0, height),
        rx=radius or None,
        class_=class_,
    )


def boxes(spans: Iterable[tuple[float, float]], y: float, height: float, class_: str) -> Markup | None:
    """Many boxes on one line as a single path, so that a long lane stays a small file; None if there are none."""
    path = "".join(f"M{_short(a)} {_short(y)}H{_short(b)}v{_short(height)}H{_short(a)}z" for a, b in spans)
    return element("path", d=path, class_=class_) if path else None


def marks(shape: str, places: Iterable[float], y: float, class_: str) -> Markup | None:
    """The same small mark at many places of one line as a single path; None if there are none."""
    path = "".join(f"M{_short(x)} {_short(y)}{_SHAPES[shape]}" for x in places)
    return element("path", d=path, class_=class_) if path else None


_SHAPES: Final = {
    "dot": "m-3 0a3 3 0 1 0 6 0a3 3 0 1 0 -6 0z",
    "up": "m-4.5 4l4.5 -8l4.5 8z",
    "down": "m-4.5 -4l4.5 8l4.5 -8z",
    "diamond": "m0 -5l4.5 5l-4.5 5l-4.5 -5z",
    "square": "m-3.5 -3.5h7v7h-7z",
    "tick": "m-.5 -4h1v8h-1z",
}


@dataclass(frozen=True)
class Scale:
    """Maps a span of data to a span of paper.

    Attributes:
        low: first value shown.
        high: last value shown, above `low`.
        start: where `low` lies on the paper.
        end: where `high` lies.
        root: whether distances are drawn as their square roots, so that small values stay visible beside large
            ones; needs ``low == 0``.
    """

    low: float
    high: float
    start: float
    end: float
    root: bool = False

    def __call__(self, value: float) -> float:
        """The place of a value; values outside the span lie at its ends."""
        share = min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))
        return self.start + (math.sqrt(share) if self.root else share) * (self.end - self.start)

    def ticks(self, wanted: int = 8) -> list[float]:
        """Round values to label, about as many as wanted."""
        if not self.root:
            step = _round_step((self.high - self.low) / wanted)
            first = math.ceil(self.low / step - 1e-9)
            return [number * step for number in range(first, math.floor(self.high / step + 1e-9) + 1)]
        chosen: list[float] = [0.0]
        apart = (self.end - self.start) / wanted
        for power in range(math.floor(math.log10(self.high)) - 3, math.floor(math.log10(self.high)) + 1):
            for digit in (1, 2, 5):
                value = digit * 10.0**power
                if value <= self.high and self(value) - self(chosen[-1]) >= apart * 0.7:
                    chosen.append(value)
        return chosen


def _round_step(step: float) -> float:
    """The next 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return next((digit * power for digit in (1, 2, 5) if digit * power >= step * (1 - 1e-9)), 10 * power)


def _short(value: object) -> object:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".") if value else "0"
    return value
