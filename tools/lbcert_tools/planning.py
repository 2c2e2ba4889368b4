"""From collected tests to the plan of a run: which cases there are, what each claims, which are chosen."""

import difflib
import fnmatch
import functools
import inspect
import io
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from lbcert_fixtures.profiles.vocabulary import CAPABILITIES, beyond, shown
from lbcert_suites.catalogue import Requirement, catalogue
from lbcert_tools.plugin import suites_folder

CAMPAIGN_TRIALS = 29
"""So many trials bound the 90th percentile by the longest of them, with 95 % confidence."""


class PlanError(Exception):
    """A case that cannot be planned, or a choice of cases that cannot be made."""


@dataclass(frozen=True)
class Case:
    """One case as the journal's plan describes it.

    Attributes:
        case: stable id: area, name of the function, parameters, as in ``layer2/one-node-answers[ipv4]``.
        title: the claim, first line of the docstring.
        text: Given, When, Then: the rest of it.
        area: the folder it lives in.
        requirements: ids on which it judges.
        needs: capabilities without which it does not apply.
        catches: seeded defects that it catches.
        thorough: whether ``--quick`` leaves it out.
        untimed: whether it takes no times, and may run aside.
        campaign: whether only ``--all`` and a campaign take it in.
    """

    case: str
    title: str
    text: str
    area: str
    requirements: tuple[str, ...]
    needs: tuple[str, ...]
    catches: tuple[str, ...]
    thorough: bool = False
    campaign: bool = False
    untimed: bool = False

    def within(self, capabilities: Collection[str], families: Collection[str]) -> "Case":
        """The case as a cluster of these address families leaves it, without the requirements that are about another.

        One that takes what the implementation can do and the cluster cannot show is about none.

        Args:
            capabilities: what the implementation can do.
            families: the cluster's.
        """
        hidden = set(capabilities) - shown(capabilities, families)
        left = () if hidden.intersection(self.needs) else self.requirements
        return replace(self, requirements=tuple(each for each in left if each not in beyond(families)))

    def plain(self) -> dict[str, Any]:
        """What the journal carries about it."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}


def case_of(item: pytest.Function, folder: Path, requirements: Mapping[str, Requirement]) -> Case:
    """Read a case off its test function.

    Args:
        item: the collected test.
        folder: the folder of the suites; its parts name the areas.
        requirements: the catalogue.

    Raises:
        PlanError: it has no claim, or names a requirement that the catalogue does not have, or a capability that no
            profile has a word for.
    """
    place = f"{item.path}::{item.originalname}"
    title, _, text = inspect.cleandoc(item.function.__doc__ or "").partition("\n")
    covered = _words(item, "covers")
    if not title:
        raise PlanError(f"{place}: a case says its claim in the first line of its docstring")
    if not covered:
        raise PlanError(f"{place}: a case covers at least one requirement: @pytest.mark.covers(...)")
    if unknown := [each for each in covered if each not in requirements]:
        raise PlanError(f"{place}: no such requirement: {', '.join(unknown)}")
    needs = _words(item, "needs")
    if unknown := [each for each in needs if each not in CAPABILITIES]:
        raise PlanError(f"{place}: no such capability: {', '.join(unknown)}")
    area = item.path.relative_to(folder).parts[0].removesuffix(".py").removeprefix("test_")
    name = item.originalname.removeprefix("test_").replace("_", "-")
    parameters = f"[{item.callspec.id}]" if hasattr(item, "callspec") else ""
    return Case(
        case=f"{area}/{name}{parameters}",
        title=title.rstrip("."),
        text=text.strip(),
        area=area,
        requirements=covered,
        needs=needs,
        catches=_words(item, "catches"),
        thorough=item.get_closest_marker("thorough") is not None,
        campaign=item.get_closest_marker("campaign") is not None,
        untimed=item.get_closest_marker("untimed") is not None,
    )


def _words(item: pytest.Function, mark: str) -> tuple[str, ...]:
    """The arguments of all marks of a name, those of the module first, each once."""
    marks = reversed(list(item.iter_markers(mark)))
    return tuple(dict.fromkeys(str(word) for each in marks for word in each.args))


def choose(
    cases: Sequence[Case],
    only: Iterable[str] = (),
    *,
    quick: bool = False,
    everything: bool = False,
    trials: int | None = None,
) -> list[Case]:
    """Choose the cases of a run.

    Args:
        cases: all there are.
        only: expressions, each a list separated by commas of requirement ids, areas (the folder's name or the
            prefix of its requirements), and names of cases, with or without area and parameters, with ``*`` and ``?``.
            Without any: all.
        quick: leave out what is thorough, unless `only` names it.
        everything: take in what only a campaign does by default.
        trials: how often each fault is tried: `CAMPAIGN_TRIALS` or more are a campaign.

    Raises:
        PlanError: a word fits no case.
    """
    words = words_of(only)
    if not words:
        is_campaign = everything or (trials or 0) >= CAMPAIGN_TRIALS
        return [case for case in cases if not (quick and case.thorough) and (is_campaign or not case.campaign)]
    wanted: set[str] = set()
    for word in words:
        pattern = word.lower().replace("[", "[[]")  # brackets hold the parameters of a case, and mean themselves
        fitting = {case.case for case in cases if any(fnmatch.fnmatchcase(n, pattern) for n in _names(case))}
        if not fitting:
            raise PlanError(f"--only: no case fits {word!r}{_nearest(word, cases)}")
        wanted |= fitting
    return [case for case in cases if case.case in wanted]


def words_of(only: Iterable[str]) -> list[str]:
    """The words of the expressions that choose cases."""
    return [word for expression in only for word in re.split(r"[,\s]+", expression) if word]


def _names(case: Case) -> Iterator[str]:
    """Every word, in lower case, by which a case can be called."""
    whole = case.case.lower()
    bare = whole.partition("[")[0]
    yield from (whole, bare, whole.partition("/")[2], bare.partition("/")[2], case.area.lower())
    for requirement in case.requirements:
        yield from (requirement.lower(), requirement.partition("-")[0].lower())


def _nearest(word: str, cases: Iterable[Case]) -> str:
    if word.upper() in catalogue():
        return f": the suite has no case for {word.upper()} yet (see `lbcert list requirements`)"
    names = {name for case in cases for name in _names(case)}
    near = difflib.get_close_matches(word.lower(), names, n=3)
    return f"; did you mean {', '.join(near)}?" if near else " (see `lbcert list cases`)"


class _Collected:
    def __init__(self) -> None:
        self.items: list[pytest.Item] = []
        self.problems: list[str] = []

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.problems.append(report.longreprtext)
        elif isinstance(report.longrepr, tuple):  # a file that skips itself takes its cases out of all that is said
            self.problems.append("{}:{}: {}".format(*report.longrepr))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.items = list(session.items)


def covered(cases: Iterable[Case]) -> set[str]:
    """The requirements that cases are about."""
    return {requirement for case in cases for requirement in case.requirements}


def all_cases(folder: Path | None = None) -> list[Case]:
    """Every case of the suites, without running any; collected once in a process, and in those forked off it.

    Args:
        folder: where they are; by default those that are installed.

    Raises:
        PlanError: the suites cannot be collected, or a case is not written as it must be.
    """
    folder = folder or suites_folder()
    if folder is None:
        raise PlanError("the package lbcert_suites is not installed: install lbcert as a whole")
    return list(_collect(folder))


@functools.cache
def _collect(folder: Path) -> tuple[Case, ...]:
    collected, said = _Collected(), io.StringIO()
    arguments = ["--collect-only", "-q", "-p", "no:cacheprovider", "-c", os.devnull, f"--rootdir={folder}", str(folder)]
    # by name, and not as installed: in a run that loads no plugin by itself it would be missing
    arguments += ["-p", "no:lbcert", "-p", "lbcert_tools.plugin", "--lbcert-all"]
    with Path(os.devnull).open("w") as sink, redirect_stdout(sink), redirect_stderr(said):
        code = pytest.main([*arguments, "--import-mode=importlib", "--assert=plain"], plugins=[collected])
    if collected.problems or code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise PlanError("\n".join(["the suites cannot be collected:", *(collected.problems or [said.getvalue()])]))
    return tuple(case_of(item, folder, catalogue()) for item in collected.items if isinstance(item, pytest.Function))
