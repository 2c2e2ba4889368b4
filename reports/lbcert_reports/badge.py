"""The badge: the certificate of each profile as a small picture for a README."""

from collections.abc import Mapping
from typing import Any, Final

from lbcert_reports.html.svg import element, group, picture
from lbcert_reports.selection import one_family

_COLOURS: Final[Mapping[str, str]] = {
    "conformant": "#0a7358",
    "conformant with deviations": "#9c4a00",
    "not conformant": "#b92c18",
    "undetermined": "#5d6878",
}
_HEIGHT: Final = 22.0


def render(report: Mapping[str, Any]) -> str:
    """The badge of a report: a line for each conformance profile, in the words of its certificate.

    Args:
        report: a document of the form ``report.schema.json``.
    """
    alone = one_family(report["environment"]["testbed"])
    lines = [(each["name"], each["certificate"]) for each in report["profiles"]] or [("no profile", "undetermined")]
    said = {word: ", ".join(filter(None, (word, alone))) for _, word in lines}
    left = max(_width(f"lbcert {name}") for name, _ in lines)
    right = max(map(_width, said.values()))
    rows = [
        group(
            element("rect", width=left, height=_HEIGHT - 1, fill="#333b47"),
            element("rect", x=left, width=right, height=_HEIGHT - 1, fill=_COLOURS[word]),
            _words(f"lbcert {name}", 0, left),
            _words(said[word], left, right),
            transform=f"translate(0 {_HEIGHT * number:g})",
        )
        for number, (name, word) in enumerate(lines)
    ]
    label = f"{report['implementation']['name']} {report['implementation']['version']}: " + ", ".join(
        f"{name} {said[word]}" for name, word in lines
    )
    return str(picture(left + right, _HEIGHT * len(lines), label, *rows, xmlns="http://www.w3.org/2000/svg")) + "\n"


def _width(words: str) -> float:
    return 6.6 * len(words) + 16


def _words(words: str, x: float, width: float) -> object:
    return element(
        "text",
        words,
        x=x + width / 2,
        y=15,
        text_anchor="middle",
        textLength=_width(words) - 16,
        fill="#fff",
        font_family="Verdana, DejaVu Sans, sans-serif",
        font_size=11,
    )
