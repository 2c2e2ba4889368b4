"""Kubernetes' own end-to-end tests, run in the lab: they say whether what the cases stand on is Kubernetes.

``e2e.test`` is built from the Go module of the same version as the lab's other programs. Its pods' images are put
together here: agnhost from the same module, and what else the tests of [sig-network] name from Debian packages.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import click

from lbcert_fixtures.cache import Progress
from lbcert_fixtures.images.sources import AddedFile, DebianPackages, ImageSource, LocalPrograms, OwnImage
from lbcert_fixtures.images.store import ImageError
from lbcert_fixtures.kubernetes.programs import (
    DEFAULT_KUBERNETES,
    Programs,
    ProgramsError,
    available_versions,
    find_programs,
    sources,
)
from lbcert_fixtures.testbeds import TestbedError, netns
from lbcert_tools.progress import Display, display
from lbcert_tools.rundir import RUNS

CONFORMANCE = r"\[sig-network\].*\[Conformance\]"

_TIME_LIMIT = "2h"

_TOOLS = DebianPackages(
    suite="trixie",
    variant="essential",
    include=("bind9-dnsutils", "curl", "iperf", "iproute2", "netcat-openbsd", "wget"),
    files={"/uploads/.empty": AddedFile(content="")},  # agnhost's netexec writes into this folder
)
_NGINX = DebianPackages(
    suite="trixie", variant="essential", include=("nginx-light",), entrypoint=("nginx", "-g", "daemon off;")
)


@dataclass(frozen=True)
class Spec:
    """One test of e2e.test, as its report has it.

    Attributes:
        name: its whole name.
        state: ``passed``, ``failed``, ``skipped``, ``timedout``, ``panicked``, ``interrupted`` ...
        seconds: how long it took.
        said: why it failed or was skipped, with its place.
    """

    name: str
    state: str
    seconds: float
    said: str = ""


@dataclass(frozen=True)
class Outcome:
    """What a run of e2e.test came to.

    Attributes:
        specs: every test that was chosen, and every other step that did not pass.
    """

    specs: Sequence[Spec]

    @property
    def passed(self) -> list[Spec]:
        """Those that passed."""
        return [spec for spec in self.specs if spec.state == "passed"]

    @property
    def others(self) -> list[Spec]:
        """Those that did not, for whatever reason."""
        return [spec for spec in self.specs if spec.state != "passed"]

    @property
    def good(self) -> bool:
        """Whether at least one was chosen and all passed."""
        return bool(self.specs) and not self.others


def read(report: str) -> Outcome:
    """Read Ginkgo's JSON report.

    Args:
        report: its text. The tests that the focus leaves out are in it, as skipped without a reason.
    """
    return Outcome([spec for suite in json.loads(report) for each in suite["SpecReports"] for spec in _spec(each)])


def _spec(report: Mapping[str, Any]) -> Iterator[Spec]:
    failure = report.get("Failure") or {}
    message, state, is_test = failure.get("Message", ""), report["State"], report["LeafNodeType"] == "It"
    if (state in ("skipped", "pending") and not message) or (state == "passed" and not is_test):
        return
    texts = [*(report.get("ContainerHierarchyTexts") or []), report["LeafNodeText"]]
    place = failure.get("Location") or {}
    yield Spec(
        name=" ".join(texts) if is_test else report["LeafNodeType"],
        state=state,
        seconds=report["RunTime"] / 1e9,
        said=f"{message.strip()} ({Path(place.get('FileName', '')).name}:{place.get('LineNumber')})" if message else "",
    )


def images(programs: Programs, kubernetes: str) -> dict[str, ImageSource]:
    """Where those images come from that tests of [sig-network] use, by the names that e2e.test has for them.

    Args:
        programs: ``e2e.test`` and ``agnhost`` among them.
        kubernetes: their version, as in ``1.36``.
    """
    agnhost = sources("agnhost", kubernetes) / "test" / "images" / "agnhost"
    files = {"/agnhost": programs["agnhost"]}
    files |= {f"/{name}": agnhost / "porter" / name for name in ("localhost.crt", "localhost.key")}
    stand_ins: dict[str, ImageSource] = {
        f"agnhost:{(agnhost / 'VERSION').read_text().strip()}": LocalPrograms(
            programs=files, base=_TOOLS, entrypoint=("/agnhost",), command=("pause",)
        ),
        "glibc-dns-testing": _TOOLS,
        "jessie-dnsutils": _TOOLS,
        "nginx": _NGINX,
        "pause": OwnImage(image="pause"),
    }
    listing = subprocess.run([programs["e2e.test"], "--list-images"], capture_output=True, text=True, check=True)
    found: dict[str, ImageSource] = {}
    for reference in listing.stdout.split():
        name = reference.rpartition("/")[2]
        if source := stand_ins.get(name) or stand_ins.get(name.partition(":")[0]):
            found[reference] = source
    return found


def run(programs: Programs, lab: netns.Lab, focus: str, results: Path, progress: Progress) -> Outcome:
    """Run e2e.test against a lab.

    Args:
        programs: ``e2e.test`` among them.
        lab: with DNS, and with the images that `images` names.
        focus: a regular expression over the tests' names.
        results: an existing folder for its report and its output.
        progress: told how many tests are done.

    Raises:
        TestbedError: e2e.test left no report, with the end of its output.
    """
    kubectl, kubeconfig = lab.kubectl_command()
    report, output = results / "report.json", results / "e2e.log"
    command = [
        str(programs["e2e.test"]),
        kubeconfig,
        f"--kubectl-path={kubectl}",
        "--provider=skeleton",
        f"--ginkgo.focus={focus}",
        "--ginkgo.v",
        "--ginkgo.silence-skips",
        "--ginkgo.no-color",
        f"--ginkgo.timeout={_TIME_LIMIT}",
        f"--ginkgo.json-report={report}",
    ]
    read_end, write_end = os.pipe()
    with Path(os.devnull).open("rb") as nothing, output.open("w", buffering=1) as log:
        try:
            descriptors = (nothing.fileno(), write_end, write_end)
            handle = lab.start_program("control-plane", "e2e.test", command, descriptors=descriptors)
        finally:
            os.close(write_end)
        with os.fdopen(read_end, errors="replace") as lines:
            follow(lines, log, progress)
    status = lab.wait(handle)
    lab.check()
    if not report.exists():
        tail = "\n".join(output.read_text().splitlines()[-15:])
        raise TestbedError(f"e2e.test ended with status {status} and left no report, see {output}:", tail)
    outcome = read(report.read_text())
    if status and outcome.good:
        raise TestbedError(f"e2e.test ended with status {status} though every test passed: see {output}")
    return outcome


def follow(lines: Iterable[str], log: TextIO, progress: Progress) -> None:
    """Keep the output of e2e.test, and count its tests by the line with which each ends."""
    total = done = 0
    for line in lines:
        log.write(line)
        if found := re.search(r"Will run (\d+) of \d+ specs", line):
            total = int(found[1])
        elif line.startswith("•"):
            done += 1
            progress("tests", f"{done} of {total}", done / max(total, 1))


def summary(outcome: Outcome, seconds: float, version: str) -> str:
    """What to tell people.

    Args:
        outcome: of the run.
        seconds: how long it took.
        version: of Kubernetes.
    """
    who = "root" if os.geteuid() == 0 else "an ordinary user"
    lines = [f"{spec.state}: {spec.name}\n    {spec.said[:800]}" for spec in outcome.others]
    count = f"{len(outcome.passed)} of {len(outcome.specs)} tests of Kubernetes {version} passed"
    return "\n".join([*lines, f"{count} in {seconds / 60:.0f} min, as {who}"])


@click.command()
@click.option("--focus", default=CONFORMANCE, show_default=True, metavar="REGEX", help="Which tests, by name.")
@click.option(
    "--kubernetes",
    default=DEFAULT_KUBERNETES,
    show_default=True,
    type=click.Choice(available_versions()),
    help="Version.",
)
@click.option("--nodes", default=3, show_default=True, type=click.IntRange(1), metavar="N", help="Nodes of the lab.")
def main(focus: str, kubernetes: str, nodes: int) -> None:
    """Run Kubernetes' own end-to-end tests in a lab; the exit status is 0 if some were chosen and all passed."""
    results = RUNS.absolute() / f"kubernetes-e2e-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    with display() as shown:
        try:
            outcome, text = _main(focus, kubernetes, nodes, results, shown)
        except (ProgramsError, ImageError, TestbedError) as error:
            raise click.ClickException(str(error)) from error
    click.echo(text)
    click.echo(results)
    sys.exit(0 if outcome.good else 1)


def _main(focus: str, kubernetes: str, nodes: int, results: Path, shown: Display) -> tuple[Outcome, str]:
    programs = find_programs(kubernetes, extra=["e2e.test", "agnhost"], progress=shown.step)
    options = netns.LabOptions(nodes=nodes, kubernetes=kubernetes, dns=True, images=images(programs, kubernetes))
    with netns.start(f"e2e-{os.getpid()}", options, progress=shown.step) as lab:
        results.mkdir(parents=True)
        began = time.monotonic()
        try:
            outcome = run(programs, lab, focus, results, shown.step)
        finally:
            lab.save_logs(results / "logs")
        return outcome, summary(outcome, time.monotonic() - began, programs.versions["e2e.test"])


if __name__ == "__main__":
    main()
