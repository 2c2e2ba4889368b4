"""In a real lab: a trial in which the probe did not run says nothing of the implementation, whatever came of it.

What fails over here is a link that comes back after a while, so that it is known what a verdict would have to be.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from lbcert_fixtures.probes.noise import NoiseWatch
from lbcert_fixtures.probes.stream import Stream
from lbcert_fixtures.testbeds import netns
from lbcert_fixtures.testbeds.netns import Lab, LabOptions, wire
from lbcert_reports.judges import Judgement, Measurement
from lbcert_reports.recorder import CaseRecorder, EvidenceRef, Recorder
from lbcert_reports.rejudge import rejudge
from lbcert_reports.verdicts import Verdict

pytestmark = pytest.mark.lab

PORT = 4_243
GAP_SECONDS = 0.6
PAUSE_SECONDS = 0.3


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with netns.start("selftest-noise", LabOptions(nodes=1)) as lab:
        yield lab


@pytest.fixture
def record(tmp_path: Path) -> CaseRecorder:
    recorder = Recorder(tmp_path)
    plan = [{"case": "a case", "requirements": ["L2-042"]}]
    facts: dict[str, Any] = {
        key: {} for key in ("suite", "profile", "testbed", "environment", "options", "requirements")
    }
    recorder.event("run-started", run="gate", command="", plan=plan, **facts)
    record = recorder.case("a case")
    record.start()
    return record


@contextmanager
def busy(loops: int) -> Iterator[None]:
    """Programs that use a processor each, for as long as this lasts."""
    with ExitStack() as stack:
        for _ in range(loops):
            loop = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            stack.callback(loop.kill)
        yield


def pause(stream: Stream) -> None:
    """Stop the process that sends for a while, and let it go on."""
    pid = stream._process.pid
    os.kill(pid, signal.SIGSTOP)
    timer = threading.Timer(PAUSE_SECONDS, os.kill, [pid, signal.SIGCONT])
    timer.start()
    timer.join()


def tried(lab: Lab, record: CaseRecorder, trial: int, during: Callable[[Stream], object]) -> dict[str, EvidenceRef]:
    """Cut the far client off for a while, longer on a slow machine, during which something happens to the probe."""
    node = lab.nodes[0]
    with lab.socket(node.name, socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((str(node.ipv4), PORT))
        listener.listen(1024)
        with Stream(lab, "far-client", node.ipv4, PORT, "tcp") as stream:
            assert stream.until_recovered(10, 0.3) is not None
            fault = lab.cut_link("far-client")
            try:
                during(stream)
                time.sleep(max(0.0, GAP_SECONDS - (time.time_ns() - fault.effective) / 1e9))
            finally:
                healed = lab.heal(fault)
            assert stream.until_recovered(10, 0.2, healed) is not None
    return {
        f"stream.{trial}": record.observed("stream", stream, f"stream-{trial}"),
        f"cause.{trial}": record.fault(fault),
    }


def measured(judgement: Judgement, name: str) -> Measurement:
    return next(each for each in judgement.measurements if each.name == name)


@pytest.mark.parametrize(("limit", "otherwise"), [(5.0, Verdict.PASS), (0.4, Verdict.FAIL)])
def test_a_paused_probe_beside_two_busy_loops_voids_its_trial_and_nothing_is_said(
    lab: Lab, record: CaseRecorder, limit: float, otherwise: Verdict
) -> None:
    with NoiseWatch([os.getpid(), wire.supervisor_pid(lab.name) or 0]) as noise, busy(2):
        calm = tried(lab, record, 1, lambda stream: stream.until_sent(100, 5))
        paused = tried(lab, record, 2, pause)
    watched = {"noise": record.evidence("noise", noise.rows())}
    said = record.judge("L2-042", "failover-gap", {**calm, **watched}, {"limit": limit, "run": 20, "resolution": 0.1})
    assert said.verdict is otherwise, f"two busy loops alone do not keep the probe from measuring: {said.reason}"
    for inputs in (paused, {**calm, **paused}):
        said = record.judge(
            "L2-042", "failover-gap", {**inputs, **watched}, {"limit": limit, "run": 20, "resolution": 0.1}
        )
        if otherwise is Verdict.PASS or "stream.1" not in inputs:
            assert said.verdict is Verdict.INCONCLUSIVE
            assert "trial 2: the probe was held up for 0." in said.reason
        assert (measured(said, "held up").value or 0) > 0.9 * PAUSE_SECONDS
        assert measured(said, "void trials").method.startswith("trial 2: the probe was held up for 0.")
    assert rejudge(record.recorder.run).findings == ()


def test_an_undisturbed_probe_voids_no_trial(lab: Lab, record: CaseRecorder) -> None:
    inputs: dict[str, EvidenceRef] = {}
    for trial in range(1, 6):
        inputs |= tried(lab, record, trial, lambda stream: stream.until_sent(100, 5))
    said = record.judge("L2-042", "failover-gap", inputs, {"limit": 2.0, "run": 20, "trials": 5})
    assert said.verdict is Verdict.PASS
    assert measured(said, "void trials").value == 0
    assert measured(said, "failover gap").n == 5


def test_a_probe_that_waits_for_a_processor_says_so(lab: Lab, record: CaseRecorder) -> None:
    def crowd(stream: Stream) -> None:
        """Let it share one processor with busy loops, with next to no claim to it, in its session or beside them."""
        pid = stream._process.pid
        os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
        os.sched_setaffinity(pid, {0})
        with suppress(FileNotFoundError):  # a kernel without autogroups
            Path(f"/proc/{pid}/autogroup").write_text("19")
        loop = [sys.executable, "-c", "import os; os.sched_setaffinity(0, {0})\nwhile True: pass"]
        with (
            subprocess.Popen(loop, start_new_session=True) as one,
            subprocess.Popen(loop, start_new_session=True) as other,
        ):
            time.sleep(0.5)
            one.kill()
            other.kill()

    inputs = tried(lab, record, 1, crowd)
    said = record.judge("L2-042", "failover-gap", inputs, {"limit": 2.0, "run": 20, "resolution": 0.02})
    assert said.verdict is Verdict.INCONCLUSIVE
    assert "trial 1: the probe was held up for" in said.reason
    assert "it waited for a processor" in said.reason
