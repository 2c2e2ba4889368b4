"""Mutation of the judges: change one thing in their source, and see whether their tests notice.

``nox -s mutation``, or ``python -m lbcert_tools.mutation``. Cosmic Ray makes the mutants, in a copy of the sources: the
checkout is never touched. A mutant that survives is a line that no test holds, or one that means the same; for the
latter `equivalent_mutants.toml` says why.
"""

import argparse
import importlib
import multiprocessing
import os
import select
import shutil
import signal
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from difflib import ndiff
from itertools import islice
from pathlib import Path
from typing import Final

import hypothesis
import pytest
from cosmic_ray.ast import ast_nodes, get_ast_from_path
from cosmic_ray.mutating import use_mutation
from cosmic_ray.plugins import get_operator, operator_names

REPOSITORY: Final = Path(__file__).resolve().parents[2]
EQUIVALENT: Final = Path(__file__).with_name("equivalent_mutants.toml")

TESTS: Final[Mapping[str, Sequence[str]]] = {
    "verdicts": ["verdicts", "judges_registry"],
    "statistics": ["statistics"],
    "judges/registry": ["judges_registry", "verdicts", "calibrations"],
    "judges/spans": ["judges_layer2", "judges_bgp"],
    "judges/allocation": ["judges_allocation"],
    "judges/bgp": ["judges_bgp"],
    "judges/calibration": ["judges_calibration"],
    "judges/failover": ["judges_failover"],
    "judges/layer2": ["judges_layer2"],
    "judges/policy": ["judges_policy"],
    "judges/reset": ["judges_reset"],
}
"""Modules of lbcert_reports, each with the tests in selftest/reports that have to notice what is changed in it."""

TIMEOUT_SECONDS: Final = 120.0
"""Tests that take longer have noticed: what ends in seconds runs in circles."""

FEW_EXAMPLES: Final = 10
"""With how many examples properties are tried first."""

_UNCHANGED: Final = ("hypothesis.strategies", "numpy", "msgspec")
"""What is imported once: all that takes long to import and is not ours."""

_COMPILED: Final = shutil.ignore_patterns("__pycache__")


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


class Copy:
    """A copy of the sources and of a module's tests, in which mutants are made and tested, one at a time.

    A test run is a child forked off this process, which has imported everything that no mutant can change.

    Args:
        folder: where to put it.
        module: of lbcert_reports.
    """

    def __init__(self, folder: Path, module: str) -> None:
        self.module = module
        self.path = folder / f"lbcert_reports/{module}.py"
        self._folder = folder
        self._tests = [f"reports/test_{name}.py" for name in TESTS[module]]
        shutil.copytree(REPOSITORY / "reports/lbcert_reports", folder / "lbcert_reports", ignore=_COMPILED)
        shutil.copytree(REPOSITORY / "tools/selftest/reports", folder / "reports", ignore=_COMPILED)
        for name in _UNCHANGED:
            importlib.import_module(name)

    def positions(self) -> Iterator[tuple[str, int]]:
        """Every place at which Cosmic Ray can change the module: name of the operator, and number of its occurrence."""
        parsed = get_ast_from_path(self.path)
        for name in operator_names():
            operator = get_operator(name)
            if not operator.arguments():
                found = (place for node in ast_nodes(parsed) for place in operator().mutation_positions(node))
                yield from ((name, occurrence) for occurrence, _ in enumerate(found))

    def mutate(self, operator: str, occurrence: int) -> Mutant | None:
        """Make one mutant and test it; none if the operator changes nothing there."""
        with use_mutation(self.path, get_operator(operator)(), occurrence) as (before, after):
            if after is None:
                return None
            changed = [each for each in ndiff(before.splitlines(), after.splitlines()) if each[0] in "-+"]
            old, new = ("\n".join(each[1:].strip() for each in changed if each.startswith(sign)) for sign in "-+")
            # most are noticed by few examples of a property; who is not gets all of them
            survived = self.passes(FEW_EXAMPLES) and self.passes(None)
            return Mutant(self.module, operator, old, new, "survived" if survived else "killed")

    def passes(self, examples: int | None) -> bool:
        """Whether the tests pass.

        Args:
            examples: how many a property is tried with; by default as many as it says itself.
        """
        child = os.fork()
        if not child:
            try:
                status = self._test(examples)
            except BaseException:  # noqa: BLE001 - what a mutant does here is to be noticed, not to be survived
                status = 1
            os._exit(status)
        watched = os.pidfd_open(child)
        try:
            if not select.select([watched], [], [], TIMEOUT_SECONDS)[0]:
                os.killpg(child, signal.SIGKILL)
            return os.waitpid(child, 0)[1] == 0
        finally:
            os.close(watched)

    def _test(self, examples: int | None) -> int:
        os.setsid()
        os.chdir(self._folder)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(nowhere, stream)
        sys.path[:0] = [str(self._folder), str(self._folder / "reports")]
        sys.dont_write_bytecode = True
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        # the same examples each time: a mutant that is noticed once is noticed always
        chosen = hypothesis.settings(deadline=None, derandomize=True, database=None)
        if examples is not None:
            chosen = hypothesis.settings(chosen, max_examples=examples)
        hypothesis.settings.register_profile("mutation", chosen)
        hypothesis.settings.load_profile("mutation")
        options = ("-x", "-q", "-p", "no:cacheprovider", "-m", "not browser", "-c", os.devnull, "--rootdir=.")
        return int(pytest.main([*options, *self._tests]))


def _part(module: str, part: int, parts: int) -> list[Mutant]:
    """Every so manieth mutant of a module, in a copy of its own."""
    with tempfile.TemporaryDirectory(prefix="lbcert-mutation-") as folder:
        copied = Copy(Path(folder), module)
        if not copied.passes(None):
            raise RuntimeError(f"the tests of {module} fail without any change: {', '.join(TESTS[module])}")
        positions = islice(copied.positions(), part, None, parts)
        return [mutant for position in positions if (mutant := copied.mutate(*position))]


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
    # each worker forks off itself, so it is started anew, with one thread
    with ProcessPoolExecutor(parts, multiprocessing.get_context("spawn")) as workers:
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
