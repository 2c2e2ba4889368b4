"""Mutation of the judges: change one thing in their source, and see whether their tests notice.

``nox -s mutation``, or ``python -m lbcert_tools.mutation``. Cosmic Ray makes the mutants, in a copy of the sources: the
checkout is never touched. A mutant that survives is a line that no test holds, or one that means the same; for the
latter `equivalent_mutants.toml` says why.
"""

import argparse
import gc
import importlib
import json
import math
import multiprocessing
import os
import pickle
import resource
import shutil
import sys
import tempfile
import time
import tomllib
import warnings
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from difflib import ndiff
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TextIO, TypeAlias

import hypothesis
import pytest
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import MutationVisitor
from cosmic_ray.plugins import get_operator, operator_names

REPOSITORY: Final = Path(__file__).resolve().parents[2]
EQUIVALENT: Final = Path(__file__).with_name("equivalent_mutants.toml")

TESTS: Final[Mapping[str, Sequence[str]]] = {
    "verdicts": ["verdicts", "judges_registry"],
    "statistics": ["statistics"],
    "calibrations": ["calibrations"],
    "judges/registry": ["judges_registry", "verdicts", "calibrations"],
    "judges/spans": ["judges_layer2", "judges_bgp", "judges_reset"],
    "judges/allocation": ["judges_allocation", "judges_registry"],
    "judges/bgp": ["judges_bgp", "judges_registry"],
    "judges/calibration": ["judges_calibration", "judges_registry"],
    "judges/config": ["judges_config", "judges_registry"],
    "judges/failover": ["judges_failover", "judges_registry"],
    "judges/layer2": ["judges_layer2", "judges_registry"],
    "judges/policy": ["judges_policy", "judges_registry"],
    "judges/precondition": ["judges_registry"],
    "judges/reset": ["judges_reset", "judges_registry"],
}
"""Modules of lbcert_reports, each with the tests in selftest/reports that have to notice what is changed in it."""

TELLS_SECONDS: Final = 60
"""How often a part tells how far it has come."""

CIRCLES: Final = 5
"""Tests that compute for so many times as long as without a change have noticed: something runs in circles."""

_UNCHANGED: Final = ("hypothesis.strategies", "numpy", "msgspec", "scipy.stats")
"""What is imported once: all that takes long to import and is not ours."""

_NEEDLESS: Final = "cacheprovider terminal logging warnings unraisableexception threadexception faulthandler"
"""Plugins of pytest, in which a short test spends half of its time for what nobody reads."""

_OPTIONS: Final = ("-x", "-s", "-m", "not browser", "-c", os.devnull, *(f"-pno:{each}" for each in _NEEDLESS.split()))

_ANNOTATES: Final = {"tfpdef": ":", "annassign": ":", "funcdef": "->"}
"""What stands before an annotation, in each part of a program that may have one."""

_ORDERS: Final = ("Lt", "LtE", "Gt", "GtE")

_TO_ORDER: Final = {f"core/ReplaceComparisonOperator_{each}_{order}" for each in ("Eq", "NotEq") for order in _ORDERS}
"""Operators that make a question of order from one of equality."""

_FROM_IDENTITY: Final = {
    f"core/ReplaceComparisonOperator_{each}_{other}" for each in ("Is", "IsNot") for other in ("Eq", "NotEq", *_ORDERS)
}
"""Operators that make another question from one of identity, which is asked of members of enumerations and classes."""

_COPIED: Final = ("reports/lbcert_reports", "tools/selftest/reports", "docs")
"""Of the repository: sources, tests, and what tests read."""

_COMPILED: Final = shutil.ignore_patterns("__pycache__")


Position: TypeAlias = tuple[str, int]
"""A place for a change: Cosmic Ray's name of the operator, and the number of its occurrence in the module."""


