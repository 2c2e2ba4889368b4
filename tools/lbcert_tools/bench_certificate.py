"""Where the wall time of a certificate goes: a sampling profile of the process that runs the cases, by phase.

As a pytest plugin (`-p lbcert_tools.bench_certificate`) it writes the phases as JSON to the file that the environment
variable `LBCERT_PHASES` names. Only the main thread is sampled: what other threads and processes do meanwhile is why
it waits.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pytest
    from pyinstrument.frame import Frame

Row = tuple[str, float, str]
"""Name, value, unit."""

_OUTPUT: Final = "LBCERT_PHASES"
_INTERVAL_SECONDS: Final = 0.01

PHASES: Final[Mapping[str, tuple[str, ...]]] = {
    "boot and end of the lab": ("case_fixtures.py:testbed",),
    "waiting for the implementation": (
        "case_fixtures.py:implementation",
        "kubernetes/client.py:watch",
        "cluster.py:owner",
        "cluster.py:await_served",
        "endpoints.py:",
        "patience.py:wait",
        "secrets.py:",
    ),
    "faults and cures": tuple(
        f"testbeds/netns/lab.py:{name}"
        for name in (
            *("power_off", "cut_link", "stop_program", "pause_node", "pause_router", "kill_pod", "restart_router"),
            *("heal", "mend"),
        )
    ),
    "measuring": (
        "probes/",
        "lbcert_tools/experiments.py:run",
        "lbcert_suites/reset/load.py:",
    ),
}
"""Phase to the places (end of a file's path, function) by which it is known. The outermost frame that fits decides;
what fits none is ours: judging, writing evidence, asking the API server, importing."""

OURS: Final = "ours: judging, evidence, API requests, imports"


def measure(*options: str) -> Iterator[Row]:
    """Certify MetalLB native, and say where the time went.

    Args:
        options: of the run, as pytest takes them; by default a quick run.

    Raises:
        FileNotFoundError: the run ended before it began.
    """
    from lbcert_tools.plugin import suites_folder

    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "phases.json"
        command = [sys.executable, "-m", "pytest", "-c", os.devnull, f"--rootdir={suites_folder()}", "-q"]
        command += ["--import-mode=importlib", "--assert=plain", "-p", "no:cacheprovider"]
        command += ["-p", "lbcert_tools.plugin", "-p", "lbcert_tools.bench_certificate"]
        command += ["--profile=metallb-native", f"--run-dir={folder}/run", *(options or ["--quick"])]
        environment = os.environ | {_OUTPUT: str(output), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        subprocess.run([*command, str(suites_folder())], env=environment, stdout=sys.stderr, check=False)
        phases = json.loads(output.read_text())
    whole = sum(phases.values())
    yield "certificate: whole", whole, "s"
    for phase in (*PHASES, OURS):
        yield f"certificate: {phase}", phases.get(phase, 0.0), "s"
        yield f"certificate: {phase}", 100 * phases.get(phase, 0.0) / whole, "%"


def pytest_configure(config: "pytest.Config") -> None:
    """Begin to sample."""
    if output := os.environ.get(_OUTPUT):
        config.pluginmanager.register(_Sampler(Path(output)), "lbcert-phases")


class _Sampler:
    def __init__(self, output: Path) -> None:
        from pyinstrument import Profiler

        self._output = output
        self._profiler = Profiler(interval=_INTERVAL_SECONDS, async_mode="disabled")
        self._profiler.start()

    def pytest_unconfigure(self) -> None:
        root = self._profiler.stop().root_frame()
        phases: dict[str, float] = defaultdict(float)
        if root:
            _divide(root, phases)
        self._output.write_text(json.dumps(phases))


def _divide(frame: "Frame", phases: dict[str, float]) -> None:
    """Give the time of a frame to its phase, or that of each frame below it to theirs."""
    if phase := _phase(frame):
        phases[phase] += frame.time
    elif frame.children:
        for child in frame.children:
            _divide(child, phases)
    else:
        phases[OURS] += frame.time


def _phase(frame: Any) -> str | None:
    where = f"{frame.file_path or ''}:{frame.function}"
    for phase, places in PHASES.items():
        if any(f"/{place}" in where for place in places):
            return phase
    return None
