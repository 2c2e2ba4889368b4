"""The data behind the report's pictures.

Every trial of a failover, flows per node, the fate of connections, the ways that traffic takes, what happened when.
Pure functions of evidence. What is long is thinned to what a page can show: whole lanes become spans, marks closer
than a pixel become one, and the evidence keeps the rest. Times are seconds; those of a timeline count from its zero.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Any, Final

from lbcert_reports.evidence import Evidence, host
from lbcert_reports.statistics import CONFIDENCE, clopper_pearson, median_interval, supported_quantile
from lbcert_reports.timelines import timelines

PHASES: Final[Mapping[str, str]] = {
    "detection": "detect",
    "announcement": "announce",
    "first good packet": "first packet",
}
"""The moments that part a failover, in their order, by the name of their measurement; from the fault's effect on."""

Case = tuple[str, Mapping[str, Any], Sequence[dict[str, Any]], Sequence[Mapping[str, Any]], Sequence[dict[str, Any]]]
"""A case: its id, its entry in the plan, its faults, its evidence events, its judgements with measurements."""


def draw(cases: Iterable[Case], read: Callable[[str], Evidence[Any]]) -> dict[str, list[dict[str, Any]]]:
    """The data of every panel, from all cases of a run.

    Args:
        cases: in the order of the report.
        read: gives an evidence file by its path within the run directory.

    Returns:
        ``failover``, ``spread``, ``connections``, ``paths``, ``load`` and ``timelines``; each is empty if no case has
        evidence for it.
    """
    cases = list(cases)
    names = _names(judgement for *_, judgements in cases for judgement in judgements)
    panels: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("failover", "spread", "connections", "paths", "load", "timelines")
    }
    for test, plan, faults, events, judgements in cases:
        evidence = {event["path"]: read(event["path"]) for event in events}
        every = list(evidence.values())
        where = {"testId": test, "title": str(plan.get("title", test))}
        all_faults = [dict(each) for each in faults]
        for row in (row for each in _of(every, "faults") for row in each.rows):
            merge_fault(all_faults, row)
        panels["failover"] += [where | each for each in failovers(judgements, all_faults)]
        panels["spread"] += [where | each for each in spreads(evidence, judgements)]
        panels["connections"] += [where | each for each in fates(_of(every, "connections"), all_faults)]
        panels["paths"] += [where | each for each in paths(every, names)]
        panels["load"] += [where | each for each in loads(every, all_faults)]
        if windows := timelines(every, all_faults, names):
            panels["timelines"].append(where | {"windows": windows, "faults": len(all_faults)})
    return panels


