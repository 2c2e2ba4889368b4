"""The probes of the hypotheses: each sees what it must not overlook."""

import time
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from types import SimpleNamespace
from typing import Any

import pytest

from lbcert_chaos import bench, steady_state
from lbcert_chaos.bench import Bench, Choice
from lbcert_fixtures.testbeds import Fault

SECOND = 1_000_000_000
NOW = time.time_ns()
NODES = [
    SimpleNamespace(name=f"n{n}", mac=f"02::{n}", ipv4=ip_address(f"192.0.2.{n}"), ipv6=ip_address(f"2001:db8::{n}"))
    for n in (1, 2, 3)
]
VIP, PREFIX = "198.51.100.1", "198.51.100.1/32"


class Seen:
    """A watch that has seen all it will."""

    def __init__(self, rows: Sequence[dict[str, Any]], **more: Any) -> None:
        self._rows = list(rows)
        self.__dict__.update(more)

    def rows(self) -> list[dict[str, Any]]:
        return self._rows

    def until(self, condition: Any, budget: float) -> bool:
        return bool(condition(self._rows))

    def observe(self, seconds: float) -> None:
        """See no more."""


@pytest.fixture
def found() -> Iterator[Bench]:
    made: Any = Bench
    service: Any = SimpleNamespace(addresses=[ip_address(VIP)])
    found: Bench = made(Choice(), SimpleNamespace(name="l", nodes=NODES), None, None, None, since=NOW)
    found.services = {"bgp": service}
    found._observers = SimpleNamespace(answers=None, streams={}, routes=None, sessions=None, ingress=None)  # type: ignore[assignment]
    bench.use(found)
    yield found
    bench.use(None)


def answered(*macs: str, at: float = 0.5) -> Seen:
    rows = [{"t": NOW + round(at * SECOND), "address": VIP, "mac": mac, "form": "arp-reply"} for mac in macs]
    return Seen([{"t": NOW + SECOND, "address": VIP, "mac": "ours", "form": "asked"}, *rows], addresses=[VIP])


@pytest.mark.parametrize(
    ("answers", "misses"),
    [
        (answered("02::1", "02::1"), 0),
        (answered("02::1", "02::2"), 1),
        (answered("02::9"), 1),  # a stranger
        (answered(), 1),  # nobody
        (answered("02::1", at=-1), 1),  # not since the hypothesis began
    ],
)
def test_an_owner_is_unique_if_one_node_alone_answers(found: Bench, answers: Seen, misses: int) -> None:
    found.observers.answers = answers  # type: ignore[assignment]
    assert steady_state.owner_is_unique()["misses"] == misses


def stream(count: int = 200, lost: int = 0, begin: int = NOW) -> Seen:
    return Seen(
        [
            {"due": begin + n * SECOND // 100, "sent": begin, "received": None if n < lost else begin, "endpoint": "e"}
            for n in range(count)
        ]
    )


def test_every_lost_probe_is_a_miss(found: Bench) -> None:
    found.observers.streams = {"a": stream(), "b": stream(lost=3)}  # type: ignore[dict-item]
    told = steady_state.requests_are_served()
    assert (told["misses"], told["lost"], told["sent"]) == (3, {"a": 0, "b": 3}, {"a": 200, "b": 200})


def test_probes_that_were_never_sent_are_a_miss(found: Bench) -> None:
    found.observers.streams = {"a": stream(100)}  # type: ignore[dict-item]
    assert steady_state.requests_are_served()["misses"] == 1


def test_probes_before_the_hypothesis_and_after_its_span_do_not_count(found: Bench) -> None:
    lost_before = stream(100, lost=100, begin=NOW - SECOND).rows()
    lost_after = stream(100, lost=100, begin=NOW + 2 * SECOND).rows()
    rows = [*lost_before, *stream().rows(), *lost_after]
    found.observers.streams = {"a": Seen(rows)}  # type: ignore[dict-item]
    assert steady_state.requests_are_served()["misses"] == 0


def routes(*states: tuple[float, Sequence[str]]) -> Seen:
    return Seen([{"t": NOW + round(at * SECOND), "prefix": PREFIX, "next_hops": list(hops)} for at, hops in states])


ALL, TWO = [str(node.ipv4) for node in NODES], [str(node.ipv4) for node in NODES[1:]]


@pytest.mark.parametrize(
    ("seen", "misses"),
    [
        (routes((-9, ALL)), 0),
        (routes((-9, TWO)), 1),
        (routes(), 1),
        (routes((-9, TWO), (-1, ALL)), 0),
        (routes((-9, ALL), (0.5, TWO), (0.6, ALL)), 1),  # it flapped meanwhile
        (routes((-9, ALL), (0.5, [])), 1),
    ],
)
def test_a_route_is_complete_if_it_has_every_next_hop_all_the_while(found: Bench, seen: Seen, misses: int) -> None:
    found.observers.routes = seen  # type: ignore[assignment]
    assert steady_state.routes_are_complete(over=0)["misses"] == misses


def test_a_route_over_a_node_that_is_off_is_wrong(found: Bench) -> None:
    found.inject(Fault("node-power-off", "n1", 1, 2))
    found.observers.routes = routes((-9, ALL))  # type: ignore[assignment]
    assert steady_state.routes_are_complete(over=0)["misses"] == 1
    found.observers.routes = routes((-9, TWO))  # type: ignore[assignment]
    assert steady_state.routes_are_complete(over=0)["misses"] == 0


def state(*addresses: str, present: bool = True) -> dict[str, Any]:
    return {"t": NOW, "service": "ns/bgp", "addresses": list(addresses), "present": present}


@pytest.mark.parametrize(
    ("rows", "misses"),
    [
        ([state("a"), state("a")], 0),
        ([state("a", "b"), state("b", "a")], 0),
        ([state("a"), state("b"), state("a")], 2),
        ([state("a"), state()], 1),
        ([state("a"), state("a", present=False)], 1),
        ([], 1),
    ],
)
def test_an_address_that_changed_and_changed_back_has_changed(found: Bench, rows: list[Any], misses: int) -> None:
    found.observers.ingress = Seen(rows)  # type: ignore[assignment]
    assert steady_state.addresses_are_unchanged()["misses"] == misses


def test_what_is_served_again_is_dated_to_the_first_answer_after_the_last_loss() -> None:
    rows: Any = [{"sent": n, "received": None if n in (3, 6) else n} for n in range(10)]
    assert steady_state._served_since(rows, 8) == 7
    assert steady_state._served_since(rows[7:], 8) == 7
