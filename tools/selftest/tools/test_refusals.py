"""What is said of other people's text leaves the terminal alone, and stays readable."""

import pytest

from lbcert_tools.refusals import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("1\u202f970 probes", "1\u202f970 probes"),
        ("größer", "größer"),
        ("\x1b[31mred\r", r"\x1b[31mred\r"),
        ("two\nlines", r"two\nlines"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\ud800", r"\ud800"),
    ],
)
def test_only_what_a_terminal_acts_upon_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown
