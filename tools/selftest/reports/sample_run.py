"""A made-up run of a made-up load balancer in which every part of the report has something to show.

    python tools/selftest/reports/sample_run.py FOLDER [COPIES]

It writes a run directory with the recorder, then report.json, report.html, junit.xml and badge.svg.
"""

import random
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from known_gaps import injected, probed

from lbcert_reports.calibrations import METHODS, measurable
from lbcert_reports.recorder import CaseRecorder, EvidenceRef, Recorder
from lbcert_suites.catalogue import catalogue

MS = 1_000_000
SECOND = 1_000_000_000
START = 1_795_000_000 * SECOND
NODES = ("n1", "n2", "n3")
MACS = {"02:00:00:00:00:01": "n1", "02:00:00:00:00:02": "n2", "02:00:00:00:00:03": "n3"}
HOPS = {"10.10.0.1": "n1", "10.10.0.2": "n2", "10.10.0.3": "n3"}
ENDPOINTS = {"echo-7d4b-aaaa": "n1", "echo-7d4b-bbbb": "n2", "echo-7d4b-cccc": "n3"}

PROFILE: dict[str, Any] = {
    "name": "ballast-native",
    "product": "Ballast",
    "mode": "native",
    "organization": "Harbour Labs",
    "project": "ballast",
    "url": "https://ballast.example",
    "version": "0.16.1",
    "contact": ["@harbour-labs/ballast"],
    "path": "profiles/ballast-native.toml",
    "sha256": "7e1d" * 16,
    "images": {"controller": "sha256:" + "a1" * 32, "speaker": "sha256:" + "b2" * 32},
    "timers": {"hold": "3 s", "suspicion": "4 s", "probe interval": "1 s"},
    "capabilities": {"l2": True, "bgp": True, "ipv6": True, "local-policy": True, "bfd": False},
    "expected_failures": {"POLICY-008": "the router's hash is not consistent across restarts"},
}

TEXTS = {
    "address-from-pool": "Given a pool of 32 addresses\nWhen 10 Services of type LoadBalancer are created\n"
    "Then each gets one address of the pool, and none outside of it.",
    "one-announcer": "Given a Service with an address and three serving endpoints\n"
    "When a host on the segment asks for the address every 50 ms for 30 s, over ARP and NS\n"
    "Then all answers carry the hardware address of one node.",
    "power-off": "Given open-loop traffic of 200 packets a second to the address\n"
    "When the announcing node is switched off, its link first, so that nothing says goodbye\n"
    "Then traffic is delivered again within the suspicion time, one announcement and the margin.",
    "hold-time": "Given three sessions with a negotiated hold time of 3 s\nWhen a node is switched off\n"
    "Then its next hop leaves the router's kernel no later than the hold time.",
}


class Sample:
    """Writes a run event by event on a clock of its own.

    Attributes:
        recorder: writes the run.
        random: the only source of chance; seeded.
        trials: trials of each fault.
    """

    def __init__(self, run: Path, *, trials: int = 5, seed: int = 7) -> None:
        self.now = START
        self.recorder = Recorder(run, now=lambda: self.now)
        self.random = random.Random(seed)
        self.trials = trials
        self.suffix = ""
        self.outcomes: dict[str, int] = {}

    @contextmanager
    def case(self, name: str, outcome: str = "pass", error: Mapping[str, str] | None = None) -> Iterator[CaseRecorder]:
        """A case that began at the sample's clock and ends with this outcome."""
        case = name + self.suffix
        began = self.now
        self.recorder.event("case-started", case=case)
        yield CaseRecorder(self.recorder, case)
        self.now += 200 * MS
        duration = (self.now - began) / SECOND
        self.recorder.event("case-finished", case=case, outcome=outcome, duration=duration, error=error)
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1

    def verdict(
        self,
        record: CaseRecorder,
        requirement: str,
        verdict: str,
        expected: str,
        observed: str,
        *,
        judge: str = "sample",
        reason: str = "",
        inputs: Iterable[EvidenceRef] = (),
        measurements: Iterable[Mapping[str, Any]] = (),
    ) -> None:
        """Journal measurements and the verdict that rests on them."""
        for each in measurements:
            self.recorder.event("measurement", case=record.case, requirement=requirement, **each)
        self.recorder.event(
            "verdict",
            case=record.case,
            requirement=requirement,
            judge=judge,
            inputs={ref.name.replace("-", "."): ref.path for ref in inputs},
            bound={"nodes": MACS | HOPS} if requirement.startswith(("L2", "BGP")) else {},
            verdict=verdict,
            reason=reason or observed,
            expected=expected,
            observed=observed,
        )


def measurement(name: str, value: float | None, unit: str, **fields: Any) -> dict[str, Any]:
    """The fields of a measurement event; `bound` as (value, op, derivation)."""
    bound = fields.pop("bound", None)
    defaults: dict[str, Any] = {"interval": None, "n": 1, "method": "", "resolution": None, "samples": None}
    limit = dict(zip(("value", "op", "derivation"), bound, strict=True)) if bound else None
    return {"name": name, "value": value, "unit": unit, **defaults, **fields, "bound": limit}


PLAN = """
allocation/address-from-pool | ALLOC-001 | l2 | address-outside-pool | Every Service gets an address of the pool
allocation/notations | ALLOC-012 | l2 | range-ends-early | CIDRs and ranges give exactly their addresses
layer2/one-announcer | L2-001 L2-003 | l2 | two-announcers | Exactly one node answers
layer2/unassigned | L2-005 | l2 | answers-everything | Nobody answers for a free address
layer2/spread | L2-022 | l2 | election-skips-a-node | Addresses spread over the nodes
layer2/power-off | L2-042 L2-014 | l2 | no-gratuitous | Another node takes over after a power-off
layer2/speaker-kill | L2-042 | l2 |  | Another node takes over when the speaker is killed
bgp/sessions | BGP-001 | bgp | session-missing | Every node opens a session to every router
bgp/wrong-password | BGP-003 | bgp |  | A wrong password keeps the session down
bgp/hold-time | BGP-008 | bgp | session-not-closed | The router forgets a dead node within the hold time
bgp/ecmp | POLICY-007 RESET-002 | bgp | one-next-hop | Flows spread evenly over the nodes
policy/four-ways | POLICY-001 POLICY-003 POLICY-004 | l2 bgp local-policy | local-ignored | Traffic takes its ways
policy/local-owner | POLICY-005 | l2 local-policy | local-ignored | Local in layer 2 uses only the owner's endpoints
policy/one-node | POLICY-008 | bgp |  | A connection keeps its node
reset/quiet | RESET-001 | l2 |  | A quiet cluster resets nothing
reset/router-restart | RESET-003 | bgp | blackhole | A router restart breaks connections cleanly
reset/unrelated | RESET-004 | l2 | reload-on-any-change | Unrelated changes break nothing
reset/controller-outage | RESET-009 | l2 |  | A controller outage has no effect on traffic
bgp/bfd | BGP-023 | bfd |  | BFD detects a dead node
"""
"""Case, requirements, needs, defects it catches, title."""


def planned(suffix: str = "") -> list[dict[str, Any]]:
    """The plan as the journal holds it; `suffix` makes other cases of it."""
    entries = []
    for row in PLAN.strip().splitlines():
        case, requirements, needs, catches, title = (cell.strip() for cell in row.split("|"))
        area, _, name = case.partition("/")
        entries.append(
            {
                "case": case + suffix,
                "title": title,
                "text": TEXTS.get(name, f"Given the lab at rest\nWhen it is observed\nThen: {title}."),
                "area": area,
                "requirements": requirements.split(),
                "needs": needs.split(),
                "catches": catches.split(),
            }
        )
    return entries


def write(
    run: Path, *, copies: int = 1, trials: int = 5, finished: bool = True, stop_after: int | None = None, **profile: Any
) -> Path:
    """Write a run directory with journal and evidence.

    Args:
        run: the folder; must not hold a journal yet.
        copies: how often every case is repeated under another name.
        trials: trials of each fault.
        finished: whether the run ends properly.
        stop_after: only so many cases run; None for all.
        profile: fields of the profile to change.
    """
    sample = Sample(run, trials=trials)
    suffixes = [f"#{copy}" if copy else "" for copy in range(copies)]
    plan = [entry for suffix in suffixes for entry in planned(suffix)]
    wanted = dict.fromkeys(each for entry in plan for each in entry["requirements"])
    (run / "profile.toml").write_text(f'[implementation]\nname = "{PROFILE["product"]}"\n')
    sample.recorder.event(
        "run-started",
        run="ballast-native-20261118",
        suite={"version": "0.1.0", "commit": "de02747", "catalogueVersion": "1.0.0"},
        profile={**PROFILE, **profile},
        testbed={"name": "netns", "nodes": 3, "routers": 1, "limits": ["All nodes share one kernel and one clock."]},
        environment=ENVIRONMENT,
        command=["lbcert", "certify", "--profile", "profiles/ballast-native.toml", "--trials", str(trials)],
        options={"trials": trials, "workers": 1},
        plan=plan,
        requirements={each: catalogue()[each].plain() for each in wanted},
    )
    for name, span in (("boot", 5.2), ("implementation", 14.1)):
        sample.recorder.event("phase", name=name, state="begin")
        sample.now += int(span * SECOND)
        sample.recorder.event("phase", name=name, state="end")
    ran = 0
    calibration(sample, "before")
    sample.recorder.event("phase", name="cases", state="begin")
    for sample.suffix in suffixes:
        for play in PLAYS:
            if stop_after is None or ran < stop_after:
                play(sample)
                ran += 1
    sample.recorder.event("phase", name="cases", state="end")
    if finished:
        calibration(sample, "after")
        sample.recorder.note("The machine was otherwise idle.")
        duration = (sample.now - START) / SECOND
        sample.recorder.event("run-finished", cases=sample.outcomes, duration=duration)
    sample.recorder.close()
    return run


ENVIRONMENT: dict[str, Any] = {
    "kernel": "6.1.0-28-amd64",
    "kubernetes": "1.36.3",
    "kubeProxyMode": "nftables",
    "cni": "ptp 1.1.1",
    "router": {"name": "FRR", "version": "10.3", "hashMode": "5-tuple (fib_multipath_hash_policy=3)"},
    "sysctls": {"net.ipv4.fib_multipath_hash_policy": 3, "net.ipv4.fib_multipath_hash_fields": "0x37"},
    "host": {"cpu": "2 x Xeon 2.4 GHz", "memory": "24 GB", "foreignCpu": "1.8 %"},
    "clock": {"source": "tsc", "stepDuringRun": "none"},
    "probes": {"scheduled": "200 packets/s", "latenessP99": "0.13 ms", "captureDrops": 0},
}


