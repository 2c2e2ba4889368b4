"""A fault comes only when what a judge wants to have been answered before it was."""

from collections.abc import Callable, Sequence
from ipaddress import ip_address
from types import SimpleNamespace
from typing import Any, cast

import pytest

from lbcert_fixtures.probes.layer2 import Asking
from lbcert_fixtures.probes.stream import Stream
from lbcert_fixtures.testbeds import Fault, PreconditionUnmetError
from lbcert_reports.evidence import ANNOUNCEMENTS
from lbcert_suites.layer2.takeovers import Takeovers, _await_steady

ABSENT = {"gone"}


def stream(lost: int | None = None, endpoint: str = "there") -> Stream:
    """A stream of 300 probes a millisecond apart, of which the one so many before the end was lost."""
    rows = [{"received": 1, "endpoint": endpoint} for _ in range(300)]
    if lost:
        rows[-lost] = {"received": None, "endpoint": None}

    def until(condition: Callable[[Sequence[Any]], bool], _budget: float) -> bool:
        return condition(rows)

    return cast(Stream, SimpleNamespace(until=until, address="10.0.0.1", place="client"))


@pytest.mark.parametrize("lost", [51, 101, 149, 150, 151, 155, 200])
def test_a_loss_that_a_judge_would_see_before_the_fault_keeps_it_waiting(lost: int) -> None:
    with pytest.raises(PreconditionUnmetError, match="not served without loss"):
        _await_steady(stream(lost), ABSENT)


def test_pods_that_were_taken_out_must_not_answer_any_more() -> None:
    with pytest.raises(PreconditionUnmetError):
        _await_steady(stream(endpoint="gone"), ABSENT)


@pytest.mark.parametrize("lost", [None, 1, 50, 299])
def test_what_is_on_its_way_or_long_past_does_not(lost: int | None) -> None:
    _await_steady(stream(lost), ABSENT)


def test_who_forwards_is_looked_at_after_the_takeover_was_announced() -> None:
    asked: list[str] = []

    def until_answered(_address: object, _budget: float, *, forms: object, **_: object) -> object:
        asked.append("announced" if forms == ANNOUNCEMENTS else "replied")
        return {}

    def until_recovered(_budget: float, **_: object) -> int:
        asked.append("recovered")
        return 1

    answers = cast(Asking, SimpleNamespace(until_answered=until_answered))
    streams = cast(list[Stream], [SimpleNamespace(until_recovered=until_recovered)] * 2)
    takeovers = cast(Takeovers, SimpleNamespace(limit=1.0))
    fault = cast(Fault, SimpleNamespace(effective=1))
    addresses = [ip_address("10.0.0.1"), ip_address("fd00::1")]
    assert Takeovers._is_taken_over(takeovers, fault, answers, addresses, streams, "lost")
    assert asked == ["replied"] * 2 + ["announced"] * 2 + ["recovered"] * 2
