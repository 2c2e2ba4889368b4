"""Chaos Toolkit's journals as evidence."""

from pathlib import Path
from typing import Any

import pytest

from lbcert_reports import evidence
from lbcert_reports.experiments import Experiment, activities, keep
from lbcert_reports.recorder import Recorder

SECOND = 1_000_000_000


def ran(name: str, second: int, type_: str = "probe", status: str = "succeeded", **more: Any) -> dict[str, Any]:
    return {
        "activity": {"name": name, "type": type_},
        "start": f"2026-11-23T14:00:{second:02}.000001+00:00",
        "end": f"2026-11-23T14:00:{second:02}.500000+00:00",
        "status": status,
        "output": {"misses": 0},
        **more,
    }


def journal(**changes: Any) -> dict[str, Any]:
    seen = {"vantage": "client", "began": SECOND, "ended": 9 * SECOND}
    ingress = {"t": SECOND, "service": "ns/web", "addresses": ["192.0.2.1"], "present": True}
    fault = {"fault": "kill", "target": "p", "began": 3, "effective": 4, "healed": 9, "proof": {"signal": "SIGKILL"}}
    return {
        "chaoslib-version": "1.44.0",
        "experiment": {"title": "It holds"},
        "status": "completed",
        "deviated": False,
        "steady_states": {
            "before": {"probes": [ran("owner", 1, tolerance_met=True)]},
            "after": {"probes": [ran("owner", 5, tolerance_met=True)]},
        },
        "run": [ran("kill", 3, "action")],
        "rollbacks": [ran("heal", 7, "action")],
        "lbcert": {
            "facts": {"nodes": {"02:01": "n1"}},
            "faults": [fault],
            "evidence": [{"kind": "ingress", "name": "ingress", "meta": seen, "rows": [ingress]}],
        },
    } | changes


def kept(run: Path, told: dict[str, Any]) -> Experiment:
    recorder = Recorder(run)
    try:
        with recorder.case("chaos/kill") as record:
            return keep(record, "speaker-kill", told)
    finally:
        recorder.close()


def test_all_that_was_done_and_seen_becomes_evidence(tmp_path: Path) -> None:
    done = kept(tmp_path, journal())
    assert set(done.seen) == {"activities", "ingress"}
    stored = evidence.read(tmp_path / done.seen["activities"].path)
    assert [(row["phase"], row["name"]) for row in stored.rows] == [
        ("before", "owner"),
        ("method", "kill"),
        ("after", "owner"),
        ("rollback", "heal"),
    ]
    assert stored.meta["status"] == "completed"
    (cause,) = done.causes
    (row,) = evidence.read(tmp_path / cause.path).rows
    assert row == journal()["lbcert"]["faults"][0]
    assert (done.missed, done.watched, done.title) == ([], 8.0, "It holds")
    assert done.named("ing") == [done.seen["ingress"]]


def test_a_fault_that_was_never_healed_is_told(tmp_path: Path) -> None:
    healed = journal()
    assert kept(tmp_path / "healed", healed).unhealed == []
    (fault,) = healed["lbcert"]["faults"]
    told = {**healed, "lbcert": {**healed["lbcert"], "faults": [{**fault, "healed": None}]}}
    assert kept(tmp_path / "standing", told).unhealed == ["kill on p"]


def test_times_are_kept_to_the_microsecond() -> None:
    first = next(activities(journal()))
    assert first["t"] % SECOND == 1_000
    assert first["until"] - first["t"] == 499_999_000


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {
                "steady_states": {
                    "before": None,
                    "after": {"probes": [ran("owner", 5, tolerance_met=False, output={"misses": 2})]},
                }
            },
            "owner (under the fault): {'misses': 2}",
        ),
        (
            {"rollbacks": [ran("heal", 7, "action", "failed", exception=["TestbedError: no\n"])]},
            "heal (in the end): TestbedError: no",
        ),
    ],
)
def test_what_missed_is_told_in_words(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    assert kept(tmp_path, journal(**changes)).missed == [words]


UNMET = "Traceback (most recent call last):\nlbcert_fixtures.testbeds.PreconditionUnmetError: nobody answers\n"
OURS = "lbcert_fixtures.testbeds.TestbedError: a PreconditionUnmetError: is not what this is\n"


@pytest.mark.parametrize(
    ("changes", "unmet"),
    [
        ({}, False),
        ({"run": [ran("kill", 3, "action", "failed", exception=[UNMET])]}, True),
        ({"run": [ran("kill", 3, "action", "failed", exception=[OURS])]}, False),
        ({"steady_states": {"before": {"probes": [ran("owner", 1, tolerance_met=False)]}, "after": None}}, True),
        ({"steady_states": {"before": None, "after": {"probes": [ran("owner", 1, tolerance_met=False)]}}}, False),
    ],
)
def test_whose_fault_it_was_that_nothing_is_shown_does_not_hang_on_words(
    tmp_path: Path, changes: dict[str, Any], unmet: bool
) -> None:
    assert kept(tmp_path, journal(**changes)).unmet is unmet


def test_an_activity_that_was_cut_off_counts_as_failed() -> None:
    cut = {"activity": {"name": "kill", "type": "action"}, "start": "2026-11-23T14:00:03+00:00", "output": None}
    (row,) = [each for each in activities(journal(run=[cut])) if each["phase"] == "method"]
    assert (row["status"], row["until"]) == ("failed", row["t"])


def test_rows_that_are_not_of_their_kind_are_refused(tmp_path: Path) -> None:
    told = journal()
    told["lbcert"]["evidence"][0]["rows"] = [{"t": "soon"}]
    with pytest.raises(evidence.EvidenceError, match="row of 'ingress'"):
        kept(tmp_path, told)
