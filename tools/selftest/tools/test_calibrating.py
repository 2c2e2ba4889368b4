"""In a quiet lab the calibration of every probe is accepted, and that of a broken probe is not."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lbcert_chaos.observers import PROBED_EVERY_SECONDS
from lbcert_fixtures.probes import ProbeError
from lbcert_fixtures.probes.calibration import LINK_CUT, PACKET_DROP
from lbcert_fixtures.probes.stream import Stream, StreamRow
from lbcert_fixtures.testbeds import netns
from lbcert_fixtures.testbeds.netns import Lab, LabOptions
from lbcert_reports.calibrations import METHODS, SIZES
from lbcert_reports.judges import Judgement
from lbcert_reports.recorder import Recorder
from lbcert_reports.rejudge import rejudge
from lbcert_reports.verdicts import Verdict
from lbcert_suites.layer2.takeovers import VANTAGES
from lbcert_suites.reset.load import NEW_CONNECTIONS
from lbcert_tools import calibrating

DUAL = ("ipv4", "ipv6")
PROBES = [
    "UDP over IPv4 every 1 ms from client",
    "UDP over IPv6 every 1 ms from far-client",
    "UDP over IPv6 every 10 ms from client",
    "TCP over IPv4 every 10 ms from far-client",
    "UDP over IPv6 every 1 ms from client",
    "UDP over IPv4 every 1 ms from far-client",
    "UDP over IPv4 every 10 ms from client",
    "TCP over IPv6 every 10 ms from far-client",
]
MS = 1_000_000


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with netns.start("selftest-calibrating", LabOptions(nodes=1)) as lab:
        yield lab


class Longer(Stream):
    """As a probe that takes the five answers after each loss for none."""

    def rows(self) -> list[StreamRow]:
        rows = super().rows()
        lost = {row["seq"] for row in rows if row["received"] is None}
        after = {seq + more for seq in lost for more in range(1, 6)}
        return [{**row, "received": None} if row["seq"] in after else row for row in rows]


class Vague(Stream):
    """As a probe that does not know well when it sent what was answered."""

    def rows(self) -> list[StreamRow]:
        return [{**row, "sent": row["sent"] - (4 * MS if row["received"] else 0)} for row in super().rows()]


class Blunt(Stream):
    """As a probe that takes what is short for chance."""

    def rows(self) -> list[StreamRow]:
        rows = super().rows()
        for place, row in enumerate(rows):
            if row["received"] is None and any(each["received"] for each in rows[place : place + 30]):
                rows[place] = {**row, "received": row["sent"] + MS}
        return rows


class Nervous(Stream):
    """As a probe that takes every late answer for a loss."""

    def rows(self) -> list[StreamRow]:
        return [{**row, "received": None} if row["seq"] % 15 == 0 else row for row in super().rows()]


def calibrated(lab: Lab, recorder: Recorder, name: str, stream: type[Stream] = Stream) -> list[Judgement]:
    return calibrating.calibrated(lab, recorder, name, dict(calibrating.ONE_TRIAL), DUAL, stream=stream)


@pytest.mark.lab
def test_every_probe_measures_known_gaps_as_they_are(lab: Lab, tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    facts: dict[str, Any] = {
        key: {} for key in ("suite", "profile", "testbed", "environment", "options", "requirements")
    }
    recorder.event("run-started", run="calibrating", command="", plan=[], **facts)
    for run in range(2):
        judgements = calibrated(lab, recorder, f"calibration-{run}")
        assert [probe for each in judgements for probe in each.probes] == PROBES
        for each in judgements:
            assert each.verdict is Verdict.PASS, (each.probes, each.reason)
            assert each.reason.endswith("known gaps were measured as they are")
    recorder.event("run-finished", cases={}, duration=1.0)
    again = rejudge(tmp_path)
    assert (again.verdicts, again.findings) == (2 * len(PROBES), ())


@pytest.mark.lab
@pytest.mark.parametrize(
    ("broken", "flaw"),
    [
        (Longer, "of 0.005 s by (link cut|packet drop) were not what was measured"),
        (Vague, r"of 0.005 s by (link cut|packet drop) were measured to 0.01\d+ s only"),
        (Blunt, "of 0.005 s by (link cut|packet drop) were missed"),
        (Nervous, "controls showed a gap"),
    ],
)
def test_a_broken_probe_is_not_accepted(lab: Lab, tmp_path: Path, broken: type[Stream], flaw: str) -> None:
    fast = [
        each for each in calibrated(lab, Recorder(tmp_path), "calibration", broken) if "every 1 ms" in each.probes[0]
    ]
    assert len(fast) == 4
    for each in fast:
        assert each.verdict is Verdict.INCONCLUSIVE
        assert re.search(flaw, each.reason), each.reason


def test_every_probe_by_which_cases_measure_gaps_is_calibrated() -> None:
    probes = [each for probes in calibrating.rounds(DUAL, "n1") for each in probes]
    kinds = {(each.vantage, each.protocol, each.every) for each in probes}
    assert kinds == {
        *((vantage, "udp", 0.001) for vantage in VANTAGES),
        ("client", "udp", PROBED_EVERY_SECONDS),
        ("far-client", "tcp", NEW_CONNECTIONS),
    }
    assert {(*kind, family) for kind in kinds for family in DUAL} == {
        (each.vantage, each.protocol, each.every, each.family) for each in probes
    }


@pytest.mark.parametrize("family", DUAL)
def test_a_cluster_of_one_family_has_the_probes_of_that_family(family: Any) -> None:
    (probes,) = calibrating.rounds([family], "n1")
    assert {each.family for each in probes} == {family}
    assert len({each.name for each in probes}) == len(probes) == 4


def test_a_calibration_that_cannot_be_made_is_not_accepted_and_says_why(tmp_path: Path) -> None:
    class Broken:
        nodes = (type("Node", (), {"name": "n1"}),)

        def socket(self, *_: object) -> None:
            raise ProbeError("there is no router")

    recorder = Recorder(tmp_path)
    lengths = dict(calibrating.WHOLE)
    (judgement,) = calibrating.calibrated(Broken(), recorder, "calibration", lengths, DUAL)  # type: ignore[arg-type]
    assert judgement.verdict is Verdict.INCONCLUSIVE
    assert judgement.reason == "there is no evidence for 'gaps'"
    assert "The probes could not be calibrated. there is no router" in (tmp_path / "journal/main.jsonl").read_text()


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
