"""The report's pictures, drawn from the data of its panels. Colours come from the page's style sheet."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from lbcert_reports.html import wording
from lbcert_reports.html.svg import Scale, boxes, element, group, line, marks, picture, rect, text

WIDTH: Final = 1040.0
GUTTER: Final = 270.0
"""Room for the labels of lanes, left of the plot."""


def _clipped(words: str, most: int) -> str:
    return words if len(words) <= most else words[: most - 1] + "…"


def _label(x: float, y: float, words: str, most: int, class_: str = "label", anchor: str | None = None) -> Markup:
    """Words that may have been cut; the whole of them is shown when the pointer rests there."""
    shown = _clipped(words, most)
    title = element("title", words) if shown != words else None
    return element("text", title, shown, x=x, y=y, class_=class_, text_anchor=anchor)


def _axis(scale: Scale, top: float, bottom: float, unit: str = "s", wanted: int = 9) -> Markup:
    """Vertical grid lines with their values below."""
    parts = []
    for tick in scale.ticks(wanted):
        x = scale(tick)
        parts += [line(x, top, x, bottom, "grid"), text(x, bottom + 16, wording.quantity(tick, unit), "tick", "middle")]
    return group(*parts)


def _scale_of_times(panels: Sequence[Mapping[str, Any]], start: float, end: float) -> Scale:
    """One scale for all; with square roots where the spans differ too much for a straight one."""
    tops = [max(low if high is None else high for low, high in panel["trials"]) for panel in panels]
    bounds = [panel["bound"]["value"] for panel in panels if _has_limit(panel)]
    high = max([*tops, *bounds, 1e-6]) * 1.04
    return Scale(0.0, high, start, end, root=min(tops) < high / 15)


def _has_limit(panel: Mapping[str, Any]) -> bool:
    return panel["bound"] is not None and isinstance(panel["bound"]["value"], int | float)


def failover(panels: Sequence[Mapping[str, Any]]) -> Markup:
    """Every trial of every fault as an interval on one axis, with median, its interval and the bound."""
    height, top = 68.0, 8.0
    scale = _scale_of_times(panels, 330.0, WIDTH - 180)
    bottom = top + height * len(panels)
    rows = [_strip(panel, top + height * index, height, scale) for index, panel in enumerate(panels)]
    note = "square-root scale, so that short outages stay visible" if scale.root else "time after the fault's effect"
    return picture(
        WIDTH,
        bottom + 40,
        "Every trial of every fault, with median and bound",
        _axis(scale, top, bottom),
        *rows,
        text((scale.start + scale.end) / 2, bottom + 34, note, "tick", "middle"),
        class_="plot",
    )


def _strip(panel: Mapping[str, Any], top: float, height: float, scale: Scale) -> Markup:
    trials = panel["trials"]
    head = 20.0  # the title lies above the strip
    middle, inner = top + head + (height - head) / 2, height - head - 10
    step = min(7.0, inner / max(1, len(trials)))
    first = middle - step * (len(trials) - 1) / 2
    shapes = [
        rect(
            scale(low) - 2.5,
            first + step * index - min(2.0, step * 0.4),
            scale(scale.high if high is None else high) - scale(low) + 5,
            min(4.0, step * 0.8),
            "trial" if high is not None else "trial endless",
            f"trial {index + 1}: {_told(low, high)}",
        )
        for index, (low, high) in enumerate(trials)
    ]
    if panel["interval"] and None not in panel["interval"]:
        low, high = panel["interval"]
        shapes.insert(
            0,
            rect(scale(low), top + head + 2, scale(high) - scale(low), height - head - 6, "band", "95 % of the median"),
        )
    if panel["median"] is not None:
        median = scale(panel["median"])
        shapes.append(line(median, top + head + 2, median, top + height - 4, "median"))
    if _has_limit(panel):
        limit = scale(panel["bound"]["value"])
        shapes += [
            line(limit, top + head + 2, limit, top + height - 2, "limit"),
            element(
                "path",
                element("title", f"bound {wording.seconds(panel['bound']['value'])}: {panel['bound']['derivation']}"),
                d=f"M{limit:.1f} {top + head + 3:.1f}l-4 -7h8z",
                class_="limit-mark",
            ),
        ]
    claim = panel["claim"]
    what = f"{panel['requirement']} · {panel['name']} after {', '.join(panel['faults'])}"
    return group(
        line(0, top + height, WIDTH, top + height, "rule"),
        _label(0, top + 16, panel["title"], 140, "label strong"),
        _label(0, middle + 4, what, 54, "tick"),
        *shapes,
        text(WIDTH - 166, middle - 10, f"median {_known(panel['median'])}", "label strong"),
        text(WIDTH - 166, middle + 4, f"longest of {len(trials)}: {_known(claim['value'])}", "tick"),
        text(
            WIDTH - 166,
            middle + 19,
            f"bound {wording.seconds(panel['bound']['value'])}" if _has_limit(panel) else "no bound",
            "tick",
        ),
    )


def _told(low: float, high: float | None) -> str:
    return f"more than {wording.seconds(low)}" if high is None else wording.span(low, high, "s")


def _known(value: float | None) -> str:
    return "no end seen" if value is None else wording.seconds(value)


def trials(panel: Mapping[str, Any]) -> Markup:
    """One fault: each trial as a bar made of its phases, with the interval in which its end lies."""
    height, top = 22.0, 26.0
    scale = _scale_of_times([panel], 70.0, WIDTH - 130)
    rows = []
    for index, (low, high) in enumerate(panel["trials"]):
        y, begin, until = top + height * index + 4, 0.0, scale.high if high is None else high
        for number, (phase, lengths) in enumerate(panel["phases"].items()):
            end = begin + lengths[index]
            words = f"trial {index + 1}, {phase}: {wording.seconds(lengths[index])}"
            rows.append(rect(scale(begin), y, scale(end) - scale(begin), height - 8, f"phase{number}", words))
            begin = end
        if not panel["phases"]:
            rows.append(rect(scale(0), y, scale((low + until) / 2) - scale(0), height - 8, "phase0"))
        centre = y + (height - 8) / 2
        rows += [
            line(scale(low), centre, scale(until), centre, "whisker"),
            line(scale(low), centre - 5, scale(low), centre + 5, "whisker"),
            *([line(scale(until), centre - 5, scale(until), centre + 5, "whisker")] if high is not None else []),
            text(60, centre + 4, f"trial {index + 1}", "tick", "end"),
            text(WIDTH - 120, centre + 4, _told(low, high), "tick"),
        ]
    bottom = top + height * len(panel["trials"]) + 2
    if _has_limit(panel):
        limit = scale(panel["bound"]["value"])
        words = f"bound {wording.seconds(panel['bound']['value'])}"
        rows += [line(limit, top - 4, limit, bottom, "limit"), text(limit - 4, top - 8, words, "tick", "end")]
    keys, x = [], 70.0
    for number, phase in enumerate(panel["phases"]):
        keys += [rect(x, 4, 12, 10, f"phase{number}"), text(x + 17, 13, phase, "tick")]
        x += 34 + 7 * len(phase)
    label = f"Trials of {panel['title']}"
    return picture(WIDTH, bottom + 24, label, *keys, _axis(scale, top, bottom), *rows, class_="plot")


def spread(panel: Mapping[str, Any]) -> Markup:
    """Share of the flows that entered each node, phase by phase, in the band of a perfect spread."""
    bar, gap, between, left, top, height = 46.0, 10.0, 44.0, 52.0, 20.0, 190.0
    bars = sum(len(phase["nodes"]) for phase in panel["phases"])
    width = left + bars * (bar + gap) + between * len(panel["phases"])
    highest = max(max(node["share"], node["band"][1]) for phase in panel["phases"] for node in phase["nodes"])
    scale = Scale(0.0, highest * 1.12, top + height, top)
    parts = []
    for tick in scale.ticks(4):
        words = f"{wording.number(round(tick * 100, 1))} %"
        parts += [
            line(left - 6, scale(tick), width, scale(tick), "grid"),
            text(left - 10, scale(tick) + 4, words, "tick", "end"),
        ]
    x = left + 8
    for phase in panel["phases"]:
        begin = x
        for node in phase["nodes"]:
            control = "bar control" if phase["phase"].startswith("control") else "bar"
            low, high = node["band"]
            inside = low <= node["share"] <= high
            share = f"{node['share']:.1%}" + ("" if inside else " !")
            where = f"{phase['phase']}, {node['node']}"
            words = f"{where}: {node['count']} of {phase['flows']} flows, expected {low:.1%} to {high:.1%}"
            parts += [
                rect(x, scale(node["share"]), bar, scale(0) - scale(node["share"]), control, words, 2),
                rect(x - 4, scale(high), bar + 8, scale(low) - scale(high), "expected"),
                line(x - 4, scale(node["expected"]), x + bar + 4, scale(node["expected"]), "expected-line"),
                text(x + bar / 2, scale(max(node["share"], high)) - 6, share, "tick strong", "middle"),
                _label(x + bar / 2, top + height + 16, node["node"], 8, "tick", "middle"),
            ]
            x += bar + gap
        centre = (begin + x - gap) / 2
        parts += [
            _label(centre, top + height + 36, phase["phase"], 24, "label strong", "middle"),
            text(centre, top + height + 51, wording.count(phase["flows"], "flow"), "tick", "middle"),
        ]
        x += between
    return picture(width, top + height + 60, "Flows per node with the expected band", *parts, class_="plot natural")


FATES: Final = ("alive", "stalled", "reset", "refused", "timeout")


def fate(outcomes: Mapping[str, int], width: float = 220) -> Markup:
    """The fates of connections as one bar; each fate has a pattern of its own."""
    total, x, parts = sum(outcomes.values()) or 1, 0.0, []
    for name in FATES:
        if number := outcomes.get(name, 0):
            room = max(2.0, width * number / total)
            parts += [
                rect(x, 0, room, 14, f"fate-{name}", f"{name}: {number} of {total}"),
                rect(x, 0, room, 14, f"over-{name}"),
            ]
            x += room
    label = ", ".join(f"{number} {name}" for name, number in outcomes.items() if number)
    return picture(max(width, x), 14, label, *parts, class_="inline")


def load(seconds: Sequence[Sequence[int]], width: float = 220) -> Markup:
    """Requests second by second: the height is how many ended, and what failed of them lies on top."""
    height, most = 28.0, max((requests for requests, _ in seconds), default=0) or 1
    step = width / max(1, len(seconds))
    parts = []
    for number, (requests, failures) in enumerate(seconds):
        x, tall, bad = number * step, height * requests / most, height * failures / most
        words = f"second {number + 1}: {requests} requests, {failures} failed"
        if not requests:
            parts.append(rect(x, height - 2, max(1.0, step - 0.5), 2, "level-lost", f"second {number + 1}: none ended"))
        elif requests > failures:
            parts.append(rect(x, height - tall + bad, max(1.0, step - 0.5), tall - bad, "level-delivered", words))
        if failures:
            parts.append(rect(x, height - tall, max(1.0, step - 0.5), bad, "level-lost", words))
    failed = sum(failures for _, failures in seconds)
    return picture(width, height, f"{len(seconds)} seconds, {failed} requests failed", *parts, class_="inline")


def tally(counts: Sequence[tuple[str, int]]) -> Markup:
    """How many requirements came to which verdict, as one bar."""
    total, x, parts = sum(number for _, number in counts) or 1, 0.0, []
    for word, number in counts:
        room = WIDTH * number / total
        parts.append(rect(x, 0, room - 2, 10, f"part v-{word}", f"{word}: {number} of {total}", 2))
        x += room
    return picture(WIDTH, 10, "Requirements by verdict", *parts, class_="bar-of-verdicts", preserveAspectRatio="none")


def key(class_: str) -> Markup:
    """A small box in the look of something in a picture, for its legend."""
    return picture(22, 12, "", rect(0.5, 0.5, 21, 11, class_), class_="inline", aria_hidden="true")


def bullet(measurement: Mapping[str, Any]) -> Markup | None:
    """A measurement on the way to its bound; None if there is no number to draw."""
    if not measurement["margin"]:
        return None
    bound, value = measurement["bound"], measurement["value"]
    low, high = measurement["interval"] or (value, value)
    limit = bound["value"]
    if bound["op"] == "==" or limit <= 0 or min(low, value) < 0:
        return None
    scale = Scale(0.0, max(limit * 1.15, high, value), 1, 119)
    met = measurement["margin"]["value"] >= 0
    free = (scale(0), scale(limit)) if bound["op"] == "<=" else (scale(limit), 119.0)
    unit = measurement["unit"]
    words = f"{wording.quantity(value, unit)} against {bound['op']} {wording.quantity(limit, unit)}"
    return picture(
        120,
        14,
        words,
        rect(free[0], 4, free[1] - free[0], 6, "free"),
        rect(scale(low), 5.5, scale(high) - scale(low), 3, "reach" if met else "reach missed"),
        line(scale(limit), 1, scale(limit), 13, "limit solid"),
        element("circle", cx=scale(value), cy=7, r=3.5, class_="value" if met else "value missed"),
        class_="inline",
    )


def path(panel: Mapping[str, Any], nodes: Sequence[str]) -> Markup:
    """One way of traffic: the client, the nodes it enters, the endpoints that answer; widths are shares."""
    rows = max(len(nodes), len(panel["endpoints"]), 1)
    height = 44.0 * rows + 26
    node_y = {node: 40 + 44.0 * (rows - len(nodes)) / 2 + 44 * index for index, node in enumerate(nodes)}
    places = panel["endpoints"]
    end_y = {each["endpoint"]: 40 + 44.0 * (rows - len(places)) / 2 + 44 * index for index, each in enumerate(places)}
    middle = 40 + 44.0 * (rows - 1) / 2
    shares = {each["node"]: each["share"] for each in panel["entries"]}
    flows = [
        _curve(86, middle, 150, node_y[node], share, f"{share:.0%} of the flows enter {node}")
        for node, share in shares.items()
    ]
    linked = sum(each["count"] for each in panel["links"]) or 1
    flows += [
        _curve(236, node_y[each["entry"]], 300, end_y[each["endpoint"]], each["count"] / linked,
               f"{each['count']} of {linked} from {each['entry']} to {each['endpoint']}")
        for each in panel["links"]
        if each["endpoint"] in end_y
    ]  # fmt: skip
    boxed = [
        group(
            rect(150, node_y[node] - 15, 86, 30, "box" if node in shares else "box idle", None, 5),
            _label(193, node_y[node] + (4 if node not in shares else -1), node, 11, "label", "middle"),
            text(193, node_y[node] + 11, f"{shares[node]:.0%}", "tick", "middle") if node in shares else None,
        )
        for node in nodes
    ]
    boxed += [
        group(
            rect(300, end_y[each["endpoint"]] - 15, 130, 30, "box", None, 5),
            _label(365, end_y[each["endpoint"]] - 1, each["endpoint"], 19, "label", "middle"),
            text(
                365,
                end_y[each["endpoint"]] + 11,
                f"{each['share']:.0%} on {_clipped(each['node'], 12)}",
                "tick",
                "middle",
            ),
        )
        for each in places
    ]
    return picture(
        432,
        height,
        f"Traffic to the address in mode {panel['mode']}, policy {panel['policy']}",
        text(43, 14, "client", "tick", "middle"),
        text(193, 14, "enters", "tick", "middle"),
        text(365, 14, "answers", "tick", "middle"),
        *flows,
        rect(4, middle - 15, 82, 30, "box", None, 5),
        text(45, middle + 4, "client", "label", "middle"),
        *boxed,
        class_="plot way",
    )


def _curve(x1: float, y1: float, x2: float, y2: float, share: float, words: str) -> Markup:
    bend = (x1 + x2) / 2
    return element(
        "path",
        element("title", words),
        d=f"M{x1:.1f} {y1:.1f}C{bend:.1f} {y1:.1f} {bend:.1f} {y2:.1f} {x2:.1f} {y2:.1f}",
        class_="flow",
        stroke_width=max(1.2, 20 * share),
    )


MARKS: Final[Mapping[str, tuple[str, str]]] = {
    "arp-reply": ("dot", "ARP reply"),
    "na-solicited": ("dot", "neighbour advertisement, solicited"),
    "garp-request": ("up", "gratuitous ARP, request form"),
    "garp-reply": ("down", "gratuitous ARP, reply form"),
    "na-unsolicited": ("diamond", "neighbour advertisement, unsolicited"),
    "ok": ("tick", "answered"),
    "refused": ("square", "refused"),
    "reset": ("down", "reset"),
    "timeout": ("diamond", "timeout"),
    "unreachable": ("up", "unreachable"),
    "stalled": ("up", "stalled"),
    "Normal": ("dot", "event"),
    "Warning": ("up", "warning"),
}
"""For each kind of mark its shape and what it means."""

_GOOD: Final = ("arp-reply", "na-solicited", "ok", "Normal")


def timeline(window: Mapping[str, Any], name: str) -> Markup:
    """The lanes of one window over a common time axis, fault windows shaded.

    Args:
        window: as `lbcert_reports.timelines.timelines` gives it.
        name: id of the picture's contents, so that it can be shown a second time without being drawn again.
    """
    top, height, shown = 30.0, 24.0, window["lanes"]
    bottom = top + height * max(1, len(shown))
    scale = Scale(window["begin"], max(window["end"], window["begin"] + 1e-6), GUTTER, WIDTH - 12)
    faults = [_fault(each, scale, top, bottom) for each in window["faults"]]
    contents = group(
        _axis(scale, top, bottom, wanted=10),
        *[each[0] for each in faults],
        *[_lane(lane, top + height * index, height, scale) for index, lane in enumerate(shown)],
        *[each[1] for each in faults],
        id=name,
    )
    return picture(WIDTH, bottom + 24, "Timeline", contents, class_="plot timeline")


def again(window: Mapping[str, Any], name: str) -> Markup:
    """A second view of a timeline that stands elsewhere on the page."""
    height = 30.0 + 24 * max(1, len(window["lanes"])) + 24
    return picture(WIDTH, height, "Timeline", element("use", href=f"#{name}"), class_="plot timeline")


def keys(windows: Sequence[Mapping[str, Any]]) -> list[tuple[Markup, str]]:
    """The marks that occur in some windows, each as a small picture and what it means."""
    names = dict.fromkeys(name for window in windows for lane in window["lanes"] for name in lane.get("marks", ()))
    return [
        (
            picture(14, 14, "", marks(shape, [7.0], 7, _mark_class(name)), class_="inline", aria_hidden="true"),
            meaning,
        )
        for name, (shape, meaning) in MARKS.items()
        if name in names
    ]


def _fault(fault: Mapping[str, Any], scale: Scale, top: float, bottom: float) -> tuple[Markup, Markup]:
    """The shaded window, to lie below the lanes, and its name and edges, to lie above."""
    begin, end = scale(fault["from"]), scale(fault["to"])
    words = f"{fault['fault']} {fault['target']}"
    long = f"{words}, {wording.seconds(fault['to'] - fault['from'])}"
    right = begin > (scale.start + scale.end) * 0.62
    edges = [line(begin, top - 8, begin, bottom, "fault-edge")]
    if fault["healed"]:
        edges.append(line(end, top - 4, end, bottom, "fault-edge healed"))
    return (
        rect(begin, top - 4, max(1.5, end - begin), bottom - top + 4, "fault", long),
        group(
            *edges,
            element("path", d=f"M{begin:.1f} {top - 4:.1f}l-4.5 -8h9z", class_="fault-mark"),
            _label(begin - 8, top - 10, words, 48, "label strong fault-name", "end")
            if right
            else _label(begin + 8, top - 10, words, 48, "label strong fault-name"),
        ),
    )


def _lane(lane: Mapping[str, Any], top: float, height: float, scale: Scale) -> Markup:
    middle, parts = top + height / 2, []
    by_level: dict[str, list[tuple[float, float]]] = {}
    for span in lane.get("spans", ()):
        told = len(span) > 3  # states stand apart from each other, so that a change between two good ones shows
        by_level.setdefault(span[2], []).append((scale(span[0]), scale(span[1]) - (1.5 if told else 0)))
    thick = 5.0 if lane["kind"] == "endpoint" else 11.0
    for level, spans in by_level.items():
        parts.append(boxes(spans, middle - thick / 2, thick, f"level-{level}"))
    for span in lane.get("spans", ()):
        room = scale(span[1]) - scale(span[0])
        if len(span) > 3 and room > 34:
            parts.append(_label(scale(span[0]) + 5, middle + 4, span[3], int(room / 6.2), f"on-{span[2]}"))
    for gap in lane.get("gaps", ()):
        begin, end = scale(gap["from"]), scale(gap["to"])
        length = wording.seconds(gap["to"] - gap["from"])
        if end - begin > 7 * len(length) + 34:
            parts.append(text((begin + end) / 2, middle + 4, f"lost {length}", "on-lost", "middle"))
        elif gap["to"] - gap["from"] > 0:
            words = f"lost {length}, {gap['lost']} probes"
            parts.append(rect(begin, middle - 8, max(2.0, end - begin), 16, "gap", words))
    for name, places in lane.get("marks", {}).items():
        parts.append(marks(MARKS.get(name, ("dot", name))[0], [scale(t) for t in places], middle, _mark_class(name)))
    for t, words in lane.get("words", ()):
        parts.append(rect(scale(t) - 5, middle - 6, 10, 12, "hit", words))
    label = _label(0, middle + 4, lane["label"], 44, "label")
    detail = lane["detail"]
    return group(
        line(0, top + height, WIDTH, top + height, "rule"),
        element("g", element("title", f"{lane['label']}: {detail}"), label) if detail else label,
        *parts,
    )


def _mark_class(name: str) -> str:
    if name in _GOOD:
        return "mark"
    return "mark told" if MARKS.get(name, ("", ""))[1].startswith(("gratuitous", "neighbour")) else "mark bad"
