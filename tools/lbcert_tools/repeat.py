"""How far the suite's verdicts can be trusted to come again: the same cases many times, and what changed.

``nox -s repeat -- N [--load K] [--seed S] [--into DIR] [options of certify]``. Each run gets a seed of its own, which
decides when faults come and in which order the cases run; all of them follow from one seed. A run that has a report
is not made again, so what was interrupted goes on where it stopped, with the same command and ``--into``.
"""

import argparse
import contextlib
import json
import random
import secrets
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lbcert_fixtures.commands import dying_with_us
from lbcert_reports.repeats import Repeated, repeated, table, verdicts_of
from lbcert_tools.environment import suite
from lbcert_tools.scope import named

PLAN = "plan.json"
RESULT = "repeat.json"
TABLE = "repeat.md"

CERTIFY = [sys.executable, "-m", "lbcert_tools.main", "certify"]
"""Makes a run."""

STOPPED = 130
"""The exit code of a session that was interrupted."""


def seeds_of(seed: int, n: int) -> list[int]:
    """The seed of each run; more runs keep those of the first."""
    chance = random.Random(f"{seed} repeat")  # noqa: S311 - reproducible, not secret
    return [chance.randrange(1 << 31) for _ in range(n)]


def settled(folder: Path, plan: dict[str, Any]) -> dict[str, Any]:
    """The plan of a folder: the one that it was begun with, which a new one has to agree with, or this one.

    Raises:
        ValueError: the folder holds runs of something else.
    """
    kept = folder / PLAN
    if kept.exists():
        begun: dict[str, Any] = json.loads(kept.read_text())
        if plan["seed"] is not None and plan["seed"] != begun["seed"]:
            raise ValueError(f"{folder} was begun with --seed {begun['seed']}")
        if (begun["options"], begun["load"]) != (plan["options"], plan["load"]):
            raise ValueError(f"{folder} was begun with other options: {shlex.join(begun['options'])}")
        if (other := begun.get("suite", {})) != plan["suite"]:
            raise ValueError(f"{folder} was begun with suite {named(other)}, this is {named(plan['suite'])}")
        return begun
    settled_plan = plan | {"seed": secrets.randbelow(1 << 31) if plan["seed"] is None else plan["seed"]}
    folder.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(settled_plan, indent=1) + "\n")
    return settled_plan


@contextlib.contextmanager
def busy(loops: int) -> Iterator[None]:
    """So many busy loops beside whatever is done inside the ``with``."""
    with contextlib.ExitStack() as stack:
        for _ in range(loops):
            process = subprocess.Popen(dying_with_us([sys.executable, "-c", "while True: pass"]))
            stack.callback(process.wait)
            stack.callback(process.kill)
        yield


def certify(options: Sequence[str]) -> None:
    """Make one run. An interrupt ends it as if it had been sent to it: it reports what it has.

    Raises:
        KeyboardInterrupt: once it has.
    """
    with subprocess.Popen([*CERTIFY, *options], process_group=0) as process:  # a terminal's interrupt comes to us alone
        try:
            process.wait()
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            process.wait()
            raise


def fresh(folder: Path, number: int) -> Path:
    """Where a run goes: a folder that no earlier attempt has used."""
    attempts = (folder / f"{number:03}{suffix}" for suffix in ("", *(f"-{again}" for again in range(2, 1000))))
    return next(path for path in attempts if not path.exists())


def finished(folder: Path, number: int) -> dict[str, Any] | None:
    """The report of a run that came to its end."""
    for path in sorted(folder.glob(f"{number:03}*/report.json")):
        report: dict[str, Any] = json.loads(path.read_text())
        if not report["run"]["interrupted"]:
            return report
    return None


def summarise(folder: Path, plan: dict[str, Any], seeds: Sequence[int]) -> list[Repeated]:
    """Compare the runs that there are, and write table and JSON beside them."""
    reports = {f"{number:03}": finished(folder, number) for number in range(1, len(seeds) + 1)}
    found = repeated({name: verdicts_of(report) for name, report in reports.items() if report})
    runs = {
        name: {"seed": seed, "finished": reports[name] is not None} for name, seed in zip(reports, seeds, strict=True)
    }
    document = {**plan, "runs": runs, "cases": [asdict(each) for each in found]}
    (folder / RESULT).write_text(json.dumps(document, indent=1) + "\n")
    (folder / TABLE).write_text(table(found) + "\n")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the runs that are missing, and say what changed.

    Returns:
        0; 1 if a verdict changed or a run did not come to its end; 130 if it was interrupted.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("n", type=int, help="how many runs")
    parser.add_argument("--load", type=int, default=0, metavar="K", help="beside so many busy loops")
    parser.add_argument("--seed", type=int, help="the seed from which those of all runs follow")
    parser.add_argument(
        "--into", type=Path, metavar="DIR", help="where the runs go; one that was begun is gone on with"
    )
    known, options = parser.parse_known_args(arguments)
    if known.n < 1 or known.load < 0:
        parser.error("it takes at least one run, and no fewer than 0 busy loops")
    if taken := [each for each in options if each.partition("=")[0] in ("--output", "--shuffle")]:
        parser.error(f"{taken[0]} is decided for each run; say --into DIR")
    folder = known.into or Path("lbcert-runs") / f"repeat-{secrets.token_hex(4)}"
    try:
        plan = settled(folder, {"seed": known.seed, "load": known.load, "options": options, "suite": suite()})
    except ValueError as error:
        parser.error(str(error))
    seeds = seeds_of(plan["seed"], known.n)
    again = ["repeat", "--", str(known.n), "--seed", str(plan["seed"]), "--load", str(known.load), *options]
    print(f"{folder}; the same again: ./tools/lbcert test {shlex.join(again)}", flush=True)
    stopped = False
    try:
        for number, seed in enumerate(seeds, 1):
            if not finished(folder, number):
                where = fresh(folder, number)
                print(f"run {number} of {known.n}, --seed {seed} --shuffle: {where}", flush=True)
                with busy(known.load):
                    certify([*options, f"--seed={seed}", "--shuffle", f"--output={where}"])
    except KeyboardInterrupt:
        stopped = True
        print(f"stopped; the same command with --into {folder} goes on from here", flush=True)
    found = summarise(folder, plan, seeds)
    print(table(found))
    if stopped:
        return STOPPED
    complete = all(finished(folder, number) for number in range(1, known.n + 1))
    return 0 if complete and not any(each.changes for each in found) else 1


if __name__ == "__main__":
    sys.exit(main())
