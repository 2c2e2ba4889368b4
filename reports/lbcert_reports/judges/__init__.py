"""Judges: pure functions from evidence and a bound to a verdict with its reason and its numbers.

`registry` says how a judge is declared and run; the other modules hold the judges of one theme each.
"""

from lbcert_reports.judges import allocation, bgp, calibration, config, failover, layer2, policy, precondition, reset
from lbcert_reports.judges.registry import REGISTRY, Judge, Judgement, Limit, Measurement, Role, judge, run

__all__ = [
    "REGISTRY",
    "Judge",
    "Judgement",
    "Limit",
    "Measurement",
    "Role",
    "allocation",
    "bgp",
    "calibration",
    "config",
    "failover",
    "judge",
    "layer2",
    "policy",
    "precondition",
    "reset",
    "run",
]
