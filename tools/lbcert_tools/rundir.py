"""Where a run keeps its journal, its evidence and its reports."""

import re
from datetime import UTC, datetime
from pathlib import Path

RUNS = Path("lbcert-runs")


def choose(profile: str, given: str | Path | None = None) -> Path:
    """The directory of a new run: the one that was given, else a new name below ``lbcert-runs``.

    Nothing is made yet.
    """
    if given:
        return Path(given).absolute()
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(profile).name.removesuffix(".toml")) or "run"
    stem = RUNS.absolute() / f"{name}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    taken = (stem.with_name(f"{stem.name}-{number}") for number in range(2, 1000))
    return stem if not stem.exists() else next(path for path in taken if not path.exists())


def boot_logs(testbed: str) -> Path:
    """Where to keep what the programs of a testbed said that does not come up, and no run is to keep it.

    Nothing is made yet.
    """
    return RUNS.absolute() / f"{testbed}-boot-{datetime.now(UTC):%Y%m%d-%H%M%S}" / "logs"


def is_run(path: Path) -> bool:
    """Whether there is the directory of a run, whole or not."""
    return any(path.glob("journal/*.jsonl"))


def latest(folder: Path = RUNS) -> Path | None:
    """The newest run below a folder; None if there is none."""
    journals = [path for path in folder.glob("*/journal") if path.is_dir()]
    return max((path.parent for path in journals), key=lambda run: run.stat().st_mtime, default=None)
