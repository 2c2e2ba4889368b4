"""Which mutants count as argued, and that a survivor is told from one that was noticed."""

import json

import pytest

from lbcert_tools.mutation import EQUIVALENT, REPOSITORY, TESTS, Argued, Mutant, main, read_argued, read_mutants


def dumped(outcome: str, diff: str) -> str:
    item = {"mutations": [{"operator_name": "core/NumberReplacer"}]}
    return json.dumps([item, {"test_outcome": outcome, "diff": diff}]) + "\n"


def test_mutants_are_read_with_the_lines_that_changed() -> None:
    diff = "--- mutation diff ---\n--- a/x.py\n+++ b/x.py\n@@ -1,3 +1,3 @@\n a\n-    return 1\n+    return 2\n"
    (mutant,) = read_mutants("verdicts", dumped("survived", diff))
    assert mutant == Mutant("verdicts", "core/NumberReplacer", "return 1", "return 2", "survived")


@pytest.mark.parametrize(
    ("argued", "covers"),
    [
        (Argued("verdicts", "return 1", "return 2", ""), True),
        (Argued("verdicts", "return 1", "*", ""), True),
        (Argued("verdicts", "return 1", "return 3", ""), False),
        (Argued("statistics", "return 1", "return 2", ""), False),
    ],
)
def test_an_argument_covers_the_mutant_that_it_names(argued: Argued, covers: bool) -> None:
    assert argued.covers(Mutant("verdicts", "core/NumberReplacer", "return 1", "return 2", "survived")) is covers


def test_every_argument_is_about_a_line_that_there_is_and_gives_a_reason() -> None:
    for each in read_argued(EQUIVALENT):
        lines = (REPOSITORY / f"reports/lbcert_reports/{each.module}.py").read_text().splitlines()
        assert each.before in map(str.strip, lines)
        assert each.why


def test_every_judge_has_tests_that_have_to_notice() -> None:
    folder = REPOSITORY / "reports/lbcert_reports/judges"
    unjudged = {"__init__", "__main__", "handbook", "precondition"}
    judges = {f"judges/{path.stem}" for path in folder.glob("*.py") if path.stem not in unjudged}
    assert judges <= TESTS.keys()
    for module, tests in TESTS.items():
        assert (REPOSITORY / f"reports/lbcert_reports/{module}.py").is_file()
        for test in tests:
            assert (REPOSITORY / f"tools/selftest/reports/test_{test}.py").is_file()


def test_a_module_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["judges/nothing"])
    assert "there is no module judges/nothing" in capsys.readouterr().err
