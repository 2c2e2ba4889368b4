"""Writing SVG and writing numbers."""

from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from lbcert_reports.html import plots, wording
from lbcert_reports.html.svg import Scale, boxes, element, picture

POSITIVE = st.floats(1e-6, 1e9)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])))
def test_text_and_attributes_are_escaped_and_come_back_as_they_were(text: str) -> None:
    back = ET.fromstring(element("text", text, id=text))
    assert (back.text or "") == text
    assert back.get("id") == text


def test_markup_among_the_children_stays_markup() -> None:
    assert element("g", Markup("<a/>"), None, "<b>") == "<g><a/>&lt;b&gt;</g>"


def test_attributes_are_named_as_svg_names_them_and_none_is_left_out() -> None:
    assert element("line", stroke_width=1.504, class_="x", rx=None) == '<line stroke-width="1.5" class="x"/>'


def test_a_picture_says_what_it_shows() -> None:
    assert ET.fromstring(picture(10, 5, "Trials")).findtext("title") == "Trials"


def test_no_boxes_are_nothing() -> None:
    assert boxes([], 0, 1, "x") is None


@given(high=POSITIVE, values=st.lists(st.floats(0, 1), min_size=2, max_size=9), root=st.booleans())
def test_a_scale_keeps_the_order_and_stays_on_the_paper(high: float, values: list[float], root: bool) -> None:
    scale = Scale(0.0, high, 100.0, 900.0, root)
    places = [scale(value * high) for value in sorted(values)]
    assert all(earlier <= later for earlier, later in pairwise(places))
    assert all(100 <= place <= 900.0001 for place in places)
    assert scale(high * 7) == pytest.approx(900)


@given(high=POSITIVE, root=st.booleans())
def test_ticks_are_few_rise_and_lie_within_the_scale(high: float, root: bool) -> None:
    scale = Scale(0.0, high, 100.0, 900.0, root)
    ticks = scale.ticks()
    assert 2 <= len(ticks) <= 20
    assert all(earlier < later for earlier, later in pairwise(ticks))
    assert ticks[0] == 0
    assert ticks[-1] <= high * 1.0001


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (6.1234, "s", "6.123 s"),
        (0.84, "s", "840 ms"),
        (0.0000963, "s", "96.3 µs"),
        (245, "s", "4 min 5 s"),
        (7200, "s", "2 h 0 min"),
        (1500, "ms", "1.5 s"),
        (0, "s", "0 s"),
        (2100, "count", "2\u202f100"),
        (0.252, "share", "25.2 %"),
        (3, "frames", "3 frames"),
        (None, "s", "none"),
        ("n1", "", "n1"),
        (True, "", "True"),
    ],
)
def test_quantities_read_as_people_write_them(value: object, unit: str, words: str) -> None:
    assert wording.quantity(value, unit) == words


@given(st.floats(1e-9, 1e7))
def test_a_duration_reads_the_same_to_three_digits(value: float) -> None:
    number, _, unit = wording.seconds(value).partition(" ")
    factor = {"µs": 1e-6, "ms": 1e-3, "s": 1.0}.get(unit)
    if factor is not None:
        assert float(number) * factor == pytest.approx(value, rel=5e-3)


@pytest.mark.parametrize(
    ("count", "words"), [(812, "812 B"), (14_300, "14 kB"), (3_140_000, "3.1 MB"), (25_276_514_304, "25 GB")]
)
def test_sizes(count: int, words: str) -> None:
    assert wording.size(count) == words


def test_a_difference_of_shares_is_in_points() -> None:
    assert wording.difference(0.024, "share") == "2.4 points"


def test_moments_are_in_utc_and_what_is_none_stays() -> None:
    assert wording.moment("2026-11-23T13:32:07.123Z") == "23 November 2026, 13:32 UTC"
    assert wording.moment("soon") == "soon"


@pytest.mark.parametrize(
    ("value", "bound", "drawn"),
    [(3.0, (8.0, "<="), True), (3, (0, "=="), False), (-1.0, (2.0, "<="), False), (0.5, (0.1, ">="), True)],
)
def test_a_bullet_is_drawn_where_there_is_a_way_to_the_bound(
    value: float, bound: tuple[float, str], drawn: bool
) -> None:
    limit, op = bound
    margin = {"value": 0.0, "relative": None}
    one = {
        "value": value,
        "unit": "s",
        "interval": None,
        "margin": margin,
        "bound": {"value": limit, "op": op, "derivation": ""},
    }
    assert (plots.bullet(one) is not None) == drawn
