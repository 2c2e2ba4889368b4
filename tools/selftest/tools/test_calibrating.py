"""In a quiet lab the probe's calibration is accepted, and that of a broken probe is not."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lbcert_fixtures.probes import ProbeError
from lbcert_fixtures.probes import stream as streams
from lbcert_fixtures.probes.calibration import LINK_CUT, PACKET_DROP, calibrate
from lbcert_fixtures.probes.stream import Gap, StreamRow
from lbcert_fixtures.testbeds import netns
from lbcert_fixtures.testbeds.netns import Lab, LabOptions
from lbcert_reports.calibrations import METHODS, SIZES
from lbcert_reports.recorder import Recorder
from lbcert_reports.rejudge import rejudge
from lbcert_reports.verdicts import Verdict
from lbcert_tools import calibrating

Measure = Callable[[Sequence[StreamRow]], Sequence[Gap]]


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with netns.start("selftest-calibrating", LabOptions(nodes=1)) as lab:
        yield lab


def longer(rows: Sequence[StreamRow]) -> Sequence[Gap]:
    """As a probe would measure that takes both ends of a gap 3 ms too far out."""
    return [replace(gap, lower=gap.lower + 6_000_000, upper=gap.upper + 6_000_000) for gap in streams.gaps(rows)]


def wider(rows: Sequence[StreamRow]) -> Sequence[Gap]:
    """As a probe that makes up for it by claiming little."""
    return [replace(gap, lower=0, upper=gap.upper + 2_000_000) for gap in streams.gaps(rows)]


def blunt(rows: Sequence[StreamRow]) -> Sequence[Gap]:
    """As a probe that takes what is short for chance."""
    return [gap for gap in streams.gaps(rows) if gap.lost > 30]


def nervous(rows: Sequence[StreamRow]) -> Sequence[Gap]:
    """As a probe that takes every late answer for a loss."""
    return streams.gaps(rows) or [Gap(0, 2_000_000, 1, rows[0]["sent"], rows[-1]["sent"])]


@pytest.mark.lab
def test_the_probe_measures_known_gaps_as_they_are_and_in_time(lab: Lab, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    facts: dict[str, Any] = {
        key: {} for key in ("suite", "profile", "testbed", "environment", "options", "requirements")
    }
    recorder.event("run-started", run="calibrating", command="", plan=[], **facts)
    for run in range(3):
        judgement = calibrating.calibrated(lab, recorder, f"calibration-{run}", dict(calibrating.ONE_TRIAL))
        assert judgement.verdict is Verdict.PASS, judgement.reason
        assert judgement.reason.endswith("known gaps were measured as they are")
    recorder.event("run-finished", cases={}, duration=1.0)
    again = rejudge(tmp_path)
    assert (again.verdicts, again.findings) == (3, ())


@pytest.mark.lab
@pytest.mark.parametrize(
    ("measure", "flaw"),
    [
        (longer, "gaps of 0.005 s by packet drop were measured +0.00"),
        (wider, "gaps of 0.02 s by packet drop were measured -0.00"),
        (blunt, "3 of 3 gaps of 0.005 s by packet drop were missed"),
        (nervous, "1 of 1 controls showed a gap"),
    ],
)
def test_a_broken_probe_is_not_accepted(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measure: Measure, flaw: str
) -> None:
    monkeypatch.setattr(calibrating, "calibrate", partial(calibrate, measure=measure))
    judgement = calibrating.calibrated(lab, Recorder(tmp_path), "calibration", dict(calibrating.ONE_TRIAL))
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert flaw in judgement.reason


def test_a_calibration_that_cannot_be_made_is_not_accepted_and_says_why(tmp_path: Path) -> None:
    class Broken:
        def socket(self, *_: object) -> None:
            raise ProbeError("there is no router")

    recorder = Recorder(tmp_path)
    judgement = calibrating.calibrated(Broken(), recorder, "calibration", dict(calibrating.WHOLE))  # type: ignore[arg-type]
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert judgement.reason.startswith("no control was made, no gap of 0.005 s by link cut was made")
    assert "The probe could not be calibrated. there is no router" in (tmp_path / "journal/main.jsonl").read_text()


def test_a_campaign_makes_more_gaps_and_longer_ones_than_a_first_look() -> None:
    assert max(calibrating.lengths(1)) == 0.1
    assert max(calibrating.lengths(5)) == 1
    campaign = calibrating.lengths(29)
    assert max(campaign) == 5
    assert min(campaign[size] for size in (0, 0.005, 0.02, 0.1)) == 20


def test_every_calibration_has_what_judging_again_asks_of_each() -> None:
    assert (LINK_CUT, PACKET_DROP) == METHODS
    for trials in (1, 5, 29):
        assert calibrating.lengths(trials).keys() >= {0, *SIZES}
