"""The data behind the report's pictures.

Every trial of a failover, flows per node, the fate of connections, the ways that traffic takes, what happened when.
Pure functions of evidence. What is long is thinned to what a page can show: whole lanes become spans, marks closer
than a pixel become one, and the evidence keeps the rest. Times are seconds; those of a timeline count from its zero.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from lbcert_reports.evidence import Evidence
from lbcert_reports.statistics import CONFIDENCE, clopper_pearson, median_interval, supported_quantile
from lbcert_reports.timelines import timelines

PHASES: Final = ("detect", "announce", "first packet")
"""The parts of a failover, in their order; a measurement of such a name holds one sample a trial."""

Case = tuple[str, Mapping[str, Any], Sequence[dict[str, Any]], Sequence[Mapping[str, Any]], Sequence[dict[str, Any]]]
"""A case: its id, its entry in the plan, its faults, its evidence events, its judgements with measurements."""


def draw(cases: Iterable[Case], read: Callable[[str], Evidence[Any]]) -> dict[str, list[dict[str, Any]]]:
    """The data of every panel, from all cases of a run.

    Args:
        cases: in the order of the report.
        read: gives an evidence file by its path within the run directory.

    Returns:
        ``failover``, ``spread``, ``connections``, ``paths`` and ``timelines``; each is empty if no case has
        evidence for it.
    """
    panels: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("failover", "spread", "connections", "paths", "timelines")
    }
    for id_, plan, faults, events, judgements in cases:
        evidence = [read(event["path"]) for event in events]
        where = {"testId": id_, "title": str(plan.get("title", id_))}
        all_faults = [dict(each) for each in faults]
        for each in evidence:
            if each.kind == "faults":
                for row in each.rows:
                    merge_fault(all_faults, row)
        panels["failover"] += [where | each for each in failovers(judgements, all_faults)]
        # Flows that say which way traffic took are part of that picture, not of this one.
        spreads = [spread(each) for each in _of(evidence, "flows") if "policy" not in each.meta and each.rows]
        panels["spread"] += [where | each for each in spreads]
        panels["connections"] += [where | each for each in fates(_of(evidence, "connections"), all_faults)]
        panels["paths"] += [where | each for each in paths(evidence)]
        if windows := timelines(evidence, all_faults):
            panels["timelines"].append(where | {"windows": windows, "faults": len(all_faults)})
    return panels


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
    """Each measured time after a fault: all trials as intervals, median, the quantile they support, phases."""
    if not faults:
        return []
    found = []
    for judgement in judgements:
        phases = {
            phase: [_interval(each) for each in measurement["samples"]]
            for phase in PHASES
            for measurement in judgement["measurements"]
            if measurement["name"] == phase and measurement["samples"]
        }
        for measurement in judgement["measurements"]:
            if measurement["unit"] not in _SECONDS or not measurement["samples"] or measurement["name"] in PHASES:
                continue
            factor = _SECONDS[measurement["unit"]]
            trials = [[end * factor for end in _interval(each)] for each in measurement["samples"] if each is not None]
            if not trials:
                continue
            middles = [(low + high) / 2 for low, high in trials]
            interval = median_interval(middles)
            bound = measurement["bound"]
            found.append(
                {
                    "requirement": judgement["requirement"],
                    "verdict": judgement["verdict"],
                    "name": measurement["name"],
                    "faults": sorted({str(each["fault"]) for each in faults}),
                    "trials": trials,
                    "phases": {
                        name: [factor * (low + high) / 2 for low, high in samples]
                        for name, samples in phases.items()
                        if len(samples) == len(trials)
                    },
                    "median": _median(middles),
                    "interval": list(interval) if interval else None,
                    "claim": {
                        "quantile": supported_quantile(len(trials)),
                        "level": CONFIDENCE,
                        "value": max(high for _, high in trials),
                    },
                    "bound": {**bound, "value": bound["value"] * factor} if bound else None,
                    "method": measurement["method"],
                }
            )
    return found


_SECONDS: Final = {"s": 1.0, "ms": 1e-3, "ns": 1e-9}


def _interval(sample: Any) -> tuple[float, float]:
    """A sample as an interval: a number is an interval without width."""
    return (sample, sample) if isinstance(sample, int | float) else (sample[0], sample[1])


def _median(values: Sequence[float]) -> float:
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(values) % 2 else (ordered[half - 1] + ordered[half]) / 2


def spread(flows: Evidence[Any]) -> dict[str, Any]:
    """How many flows entered each node, phase by phase, beside the share that a perfect spread gives it.

    The header's ``shares`` (a share by node) says what to expect; without it, equal shares of all nodes that a
    phase reaches. The band holds 99 % of the counts that a perfect spread of as many flows would give (all nodes
    at once).
    """
    phases = []
    members: dict[str, dict[str, str]] = {}
    for row in flows.rows:
        members.setdefault(row["phase"], {})[row["source"]] = row["node"]
    for phase, entered in members.items():
        counts = Counter(entered.values())
        shares = flows.meta.get("shares") or {node: 1 / len(counts) for node in counts}
        phases.append(
            {
                "phase": phase,
                "flows": len(entered),
                "nodes": [
                    {
                        "node": node,
                        "count": counts.get(node, 0),
                        "share": counts.get(node, 0) / len(entered),
                        "expected": shares.get(node, 0.0),
                        "band": _band(len(entered), shares.get(node, 0.0), len(shares)),
                    }
                    for node in sorted({*counts, *shares})
                ],
            }
        )
    moves = [
        _moves(first, second, members[first], members[second])
        for first, second in pairwise(phase for phase in members if phase != "control")
    ]
    return {"name": flows.name, "phases": phases, "moves": [each for each in moves if each["flows"]]}


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


def paths(evidence: Sequence[Evidence[Any]]) -> list[dict[str, Any]]:
    """The ways that traffic took: which nodes it entered, which endpoints answered, what they saw as the client.

    Drawn from ``replies`` whose header has ``mode`` (``l2`` or ``bgp``) and ``policy`` (``Cluster`` or ``Local``),
    and from ``flows`` of the same mode, policy and family for the nodes entered.
    """
    flows = _of(evidence, "flows")
    found = []
    for replies in _of(evidence, "replies"):
        if not {"mode", "policy"} <= replies.meta.keys() or not replies.rows:
            continue
        entered = {row["source"]: row["node"] for each in flows if _same_way(each, replies) for row in each.rows}
        answered = [row for row in replies.rows if row["outcome"] == "ok"]
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


def _shares(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    total = sum(counts.values())
    return [{"node": node, "share": count / total, "count": count} for node, count in sorted(counts.items())]


def _survival(answered: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Whether the client's address reached the endpoint, and what was seen instead of it."""
    told = [row for row in answered if row["client_seen"] is not None]
    kept = sum(_host(row["source"]) == _host(row["client_seen"]) for row in told)
    others = Counter(_host(row["client_seen"]) for row in told if _host(row["source"]) != _host(row["client_seen"]))
    return {"told": len(told), "kept": kept, "seenInstead": [host for host, _ in others.most_common(4)]}


def _host(address: str) -> str:
    """The host of ``ip``, ``ip:port``, ``[ip]:port`` or a bare IPv6 address."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address if address.count(":") > 1 else address.partition(":")[0]
