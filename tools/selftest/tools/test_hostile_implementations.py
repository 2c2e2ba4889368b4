"""Implementations that do nothing, or harm: each is refused its certificate, on the requirements that it misses."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lbcert_fixtures.cache import cache_folder
from lbcert_fixtures.kubernetes.toolchain import PINNED, toolchain
from lbcert_fixtures.profiles import load, resolve
from lbcert_fixtures.testbeds import netns
from lbcert_fixtures.testbeds.netns import Lab

pytestmark = [pytest.mark.lab, pytest.mark.slow]

NAME = f"selftest-hostile-{os.getpid()}"
LBCERT = [sys.executable, "-c", "from lbcert_tools.main import main; main()"]
SOURCE = Path(__file__).parent / "hostile"
TIMERS = {"readiness": 15, "assignment": 10, "configuration": 5, "bgp-session": 5}
"""Shorter than what MetalLB declares: whoever does nothing is waited for in vain."""

METALLB = 'source = "go"\nmodule = "go.universe.tf/metallb"\nversion = "v0.16.1"\n'
IMAGES = {
    "controller": METALLB + 'programs = { "/controller" = "./controller" }\nentrypoint = ["/controller"]',
    "deaf-controller": METALLB
    + 'programs = { "/controller" = "./controller" }\nentrypoint = ["/controller", "--webhook-mode=onlywebhook"]',
    "speaker": METALLB + 'programs = { "/speaker" = "./speaker" }\nentrypoint = ["/speaker"]',
    "brief-speaker": 'source = "local"\nprograms = { "/hostile" = "hostile" }\nentrypoint = ["/hostile", "end"]',
    "loud-speaker": 'source = "local"\nprograms = { "/hostile" = "hostile" }\nentrypoint = ["/hostile", "answer"]',
}
"""MetalLB's own parts, and ours that stand in their places; the manifest's arguments come behind the entrypoint."""


@dataclass
class Hostile:
    """The lab, and the implementations that are put into it one after the other."""

    lab: Lab
    folder: Path

    def profile(self, controller: str, speaker: str) -> Path:
        """A profile of MetalLB, and its manifest, with other images."""
        metallb = load("metallb-native")
        (manifest,) = resolve(metallb)
        path = self.folder / f"{controller}-{speaker}"
        text = manifest.text
        for part, image in (("controller", controller), ("speaker", speaker)):
            text = text.replace(f"quay.io/metallb/{part}:v0.16.1", _reference(image))
        path.with_suffix(".yaml").write_text(text)
        declared = metallb.text.partition("[images.")[0]
        declared = re.sub(r"module = .*\nversion = .*\npath = .*\n", f'file = "{path.name}.yaml"\n', declared, count=1)
        timers = "".join(f"{name} = {seconds}\n" for name, seconds in TIMERS.items())
        declared = declared.replace("[timers]\n", f"[timers]\n{timers}")
        path.with_suffix(".toml").write_text(declared + images())
        return path.with_suffix(".toml")

    def command(self, profile: Path, *cases: str) -> tuple[list[str], Path]:
        """The command that certifies an implementation by a few cases, and its run directory."""
        workloads = ("daemonset/speaker", "deployment/controller")
        self.lab.kubectl(
            "delete", "--namespace=metallb-system", "--ignore-not-found", "--cascade=foreground", *workloads
        )
        run = self.folder / f"run-{profile.stem}-{len(list(self.folder.iterdir()))}"
        command = [*LBCERT, "certify", f"--profile={profile}", f"--lab={self.lab.name}", "--trials=1"]
        return [*command, f"--output={run}", f"--only={','.join(cases)}"], run

    def certify(self, controller: str, speaker: str, *cases: str) -> dict[str, Any]:
        """The report on an implementation; it has to be refused."""
        command, run = self.command(self.profile(controller, speaker), *cases)
        result = subprocess.run(command, capture_output=True, text=True)
        assert result.returncode == 1, result.stdout + result.stderr
        report: dict[str, Any] = json.loads((run / "report.json").read_text())
        return report


def _reference(image: str) -> str:
    return f"lbcert.example/{image}:1"


def images() -> str:
    """All images as a profile declares them."""
    return "\n\n".join(f'[images."{_reference(name)}"]\n{source}' for name, source in IMAGES.items()) + "\n"


def verdicts(report: dict[str, Any]) -> dict[str, str]:
    """The verdict on each requirement about which there is one."""
    return {each["id"]: each["verdict"] for each in report["requirements"] if each["verdict"] != "not-run"}


def refused(report: dict[str, Any]) -> set[str]:
    """The conformance profiles that are refused."""
    return {each["name"] for each in report["profiles"] if each["certificate"] == "not conformant"}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    """A lab that has every image from the start."""
    folder = tmp_path_factory.mktemp("hostile")
    go = toolchain(PINNED, cache=cache_folder())
    go.build(".", folder / "hostile", folder=SOURCE, flags=["-ldflags=-s -w"])
    (folder / "all.toml").write_text(load("metallb-native").text.partition("[images.")[0] + images())
    with netns.start(NAME, netns.LabOptions(images=load(str(folder / "all.toml")).images)) as lab:
        yield Hostile(lab, folder)


def test_a_speaker_that_ends_at_once_announces_nothing(hostile: Hostile) -> None:
    cases = ["ALLOC-001", "layer2/addresses-are-answered", "bgp/every-node-opens-a-session*external*"]
    report = hostile.certify("controller", "brief-speaker", *cases)
    assert refused(report) == {"core-l2", "core-bgp"}
    assert verdicts(report) == {
        "ALLOC-001": "pass", "L2-001": "fail", "L2-002": "fail", "BGP-001": "fail",
        "BGP-005": "inconclusive", "BGP-025": "inconclusive", "BGP-027": "inconclusive",
    }  # fmt: skip


def test_an_implementation_that_assigns_nothing_fails_there_and_nowhere_else(hostile: Hostile) -> None:
    cases = [
        "ALLOC-001",
        "allocation/address-is-freed-by-deletion*",
        "layer2/addresses-are-answered",
        "bgp/every-node*",
    ]
    report = hostile.certify("deaf-controller", "speaker", *cases)
    assert refused(report) == {"core-l2", "core-bgp"}
    assert verdicts(report) == {
        "ALLOC-001": "fail", "ALLOC-005": "inconclusive", "L2-001": "inconclusive", "L2-002": "inconclusive",
        "BGP-001": "inconclusive", "BGP-005": "inconclusive", "BGP-025": "inconclusive", "BGP-027": "inconclusive",
        "BGP-039": "inconclusive",
    }  # fmt: skip


def test_a_speaker_that_answers_for_everybody_is_refused_and_breaks_nothing_of_ours(hostile: Hostile) -> None:
    report = hostile.certify("controller", "loud-speaker", "ALLOC-001", "layer2/exactly*", "L2-005")
    # whoever answers for everybody answers for Services of another class too, which is asked of both
    assert refused(report) == {"core-l2", "core-bgp"}
    assert verdicts(report) == {
        "ALLOC-001": "pass", "ALLOC-009": "fail", "L2-003": "fail", "L2-004": "inconclusive", "L2-005": "fail",
    }  # fmt: skip


def test_a_run_that_is_killed_still_yields_a_report_that_certifies_nothing(hostile: Hostile) -> None:
    profile = hostile.profile("controller", "brief-speaker")
    command, run = hostile.command(profile, "ALLOC-001", "ALLOC-002")
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        journal = run / "journal" / "main.jsonl"
        while not (journal.exists() and '"case-finished"' in journal.read_text()):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    result = subprocess.run([*LBCERT, "report", str(run)], capture_output=True, text=True)
    assert result.returncode == 3, result.stdout + result.stderr
    report = json.loads((run / "report.json").read_text())
    assert report["run"]["interrupted"]
    assert verdicts(report)["ALLOC-001"] == "pass"
    assert {each["certificate"] for each in report["profiles"]} == {"undetermined"}
    assert "interrupted" in (run / "report.html").read_text()