def _names(judgements: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The node of each address, as the bounds of the judges tell."""
    return {
        str(address): node
        for judgement in judgements
        if isinstance(nodes := judgement["bound"].get("nodes"), Mapping)
        for address, node in nodes.items()
        if isinstance(node, str)
    }


def merge_fault(faults: list[dict[str, Any]], row: Mapping[str, Any]) -> None:
    """Add a fault, or the time at which one that is already known was healed."""
    fields = {name: row[name] for name in ("fault", "target", "began", "effective", "healed", "proof")}
    key = ("fault", "target", "began")
    for known in faults:
        if all(known[name] == fields[name] for name in key):
            known["healed"] = known["healed"] or fields["healed"]
            return
    faults.append(fields)


def _of(evidence: Iterable[Evidence[Any]], kind: str) -> list[Evidence[Any]]:
    return [each for each in evidence if each.kind == kind]


def failovers(judgements: Sequence[Mapping[str, Any]], faults: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each measured time after a fault: all trials as intervals, median, the quantile they support, phases.

    The upper end of a trial is None if the outage had not ended when the probes did.
    """
    if not faults:
        return []
    return [
        _failover(judgement, measurement, factor) | {"faults": sorted({str(each["fault"]) for each in faults})}
        for judgement in judgements
        for measurement in judgement["measurements"]
        if (factor := _SECONDS.get(measurement["unit"])) and measurement["name"] not in PHASES
        if any(sample is not None for sample in measurement["samples"] or ())
    ]


def _failover(judgement: Mapping[str, Any], measurement: Mapping[str, Any], factor: float) -> dict[str, Any]:
    trials = [_scaled(sample, factor) for sample in measurement["samples"] if sample is not None]
    ends = [math.inf if high is None else high for _, high in trials]
    middles = [(low + end) / 2 for (low, _), end in zip(trials, ends, strict=True)]
    interval = median_interval(middles)
    bound = measurement["bound"]
    return {
        "requirement": judgement["requirement"],
        "verdict": judgement["outcome"],
        "name": measurement["name"],
        "traffic": any(role.partition(".")[0] == "stream" for role in judgement["inputs"]),
        "trials": trials,
        "phases": _phases(judgement["measurements"], len(trials), factor),
        "median": _finite(median(middles)),
        "interval": [_finite(end) for end in interval] if interval else None,
        "claim": {
            "quantile": supported_quantile(len(trials)),
            "level": CONFIDENCE,
            "value": _finite(max(ends)),
        },
        "bound": {**bound, "value": bound["value"] * factor} if bound else None,
        "method": measurement["method"],
    }


def _phases(measurements: Iterable[Mapping[str, Any]], trials: int, factor: float) -> dict[str, list[float]]:
    """The length of each phase in each trial, s; only phases whose end was seen in every trial."""
    moments = {
        PHASES[each["name"]]: [_middle(sample) * factor for sample in each["samples"]]
        for name in PHASES
        for each in measurements
        if each["name"] == name and each["samples"] and None not in each["samples"]
    }
    lengths: dict[str, list[float]] = {}
    before = [0.0] * trials
    for name, ends in moments.items():
        if len(ends) == trials:
            lengths[name] = [max(0.0, end - start) for start, end in zip(before, ends, strict=True)]
            before = [max(start, end) for start, end in zip(before, ends, strict=True)]
    return lengths


def _middle(sample: Any) -> float:
    low, high = _scaled(sample, 1)
    return low if high is None else (low + high) / 2


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


_SECONDS: Final = {"s": 1.0, "ms": 1e-3, "ns": 1e-9}


def _scaled(sample: Any, factor: float) -> tuple[float, float | None]:
    """A sample as an interval, s: a number is one without width."""
    low, high = (sample, sample) if isinstance(sample, int | float) else sample
    return low * factor, None if high is None else high * factor


def spreads(evidence: Mapping[str, Evidence[Any]], judgements: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Flows per node, a picture for each set of files that are judged together, or for a file by itself.

    Flows that say which way traffic took (their header has ``policy``) are part of that picture, not of this one.
    """
    flows = {path: each for path, each in evidence.items() if each.kind == "flows" and each.rows}
    sets: dict[tuple[str, ...], Mapping[str, float]] = {}
    for judgement in judgements:
        if paths_ := tuple(path for path in judgement["inputs"].values() if path in flows):
            sets[paths_] = judgement["bound"].get("shares") or sets.get(paths_, {})
    judged = {path for paths_ in sets for path in paths_}
    sets |= {(path,): {} for path in flows if path not in judged}
    return [
        spread([flows[path] for path in paths_], shares)
        for paths_, shares in sets.items()
        if not all("policy" in flows[path].meta for path in paths_)
    ]


def spread(flows: Sequence[Evidence[Any]], shares: Mapping[str, float] | None = None) -> dict[str, Any]:
    """How many flows entered each node, phase by phase, beside the share that a perfect spread gives it.

    Args:
        flows: one or more files; their phases are shown side by side.
        shares: expected share by node; None or empty: equal shares of all nodes that a phase reaches. It holds for
            phases that reach no other node and none less.

    The phases of a file whose header says ``control`` are told apart from those of the same name: they are of flows
    over hand-installed next hops.

    The band holds 99 % of the counts that a perfect spread of as many flows would give (all nodes at once).
    """
    phases = []
    members: dict[str, dict[str, str]] = {}
    for each in flows:
        beside = "control " if each.meta.get("control") else ""
        for row in each.rows:
            members.setdefault(beside + row["phase"], {})[row["source"]] = row["node"]
    for phase, entered in members.items():
        counts = Counter(entered.values())
        expected = shares if shares and shares.keys() == counts.keys() else {node: 1 / len(counts) for node in counts}
        phases.append(
            {
                "phase": phase,
                "flows": len(entered),
                "nodes": [
                    {
                        "node": node,
                        "count": counts[node],
                        "share": counts[node] / len(entered),
                        "expected": expected[node],
                        "band": _band(len(entered), expected[node], len(expected)),
                    }
                    for node in sorted(counts)
                ],
            }
        )
    own, control = ([p for p in members if p.startswith("control") is is_control] for is_control in (False, True))
    moves = [
        _moves(first, second, members[first], members[second]) for first, second in (*pairwise(own), *pairwise(control))
    ]
    name = ", ".join(dict.fromkeys(each.name for each in flows))
    return {"name": name, "phases": phases, "moves": [each for each in moves if each["flows"]]}


def _band(flows: int, share: float, nodes: int) -> list[float]:
    from scipy.stats import binom  # imported late: it takes longer than the rest of a report without flows

    tail = 0.005 / max(1, nodes)
    return [float(binom.ppf(tail, flows, share)) / flows, float(binom.isf(tail, flows, share)) / flows]


def _moves(first: str, second: str, before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, Any]:
    """Of the flows seen in both phases: how many changed their node, though the node they had was still there."""
    there = set(after.values())
    common = [source for source in before if source in after]
    could_stay = [source for source in common if before[source] in there]
    moved = sum(before[source] != after[source] for source in could_stay)
    low, high = clopper_pearson(moved, len(could_stay))
    return {
        "from": first,
        "to": second,
        "flows": len(could_stay),
        "moved": moved,
        "share": moved / len(could_stay) if could_stay else 0.0,
        "interval": [low, high],
        "displaced": len(common) - len(could_stay),
    }


OUTCOMES: Final = ("alive", "stalled", "reset", "refused", "timeout")
"""Fates of a connection, from best to worst."""


def fates(connections: Sequence[Evidence[Any]], faults: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What became of the connections of each evidence file, and who sent the resets."""
    during = sorted({str(each["fault"]) for each in faults})
    rows = []
    for each in connections:
        if not each.rows:
            continue
        counts = Counter(row["outcome"] for row in each.rows)
        low, high = clopper_pearson(counts["alive"], len(each.rows))
        rows.append(
            {
                "name": each.name,
                "during": during,
                "connections": len(each.rows),
                "outcomes": {outcome: counts.get(outcome, 0) for outcome in OUTCOMES},
                "alive": [low, high],
                "resetsFrom": dict(
                    Counter(row["rst_from"] or "unknown" for row in each.rows if row["outcome"] == "reset")
                ),
            }
        )
    return rows


def paths(evidence: Sequence[Evidence[Any]], names: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """The ways that traffic took: which nodes it entered, which endpoints answered, what they saw as the client.

    Drawn from ``replies`` whose header has ``mode`` (``l2`` or ``bgp``) and ``policy`` (``Cluster`` or ``Local``),
    and from ``flows`` of the same mode, policy and family for the nodes entered. Without flows, layer 2 traffic
    entered the nodes that answered for the address meanwhile (``answers``).

    Args:
        evidence: all evidence of a case.
        names: node of each hardware address.
    """
    flows = _of(evidence, "flows")
    found = []
    for replies in _of(evidence, "replies"):
        if not {"mode", "policy"} <= replies.meta.keys() or not replies.rows:
            continue
        entered = {row["source"]: row["node"] for each in flows if _same_way(each, replies) for row in each.rows}
        answered = [row for row in replies.rows if row["outcome"] == "ok"]
        if not entered:
            owners = _owners(_of(evidence, "answers"), replies, names or {})
            entered = {row["source"]: owners[0] for row in answered} if len(owners) == 1 else {}
        found.append(
            {
                "name": replies.name,
                "mode": str(replies.meta["mode"]),
                "policy": str(replies.meta["policy"]),
                "family": str(replies.meta.get("family", "")),
                "requests": len(replies.rows),
                "outcomes": dict(Counter(row["outcome"] for row in replies.rows)),
                "entries": _shares(Counter(entered.values())),
                "endpoints": [
                    {"endpoint": endpoint, "node": node or "", "share": count / len(answered), "count": count}
                    for (endpoint, node), count in sorted(
                        Counter((row["endpoint"] or "unknown", row["node"]) for row in answered).items(), key=str
                    )
                ],
                "links": [
                    {"entry": entry, "endpoint": endpoint, "count": count}
                    for (entry, endpoint), count in sorted(
                        Counter(
                            (entered[row["source"]], row["endpoint"] or "unknown")
                            for row in answered
                            if row["source"] in entered
                        ).items()
                    )
                ],
                "source": _survival(answered),
            }
        )
    return found


def _same_way(flows: Evidence[Any], replies: Evidence[Any]) -> bool:
    return all(flows.meta.get(key) == replies.meta.get(key) for key in ("mode", "policy", "family"))


def _owners(answers: Sequence[Evidence[Any]], replies: Evidence[Any], names: Mapping[str, str]) -> list[str]:
    """The nodes that answered for the addresses of some requests while those were made."""
    first, last = replies.rows[0]["t"], replies.rows[-1]["t"]
    asked_of = {row["address"] for row in replies.rows}
    macs = {
        row["mac"]
        for each in answers
        for row in each.rows
        if row["form"] != "asked" and row["address"] in asked_of and first <= row["t"] <= last
    }
    return sorted({names.get(mac, mac) for mac in macs})


def _shares(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    total = sum(counts.values())
    return [{"node": node, "share": count / total, "count": count} for node, count in sorted(counts.items())]


def _survival(answered: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Whether the client's address reached the endpoint, and what was seen instead of it."""
    told = [row for row in answered if row["client_seen"] is not None]
    others = Counter(seen for row in told if (seen := host(row["client_seen"])) != host(row["source"]))
    seen_instead = [other for other, _ in others.most_common(4)]
    return {"told": len(told), "kept": len(told) - others.total(), "seenInstead": seen_instead}


def loads(evidence: Sequence[Evidence[Any]], faults: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What each load generator noticed, beside what it can do at most and what the probes saw of the same address.

    Args:
        evidence: all evidence of a case; the header of ``load`` may say ``wanted`` and ``limit`` (requests a second).
        faults: all its faults.
    """
    during = sorted({str(each["fault"]) for each in faults})
    return [_loaded(each, _of(evidence, "stream")) | {"during": during} for each in _of(evidence, "load") if each.rows]


def _loaded(load: Evidence[Any], streams: Sequence[Evidence[Any]]) -> dict[str, Any]:
    busy = [row for row in load.rows if row["users"]]
    first, last = load.watched or (0, 0)
    requests, failures = (sum(row[name] for row in busy) for name in ("requests", "failures"))
    probes = [
        row
        for stream in streams
        if stream.meta.get("address") == load.meta.get("address")
        for row in stream.rows
        if first <= row["sent"] <= last
    ]
    errors: Counter[str] = Counter()
    for row in busy:
        errors.update(row["errors"])
    most = load.meta.get("limit", {}).get("requests_per_second")
    return {
        "name": load.name,
        "vantage": str(load.meta.get("vantage", "")),
        "address": str(load.meta.get("address", "")),
        "users": max((row["users"] for row in busy), default=0),
        "workers": load.meta.get("workers", 0),
        "wanted": load.meta.get("wanted"),
        "requests": requests,
        "failures": failures,
        "perSecond": median([row["requests"] for row in busy]) if busy else 0,
        "seconds": [[row["requests"], row["failures"]] for row in busy],
        "p50": _latency(busy, "p50", median),
        "p99": _latency(busy, "p99", max),
        "errors": dict(errors.most_common(5)),
        "limit": most,
        "probes": len(probes),
        "probesLost": sum(row["received"] is None for row in probes),
    }


def _latency(rows: Iterable[Mapping[str, Any]], name: str, summary: Callable[[Sequence[float]], float]) -> float | None:
    """The latencies of some seconds in one number, s."""
    told = [row[name] / 1e9 for row in rows if row[name] is not None]
    return summary(told) if told else None
