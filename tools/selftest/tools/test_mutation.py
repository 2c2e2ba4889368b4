"""Which mutants count as argued, and that a survivor is told from one that was noticed."""

import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from lbcert_tools.mutation import EQUIVALENT, REPOSITORY, TESTS, Argued, Copy, Mutant, main, read_argued


@pytest.mark.slow
@pytest.mark.parametrize("module", ["judges/spans", "judges/policy"], ids=["held elsewhere", "leaf"])
def test_a_change_that_a_test_notices_is_killed_and_one_that_none_does_survives(tmp_path: Path, module: str) -> None:
    """In a process of its own, which has imported nothing that is to be changed."""
    for part in ("reports/lbcert_reports", "tools/selftest/reports", "docs"):
        shutil.copytree(REPOSITORY / part, tmp_path / "repository" / part)
    with (tmp_path / f"repository/reports/lbcert_reports/{module}.py").open("a") as source:
        source.write("\n\ndef untested(x):\n    return x + 1\n")
    script = f"""
from pathlib import Path
from lbcert_tools import mutation

mutation.REPOSITORY = Path({str(tmp_path)!r}) / "repository"
copied = mutation.Copy(Path({str(tmp_path)!r}) / "copy", {module!r})
added = max(each for each in copied.positions() if each[0] == "core/ReplaceBinaryOperator_Add_Sub")
for mutant in copied.mutants([("core/AddNot", 0), added]):
    print(mutant.outcome, "|", mutant.before, "|", mutant.after)
"""
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    killed, survived = said.splitlines()
    assert killed.startswith("killed | ")
    assert survived == "survived | return x + 1 | return x - 1"


def test_what_does_nothing_and_what_is_no_program_are_no_mutants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All else is, also what stands beside an annotation and in the default of a parameter."""
    source = """
        def f(x: int | 2 = 3, *, y: list[4]) -> int | 5:
            z: int | 6 = x + y
            return {7: 8, **z} if y == "a" else y is str
    """
    for folder in ("reports/lbcert_reports", "tools/selftest/reports", "docs"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "reports/lbcert_reports/verdicts.py").write_text(dedent(source))
    monkeypatch.setattr("lbcert_tools.mutation.REPOSITORY", tmp_path)
    copied = Copy(tmp_path / "copy", "verdicts")
    mutants = [copied.changed(*each) for each in copied.positions()]
    lines = {line.replace(" ", "") for each in mutants if each for line in each.splitlines()}
    assert lines - {line.replace(" ", "") for line in source.splitlines()} == {
        *(f"deff(x:int|2={each},*,y:list[4])->int|5:" for each in (2, 4)),
        *(f"z:int|6=x{each}y" for each in ("-", "*", "/", "//", "%", "**", ">>", "<<", "|", "&", "^")),
        *(f'return{{{each},**z}}ify=="a"elseyisstr' for each in ("6:8", "8:8", "7:7", "7:9")),
        *(f'return{{7:8,**z}}if{each}"a"elseyisstr' for each in ("noty==", "y!=")),
        'return{7:8,**z}ify=="a"elseyisnotstr',
    }
    assert None in mutants


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
    unjudged = {"__init__", "__main__", "handbook"}
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
