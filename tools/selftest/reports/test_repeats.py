"""Comparing the verdicts of many runs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbcert_reports.repeats import repeated, table, upper_bound, verdicts_of

VERDICTS = st.sampled_from(["pass", "fail", "inconclusive", "error"])


@pytest.mark.parametrize(("events", "n", "bound"), [(0, 30, 0.0950), (0, 299, 0.00997), (1, 30, 0.1486), (0, 0, 1.0)])
def test_the_bound_is_that_of_clopper_and_pearson(events: int, n: int, bound: float) -> None:
    assert upper_bound(events, n) == pytest.approx(bound, abs=5e-5)


@given(st.lists(VERDICTS, min_size=1, max_size=40))
def test_what_most_runs_came_to_is_expected_and_all_else_is_a_change(verdicts: list[str]) -> None:
    (case,) = repeated({f"{number:03}": {"a": verdict} for number, verdict in enumerate(verdicts)})
    assert case.runs == len(verdicts)
    assert len(case.changes) == len(verdicts) - max(map(verdicts.count, verdicts))
    assert case.verdict not in case.changes.values()
    assert len(case.changes) / case.runs <= case.bound <= 1


def test_cases_with_changes_come_first_and_one_that_was_not_planned_counts_only_where_it_was() -> None:
    found = repeated({"1": {"a": "pass", "z": "pass"}, "2": {"a": "pass", "z": "fail"}, "3": {"z": "pass"}})
    assert [(each.case, each.runs, dict(each.changes)) for each in found] == [("z", 3, {"2": "fail"}), ("a", 2, {})]
    assert "| z | 3 | pass | 1 |" in table(found)


@pytest.mark.parametrize(
    ("verdicts", "usual", "changes"),
    [
        (["pass", "not-run"], "pass", {"2": "not-run"}),
        (["not-run", "not-run", "fail"], "fail", {"1": "not-run", "2": "not-run"}),
        (["not-run", "not-run"], "not-run", {"1": "not-run", "2": "not-run"}),
    ],
)
def test_a_case_that_came_to_no_end_is_a_change(verdicts: list[str], usual: str, changes: dict[str, str]) -> None:
    reports = [{"results": [{"testId": "a", "verdict": verdict}]} for verdict in verdicts]
    (case,) = repeated({str(number): verdicts_of(report) for number, report in enumerate(reports, 1)})
    assert (case.runs, case.verdict, case.changes) == (len(verdicts), usual, changes)
