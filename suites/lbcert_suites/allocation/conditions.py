"""Conditions on what a watch has gathered, to wait for: ``watch.until(assigned(service), 30)``."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from lbcert_fixtures.cluster import Service
from lbcert_fixtures.kubernetes.watching import Event, Ingress

MARGIN_SECONDS = 0.5
"""How much longer a watch goes on than a judge demands: rows arrive a little after what they tell."""


def holdings(rows: Iterable[Ingress]) -> dict[str, list[str]]:
    """The addresses of each Service that has some, as the last row about it says."""
    last = {row["service"]: row for row in rows}
    return {service: row["addresses"] for service, row in last.items() if row["present"] and row["addresses"]}


def assigned(*services: Service, count: int = 1) -> Callable[[Sequence[Ingress]], bool]:
    """Each of these Services has at least `count` addresses."""

    def hold(rows: Sequence[Ingress]) -> bool:
        held = holdings(rows)
        return all(len(held.get(service.key, ())) >= count for service in services)

    return hold


def has(wanted: Mapping[str, Collection[str]]) -> Callable[[Sequence[Ingress]], bool]:
    """Each of these Services has exactly its addresses, by its key, as it was last seen."""
    expected = {key: set(addresses) for key, addresses in wanted.items()}
    return lambda rows: {row["service"]: set(row["addresses"]) for row in rows}.items() >= expected.items()


def unassigned(*services: Service) -> Callable[[Sequence[Ingress]], bool]:
    """None of these Services has an address."""
    keys = {service.key for service in services}
    return lambda rows: keys.isdisjoint(holdings(rows))


def warned(*services: Service) -> Callable[[Sequence[Event]], bool]:
    """A Warning event is about each of these Services: the implementation has looked at it, and refused it."""
    return lambda rows: (
        {service.key for service in services} <= {row["name"] for row in rows if row["type"] == "Warning"}
    )


def changed(*services: Service) -> Callable[[Sequence[Ingress]], bool]:
    """One of these Services has lost an address that it had, or has another."""
    keys = {service.key for service in services}

    def hold(rows: Sequence[Ingress]) -> bool:
        first: dict[str, list[str]] = {}
        about = (row for row in rows if row["service"] in keys)
        return any(
            sorted(row["addresses"]) != first.setdefault(row["service"], sorted(row["addresses"]))
            for row in about
            if row["addresses"] or row["service"] in first
        )

    return hold


def some_assigned(services: Sequence[Service], least: int) -> Callable[[Sequence[Ingress]], bool]:
    """At least so many of these Services have an address."""
    keys = {service.key for service in services}
    return lambda rows: len(keys & holdings(rows).keys()) >= least
