"""What the common arrangement of the cases of allocation makes of what it has seen."""

from types import SimpleNamespace
from typing import Any

import pytest

from lbcert_fixtures.testbeds import PreconditionUnmetError
from lbcert_suites.allocation.arrangement import KEYS, POLICIES, PORTS, Group, Seen, refused
from lbcert_suites.allocation.wishes import Wish

GROUP = Group(holders={"holder": Wish()}, waiters={"waiter": Wish()})


class Record:
    """Takes evidence and forgets it."""

    def evidence(self, kind: str, rows: Any, **_: Any) -> Any:
        return kind, list(rows)


def seen(*addresses: str | None) -> Seen:
    """The holder's addresses, one after the other."""
    rows: Any = [
        {
            "t": t,
            "service": "cases/holder",
            "present": True,
            "addresses": [address] if address else [],
            "modes": ["VIP"] if address else [],
        }
        for t, address in enumerate(addresses)
    ]
    return Seen("cases", ["ipv4"], {"holder", "waiter"}, 10, rows, [], {})


def test_a_holder_that_never_had_an_address_shows_nothing() -> None:
    record: Any = Record()
    with pytest.raises(PreconditionUnmetError, match="cases/holder got no address"):
        seen(None, None).record(record, GROUP)


def test_a_holder_that_lost_its_address_is_the_judges_matter() -> None:
    record: Any = Record()
    kind, rows = seen("10.0.0.1", None).record(record, GROUP)["ingress"]
    assert kind == "ingress"
    assert [row["addresses"] for row in rows] == [["10.0.0.1"], []]


def test_of_a_group_a_cluster_gets_what_it_has_the_families_for() -> None:
    ipv4, ipv6, dual = Wish("ipv4"), Wish("ipv6"), Wish("dual")
    group = Group(
        holders={"four": ipv4, "six": ipv6, "any": Wish()},
        leavers=["four", "six"],
        waiters={"both": dual, "all": Wish("all")},
        edits={"four": ipv4, "six": ipv6},
    )
    cluster: Any = SimpleNamespace(stacks=("ipv6",))
    left = group.within(cluster)
    assert (set(left.holders), left.leavers, set(left.waiters), set(left.edits)) == (
        {"six", "any"},
        ["six"],
        {"all"},
        {"six"},
    )


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
@pytest.mark.parametrize("group", [KEYS, PORTS, POLICIES])
def test_nobody_is_to_be_refused_what_no_service_of_the_cluster_holds(group: Group, family: str) -> None:
    cluster: Any = SimpleNamespace(stacks=(family,))
    left = group.within(cluster)
    held = {each for wish in left.holders.values() for each in wish.asked}
    assert held
    assert held >= {each for wish in left.waiters.values() for each in wish.asked}


def test_the_addresses_that_services_ask_for_are_known_however_they_ask() -> None:
    wishes = {
        "holder": Wish(address="10.0.0.1"),
        "waiter": Wish("dual", addresses="10.0.0.2 , fd00::2"),
        "not-made": Wish(address="10.0.0.3"),
    }
    assert seen().addresses(wishes) == {"cases/holder": ["10.0.0.1"], "cases/waiter": ["10.0.0.2", "fd00::2"]}
    assert Wish(pool="a").asked == []


def test_who_asks_for_an_address_that_another_may_have_is_in_the_group_once() -> None:
    for group in (KEYS, PORTS, POLICIES):
        names = list(group.names())
        assert len(names) == len(set(names))
    both = PORTS.holders["port-same-dual"].asked
    assert [PORTS.waiters[f"port-same-dual-{family}-too"].asked for family in ("ipv4", "ipv6")] == [
        [each] for each in both
    ]
    assert PORTS.joiners["port-next-dual-too"].asked == PORTS.holders["port-next-dual"].asked


def test_a_refusal_is_awaited_of_those_that_wait_in_vain_and_of_those_that_were_edited() -> None:
    waiters = {"waiter": Wish(), "given": Wish(), "foreign": Wish(of_class="example.org/other")}
    group = Group(holders={"edited": Wish(), "holder": Wish()}, waiters=waiters, edits={"edited": Wish()})
    rows: Any = [
        {"t": 1, "service": f"cases/{name}", "present": True, "addresses": ["10.0.0.1"], "modes": ["VIP"]}
        for name in ("edited", "holder", "given")
    ]
    assert [service.key for service in refused([group], "cases", rows)] == ["cases/waiter", "cases/edited"]
