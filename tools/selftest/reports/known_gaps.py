"""Known gaps and the streams that meet them, made without a network."""

import random
from collections.abc import Iterable, Sequence
from typing import Any

from lbcert_reports.evidence import Evidence

S, MS = 1_000_000_000, 1_000_000
BEGIN = 1_800_000_000 * S
SETTLED = 300 * MS


CALL = MS // 50
"""How long each call takes that cuts or restores, ns."""


def injected(*sizes: int, methods: Sequence[str] = ("cut",), began: int = BEGIN) -> list[dict[str, Any]]:
    """Known gaps of so many ns by each method, one after the other; 0 is a control."""
    rows, now = [], began + SETTLED
    for size in sizes:
        for method in methods if size else [""]:
            call, end = CALL if size else 0, now + size
            times = {"began": now, "effective": now + call, "healing": end, "healed": end + call, "late": 0}
            rows.append({"method": method, "size": size, **times})
            now = end + call + SETTLED
    return rows


def probed(
    gaps: Sequence[dict[str, Any]],
    period: int = MS,
    *,
    begin: int = BEGIN,
    trip: int = MS // 10,
    seed: int = 0,
    off: int = 0,
) -> Evidence[Any]:
    """A stream over IPv6 from the client that meets the gaps on its way there or back.

    Args:
        gaps: as `injected` makes them.
        period: ns.
        begin: when the first probe is due, ns.
        trip: how long each way takes, ns.
        seed: of the jitter.
        off: how much longer the probe takes a gap to be than it is, ns.
    """
    chance, rows = random.Random(seed), []
    for seq in range((gaps[-1]["healed"] + SETTLED - begin) // period):
        due = begin + seq * period
        sent = due + chance.randrange(period // 10)
        ways = (sent + trip, sent + 2 * trip)
        met = any(each["effective"] <= at < each["healing"] + off for each in gaps if each["size"] for at in ways)
        received = None if met else ways[1]
        rows.append({"seq": seq, "due": due, "sent": sent, "received": received, "endpoint": None, "flow": 0})
    return evidence("stream", rows, period=period, kernel_drops=0, protocol="udp", family="ipv6", vantage="client")


def evidence(kind: str, rows: Iterable[Any], **meta: Any) -> Evidence[Any]:
    """Evidence that no file holds."""
    return Evidence(kind, "", kind, meta, tuple(rows))