def calibration(sample: Sample, when: str) -> None:
    """Two probes before known gaps: a thousand a second, and a hundred."""
    own = sample.recorder.own()
    sizes = [0.005, 0.02, 0.1, 1]
    rows = injected(0, *(round(size * SECOND) for size in sizes), methods=METHODS, began=sample.now)
    begin, sample.now = sample.now, rows[-1]["healed"] + SECOND
    gaps = own.evidence("calibration", rows, f"calibration-{when}-main")
    for period in (MS, 10 * MS):
        seen = probed(rows, period, begin=begin + 43 * MS // 10)
        stream = own.evidence("stream", seen.rows, f"calibration-{when}-main-{period // MS}ms", **seen.meta)
        bound = {"methods": list(METHODS), "sizes": measurable(sizes, period / SECOND)}
        own.judge("calibration", "probe-calibration", {"gaps": gaps, "stream": stream}, bound)
    sample.now += SECOND


def addresses(sample: Sample) -> None:
    """Allocation: addresses come soon, and from the pool."""
    with sample.case("allocation/address-from-pool") as record:
        began = sample.now
        rows = [
            {"t": began + index * 90 * MS, "service": f"default/web-{index}", "addresses": [f"192.0.2.{index + 1}"],
             "present": True}
            for index in range(4)
        ]  # fmt: skip
        ref = record.evidence("ingress", rows, pools=["192.0.2.0/27"])
        times = [0.08 + 0.02 * sample.random.random() for _ in range(10)]
        sample.now += 8 * SECOND
        sample.verdict(
            record, "ALLOC-001", "pass", "an address of 192.0.2.0/27 for each of 10 Services within 30 s",
            f"10 addresses, all of the pool, the last after {max(times) * 1000:.0f} ms", inputs=[ref],
            judge="address-from-pool",
            measurements=[
                measurement("time to address", max(times), "s", n=10, samples=times, method="watch of the API",
                            bound=(30, "<=", "requirement ALLOC-001")),
                measurement("addresses outside the pool", 0, "count", n=10, bound=(0, "==", "none is allowed")),
            ],
        )  # fmt: skip
    with sample.case("allocation/notations") as record:
        sample.now += 3 * SECOND
        sample.verdict(record, "ALLOC-012", "pass", "4 of 192.0.2.64/30, 3 of 192.0.2.70-192.0.2.72",
                       "4 and 3 addresses", judge="exactly-these")  # fmt: skip


def announcer(sample: Sample) -> None:
    """Layer 2 at rest: one node answers, free addresses do not."""
    with sample.case("layer2/one-announcer") as record:
        rows: list[dict[str, Any]] = []
        for index in range(300):
            t = sample.now + index * 50 * MS
            rows.append(answer(t, "02:00:00:00:ff:01", "asked", "ff:ff:ff:ff:ff:ff"))
            rows.append(answer(t + 2 * MS, "02:00:00:00:00:02", "arp-reply"))
            rows.append(answer(t + 3 * MS, "02:00:00:00:00:02", "na-solicited", address="2001:db8::1"))
        ref = record.evidence("answers", rows, "steady")
        sample.now += 15 * SECOND
        sample.verdict(
            record,
            "L2-001",
            "pass",
            "each of 300 requests answered within 1 s",
            "300 of 300 answered, the slowest after 3.1 ms",
            inputs=[ref],
            judge="answered",
            measurements=[measurement("slowest answer", 0.0031, "s", n=300, bound=(1.0, "<=", "requirement L2-001"))],
        )
        sample.verdict(
            record,
            "L2-003",
            "pass",
            "answers from one node",
            "600 answers, all from n2 (02:00:00:00:00:02)",
            inputs=[ref],
            judge="one-announcer",
            measurements=[measurement("nodes that answered", 1, "count", n=600, bound=(1, "==", "requirement L2-003"))],
        )
    with sample.case("layer2/unassigned") as record:
        sample.now += 4 * SECOND
        sample.verdict(
            record,
            "L2-005",
            "pass",
            "no answer for 27 free addresses",
            "no answer",
            judge="silence",
            measurements=[measurement("answers", 0, "count", n=27, bound=(0, "==", "requirement L2-005"))],
        )
    with sample.case("layer2/spread", "fail") as record:
        sample.now += 6 * SECOND
        sample.verdict(
            record,
            "L2-022",
            "fail",
            "60 addresses spread over 3 nodes as chance does, p at least 0.001",
            "n1 41, n2 19, n3 0: p = 2e-10",
            judge="even-spread",
            reason="n3 announces no address: 41, 19, 0 of 60",
            measurements=[
                measurement("p of an even spread", 2e-10, "1", n=60, bound=(0.001, ">=", "requirement L2-022"))
            ],
        )


def answer(t: int, mac: str, form: str, dst: str = "02:00:00:00:ff:01", address: str = "192.0.2.1") -> dict[str, Any]:
    """One frame about an address."""
    return {"t": t, "address": address, "mac": mac, "form": form, "dst": dst, "flags": {}}


def stream_rows(
    sample: Sample, begin: int, length: float, outages: Iterable[tuple[float, float]], endpoint: Callable[[float], str]
) -> list[dict[str, Any]]:
    """An open-loop stream of 200 packets a second that loses what falls into the outages (s from begin)."""
    spans = list(outages)
    rows = []
    for seq in range(int(length * 200)):
        due = begin + seq * 5 * MS
        offset = seq * 0.005
        lost = any(a <= offset < b for a, b in spans)
        rows.append(
            {
                "seq": seq,
                "due": due,
                "sent": due + sample.random.randrange(80_000),
                "received": None if lost else due + 400_000,
                "endpoint": None if lost else endpoint(offset),
            }
        )
    return rows


def failover(
    sample: Sample, record: CaseRecorder, fault: str, times: list[float], *, bgp: bool = False
) -> list[EvidenceRef]:
    """All trials of one fault: stream, answers or routes, and the fault itself."""
    refs = []
    for trial, gap in enumerate(times, start=1):
        begin = sample.now
        struck = begin + 2 * SECOND
        healed = struck + int((gap + 3) * SECOND)
        target = NODES[trial % 3]
        after = NODES[(trial + 1) % 3]
        total = 2 + gap + 5
        refs.append(
            record.evidence(
                "stream",
                stream_rows(
                    sample,
                    begin,
                    total,
                    [(2.0, 2.0 + gap)],
                    lambda offset, gap=gap, trial=trial: list(ENDPOINTS)[(trial + (offset > 2 + gap)) % 3],
                ),
                f"stream.{trial}",
                period=5 * MS,
                kernel_drops=0,
                address="192.0.2.1",
                port=7,
                vantage="far-client" if bgp else "client",
                protocol="udp",
            )
        )
        if bgp:
            hops = list(HOPS)
            left = [hop for hop in hops if HOPS[hop] != target]
            refs.append(
                record.evidence(
                    "routes",
                    [
                        {"t": begin, "prefix": "192.0.2.1/32", "next_hops": hops},
                        {"t": struck + int((gap - 0.05) * SECOND), "prefix": "192.0.2.1/32", "next_hops": left},
                        {"t": healed + SECOND, "prefix": "192.0.2.1/32", "next_hops": hops},
                    ],
                    f"routes.{trial}",
                    router="router",
                    began=begin,
                    ended=begin + int(total * SECOND),
                )
            )
            refs.append(
                record.evidence(
                    "sessions",
                    [
                        {
                            "t": begin,
                            "router": "router",
                            "peer": hops[NODES.index(target)],
                            "state": "Established",
                            "uptime_ms": 9000,
                            "established": 1,
                            "dropped": 0,
                            "hold": 3,
                        },
                        {
                            "t": struck + int((gap - 0.06) * SECOND),
                            "router": "router",
                            "peer": hops[NODES.index(target)],
                            "state": "Active",
                            "uptime_ms": 0,
                            "established": 1,
                            "dropped": 1,
                        },
                    ],
                    f"sessions.{trial}",
                    began=begin,
                    ended=begin + int(total * SECOND),
                )
            )
        else:
            rows = []
            for offset in range(int(total * 20)):
                t = begin + offset * 50 * MS
                if (t < struck) or t > struck + gap * SECOND:
                    owner = target if t < struck else after
                    rows.append(answer(t, list(MACS)[NODES.index(owner)], "arp-reply"))
            for burst in range(4):
                at = struck + int((gap - 0.02 + burst * 1.1) * SECOND)
                mac = list(MACS)[NODES.index(after)]
                rows += [answer(at, mac, form, "ff:ff:ff:ff:ff:ff") for form in ("garp-request", "garp-reply")]
            refs.append(record.evidence("answers", rows, f"answers.{trial}"))
        row = {
            "fault": fault,
            "target": target,
            "began": struck - MS,
            "effective": struck,
            "healed": healed,
            "proof": {"carrier": "down"},
        }
        sample.recorder.event("fault", case=record.case, **row)
        refs.append(record.evidence("faults", [row], f"fault-{trial}"))
        refs.append(
            record.evidence(
                "events",
                [
                    {
                        "t": struck + int(gap * SECOND),
                        "type": "Normal",
                        "reason": "nodeAssigned",
                        "message": f"announcing from node {after}",
                        "kind": "Service",
                        "name": "default/web",
                    }
                ],
                f"events.{trial}",
            )
        )
        sample.now = begin + int(total * SECOND)
    return refs


def failover_measurements(times: list[float], bound: tuple[float, str, str]) -> list[dict[str, Any]]:
    """Gap and phases of all trials."""
    samples = [[gap - 0.005, gap + 0.005] for gap in times]
    middle = sorted(times)[len(times) // 2]
    return [
        measurement("failover gap", max(times), "s", interval=[min(times) - 0.005, max(times) + 0.005], n=len(times),
                    resolution=0.005, samples=samples, bound=bound,
                    method="open-loop probe, to the first of a sustained run; greatest of the trials"),
        measurement("first good packet", middle, "s", n=len(times), samples=samples, method="from the fault's effect"),
        measurement("detection", middle * 0.8, "s", n=len(times), samples=[gap * 0.8 for gap in times]),
        measurement("announcement", middle * 0.93, "s", n=len(times), samples=[gap * 0.93 for gap in times]),
    ]  # fmt: skip


def takeovers(sample: Sample) -> None:
    """Layer 2 under faults; gratuitous frames of one trial were lost by the capture."""
    bound = (8.0, "<=", "suspicion 4 s + probe 1 s + announcement 1.1 s + 1.9 s margin")
    with sample.case("layer2/power-off", "inconclusive") as record:
        times = [5.4 + 1.4 * sample.random.random() for _ in range(sample.trials)]
        refs = failover(sample, record, "node-power-off", times)
        sample.verdict(
            record,
            "L2-042",
            "pass",
            "traffic again within 8 s of a power-off",
            f"{len(times)} of {len(times)} trials, the longest {max(times):.2f} s",
            inputs=refs,
            judge="outage",
            measurements=failover_measurements(times, bound),
        )
        sample.verdict(
            record,
            "L2-014",
            "inconclusive",
            "gratuitous ARP within 1 s of the takeover, both forms",
            "4 of 5 trials as expected; trial 3: the kernel dropped 12 frames of the capture",
            reason="trial 3: the kernel dropped 12 frames of the capture",
            inputs=refs,
            judge="gratuitous",
        )
        record.note("Trial 3 was disturbed by another program on the machine.")
    with sample.case("layer2/speaker-kill") as record:
        times = [4.4 + 1.1 * sample.random.random() for _ in range(sample.trials)]
        refs = failover(sample, record, "speaker-kill", times)
        sample.verdict(
            record,
            "L2-042",
            "pass",
            "traffic again within 8 s of a SIGKILL of the speaker",
            f"{len(times)} of {len(times)} trials, the longest {max(times):.2f} s",
            inputs=refs,
            judge="outage",
            measurements=failover_measurements(times, bound),
        )


def sessions(sample: Sample) -> None:
    """BGP: sessions come up, one dead node stays in the router's kernel for too long."""
    with sample.case("bgp/sessions") as record:
        sample.now += 5 * SECOND
        sample.verdict(
            record,
            "BGP-001",
            "pass",
            "3 sessions Established within 60 s",
            "3 sessions, the last after 8.2 s",
            judge="established",
            measurements=[
                measurement(
                    "time to Established",
                    8.2,
                    "s",
                    n=3,
                    bound=(60, "<=", "requirement BGP-001"),
                    samples=[7.1, 7.9, 8.2],
                )
            ],
        )
    with sample.case(
        "bgp/wrong-password",
        "error",
        {
            "type": "TestbedError",
            "message": "bgpd did not answer on its vty socket within 5 s",
            "place": "routers/frr.py:88",
        },
    ):
        sample.now += 5 * SECOND
    with sample.case("bgp/hold-time", "fail") as record:
        times = [2.55 + 0.4 * sample.random.random() for _ in range(sample.trials - 1)] + [4.12]
        refs = failover(sample, record, "node-power-off", times, bgp=True)
        sample.verdict(
            record,
            "BGP-008",
            "fail",
            "the next hop leaves the router within 3 s (hold time) + 0.25 s",
            f"{len(times) - 1} of {len(times)} trials within the bound; trial {len(times)}: 4.12 s",
            reason=f"trial {len(times)}: the next hop of the dead node stayed for 4.12 s, 0.87 s longer than allowed",
            inputs=refs,
            judge="withdrawn",
            measurements=failover_measurements(times, (3.25, "<=", "negotiated hold time 3 s + 0.25 s router")),
        )


def ecmp(sample: Sample) -> None:
    """Spread over the nodes, beside a control, and what moves when one leaves."""
    with sample.case("bgp/ecmp") as record:
        rows = []
        weights = {"control": (1, 1, 1), "before": (1, 1, 1), "after": (1, 1, 0)}
        chosen: dict[str, str] = {}
        for phase, weight in weights.items():
            for flow in range(2100):
                source = f"198.51.100.{flow % 20 + 1}:{20000 + flow}"
                if phase == "after" and chosen[source] != "n3":
                    node = (
                        chosen[source] if sample.random.random() > 0.25 else ("n2" if chosen[source] == "n1" else "n1")
                    )
                else:
                    node = sample.random.choices(NODES, weight)[0]
                chosen[source] = node
                rows.append({"source": source, "node": node, "phase": phase})
        ref = record.evidence("flows", rows, router="router")
        sample.now += 12 * SECOND
        sample.verdict(
            record,
            "POLICY-007",
            "pass",
            "2 100 flows over 3 nodes: equal within 10 % of a share, no worse than the control",
            "shares 32.9 %, 34.0 %, 33.1 %; w = 0.02; homogeneous with the control (p = 0.61)",
            inputs=[ref],
            judge="even-spread",
            measurements=[
                measurement("effect size w", 0.021, "1", n=2100, bound=(0.1, "<=", "margin of equivalence")),
                measurement(
                    "worst deviation of a share",
                    0.0067,
                    "share",
                    n=2100,
                    interval=[0.0, 0.028],
                    bound=(0.033, "<=", "10 % of a third"),
                ),
            ],
        )
        sample.verdict(
            record,
            "RESET-002",
            "pass",
            "no more flows move than hash-threshold moves (25 %) + 5 %",
            "25.2 % of the surviving flows moved",
            inputs=[ref],
            judge="moved",
            measurements=[
                measurement(
                    "moved share",
                    0.252,
                    "share",
                    n=1400,
                    interval=[0.229, 0.276],
                    bound=(0.30, "<=", "RFC 2992: 25 % + 5 %"),
                )
            ],
        )


def ways(sample: Sample) -> None:
    """The four ways: mode and policy."""
    with sample.case("policy/four-ways") as record:
        refs = []
        for mode in ("l2", "bgp"):
            for policy in ("Cluster", "Local"):
                flows, replies = [], []
                for index in range(300):
                    port = 30000 + index
                    source = f"198.51.100.9:{port}"
                    entry = "n2" if mode == "l2" else NODES[index % 3]
                    local = [name for name, node in ENDPOINTS.items() if node == entry]
                    endpoint = local[0] if policy == "Local" else sample.random.choice(list(ENDPOINTS))
                    seen = source if policy == "Local" else f"10.10.0.{NODES.index(entry) + 1}:{port}"
                    flows.append({"source": source, "node": entry, "phase": "steady"})
                    replies.append(
                        {
                            "t": sample.now + index * 10 * MS,
                            "source": source,
                            "vantage": "far-client",
                            "address": "192.0.2.1",
                            "port": 80,
                            "protocol": "tcp",
                            "outcome": "ok",
                            "client_seen": seen,
                            "endpoint": endpoint,
                            "node": ENDPOINTS[endpoint],
                            "latency": 2 * MS,
                        }
                    )
                meta = {"mode": mode, "policy": policy, "family": "ipv4"}
                refs.append(record.evidence("flows", flows, f"flows-{mode}-{policy}", **meta))
                refs.append(record.evidence("replies", replies, f"replies-{mode}-{policy}", **meta))
                sample.now += 3 * SECOND
        sample.verdict(
            record,
            "POLICY-001",
            "pass",
            "1 200 requests answered",
            "1 200 of 1 200 answered",
            inputs=refs,
            judge="answered",
        )
        sample.verdict(
            record,
            "POLICY-003",
            "pass",
            "under Local the endpoint sees the client's address",
            "600 of 600 replies",
            inputs=refs,
            judge="source-kept",
        )
        sample.verdict(
            record,
            "POLICY-004",
            "pass",
            "recorded only: under Cluster the source may be rewritten",
            "rewritten to the entry node's address in 600 of 600 replies",
            inputs=refs,
            judge="source-kept",
        )
    with sample.case("policy/local-owner") as record:
        sample.now += 2 * SECOND
        sample.verdict(
            record,
            "POLICY-005",
            "pass",
            "all replies from endpoints on the announcing node",
            "300 of 300 from n2",
            judge="local-endpoints",
        )
    with sample.case("policy/one-node", "expected-failure") as record:
        sample.now += 2 * SECOND
        sample.verdict(
            record,
            "POLICY-008",
            "fail",
            "no connection changes its node",
            "3 of 500 connections changed their node",
            judge="one-node",
            measurements=[
                measurement(
                    "connections that changed node", 3, "count", n=500, bound=(0, "==", "requirement POLICY-008")
                )
            ],
        )


def under_load(sample: Sample, record: CaseRecorder, begin: int) -> None:
    """Ten seconds of load, with an outage from the third on, and what an experiment did meanwhile."""
    seconds = []
    for number in range(1, 11):
        answered, failed = (0, 0) if number == 5 else (60, 40) if 3 < number < 7 else (100, 0)
        latency = None if number == 5 else (sample.random.randrange(2, 5) + 20 * bool(failed)) * MS
        seconds.append(
            {
                "t": begin + number * SECOND,
                "users": 10,
                "requests": answered + failed,
                "failures": failed,
                "p50": latency,
                "p95": latency,
                "p99": latency and 3 * latency,
                "errors": {"timed out": failed} if failed else {},
            }
        )
    header = {"vantage": "client", "address": "192.0.2.1", "port": 80, "wanted": 100.0, "users": 10, "workers": 0}
    record.evidence("load", seconds, limit={"requests_per_second": 2412.0}, **header)
    did = [
        (0, 2, "before", "owner-is-unique", "probe", True),
        (3, 6, "method", "restart-the-router", "action", None),
        (6, 9, "after", "routes-are-complete", "probe", False),
    ]
    record.evidence(
        "activities",
        [
            {
                "t": begin + first * SECOND,
                "until": begin + last * SECOND,
                "phase": phase,
                "name": name,
                "type": type_,
                "status": "succeeded",
                "met": met,
                "output": None,
            }
            for first, last, phase, name, type_, met in did
        ],
        experiment="router-restart",
    )


def resets(sample: Sample) -> None:
    """Connections under change."""
    fates = {
        "reset/quiet": ("RESET-001", None, (500, 0, 0, 0, 0), "no connection of 500 breaks"),
        "reset/router-restart": (
            "RESET-003",
            "router-restart",
            (310, 60, 122, 0, 8),
            "broken connections are reset or come back within 10 s",
        ),
        "reset/unrelated": ("RESET-004", "pool-added", (500, 0, 0, 0, 0), "no connection of 500 breaks"),
    }
    for name, (requirement, fault, counts, expected) in fates.items():
        with sample.case(name) as record:
            begin = sample.now
            refs = []
            if fault:
                row = {
                    "fault": fault,
                    "target": "router",
                    "began": begin + 3 * SECOND,
                    "effective": begin + 3 * SECOND,
                    "healed": begin + 6 * SECOND,
                    "proof": {},
                }
                sample.recorder.event("fault", case=record.case, **row)
            if fault == "router-restart":
                under_load(sample, record, begin)
            rows = []
            for outcome, count in zip(("alive", "stalled", "reset", "refused", "timeout"), counts, strict=True):
                for _ in range(count):
                    rows.append(
                        {
                            "id": len(rows),
                            "source": f"198.51.100.9:{40000 + len(rows)}",
                            "address": "192.0.2.1",
                            "port": 80,
                            "opened": begin + len(rows) * MS,
                            "endpoint": "echo-7d4b-aaaa",
                            "node": "n1",
                            "outcome": outcome,
                            "at": begin + 10 * SECOND
                            if outcome == "alive"
                            else begin + 3 * SECOND + len(rows) * 4 * MS,
                            "last_reply": begin + 3 * SECOND,
                            "rst_from": ("node n1" if len(rows) % 3 else "client") if outcome == "reset" else None,
                        }
                    )
            refs.append(record.evidence("connections", rows))
            if fault == "router-restart":
                refs.append(
                    record.evidence(
                        "stream",
                        stream_rows(sample, begin, 10, [(3.0, 5.2)], lambda _: "echo-7d4b-aaaa"),
                        "stream",
                        period=5 * MS,
                        kernel_drops=0,
                        address="192.0.2.1",
                        port=7,
                        vantage="far-client",
                    )
                )
            sample.now = begin + 10 * SECOND
            sample.verdict(
                record,
                requirement,
                "pass",
                expected,
                f"{counts[0]} of {sum(counts)} alive, {counts[2]} reset, {counts[4]} timed out",
                inputs=refs,
                judge="fates",
                measurements=[
                    measurement(
                        "connections lost in silence", counts[4], "count", n=500, bound=(10, "<=", "2 % of 500")
                    )
                ],
            )
    with sample.case("reset/controller-outage") as record:
        sample.now += 3 * SECOND
        sample.verdict(record, "RESET-009", "pass", "0 resets, 0 changes of announcement", "0 and 0", judge="fates")
    with sample.case("bgp/bfd", "not-applicable"):
        pass


PLAYS = (addresses, announcer, takeovers, sessions, ecmp, ways, resets)


if __name__ == "__main__":
    from lbcert_reports.publish import write_all

    folder = Path(sys.argv[1])
    write(folder, copies=int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    print(write_all(folder))
