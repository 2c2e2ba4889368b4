"""Measure what lbcert promises of itself: `nox -s bench`, or `python -m lbcert_tools.bench [PART ...]`.

Every figure is printed as it comes, with its unit: a distribution or a single observation of this machine, never a
verdict. Other work on the machine shows in all of them.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from lbcert_fixtures.cache import cache_folder
from lbcert_fixtures.deployment import Deployment
from lbcert_fixtures.probes.calibration import LINK_CUT, PACKET_DROP, calibrate, link_cutter
from lbcert_fixtures.probes.packet_drop import PacketDrop
from lbcert_fixtures.profiles import load, resolve
from lbcert_fixtures.testbeds import netns
from lbcert_fixtures.testbeds.netns import Lab, LabOptions, wire
from lbcert_reports.calibrations import measurable
from lbcert_reports.evidence import Evidence
from lbcert_reports.judges.calibration import Gap, measure
from lbcert_tools import bench_certificate, bench_report, calibrating

Row = tuple[str, float, str]
"""Name, value, unit."""

SIZES_OF_LABS = (1, 3, 10, 30)
REST_SECONDS = 10.0
GAPS = {0.005: 35, 0.02: 35, 0.1: 30}
"""How many gaps of each length, s, each method makes."""


def build() -> Iterator[Row]:
    """How long each program took when it was built; less where Go's own cache had parts of it."""
    for record in sorted((cache_folder() / "programs").glob("*/build.json")):
        for program, said in json.loads(record.read_text())["programs"].items():
            yield f"build {program} {said['version']}", said["seconds"], "s"


def boot() -> Iterator[Row]:
    """Boot by phase, memory and CPU at rest, for labs of several sizes."""
    for nodes in SIZES_OF_LABS:
        phases: dict[str, float] = {}
        specification = netns.prepare(f"bench-{nodes}", LabOptions(nodes=nodes))
        began = time.monotonic()
        with Lab.start(specification, phases.__setitem__) as lab:
            whole = time.monotonic() - began
            yield from ((f"{nodes} nodes: {name}", seconds, "s") for name, seconds in phases.items())
            yield f"{nodes} nodes: up, from the call", whole, "s"
            yield from _at_rest(lab, nodes)


def _at_rest(lab: Lab, nodes: int) -> Iterator[Row]:
    pids = _descendants(wire.supervisor_pid(lab.name) or 0)
    before = _cpu_seconds(pids)
    time.sleep(REST_SECONDS)
    used = _cpu_seconds(pids) - before
    yield f"{nodes} nodes: processes", len(pids), ""
    yield f"{nodes} nodes: memory (proportional set size)", _memory(pids) / 2**30, "GiB"
    yield f"{nodes} nodes: CPU at rest", 100 * used / REST_SECONDS, "% of one core"


def implementation() -> Iterator[Row]:
    """From applying an implementation's manifests until every workload is ready."""
    for name in ("metallb-native", "metallb-frr", "metallb-frr-k8s"):
        profile = load(name)
        with netns.start(f"bench-{name}", LabOptions(images=profile.images)) as lab:
            deployment = Deployment(lab, profile, resolve(profile))
            began = time.monotonic()
            deployment.apply()
            yield f"{name}: applied", time.monotonic() - began, "s"
            deployment.await_ready()
            yield f"{name}: ready, from the begin of applying", time.monotonic() - began, "s"


def gap() -> Iterator[Row]:
    """Every probe against known gaps: how often the truth lies in the interval, how wide that is, and how far off."""
    with netns.start("bench-gap", LabOptions(nodes=1)) as lab, PacketDrop(lab, calibrating.ROUTER) as drop:
        cutters = {LINK_CUT: link_cutter(lab, calibrating.FAR), PACKET_DROP: drop}
        for probes in calibrating.rounds(("ipv4", "ipv6"), "n1"):
            injected, streams = calibrate(lab, probes, cutters, GAPS)
            made = Evidence[Any]("calibration", "", "gaps", {}, tuple(injected))
            for probe, stream in streams.items():
                seen = Evidence[Any]("stream", "", probe.name, stream.meta(), tuple(stream.rows()))
                yield from _of_a_probe(probe.name, measure(made, seen, measurable(GAPS, probe.every)))


def _of_a_probe(name: str, gaps: Sequence[Gap]) -> Iterator[Row]:
    widths = [1000 * (gap.measured.upper - gap.measured.lower) for gap in gaps]
    yield f"{name}: gaps", len(gaps), ""
    yield f"{name}: truth inside the interval", 100 * sum(gap.holds for gap in gaps) / len(gaps), "%"
    yield f"{name}: width, median", statistics.median(widths), "ms"
    yield f"{name}: width, longest", max(widths), "ms"
    for method in (LINK_CUT, PACKET_DROP):
        off = [1000 * gap.error for gap in gaps if gap.method == method]
        yield f"{name}: bias by {method}, median", statistics.median(off), "ms"
        yield f"{name}: bias by {method} of one gap, least", min(off), "ms"
        yield f"{name}: bias by {method} of one gap, greatest", max(off), "ms"


def report() -> Iterator[Row]:
    """Size of a large report, and how soon it is usable."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        yield from bench_report.measure(browser)


def certificate() -> Iterator[Row]:
    """Where the wall time of a quick certificate of MetalLB goes: boot, waiting, faults, measuring, ours."""
    return bench_certificate.measure()


PARTS: dict[str, Callable[[], Iterator[Row]]] = {
    "build": build,
    "boot": boot,
    "implementation": implementation,
    "gap": gap,
    "report": report,
    "certificate": certificate,
}


def _descendants(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            found += map(int, task.read_text().split())
    return found


def _cpu_seconds(pids: Sequence[int]) -> float:
    ticks = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _memory(pids: Sequence[int]) -> int:
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


def main() -> None:
    """Run the parts that are named, or all."""
    chosen = sys.argv[1:] or list(PARTS)
    unknown = [name for name in chosen if name not in PARTS]
    if unknown:
        sys.exit(f"no part {', '.join(unknown)}: there are {', '.join(PARTS)}")
    for name in chosen:
        print(f"# {name}: {(PARTS[name].__doc__ or '').splitlines()[0]}", flush=True)
        for what, value, unit in PARTS[name]():
            print(f"{what:<58} {value:10.3f} {unit}", flush=True)


if __name__ == "__main__":
    main()
