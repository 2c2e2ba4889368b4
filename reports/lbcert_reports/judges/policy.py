"""Judges of the data path: who serves a request, how evenly, and what it sees of the client."""

from ipaddress import ip_address

from lbcert_reports.evidence import Evidence, Reply
from lbcert_reports.judges.registry import Judgement, Limit, Measurement, judge, listed, ruling
from lbcert_reports.judges.spans import rows


@judge("source-preserved")
def source_preserved(replies: Evidence[Reply], *, requests: int = 20) -> Judgement:
    """The endpoint sees the address that the client has, in every request.

    Args:
        replies: requests with what the endpoint saw.
        requests: how many answered requests it takes for a verdict.
    """
    answered = [each for each in rows(replies, "replies") if each["outcome"] == "ok" and each["client_seen"]]
    seen = [(host(each["source"]), host(each["client_seen"] or "")) for each in answered]
    changed = sorted({(source, other) for source, other in seen if source != other})
    same = sum(source == other for source, other in seen)
    return ruling(
        [f"{source} was seen as {other}" for source, other in changed],
        "every endpoint saw the client's own address",
        Measurement(
            "source preserved",
            same / len(seen) if seen else None,
            "share",
            len(seen),
            "echo of the peer's address",
            bound=Limit(1.0, ">=", "the requirement"),
        ),
        expected="the endpoint sees the client's own address in every request",
        observed=f"{same} of {len(seen)} requests"
        + (f"; others saw {listed(sorted({other for _, other in changed}))}" if changed else ""),
        short=f"{len(seen)} answered requests, {requests} are needed" if len(seen) < requests else "",
    )


def host(endpoint: str) -> str:
    """The address in ``ip``, ``ip:port``, ``[ip]`` or ``[ip]:port``, in canonical form.

    An IPv4 address mapped into IPv6, as a dual-stack socket shows it, is the IPv4 address.
    """
    text = endpoint[1:].partition("]")[0] if endpoint.startswith("[") else endpoint
    if text.count(":") == 1:
        text = text.partition(":")[0]
    ip = ip_address(text)
    return str(getattr(ip, "ipv4_mapped", None) or ip)
