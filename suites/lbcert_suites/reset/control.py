"""A route that no implementation announces: next hops installed by hand, to measure what the router itself does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from types import TracebackType
from typing import Final, Self

from lbcert_fixtures.testbeds import Place, Testbed

CONTROL: Final[Mapping[str, str]] = {"ipv4": "10.99.255.1", "ipv6": "fd00:99::ffff:1"}
"""Outside of every pool. Nodes serve it as an external IP of the Service, just as they serve its own address."""


@dataclass
class ControlRoute:
    """A host route in the router's kernel, gone when its context ends.

    Attributes:
        testbed: where.
        address: the host.
        router: the router.
        next_hops: the addresses that it leads to.
    """

    testbed: Testbed
    address: str
    router: str = "router"
    next_hops: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.next_hops:
            self._ip("del")

    def lead_to(self, nodes: Sequence[Place]) -> None:
        """Make these nodes the next hops, in this order."""
        version = ip_address(self.address).version
        self.next_hops = [str(getattr(node, f"ipv{version}")) for node in nodes]
        self._ip("replace", "proto", "static", *(word for hop in self.next_hops for word in ("nexthop", "via", hop)))

    def _ip(self, verb: str, *more: str) -> None:
        ip = ip_address(self.address)
        self.testbed.run(self.router, ["ip", f"-{ip.version}", "route", verb, f"{ip}/{ip.max_prefixlen}", *more])