@dataclass(frozen=True)
class Mutant:
    """A change to one line.

    Attributes:
        module: of lbcert_reports, such as ``judges/spans``.
        operator: Cosmic Ray's name of the kind of change.
        before: the lines that were changed, stripped.
        after: what became of them.
        outcome: ``killed`` or ``survived``.
    """

    module: str
    operator: str
    before: str
    after: str
    outcome: str


@dataclass(frozen=True)
class Argued:
    """A mutant that means the same.

    Attributes:
        module: as in `Mutant`.
        before: a line, stripped.
        after: what becomes of it; ``*`` for anything.
        why: why no test can tell.
    """

    module: str
    before: str
    after: str
    why: str

    def covers(self, mutant: Mutant) -> bool:
        """Whether it argues for this one."""
        here = (self.module, self.before) == (mutant.module, mutant.before)
        return here and self.after in ("*", mutant.after)


def read_argued(path: Path = EQUIVALENT) -> list[Argued]:
    """The mutants that are argued to be equivalent."""
    return [Argued(**each) for each in tomllib.loads(path.read_text()).get("mutant", [])]


def _is_idle(node: Any) -> bool:
    """Whether a node of a source does nothing: in an annotation, or between the parameters of a function."""
    if node.parent and node.parent.type == "parameters":
        return True
    while parent := node.parent:
        before = parent.children[parent.children.index(node) - 1]
        if parent.type in _ANNOTATES and getattr(before, "value", "") == _ANNOTATES[parent.type]:
            return True
        node = parent
    return False


def _is_senseless(operator: str, node: Any, place: tuple[int, int]) -> bool:
    """Whether the change asks what means nothing, or the same.

    That is which of two words, one of them a literal, comes first in the alphabet; and anything about what there is
    once but whether it is that.
    """
    if operator in _FROM_IDENTITY:
        return True
    if operator not in _TO_ORDER:
        return False
    return (place, "string") in ((at.start_pos, after.type) for at, after in pairwise(node.children))


class Copy:
    """A copy of the sources and of a module's tests, in which mutants are made and tested, one at a time.

    Args:
        folder: where to put it.
        module: of lbcert_reports.
    """

    def __init__(self, folder: Path, module: str) -> None:
        self.module = module
        self.name = f"lbcert_reports.{module.replace('/', '.')}"
        self.path = folder / f"reports/lbcert_reports/{module}.py"
        self._folder = folder
        for part in _COPIED:
            shutil.copytree(REPOSITORY / part, folder / part, ignore=_COMPILED)
        self.source = self.path.read_text()
        self._tree = pickle.dumps(get_ast(self.source))  # six times as fast as to parse again

    def positions(self) -> list[Position]:
        """Where Cosmic Ray can change what the module does, from top to bottom."""
        nodes = [(node, _is_idle(node)) for node in ast_nodes(pickle.loads(self._tree))]  # noqa: S301 - ours
        found = []
        for name in operator_names():
            operator = get_operator(name)
            if not operator.arguments():
                places = [
                    (place, idle or _is_senseless(name, node, place[0]))
                    for node, idle in nodes
                    for place in operator().mutation_positions(node)
                ]
                found += [(place, name, number) for number, (place, idle) in enumerate(places) if not idle]
        return [(name, number) for _, name, number in sorted(found)]

    def changed(self, operator: str, occurrence: int) -> str | None:
        """The module, changed at one place; none if that is no program.

        That is one without the ``*`` between its parameters, say, or one at which Python warns, since tests take that
        for an error: it compares something with a literal by ``is``.
        """
        visitor = MutationVisitor(occurrence, get_operator(operator)())
        source: str = visitor.walk(pickle.loads(self._tree)).get_code()  # noqa: S301 - ours
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                compile(source, self.path.name, "exec")
            except SyntaxError:
                return None
        return source

    def mutants(self, positions: Sequence[Position]) -> list[Mutant]:
        """Make mutants and test them; a process can do this once.

        Raises:
            RuntimeError: if the tests fail without any change.
        """
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        sys.path[:0] = [str(self._folder / "reports")]
        for each in _UNCHANGED:
            importlib.import_module(each)
        # the same examples each time: a mutant that is noticed once is noticed always; nobody reads the smallest
        phases = [hypothesis.Phase.explicit, hypothesis.Phase.generate]
        hypothesis.settings.register_profile("mutation", deadline=None, derandomize=True, database=None, phases=phases)
        hypothesis.settings.load_profile("mutation")
        tests = [str(self._folder / f"tools/selftest/reports/test_{each}.py") for each in TESTS[self.module]]
        forks = _Forks(self, positions)
        status = 1
        try:
            status = pytest.main([*_OPTIONS, f"--rootdir={self._folder}", *tests], [forks])
        finally:
            if forks.report:
                forks.tell()
                os._exit(status)
        if not forks.passed:
            raise RuntimeError(f"the tests of {self.module} fail without any change: {', '.join(TESTS[self.module])}")
        return forks.made

    @property
    def is_leaf(self) -> bool:
        """Whether nobody imports anything from the module, tests included."""
        return not any(f"from {self.name} import" in each.read_text() for each in self._folder.rglob("*.py"))


