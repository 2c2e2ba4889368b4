"""A crowd of Services that come and go in waves, made by many threads at once."""

from collections.abc import Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from itertools import count
from random import Random

from lbcert_fixtures.cluster import Cluster, Service
from lbcert_suites.allocation.wishes import Wish

WAVE = 48
"""Services of one wave: more than `LARGE` has addresses for."""

SMALL = ("10.98.0.0/29", "fd00:98::/125")
LARGE = ("10.98.0.0/28", "fd00:98::/124")
"""Two sizes of their pool, 8 and 16 addresses of each family."""

WISHES = (
    *(Wish(family) for family in ("ipv4", "ipv6", "dual") for _ in range(4)),
    *(Wish(family, key=key) for family in ("ipv4", "ipv6", "dual") for key in ("k", "l")),
    *(Wish("ipv4", address=f"10.98.0.{last}", key=key) for last in (1, 2) for key in ("", "k")),
    *(Wish("ipv6", address=f"fd00:98::{last}", key=key) for last in (1, 2) for key in ("", "l")),
)
"""What a Service may ask for; each has a port of its own, so those with the same key can share."""


@dataclass
class Crowd:
    """Services in waves: when one comes, the one before it goes.

    Attributes:
        cluster: where.
        chance: decides what each Service asks for.
        workers: who makes and deletes them.
        present: the wave that came last.
    """

    cluster: Cluster
    chance: Random
    workers: Executor
    present: list[Service] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1000))
    _keys: dict[str, list[str]] = field(default_factory=dict)
    _coming: list[Future[Service]] = field(default_factory=list)
    _going: list[Future[None]] = field(default_factory=list)

    def next_wave(self) -> None:
        """Begin to make the next wave and to take away the one before, without waiting for either."""
        wishes = [wish for wish in WISHES if wish.suits(self.cluster)]
        self._going = [self.workers.submit(self.cluster.delete_service, gone.name) for gone in self.present]
        self._coming = [self.workers.submit(self._come, wish) for wish in self.chance.choices(wishes, k=WAVE)]

    def settle(self) -> None:
        """Wait until the API server has taken all of that; raises what went wrong with it."""
        self.present = [each.result() for each in self._coming]
        for each in self._going:
            each.result()

    def sharing(self) -> list[list[str]]:
        """The Services that may share an address, by key."""
        return [services for key, services in self._keys.items() if key]

    def _come(self, wish: Wish) -> Service:
        number = next(self._numbers)
        own = replace(wish, ports=[f"TCP/{number}"], app="nobody")
        service = own.serve(self.cluster, f"crowd-{number}")
        self._keys.setdefault(wish.key, []).append(service.key)
        return service
