"""Which mutants count as argued, and that a survivor is told from one that was noticed."""

import subprocess
import sys
from pathlib import Path

import pytest

from lbcert_tools.mutation import EQUIVALENT, REPOSITORY, TESTS, Argued, Mutant, main, read_argued


@pytest.mark.slow
def test_a_change_that_a_test_notices_is_killed_and_one_that_none_does_survives(tmp_path: Path) -> None:
    """In a process of its own, which has imported nothing that is to be changed."""
    script = f"""
from pathlib import Path
from lbcert_tools import mutation

copied = mutation.Copy(Path({str(tmp_path)!r}), "statistics")
source = copied.path.read_text()
copied.path.write_text(source + "\\n\\ndef untested(x: int) -> int:\\n    return x + 1\\n")
assert copied.passes(None)
places = [each for each in copied.positions() if each[0] == "core/ReplaceBinaryOperator_Add_Sub"]
for each in (places[0], places[-1]):
    mutant = copied.mutate(*each)
    print(mutant.outcome, "|", mutant.before, "|", mutant.after)
assert "x + 1" in copied.path.read_text()
"""
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    killed, survived = said.splitlines()
    assert killed.startswith("killed | ")
    assert survived == "survived | return x + 1 | return x - 1"


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
