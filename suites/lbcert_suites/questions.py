"""Questions for addresses on the nodes' segment, and what was answered."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from lbcert_fixtures.probes.layer2 import Answer, Asking
from lbcert_fixtures.testbeds import IPAddress, Testbed
from lbcert_reports.recorder import CaseRecorder, EvidenceRef

EVERY_SECONDS: Final = 0.04

FRAMES: Final = 100
"""For each address, questions and answers together: fifty questions, if each is answered."""

BUDGET_SECONDS: Final = 5.0

ANSWERED: Final[Mapping[str, str]] = {"ipv4": "L2-001", "ipv6": "L2-002"}
"""By the address family, the requirement that questions for addresses are answered."""


def last_given(rows: Iterable[Answer], forms: Collection[str] = ()) -> dict[str, str]:
    """The MAC that was last given for each address.

    Args:
        rows: what was asked and heard.
        forms: which forms count; by default all in which something is said.
    """
    said = (row for row in rows if (row["form"] in forms if forms else row["form"] != "asked"))
    return {row["address"]: row["mac"] for row in said}


def latest(rows: Sequence[Answer], seconds: float) -> list[Answer]:
    """The end of what was asked and heard.

    Args:
        rows: what was; there has to be some.
        seconds: how much of it, up to the last.
    """
    begin = rows[-1]["t"] - round(seconds * 1e9)
    return [row for row in rows if row["t"] >= begin]


def ask(
    testbed: Testbed,
    record: CaseRecorder,
    addresses: Collection[IPAddress],
    patience: float,
    name: str | None = None,
    budget: float = BUDGET_SECONDS,
) -> EvidenceRef:
    """Ask for addresses once somebody said something about each of them, or the patience is over.

    Args:
        testbed: where.
        record: the case's.
        addresses: of either family.
        patience: how long to wait for that, s.
        name: of the evidence; by default its kind.
        budget: how long to ask where not all are answered, s.

    Returns:
        The questions from then on and what was heard, evidence ``answers``.
    """
    wanted = set(map(str, addresses))
    with Asking(testbed, "client", list(addresses), every=EVERY_SECONDS) as asking:
        asking.until(lambda rows: wanted <= last_given(rows).keys(), patience)
        settled = len(asking.rows())
        asking.until(lambda rows: len(rows) > settled + FRAMES * len(wanted), budget)
        asking.hear_out(1)
    return record.evidence("answers", asking.rows()[settled:], name, **asking.meta())
