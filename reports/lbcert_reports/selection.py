"""Which part of the suite a run was asked for."""

from collections.abc import Mapping
from typing import Any


def left_out_by(options: Mapping[str, Any]) -> str:
    """What kept cases out of a run, in the words of the command; empty if all were asked for."""
    said = f"--families {options['families']}" if one_family(options) else ""
    if only := options.get("only"):
        words = f"--only {only if isinstance(only, str) else ', '.join(map(str, only))}"
    elif options.get("quick"):
        words = "--quick"
    else:
        words = "" if options.get("all") else "without --all"
    return ", ".join(filter(None, (words, said)))


def is_part(options: Mapping[str, Any]) -> bool:
    """Whether a run was asked for less than certificates stand on."""
    return bool(options.get("only") or options.get("quick") or one_family(options))


def one_family(cluster: Mapping[str, Any]) -> str:
    """``IPv4 only`` or ``IPv6 only``, of what says so as ``families``; empty if the cluster is dual stack."""
    return {"ipv4": "IPv4 only", "ipv6": "IPv6 only"}.get(str(cluster.get("families")), "")
