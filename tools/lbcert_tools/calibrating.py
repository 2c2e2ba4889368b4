"""Calibrating the probes in a testbed: known gaps between its places, through the router and past everything else.

What is cut is the far client's link, and what is dropped is what the router forwards, which is the far client's traffic
alone. The far client probes a node, whose kernel answers at the node's own address, and the client on the nodes'
segment probes the far client. So one cut interrupts both, and the implementation neither notices nor has a part in it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from lbcert_fixtures.probes import Family, ProbeError
from lbcert_fixtures.probes.calibration import LINK_CUT, PACKET_DROP, Probe, calibrate, link_cutter
from lbcert_fixtures.probes.packet_drop import PacketDrop
from lbcert_fixtures.probes.stream import Stream
from lbcert_fixtures.testbeds import Testbed, TestbedError
from lbcert_reports.calibrations import measurable
from lbcert_reports.judges import Judgement
from lbcert_reports.judges.calibration import CALIBRATION
from lbcert_reports.recorder import CaseRecorder, EvidenceRef, Recorder
from lbcert_tools.planning import CAMPAIGN_TRIALS

FAR: Final = "far-client"
NEAR: Final = "client"
ROUTER: Final = "router"

SLOW: Final = 0.01
"""How often experiments and the cases on connections probe, s: every 10 ms."""

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


def rounds(families: Sequence[Family], node: str) -> Iterator[list[Probe]]:
    """All probes by which cases measure gaps, as many at a time as a case has.

    One of either family every millisecond, and one of either every ten.

    Args:
        families: the testbed's address families.
        node: the node that answers the far client.
    """
    for first, second in zip(families, [*families[1:], families[0]], strict=True):
        yield [
            Probe(NEAR, FAR, first),
            Probe(FAR, node, second),
            Probe(NEAR, FAR, second, every=SLOW),
            Probe(FAR, node, first, "tcp", SLOW),
        ]


def calibrated(
    testbed: Testbed,
    recorder: Recorder,
    name: str,
    lengths: dict[float, int],
    families: Sequence[Family],
    *,
    stream: Callable[..., Stream] = Stream,
) -> list[Judgement]:
    """Calibrate the probes, and have that judged on the run's own behalf, each on its own.

    A calibration that cannot be made is one that is not accepted: the reason is noted for the report's reader.

    Args:
        testbed: where.
        recorder: the run's.
        name: begin of the names of the evidence, which no other has.
        lengths: for each length of a gap, s, how many of it each method makes.
        families: the testbed's address families.
        stream: makes a stream.
    """
    own = recorder.own()
    judgements: list[Judgement] = []
    for number, probes in enumerate(rounds(families, testbed.nodes[0].name), start=1):
        try:
            with PacketDrop(testbed, ROUTER) as drop:
                cutters = {LINK_CUT: link_cutter(testbed, FAR), PACKET_DROP: drop}
                injected, streams = calibrate(testbed, probes, cutters, lengths, stream=stream)
        except (ProbeError, TestbedError, OSError) as error:
            recorder.note(f"The probes could not be calibrated. {error}")
            return [*judgements, _judged(own, {}, lengths)]
        gaps = own.evidence("calibration", injected, f"{name}-{number}")
        seen = {probe: own.observed("stream", each, f"{name}-{number}-{probe.name}") for probe, each in streams.items()}
        judgements += [
            _judged(own, {"gaps": gaps, "stream": ref}, measurable(lengths, probe.every)) for probe, ref in seen.items()
        ]
    return judgements


def _judged(own: CaseRecorder, inputs: dict[str, EvidenceRef], sizes: Iterable[float]) -> Judgement:
    asked = [size for size in sizes if size]  # controls there always have to be
    bound = {"methods": [LINK_CUT, PACKET_DROP], "sizes": asked, "derivation": DERIVATION}
    return own.judge("calibration", CALIBRATION, inputs, bound)
