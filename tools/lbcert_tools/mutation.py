"""Mutation of the judges: change one thing in their source, and see whether their tests notice.

``nox -s mutation``, or ``python -m lbcert_tools.mutation``. Cosmic Ray makes the mutants, in a copy of the sources: the
checkout is never touched. A mutant that survives is a line that no test holds, or one that means the same; for the
latter `equivalent_mutants.toml` says why.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

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


@dataclass(frozen=True)
class Mutant:
    """A change to one line.

    Attributes:
        module: of lbcert_reports, such as ``judges/spans``.
        operator: Cosmic Ray's name of the kind of change.
        before: the lines that were changed, stripped.
        after: what became of them.
        outcome: ``killed``, ``survived`` or ``incompetent``.
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


def read_mutants(module: str, dumped: str) -> Iterator[Mutant]:
    """The mutants of a finished session, from what ``cosmic-ray dump`` prints."""
    for line in dumped.splitlines():
        item, result = json.loads(line)
        changed = [each for each in (result["diff"] or "").splitlines() if each[:3] not in ("---", "+++")]
        before, after = (
            "\n".join(each[1:].strip() for each in changed if each.startswith(sign)) for sign in ("-", "+")
        )
        yield Mutant(module, item["mutations"][0]["operator_name"], before, after, result["test_outcome"])


def mutate(module: str) -> list[Mutant]:
    """Make every mutant of a module in a copy, and run its tests on each.

    Raises:
        subprocess.CalledProcessError: the tests fail without any change, or Cosmic Ray does.
    """
    with tempfile.TemporaryDirectory(prefix="lbcert-mutation-") as scratch:
        here = Path(scratch)
        shutil.copytree(REPOSITORY / "reports/lbcert_reports", here / "lbcert_reports")
        shutil.copytree(REPOSITORY / "tools/selftest/reports", here / "reports")
        tests = [f"reports/test_{name}.py" for name in TESTS[module]]
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", "not browser", *tests]
        environment = os.environ | {"PYTHONPATH": f"{here}:{here / 'reports'}", "PYTHONDONTWRITEBYTECODE": "1"}

        def run(*arguments: str) -> str:
            done = subprocess.run(arguments, cwd=here, env=environment, check=True, capture_output=True, text=True)
            return done.stdout

        run(*command)
        (here / "cosmic-ray.toml").write_text(
            "[cosmic-ray]\n"
            f'module-path = "lbcert_reports/{module}.py"\n'
            f"timeout = {TIMEOUT_SECONDS}\n"
            "excluded-modules = []\n"
            f"test-command = {json.dumps(' '.join(command))}\n"
            '[cosmic-ray.distributor]\nname = "local"\n'
        )
        ray = [sys.executable, "-m", "cosmic_ray.cli"]
        run(*ray, "init", "cosmic-ray.toml", "session.sqlite")
        run(*ray, "exec", "cosmic-ray.toml", "session.sqlite")
        return list(read_mutants(module, run(*ray, "dump", "session.sqlite")))


def _told(module: str, mutants: Sequence[Mutant], argued: Sequence[Argued]) -> tuple[str, list[Mutant]]:
    outcomes = Counter(mutant.outcome for mutant in mutants)
    survivors = [mutant for mutant in mutants if mutant.outcome == "survived"]
    open_ones = [mutant for mutant in survivors if not any(each.covers(mutant) for each in argued)]
    said = (
        f"{module}: {len(mutants)} mutants, {outcomes['killed']} killed, {outcomes['incompetent']} that do not run, "
        f"{len(survivors)} survived, {len(survivors) - len(open_ones)} of them argued to be equivalent"
    )
    return said, open_ones


def main(arguments: Sequence[str] | None = None) -> int:
    """Mutate modules; returns 0 if every survivor is argued to be equivalent."""
    parser = argparse.ArgumentParser(prog="mutation", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"by default all: {', '.join(TESTS)}")
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count() or 1, help="modules at a time (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    if unknown := sorted({*options.modules} - TESTS.keys()):
        parser.error(f"there is no module {', '.join(unknown)}; there are {', '.join(TESTS)}")
    argued, began, left = read_argued(), time.monotonic(), 0
    with ThreadPoolExecutor(options.workers) as workers:
        chosen = options.modules or list(TESTS)
        for module, mutants in zip(chosen, workers.map(mutate, chosen), strict=True):
            said, survivors = _told(module, mutants, argued)
            print(f"[{time.monotonic() - began:5.0f} s] {said}", flush=True)
            for mutant in survivors:
                print(f"  {mutant.operator}\n    - {mutant.before}\n    + {mutant.after}", flush=True)
            left += len(survivors)
    print(f"{left} mutants survived that are not argued to be equivalent")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
