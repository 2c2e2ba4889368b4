"""Which part of the suite a run was asked for."""

from collections.abc import Mapping
from typing import Any


def left_out_by(options: Mapping[str, Any]) -> str:
    """What kept cases out of a run, in the words of the command; empty if all were asked for."""
    if only := options.get("only"):
        return f"--only {only if isinstance(only, str) else ', '.join(map(str, only))}"
    if options.get("quick"):
        return "--quick"
    return "" if options.get("all") else "without --all"


def is_part(options: Mapping[str, Any]) -> bool:
    """Whether a run was asked for less than certificates stand on."""
    return bool(options.get("only") or options.get("quick"))
