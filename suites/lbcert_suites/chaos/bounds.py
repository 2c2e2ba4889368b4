"""Bounds that several cases on experiments hold what they saw against, and what they judge alike."""

from typing import Any, Final

from lbcert_reports.experiments import Experiment
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.layer2.takeovers import HANDOVER_SECONDS
from lbcert_suites.standing import HOLD_SECONDS

ROUTER_SECONDS: Final = 0.5
"""What FRR and the kernel add until a route is changed: 0.1 s, and room for a busy machine."""

LASTING: Final = {
    "within": HOLD_SECONDS + ROUTER_SECONDS,
    "rate": 0.01,
    "window": 10.0,
    "derivation": {
        "within": "negotiated hold time (RFC 4271, section 6.5), and what the router adds",
        "rate": "RESET-003: at most 1 % in any later window of 10 s",
    },
}
"""No blackhole lasts: new connections succeed once the hold time is over, and go on succeeding."""


def changes(experiment: Experiment, most: int) -> dict[str, Any]:
    """The answering node changes so often at most, over all that was watched.

    At a change the old node may answer beside the new one for as long as it takes to hand over.
    """
    bound = {"nodes": experiment.facts["nodes"], "hold": 0.8 * experiment.watched, "changes": most}
    return bound | ({"overlap": HANDOVER_SECONDS} if most else {})


def judge_planned_move(record: CaseRecorder, experiment: Experiment, within: float, *, passing: bool = False) -> None:
    """L2-045: requests are interrupted, and addresses unanswered, for no longer than a planned move may take, s.

    Args:
        record: where the verdicts go.
        experiment: what was done and seen.
        within: how long a planned move may take, s.
        passing: whether what was done passes by itself, and is judged to the end of what was seen.
    """
    moved = {"answers": experiment.seen["answers"], "cause": experiment.causes[0]}
    for stream in experiment.named("stream-layer2"):
        record.judge("L2-045", "failover-gap", {"stream": stream, **moved}, {"limit": within, "passing": passing})
    record.judge("L2-045", "answered-again", moved, {"within": within})