class _Forks:
    """A plugin of pytest that forks itself: each child changes the module, and goes on to the tests.

    A child comes with everything that no mutant can change. Those are the collected tests too if the module is a leaf,
    from which nobody else has imported anything, as most judges are: then it is executed again.

    The test that noticed a mutant is the first from then on, since the next is made in the same place; before all of
    them the quick ones are.

    Attributes:
        passed: whether the tests passed without any change.
        made: the mutants.
        report: in a child where it tells how long each test took, and which failed; else none.
    """

    def __init__(self, copied: Copy, positions: Sequence[Position]) -> None:
        self.passed = False
        self.made: list[Mutant] = []
        self.report: TextIO | None = None
        self._copied = copied
        self._positions = positions
        self._is_leaf = copied.is_leaf
        self._order: list[str] = []
        self._limit = resource.RLIM_INFINITY
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._failed: list[str] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> bool | None:
        return None if self._is_leaf else self._mutate()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        if not self.report and (not self._is_leaf or self._mutate()):
            return True
        ranks = {name: rank for rank, name in enumerate(self._order)}
        session.items.sort(key=lambda item: ranks.get(item.nodeid, len(ranks)))
        return None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid] += report.duration
        if report.failed:
            self._failed.append(report.nodeid)

    def tell(self) -> None:
        """Tell the parent."""
        assert self.report
        json.dump({"seconds": self._seconds, "failed": self._failed}, self.report)
        self.report.close()

    def _mutate(self) -> bool | None:
        """True, when all is done; none in a child, which has to go on."""
        gc.freeze()
        before = self._copied.source
        self.passed = self._passes(before)
        for compiled in self._copied.path.parent.glob(f"__pycache__/{self._copied.path.stem}.*"):
            compiled.unlink()  # a mutant may have the size and the time of its source
        told = time.monotonic()
        for done, (operator, occurrence) in enumerate(self._positions if self.passed else ()):
            if time.monotonic() - told > TELLS_SECONDS:
                told, survived = time.monotonic(), sum(each.outcome == "survived" for each in self.made)
                print(f"{self._copied.module}: {done} of {len(self._positions)}, {survived} survived", file=sys.stderr)
            if (after := self._copied.changed(operator, occurrence)) is not None:
                outcome = "survived" if self._passes(after) else "killed"
                if self.report:
                    break
                lines = [each for each in ndiff(before.splitlines(), after.splitlines()) if each[0] in "-+"]
                old, new = ("\n".join(each[1:].strip() for each in lines if each.startswith(sign)) for sign in "-+")
                self.made.append(Mutant(self._copied.module, operator, old, new, outcome))
                if outcome == "survived":  # one may be after these, and interrupt the rest
                    print(f"{self._copied.module}: survived\n    - {old}\n    + {new}", file=sys.stderr)
        return None if self.report else True

    def _passes(self, source: str) -> bool:
        """Whether the tests pass with this source; false in the child that is to find out."""
        self._copied.path.write_text(source)
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.close(reading)
            self.report = open(writing, "w")  # noqa: PTH123, SIM115 - a pipe
            sys.dont_write_bytecode = self.passed  # the first has compiled everything
            self._execute()
            return False
        os.close(writing)
        with open(reading) as report:  # noqa: PTH123 - a pipe
            told = json.loads(report.read() or "{}")
        _, status, used = os.wait4(child, 0)
        if not self._order:
            self._order = sorted(told["seconds"], key=told["seconds"].__getitem__)
            self._limit = CIRCLES * math.ceil(used.ru_utime + used.ru_stime)
        failed = told.get("failed", ())
        self._order.sort(key=lambda each: each not in failed)
        return status == 0

    def _execute(self) -> None:
        """Execute the module, for the first time or again."""
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(nowhere, stream)
        resource.setrlimit(resource.RLIMIT_CPU, (self._limit, self._limit))
        try:
            if self._is_leaf:
                judges = sys.modules["lbcert_reports.judges"].REGISTRY
                known = dict(judges)
                for each in [name for name, judge in known.items() if judge.function.__module__ == self._copied.name]:
                    del judges[each]
                importlib.reload(sys.modules[self._copied.name])
                for each in [name for name in known if name in judges]:  # in the order that there was
                    judges[each] = judges.pop(each)
            else:
                importlib.import_module(self._copied.name)
        except BaseException:  # noqa: BLE001 - what a mutant does here is to be noticed, not to be survived
            os._exit(1)


