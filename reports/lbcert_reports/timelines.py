"""What happened when: the evidence of a case as lanes of one timeline, cut into windows around its faults."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final

from lbcert_reports.evidence import Evidence

MOST_WINDOWS: Final = 5
"""Windows drawn of one case; those with the longest outages are kept."""

MOST_LANES: Final = 24
"""Lanes of one window."""

COLUMNS: Final = 800
"""How many places of a window can be told apart; what is closer is drawn as one."""

SECOND: Final = 1_000_000_000


def stamp(t: int) -> str:
    """A time in nanoseconds as RFC 3339, to the millisecond."""
    moment = datetime.fromtimestamp(t // SECOND, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{t // 1_000_000 % 1000:03}Z"


@dataclass(frozen=True)
class _Window:
    """A span of time of which a picture is drawn, ns."""

    begin: int
    end: int
    zero: int
    faults: tuple[Mapping[str, Any], ...]
    names: Mapping[str, str]

    def at(self, t: int) -> float:
        """A time as seconds from zero, to the microsecond."""
        return round((t - self.zero) / SECOND, 6)

    def __contains__(self, t: int) -> bool:
        return self.begin <= t <= self.end

    def column(self, t: int) -> int:
        """Which of the places that can be told apart a time falls on."""
        return (t - self.begin) * COLUMNS // max(1, self.end - self.begin)


def timelines(
    evidence: Sequence[Evidence[Any]], faults: Sequence[Mapping[str, Any]], names: Mapping[str, str]
) -> list[dict[str, Any]]:
    """The timeline of a case: one window around each fault, or one over everything if there is none.

    Args:
        evidence: all evidence of the case.
        faults: all its faults.
        names: node of each hardware or other address, where known.

    Returns:
        For each window ``zero`` (RFC 3339, the first fault's effect), ``begin`` and ``end`` (s from zero),
        ``faults`` as spans, and ``lanes``: each has ``kind``, ``label`` and ``spans`` or ``marks`` by class.
        Empty if nothing was watched over time.
    """
    timed = [each for each in evidence if each.kind in _LANES and each.rows]
    if not timed:
        return []
    drawn = []
    for window in _windows(timed, faults, names):
        seen = [each for each in timed if _overlaps(each, window)]
        lanes = [lane for each in seen for lane in _LANES[each.kind](each, window)]
        lanes.sort(key=lambda lane: _ORDER.index(lane["kind"]))
        drawn.append((_outage(lanes), window, lanes))
    kept = sorted(range(len(drawn)), key=lambda index: -drawn[index][0])[:MOST_WINDOWS]
    return [_described(index, len(drawn), *drawn[index]) for index in sorted(kept)]


def _described(index: int, of: int, outage: float, window: _Window, lanes: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "number": index + 1,
        "of": of,
        "zero": stamp(window.zero),
        "begin": window.at(window.begin),
        "end": window.at(window.end),
        "outage": outage,
        "faults": [
            {
                "fault": str(fault["fault"]),
                "target": str(fault["target"]),
                "from": window.at(max(window.begin, fault["effective"])),
                "to": window.at(min(window.end, fault["healed"] or window.end)),
                "healed": fault["healed"] is not None and fault["healed"] in window,
            }
            for fault in window.faults
        ],
        "lanes": lanes[:MOST_LANES],
        "lanesLeftOut": max(0, len(lanes) - MOST_LANES),
    }


def _outage(lanes: Iterable[Mapping[str, Any]]) -> float:
    return max((gap["to"] - gap["from"] for lane in lanes for gap in lane.get("gaps", ())), default=0.0)


def _windows(
    evidence: Sequence[Evidence[Any]], faults: Sequence[Mapping[str, Any]], names: Mapping[str, str]
) -> list[_Window]:
    """One window from just before each fault to just before the next; faults that overlap share one."""
    first, last = _extent(evidence)
    inside = sorted((each for each in faults if first <= each["effective"] <= last), key=lambda each: each["effective"])
    if not inside:
        return [_Window(first, max(last, first + 1), first, (), names)]
    groups: list[list[Mapping[str, Any]]] = [[inside[0]]]
    for fault in inside[1:]:
        healed = [each["healed"] for each in groups[-1]]
        if any(each is None or each > fault["effective"] for each in healed):
            groups[-1].append(fault)
        else:
            groups.append([fault])
    starts = [group[0]["effective"] for group in groups]
    windows = []
    for number, group in enumerate(groups):
        # Each trial has evidence of its own: a window ends with what watched its fault.
        watched = [end for begin, end in map(_span, evidence) if begin <= starts[number] <= end]
        until = min(max(watched, default=last), starts[number + 1] if number + 1 < len(groups) else last)
        settled = min(until, max(each["healed"] or until for each in group))
        length = min(until, settled + (settled - starts[number]) // 4 + SECOND) - starts[number]
        before = max(SECOND // 2, length // 8)
        begin = max(first, starts[number] - before)
        windows.append(_Window(begin, max(begin + 1, starts[number] + length), starts[number], tuple(group), names))
    return windows


def _extent(evidence: Sequence[Evidence[Any]]) -> tuple[int, int]:
    spans = [_span(each) for each in evidence]
    return min(first for first, _ in spans), max(last for _, last in spans)


def _span(evidence: Evidence[Any]) -> tuple[int, int]:
    """The first and the last time at which a piece of evidence says anything."""
    return min(times := _times(evidence)), max(times)


def _overlaps(evidence: Evidence[Any], window: _Window) -> bool:
    """Whether a piece of evidence has anything to say about a window: each trial has files of its own."""
    first, last = _span(evidence)
    return first < max(window.end, window.begin + 1) and last >= window.begin


def _times(evidence: Evidence[Any]) -> list[int]:
    if evidence.kind == "stream":
        return [evidence.rows[0]["sent"], evidence.rows[-1]["sent"]]
    if evidence.kind == "connections":
        return [row["opened"] for row in evidence.rows] + [row["at"] for row in evidence.rows if row["at"]]
    return [*(evidence.watched or ()), evidence.rows[0]["t"], evidence.rows[-1]["t"]]


def _stream(stream: Evidence[Any], window: _Window) -> list[dict[str, Any]]:
    """Probes delivered, in part or not at all, and the gaps; a lane for each endpoint that answered, if several."""
    rows = [row for row in stream.rows if row["sent"] in window]
    if not rows:
        return []
    period = stream.meta["period"]
    states: dict[int, list[bool]] = defaultdict(list)
    for row in rows:
        states[window.column(row["sent"])].append(row["received"] is not None)
    levels = {
        column: "delivered" if all(states[column]) else "partly" if any(states[column]) else "lost"
        for column in sorted(states)
    }
    lane = {
        "kind": "stream",
        "label": _label(stream, "traffic"),
        "detail": f"{len(rows)} probes, {sum(row['received'] is None for row in rows)} lost",
        "spans": _spans(levels, window, period),
        "gaps": _gaps(rows, window, period),
    }
    by_endpoint: dict[str, dict[int, str]] = defaultdict(dict)
    for row in rows:
        if row["endpoint"]:
            by_endpoint[row["endpoint"]][window.column(row["sent"])] = "delivered"
    if len(by_endpoint) < 2:
        return [lane]
    return [lane] + [
        {
            "kind": "endpoint",
            "label": f"answered by {endpoint}",
            "detail": "",
            "spans": _spans(dict(sorted(columns.items())), window, period),
        }
        for endpoint, columns in sorted(by_endpoint.items())[:6]
    ]


def _spans(levels: Mapping[int, str], window: _Window, period: int) -> list[list[Any]]:
    """Neighbouring columns of one level as ``[from, to, level]``; one without a probe belongs to the one before."""
    width = max(1, window.end - window.begin)
    reach = 1 + (2 * period * COLUMNS) // width
    spans: list[list[Any]] = []
    for column, level in levels.items():
        if spans and spans[-1][2] == level and column - spans[-1][1] <= reach:
            spans[-1][1] = column + 1
        elif spans and column - spans[-1][1] <= reach:
            spans.append([spans[-1][1], column + 1, level])
        else:
            spans.append([column, column + 1, level])

    def time(column: int) -> float:
        return window.at(window.begin + column * width // COLUMNS)

    return [[time(begin), time(end), level] for begin, end, level in spans]


def _gaps(rows: Sequence[Mapping[str, Any]], window: _Window, period: int) -> list[dict[str, Any]]:
    """The longest runs of lost probes: from the first that was lost to the next that was delivered."""
    gaps = []
    position = 0
    for lost, run in groupby(rows, key=lambda row: row["received"] is None):
        group = list(run)
        position += len(group)
        if lost:
            end = rows[position]["sent"] if position < len(rows) else group[-1]["sent"] + period
            gaps.append({"from": window.at(group[0]["sent"]), "to": window.at(end), "lost": len(group)})
    return sorted(sorted(gaps, key=lambda gap: gap["from"] - gap["to"])[:6], key=lambda gap: gap["from"])


def _answers(answers: Evidence[Any], window: _Window) -> list[dict[str, Any]]:
    """A lane for each address and hardware address that answered; our own questions are left out."""
    lanes: dict[tuple[str, str], dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for row in answers.rows:
        if row["t"] in window and row["form"] != "asked":
            lanes[row["address"], row["mac"]][row["form"]].add(row["t"])
    return [
        {
            "kind": "answers",
            "label": f"{window.names.get(mac, mac)} answers for {address}",
            "detail": mac if mac in window.names else "",
            "marks": {form: _thinned(times, window) for form, times in sorted(forms.items())},
        }
        for (address, mac), forms in sorted(lanes.items())
    ]


def _thinned(times: Iterable[int], window: _Window) -> list[float]:
    """One mark for each place that can be told apart."""
    by_column = {window.column(t): t for t in sorted(times, reverse=True)}
    return [window.at(t) for t in sorted(by_column.values())]


def _states(
    rows: Sequence[Mapping[str, Any]], window: _Window, state: Callable[[Mapping[str, Any]], tuple[str, str]]
) -> list[list[Any]]:
    """Observed states as spans ``[from, to, level, words]``: each holds until the next is seen."""
    spans: list[list[Any]] = []
    for row in rows:
        if row["t"] > window.end:
            break
        level, words = state(row)
        start = window.at(max(row["t"], window.begin))
        if spans and spans[-1][2:] == [level, words]:
            continue
        if spans:
            spans[-1][1] = start
        spans.append([start, window.at(window.end), level, words])
    return [span for span in spans if span[1] > span[0]]


def _routes(routes: Evidence[Any], window: _Window) -> list[dict[str, Any]]:
    def state(row: Mapping[str, Any]) -> tuple[str, str]:
        hops = ", ".join(window.names.get(hop, hop) for hop in row["next_hops"])
        return ("up" if hops else "down"), hops or "no route"

    prefixes = dict.fromkeys(row["prefix"] for row in routes.rows)
    return [
        {
            "kind": "routes",
            "label": f"route to {prefix}",
            "detail": str(routes.meta.get("router", "")),
            "spans": _states([row for row in routes.rows if row["prefix"] == prefix], window, state),
        }
        for prefix in prefixes
    ]


def _sessions(sessions: Evidence[Any], window: _Window) -> list[dict[str, Any]]:
    def state(row: Mapping[str, Any]) -> tuple[str, str]:
        return ("up" if row["state"] == "Established" else "down"), str(row["state"])

    pairs = dict.fromkeys((row["router"], row["peer"]) for row in sessions.rows)
    return [
        {
            "kind": "sessions",
            "label": f"BGP session {router} to {window.names.get(peer, peer)}",
            "detail": peer if peer in window.names else "",
            "spans": _states(
                [row for row in sessions.rows if (row["router"], row["peer"]) == (router, peer)], window, state
            ),
        }
        for router, peer in pairs
    ]


def _ingress(ingress: Evidence[Any], window: _Window) -> list[dict[str, Any]]:
    def state(row: Mapping[str, Any]) -> tuple[str, str]:
        if not row["present"]:
            return "down", "deleted"
        return ("up", ", ".join(row["addresses"])) if row["addresses"] else ("down", "no address")

    services = dict.fromkeys(row["service"] for row in ingress.rows)
    return [
        {
            "kind": "ingress",
            "label": f"status of {service}",
            "detail": "",
            "spans": _states([row for row in ingress.rows if row["service"] == service], window, state),
        }
        for service in services
    ]


def _replies(replies: Evidence[Any], window: _Window) -> list[dict[str, Any]]:
    outcomes: dict[str, set[int]] = defaultdict(set)
    for row in replies.rows:
        if row["t"] in window:
            outcomes[row["outcome"]].add(row["t"])
    marks = {outcome: _thinned(times, window) for outcome, times in sorted(outcomes.items())}
    lane = {"kind": "replies", "label": _label(replies, "requests"), "detail": "", "marks": marks}
    return [lane] if marks else []


def _connections(connections: Evidence[Any], window: _Window) -> list[dict[str, Any]]:
    broken: dict[str, set[int]] = defaultdict(set)
    for row in connections.rows:
        if row["outcome"] != "alive" and row["at"] is not None and row["at"] in window:
            broken[row["outcome"]].add(row["at"])
    count = sum(row["outcome"] != "alive" for row in connections.rows)
    marks = {outcome: _thinned(times, window) for outcome, times in sorted(broken.items())}
    label = f"connections that broke: {count} of {len(connections.rows)}"
    return [{"kind": "connections", "label": label, "detail": "", "marks": marks}]


def _events(events: Evidence[Any], window: _Window) -> list[dict[str, Any]]:
    marks: dict[str, list[list[Any]]] = {}
    for row in events.rows:
        if row["t"] in window:
            words = f"{row['reason']} {row['name']}: {row['message']}"[:200]
            kind = "Warning" if row["type"] == "Warning" else "Normal"
            marks.setdefault(kind, []).append([window.at(row["t"]), words])
    lane = {
        "kind": "events",
        "label": "Kubernetes events",
        "detail": "",
        "marks": {type_: [t for t, _ in told[:100]] for type_, told in sorted(marks.items())},
        "words": [each for type_ in sorted(marks) for each in marks[type_][:100]],
    }
    return [lane] if marks else []


def _load(load: Evidence[Any], window: _Window) -> list[dict[str, Any]]:
    """What a load generator noticed, second by second: it waits for answers, so that it notices less than probes."""
    rows = [row for row in load.rows if row["t"] in window and row["users"]]
    if not rows:
        return []
    spans = [[max(window.at(row["t"]) - 1, window.at(window.begin)), window.at(row["t"]), _level(row)] for row in rows]
    requests, failures = (sum(row[name] for row in rows) for name in ("requests", "failures"))
    detail = f"{requests} requests, {failures} failed; it waits for answers"
    return [{"kind": "load", "label": _label(load, "load"), "detail": detail, "spans": spans}]


def _level(second: Mapping[str, Any]) -> str:
    """How a second went, in the words for probes; one in which nothing ended is lost."""
    if second["failures"] == second["requests"]:
        return "lost"
    return "partly" if second["failures"] else "delivered"


def _activities(activities: Evidence[Any], window: _Window) -> list[dict[str, Any]]:
    """What Chaos Toolkit did, a lane each for what it looked at and what it did to the lab."""
    lanes = []
    for type_, label in (("probe", "hypothesis looked at"), ("action", "experiment did")):
        spans = [
            [
                window.at(max(row["t"], window.begin)),
                window.at(min(row["until"], window.end)),
                "down" if row["status"] == "failed" or row["met"] is False else "up",
                row["name"],
            ]
            for row in activities.rows
            if row["type"] == type_ and row["t"] <= window.end and row["until"] >= window.begin
        ]
        if spans:
            lanes.append({"kind": "activities", "label": label, "detail": "Chaos Toolkit", "spans": spans})
    return lanes


def _label(evidence: Evidence[Any], what: str) -> str:
    """What goes where, as far as the header tells: ``traffic client to 192.0.2.1:80``."""
    meta = evidence.meta
    address = str(meta.get("address", ""))
    port = f":{meta['port']}" if "port" in meta else ""
    to = f" to {f'[{address}]' if ':' in address and port else address}{port}" if address else ""
    vantage = f" {meta['vantage']}" if "vantage" in meta else ""
    return f"{what}{vantage}{to}" if to or vantage else f"{what} {evidence.name}"


_LANES: Final[Mapping[str, Callable[[Evidence[Any], _Window], list[dict[str, Any]]]]] = {
    "stream": _stream,
    "answers": _answers,
    "routes": _routes,
    "sessions": _sessions,
    "ingress": _ingress,
    "replies": _replies,
    "connections": _connections,
    "events": _events,
    "load": _load,
    "activities": _activities,
}

_ORDER: Final = (
    *("stream", "endpoint", "replies", "load", "connections", "answers", "routes", "sessions", "ingress", "events"),
    "activities",
)
"""From what the client notices to what explains it."""
