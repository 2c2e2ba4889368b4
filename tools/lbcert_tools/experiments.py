"""Run a Chaos Toolkit experiment against a lab, as ``chaos run`` does, and read its journal.

Chaos Toolkit runs in a process of its own: it keeps state in modules, and takes signals for itself.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from lbcert_chaos import catalogue
from lbcert_fixtures.commands import dying_with_us
from lbcert_fixtures.profiles import Profile

_ROLLBACKS_BUDGET_SECONDS: Final = 120.0
_LAST_WORDS: Final = 8


class ExperimentError(Exception):
    """An experiment could not be run to its end: our error, never the implementation's."""


@dataclass(frozen=True)
class Load:
    """The load during an experiment.

    Attributes:
        users: Locust's users; None for the experiment's own choice, 0 for none.
        workers: Locust's worker processes; 0 for one process that does it all.
        ui: port of the loopback interface on which Locust's web UI is offered; 0 for none.
        limit: requests a second that the generator was measured to be able to do; 0 for what has to be measured.
    """

    users: int | None = None
    workers: int = 0
    ui: int = 0
    limit: float = 0.0

    def environment(self) -> dict[str, str]:
        """The variables by which an experiment takes it."""
        users = {} if self.users is None else {"LBCERT_LOAD_USERS": str(self.users)}
        return users | {
            "LBCERT_LOAD_WORKERS": str(self.workers),
            "LBCERT_LOAD_UI": str(self.ui),
            "LBCERT_LOAD_LIMIT": str(self.limit),
        }


def environment(lab: str, profile: Profile | None, load: Load) -> dict[str, str]:
    """The environment in which an experiment finds its lab.

    Args:
        lab: its name; empty for the only one that is up.
        profile: the implementation's; None for the one that is recognised there.
        load: what load there is to be.
    """
    named = "" if profile is None else profile.name if profile.path.endswith("(built in)") else profile.path
    chosen = {name: value for name, value in (("LBCERT_LAB", lab), ("LBCERT_PROFILE", named)) if value}
    return dict(os.environ) | chosen | load.environment()


def check(name: str) -> None:
    """Make sure that an experiment is one, before anything is touched.

    Args:
        name: the experiment's name, or the path of a file.

    Raises:
        LookupError: there is no such experiment.
        ExperimentError: it cannot be read, or is not as Chaos Toolkit wants it, with place and hint.
    """
    from chaoslib.exceptions import ChaosException
    from chaoslib.experiment import ensure_experiment_is_valid
    from chaoslib.loader import load_experiment

    path = file(name)
    hint = "`chaos validate FILE` checks it; docs/chaos.md says what an experiment needs"
    try:
        read = load_experiment(str(path))
        ensure_experiment_is_valid(read)
    except (ChaosException, OSError, ValueError, AttributeError, TypeError, KeyError) as error:
        raise ExperimentError(f"{path} is no experiment: {error or type(error).__name__}\n{hint}") from error
    if not any(each.get("provider", {}).get("module") == "lbcert_chaos.controls" for each in read.get("controls", [])):
        raise ExperimentError(f"{path}: it lacks the control lbcert_chaos.controls, which finds the lab\n{hint}")


def file(name: str) -> Path:
    """The file of an experiment, by its name or by its own path.

    Raises:
        LookupError: there is no such experiment.
    """
    return Path(name) if name.endswith((".yaml", ".yml", ".json")) else catalogue.path(name)


def command(name: str, journal: Path, log: Path) -> list[str]:
    """The command that runs an experiment: nothing of a user's own settings for Chaos Toolkit has a say in it.

    Args:
        name: the experiment's name, or the path of a file.
        journal: where its journal goes.
        log: where its log goes.

    Raises:
        LookupError: there is no such experiment, with those there are.
    """
    return [
        *(sys.executable, "-m", "chaostoolkit", "--no-version-check", "--settings", os.devnull),
        *("--log-file", str(log), "run", "--journal-path", str(journal), str(file(name))),
    ]


def run(name: str, log: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    """Run an experiment to its end, rollbacks and all; returns its journal.

    Args:
        name: the experiment's name.
        log: where Chaos Toolkit logs.
        environment: see `environment`.

    Raises:
        LookupError: there is no such experiment.
        ExperimentError: Chaos Toolkit wrote no journal, with its last words.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="lbcert-chaos-") as folder:
        journal = Path(folder) / "journal.json"
        process = subprocess.Popen(
            dying_with_us(command(name, journal, log)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=dict(environment),
            start_new_session=True,  # so that Ctrl-C reaches it once, and by us
        )
        try:
            process.wait()
        except BaseException:
            _end(process)
            raise
        if not journal.exists():
            raise ExperimentError(f"experiment {name} wrote no journal\n{_last_words(log)}")
        read: dict[str, Any] = json.loads(journal.read_text("utf-8"))
        return read


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Interrupt an experiment and let it roll back."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_ROLLBACKS_BUDGET_SECONDS)
    except BaseException:
        process.kill()
        process.wait()
        raise


def _last_words(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").splitlines() if log.exists() else []
    wrong = [line for line in lines if "ERROR" in line or "CRITICAL" in line]
    return "\n".join([*(wrong or lines)[-_LAST_WORDS:], f"(all of it is in {log})"])