def _part(module: str, part: int, parts: int) -> list[Mutant]:
    """Every so manieth mutant of a module, in a copy of its own."""
    with tempfile.TemporaryDirectory(prefix="lbcert-mutation-") as folder:
        copied = Copy(Path(folder), module)
        return copied.mutants(copied.positions()[part::parts])


def _told(module: str, mutants: Sequence[Mutant], argued: Sequence[Argued]) -> tuple[str, list[Mutant]]:
    outcomes = Counter(mutant.outcome for mutant in mutants)
    survivors = [mutant for mutant in mutants if mutant.outcome == "survived"]
    open_ones = [mutant for mutant in survivors if not any(each.covers(mutant) for each in argued)]
    said = (
        f"{module}: {len(mutants)} mutants, {outcomes['killed']} killed, {len(survivors)} survived, "
        f"{len(survivors) - len(open_ones)} of them argued to be equivalent"
    )
    return said, open_ones


def main(arguments: Sequence[str] | None = None) -> int:
    """Mutate modules; returns 0 if every survivor is argued to be equivalent."""
    parser = argparse.ArgumentParser(prog="mutation", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"by default all: {', '.join(TESTS)}")
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="mutants at a time (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    if unknown := sorted({*options.modules} - TESTS.keys()):
        parser.error(f"there is no module {', '.join(unknown)}; there are {', '.join(TESTS)}")
    argued, began, left = read_argued(), time.monotonic(), 0
    parts = options.workers
    # each part forks off a process of its own, started anew with one thread
    with ProcessPoolExecutor(parts, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as workers:
        chosen = options.modules or list(TESTS)
        done = {module: [workers.submit(_part, module, part, parts) for part in range(parts)] for module in chosen}
        for module, results in done.items():
            said, survivors = _told(module, [mutant for each in results for mutant in each.result()], argued)
            print(f"[{time.monotonic() - began:5.0f} s] {said}", flush=True)
            for mutant in survivors:
                print(f"  {mutant.operator}\n    - {mutant.before}\n    + {mutant.after}", flush=True)
            left += len(survivors)
    print(f"{left} mutants survived that are not argued to be equivalent")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
