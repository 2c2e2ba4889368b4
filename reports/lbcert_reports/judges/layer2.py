"""Judges of layer 2 announcement: who answers ARP and NDP for an address, when, and how."""

from lbcert_reports.evidence import Answer, Evidence
from lbcert_reports.judges.registry import Judgement, Limit, Measurement, Unclear, judge, listed, ruling
from lbcert_reports.judges.spans import nanoseconds, rows


@judge("one-announcer")
def one_announcer(
    answers: Evidence[Answer],
    *,
    nodes: dict[str, str],
    addresses: list[str] | None = None,
    within: float = 1.0,
    answered: float = 0.99,
    asks: int = 10,
) -> Judgement:
    """All answers about an address come from one node, and hardly any question goes unanswered.

    Args:
        answers: questions and everything that was heard, in steady state.
        nodes: node of each hardware address.
        addresses: the addresses that are judged; by default all that were asked for.
        within: how long an answer may take, s.
        answered: least share of the questions that must be answered.
        asks: how many questions per address it takes for a verdict.
    """
    problems: list[str] = []
    shares: list[float] = []
    fewest = asks
    for address, frames in _by_address(answers, addresses).items():
        heard = [frame for frame in frames if frame["form"] != "asked"]
        strangers = sorted({frame["mac"] for frame in heard} - nodes.keys())
        if strangers:
            problems.append(f"{address} was answered by {listed(strangers)}, which no node has")
        owners = sorted({nodes[frame["mac"]] for frame in heard if frame["mac"] in nodes})
        if len(owners) > 1:
            problems.append(f"{address} was answered by {listed(owners)}")
        delays = _delays(frames)
        fewest = min(fewest, len(delays))
        good = sum(delay is not None and delay <= nanoseconds(within) for delay in delays)
        shares.append(good / len(delays) if delays else 0.0)
        if delays and shares[-1] < answered:
            problems.append(f"{good} of {len(delays)} questions for {address} were answered within {within:g} s")
    return ruling(
        problems,
        "each address was answered by one node only",
        Measurement(
            "questions answered",
            min(shares),
            "share",
            len(shares),
            "address with the fewest",
            bound=Limit(answered, ">=", "answered"),
        ),
        expected=f"one node answers, {answered:.0%} of the questions within {within:g} s",
        observed=_owners_text(answers, nodes, addresses),
        short=f"only {fewest} questions were asked for an address, {asks} are needed" if fewest < asks else "",
    )


def _by_address(answers: Evidence[Answer], addresses: list[str] | None) -> dict[str, list[Answer]]:
    """The frames about each address in order of time.

    Raises:
        Unclear: if there is no frame, or none about one of the addresses.
    """
    frames: dict[str, list[Answer]] = {address: [] for address in addresses or ()}
    for frame in sorted(rows(answers, "answers"), key=lambda frame: frame["t"]):
        if addresses is None or frame["address"] in frames:
            frames.setdefault(frame["address"], []).append(frame)
    if silent := [address for address, each in frames.items() if not each]:
        raise Unclear(f"nobody asked for {listed(silent)}")
    return frames


def _delays(frames: list[Answer]) -> list[int | None]:
    """For each question how long its first answer took, ns; None if none came before the next question."""
    delays: list[int | None] = []
    asked: int | None = None
    for frame in frames:
        if frame["form"] == "asked":
            asked = frame["t"]
            delays.append(None)
        elif asked is not None and delays[-1] is None and frame["form"] in ("arp-reply", "na-solicited"):
            delays[-1] = frame["t"] - asked
    return delays


def _owners_text(answers: Evidence[Answer], nodes: dict[str, str], addresses: list[str] | None) -> str:
    """Who answered for what, as a sentence."""
    texts = []
    for address, frames in _by_address(answers, addresses).items():
        heard = [frame for frame in frames if frame["form"] != "asked"]
        owners = sorted({nodes.get(frame["mac"], frame["mac"]) for frame in heard})
        texts.append(f"{address}: {len(heard)} answers from {listed(owners) or 'nobody'}")
    return listed(texts)
