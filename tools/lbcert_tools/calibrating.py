"""Calibrating the probe in a testbed: known gaps between client and node, through the router and past everything else.

What is cut is the far client's link, and what is dropped is what the router forwards, which is the far client's traffic
alone. A node's kernel answers at the node's own address. So the implementation neither notices nor has a part in it.
"""

from typing import Final

from lbcert_fixtures.probes import ProbeError
from lbcert_fixtures.probes.calibration import LINK_CUT, PACKET_DROP, calibrate, link_cutter
from lbcert_fixtures.probes.packet_drop import PacketDrop
from lbcert_fixtures.testbeds import Testbed, TestbedError
from lbcert_reports.judges import Judgement
from lbcert_reports.judges.calibration import CALIBRATION
from lbcert_reports.recorder import Recorder
from lbcert_tools.planning import CAMPAIGN_TRIALS

VANTAGE: Final = "far-client"
ROUTER: Final = "router"

ONE_TRIAL: Final = {0: 1, 0.005: 3, 0.02: 3, 0.1: 1}
WHOLE: Final = ONE_TRIAL | {1: 1}
CAMPAIGN: Final = {0: 20, 0.005: 20, 0.02: 20, 0.1: 20, 1: 5, 5: 1}
"""For each length of a gap, s, how often it is made by each method; for 0 how many controls there are."""

DERIVATION: Final = {"allowed": "one period of the probe, and what the injection leaves open"}


def lengths(trials: int) -> dict[float, int]:
    """Which gaps a run's calibrations consist of, by how often it tries each fault: the weaker the claim, the fewer."""
    if trials >= CAMPAIGN_TRIALS:
        return dict(CAMPAIGN)
    return dict(ONE_TRIAL if trials == 1 else WHOLE)


def calibrated(testbed: Testbed, recorder: Recorder, name: str, lengths: dict[float, int]) -> Judgement:
    """Calibrate the probe, and have that judged on the run's own behalf.

    A calibration that cannot be made is one that is not accepted: the reason is noted for the report's reader.

    Args:
        testbed: where.
        recorder: the run's.
        name: name of the evidence, which no other has.
        lengths: for each length of a gap, s, how many of it each method makes.
    """
    own = recorder.own()
    try:
        with PacketDrop(testbed, ROUTER) as drop:
            cutters = {LINK_CUT: link_cutter(testbed, VANTAGE), PACKET_DROP: drop}
            rows, meta = calibrate(testbed, VANTAGE, testbed.nodes[0].name, cutters, lengths)
    except (ProbeError, TestbedError, OSError) as error:
        recorder.note(f"The probe could not be calibrated. {error}")
        rows, meta = [], {}
    gaps = own.evidence("calibration", rows, name, **meta)
    sizes = [size for size in lengths if size]
    bound = {"methods": [LINK_CUT, PACKET_DROP], "sizes": sizes, "derivation": DERIVATION}
    return own.judge("calibration", CALIBRATION, {"gaps": gaps}, bound)
