"""Two reports side by side: what changed comes first, and a shift is held against the uncertainty that is stated."""

import json
from pathlib import Path
from typing import Any

import made_runs as made
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbcert_reports import bundle, html
from lbcert_reports.comparison import Comparison, compare
from lbcert_reports.located import LocatedError
from lbcert_reports.publish import report_from


def run(word: str = "pass", *, profile: dict[str, Any] | None = None, **gap: Any) -> dict[str, Any]:
    """A report of one case with one measurement."""
    numbers = [made.measurement(**({"n": 6} | gap))] if gap else []
    return made.build(
        made.case("one", made.verdict("L2-003", word, measurements=numbers), outcome=word), profile=profile
    )


def shift(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The one shift between two runs with these measurements."""
    (found,) = compare(run(**old), run(**new))["measurements"]
    return dict(found)


def test_a_report_does_not_differ_from_itself() -> None:
    found = compare(run(value=1.0), run(value=1.0))
    assert not found["changed"]
    assert [found[key] for key in ("certificates", "requirements", "cases", "measurements", "settings")] == [[]] * 5


def test_a_changed_verdict_is_told_of_certificate_requirement_and_case() -> None:
    found = compare(run("pass"), run("fail"))
    assert found["changed"]
    (certificate,), (requirement,), (case,) = found["certificates"], found["requirements"], found["cases"]
    assert (certificate["name"], certificate["old"], certificate["new"]) == (
        "core-l2",
        "conformant",
        "not conformant",
    )
    assert (requirement["id"], requirement["old"], requirement["new"]) == ("L2-003", "pass", "fail")
    assert (case["testId"], case["old"], case["new"]) == ("one", "pass", "fail")
    assert {each["turn"] for each in (certificate, requirement, case)} == {"worse"}
    assert requirement["newReason"] == "because"


@pytest.mark.parametrize(
    ("old", "new", "turn"),
    [
        ("fail", "pass", "better"),
        ("pass", "inconclusive", "worse"),
        ("inconclusive", "fail", "worse"),
        ("error", "inconclusive", "other"),
        ("fail", "inconclusive", "other"),
        ("fail", "error", "other"),
        ("fail", "not-run", "other"),
        ("not-run", "pass", "better"),
        ("fail", "not-applicable", "other"),
        ("inconclusive", "not-applicable", "other"),
        ("pass", "not-applicable", "worse"),
        ("not-applicable", "fail", "worse"),
        ("not-applicable", "pass", "better"),
    ],
)
def test_a_change_takes_a_turn(old: str, new: str, turn: str) -> None:
    (requirement,) = compare(run(old), run(new))["requirements"]
    assert requirement["turn"] == turn


def test_a_certificate_that_was_refused_and_is_undetermined_is_no_better_for_it() -> None:
    (certificate,) = compare(run("fail"), run("inconclusive"))["certificates"]
    assert (certificate["old"], certificate["new"]) == ("not conformant", "undetermined")
    assert certificate["turn"] == "other"


def test_the_worst_turn_comes_first() -> None:
    words = ("pass", "fail", "error")
    names = [f"L2-00{number}" for number in range(1, 4)]

    def of(*verdicts: str) -> dict[str, Any]:
        pairs = zip(names, verdicts, strict=True)
        return made.build(*(made.case(each, made.verdict(each, word), outcome=word) for each, word in pairs))

    found = compare(of("fail", "pass", "inconclusive"), of(*words))
    assert [row["turn"] for row in found["requirements"]] == ["worse", "other", "better"]


def test_what_one_report_does_not_know_is_a_change() -> None:
    one = made.case("one", made.verdict("L2-003", "pass"))
    two = made.case("two", made.verdict("L2-004", "pass"))
    found = compare(made.build(one), made.build(one, two))
    assert found["changed"]
    assert [(each["id"], each["old"], each["new"], each["turn"]) for each in found["requirements"]] == [
        ("L2-004", "absent", "pass", "other")
    ]


def of_both(second: str, **options: Any) -> dict[str, Any]:
    """A run of one case that passes and, where there is a verdict, of a second one."""
    names = ["one", "two"] if second else ["one"]
    verdicts = {"one": made.verdict("L2-003", "pass"), "two": made.verdict("L2-004", second)}
    cases = [made.case(name, verdicts[name], outcome=second if name == "two" else "pass") for name in names]
    known = [made.requirement("L2-003"), made.requirement("L2-004")]
    return made.build(*cases, requirements=known, options=options)


@pytest.mark.parametrize("verdict", ["pass", "fail"])
def test_what_a_part_leaves_out_is_no_changed_verdict(verdict: str) -> None:
    whole, part = of_both(verdict), of_both("", only="one")
    for found, side in ((compare(whole, part), "new"), (compare(part, whole), "old")):
        assert not found["changed"]
        assert [found[key] for key in ("certificates", "requirements", "cases")] == [[]] * 3
        left_out = {"by": "--only one", "certificates": ["core-l2"], "requirements": ["L2-004"], "cases": ["two"]}
        assert found["leftOut"][side] == left_out
    assert compare(whole, part)["settings"] == [{"name": "options.only", "old": None, "new": "one"}]


def of_family(family: str) -> dict[str, Any]:
    """A run of a cluster of one address family: a case and a requirement about each of the two, and one about none."""
    about = {"ipv4": "L2-001", "ipv6": "L2-002"}
    cases = [made.case("any", made.verdict("L2-003", "pass"))]
    for each, requirement in about.items():
        verdicts = [made.verdict(requirement, "pass")] if family in (each, "dual") else []
        cases.append(made.case(each, *verdicts, outcome="pass" if verdicts else "not-applicable"))
    known = [made.requirement(each) for each in ("L2-001", "L2-002", "L2-003")]
    return made.build(*cases, requirements=known, options={"families": family})


@pytest.mark.parametrize(("old", "new"), [("ipv4", "ipv6"), ("dual", "ipv4"), ("ipv6", "dual")])
def test_what_a_cluster_of_one_address_family_cannot_show_is_no_changed_verdict(old: str, new: str) -> None:
    found = compare(of_family(old), of_family(new))
    assert [found[key] for key in ("certificates", "requirements", "cases")] == [[]] * 3
    for side, family in (("old", old), ("new", new)):
        other = {"ipv4": ["ipv6"], "ipv6": ["ipv4"], "dual": []}[family]
        assert found["leftOut"][side]["cases"] == other
        assert (f"--families {family}" in found["leftOut"][side]["by"]) == (family != "dual")


def test_what_a_part_was_asked_for_and_lost_is_a_changed_verdict() -> None:
    found = compare(of_both("pass"), of_both("not-run", only="one, two"))
    assert [(row["id"], row["turn"]) for row in found["requirements"]] == [("L2-004", "worse")]
    assert [row["name"] for row in found["certificates"]] == ["core-l2"]


def test_what_is_not_run_though_the_same_was_asked_for_is_a_changed_verdict() -> None:
    found = compare(of_both("pass"), of_both(""))
    assert found["changed"]
    assert [row["id"] for row in found["requirements"]] == ["L2-004"]


@pytest.mark.parametrize(
    ("old", "new", "uncertainty"),
    [
        ({"value": 1.0, "interval": [0.9, 1.1]}, {"value": 2.0, "interval": [1.8, 2.2]}, "beyond"),
        ({"value": 2.0, "interval": [1.8, 2.2]}, {"value": 1.0, "interval": [0.9, 1.1]}, "beyond"),
        ({"value": 1.0, "interval": [0.9, 1.8]}, {"value": 2.0, "interval": [1.8, 2.2]}, "within"),
        ({"value": 1.0, "resolution": 0.1}, {"value": 1.1, "resolution": 0.1}, "within"),
        ({"value": 1.0, "resolution": 0.1}, {"value": 1.3, "resolution": 0.1}, "beyond"),
        ({"value": 1.0, "interval": [0.9, 1.1]}, {"value": 2.0}, "unknown"),
        ({"value": 1.0}, {"value": 2.0, "resolution": 0.1}, "unknown"),
        ({"value": 1.0, "interval": [0.9, 1.1], "n": 5}, {"value": 2.0, "interval": [1.8, 2.2]}, "unknown"),
    ],
)
def test_a_shift_is_held_against_what_both_reports_say_of_their_uncertainty(
    old: dict[str, Any], new: dict[str, Any], uncertainty: str
) -> None:
    found = shift(old, new)
    assert found["uncertainty"] == uncertainty
    assert found["shift"] == pytest.approx(new["value"] - old["value"])
    assert not compare(run(**old), run(**new))["changed"], "a number that moves changes no verdict"


INTERVALS = st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)).map(sorted)


@given(INTERVALS, INTERVALS)
def test_a_shift_is_beyond_its_uncertainty_if_and_only_if_no_value_lies_in_both_intervals(
    was: list[float], became: list[float]
) -> None:
    found = compare(run(value=was[0], interval=was), run(value=became[1], interval=became))["measurements"]
    common = max(was[0], became[0]) <= min(was[1], became[1])
    assert [each["uncertainty"] for each in found] in ([], ["within"]) if common else ["beyond"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"value": None}, {"value": 2.0}),
        ({"value": 2.0}, {"value": None}),
        ({"value": 2.0, "unit": "s"}, {"value": 2.0, "unit": "ms"}),
    ],
)
def test_a_number_that_came_or_went_or_has_another_unit_is_told_without_a_shift(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    found = shift(old, new)
    assert (found["uncertainty"], found["shift"], found["relative"]) == ("incomparable", None, None)
    assert (found["old"]["value"], found["new"]["value"]) == (old["value"], new["value"])
    assert found["new"]["unit"] == new.get("unit", "s")
    assert "only one of the reports has a number" in page(run(**old), run(**new))


def test_measurements_that_only_one_report_has_are_left_out() -> None:
    assert compare(run(value=None), run(value=None))["measurements"] == []
    assert compare(run(value=1.0), run(value=2.0, name="other"))["measurements"] == []


def test_versions_and_settings_that_differ_are_told_and_the_restless_are_not() -> None:
    def of(version: str, load: float) -> dict[str, Any]:
        case = made.case("one", made.verdict("L2-003", "pass"))
        environment = {"kernel": "6.1", "loadAverage": [load]}
        return made.build(case, profile={"version": version}, environment=environment, options={"seed": load})

    assert compare(of("1", 0.1), of("2", 0.2))["settings"] == [
        {"name": "implementation.version", "old": "1", "new": "2"}
    ]


def test_a_report_is_taken_from_a_run_a_bundle_or_its_json(sample: Path, tmp_path: Path) -> None:
    bundle.pack(sample, tmp_path / "packed")
    from_run, from_bundle, from_json = map(report_from, (sample, tmp_path / "packed", sample / "report.json"))
    assert not compare(from_run, from_bundle)["changed"]
    assert compare(from_run, from_json)["measurements"] == []


@pytest.mark.parametrize("content", [b"", b"{", b'{"kind": "x"}', b"[]", b"\xff\xfe", b"{" * 100_000])
def test_what_is_no_report_is_refused_with_its_place(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "odd").write_bytes(content)
    with pytest.raises(LocatedError, match="odd"):
        report_from(tmp_path / "odd")


def test_an_altered_bundle_is_not_compared(sample: Path, tmp_path: Path) -> None:
    bundle.pack(sample, tmp_path / "packed")
    content = bytearray((tmp_path / "packed").read_bytes())
    content[-20] ^= 1
    (tmp_path / "packed").write_bytes(content)
    with pytest.raises(LocatedError, match="was altered or cut"):
        report_from(tmp_path / "packed")


# --- on the page --------------------------------------------------------------------------------------------------


def page(old: dict[str, Any], new: dict[str, Any]) -> str:
    found: Comparison = json.loads(json.dumps(compare(old, new)))
    return html.render(new, found)


def test_the_page_shows_changes_only_when_it_is_given_an_older_report() -> None:
    assert 'id="difference"' not in html.render(run())
    assert "No verdict changed." in page(run(), run())


def test_the_page_shows_changed_verdicts_shifts_and_versions() -> None:
    text = page(
        run("pass", profile={"version": "1"}, value=1.0, interval=[0.9, 1.1]),
        run("fail", profile={"version": "<b>2"}, value=3.0, interval=[2.9, 3.1]),
    )
    part = text[text.index('id="difference"') : text.index('id="why-not"')]
    for said in ("whose verdict changed: 1", "not conformant", "+2 s", "no point in common", "&lt;b&gt;2"):
        assert said in part
    assert "<b>2" not in part
