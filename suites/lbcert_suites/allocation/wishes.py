"""What a Service may ask of its load balancer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lbcert_fixtures import annotations
from lbcert_fixtures.cluster import Cluster, Service, ranges_of, stack_of


@dataclass(frozen=True)
class Wish:
    """A Service, by what it asks for.

    Attributes:
        family: ``ipv4``, ``ipv6`` or ``dual``; ``any`` for the cluster's first, ``all`` for all that it has.
        address: spec.loadBalancerIP.
        addresses: the annotation for addresses.
        pool: the annotation for a pool.
        key: the annotation that allows sharing.
        policy: externalTrafficPolicy.
        app: whom it selects.
        ports: its ports, as in ``TCP/80``, or ``TCP/80:8080`` with a port of the pods.
        labels: its labels.
        of_class: spec.loadBalancerClass.
        rival: the family of the Service that holds what it asks for, where that is another.
        prefers: whether one of two families will do where there are not both.
    """

    family: str = "any"
    address: str = ""
    addresses: str = ""
    pool: str = ""
    key: str = ""
    policy: str = "Cluster"
    app: str = "echo"
    ports: Sequence[str] = ("TCP/80",)
    labels: Mapping[str, str] = field(default_factory=dict)
    of_class: str = ""
    rival: str = ""
    prefers: bool = False

    def suits(self, cluster: Cluster) -> bool:
        """Whether a cluster has the families of such a Service, and of its rival."""
        return {self.family, self.rival or self.family} <= {"any", "all", *cluster.stacks}

    @property
    def asked(self) -> list[str]:
        """The addresses that it asks for, in whichever way."""
        return [each.strip() for each in (self.address or self.addresses).split(",") if each]

    def patch(self) -> dict[str, Any]:
        """Its requests, as a patch for a Service that made none."""
        wanted = {
            annotations.ADDRESSES: self.addresses,
            annotations.ADDRESS_POOL: self.pool,
            annotations.SHARING: self.key,
        }
        return {
            "metadata": {"annotations": {name: value for name, value in wanted.items() if value}},
            "spec": {"loadBalancerIP": self.address} if self.address else {},
        }

    def serve(self, cluster: Cluster, name: str) -> Service:
        """Make the Service, without waiting for its address."""
        return cluster.serve(
            name,
            policy=self.policy,
            families={"any": cluster.families[0], "all": stack_of(cluster.families)}.get(self.family, self.family),
            app=self.app,
            wait=False,
            annotations=self.patch()["metadata"]["annotations"],
            labels=self.labels,
            ports=[_port(each) for each in self.ports],
            **({"loadBalancerClass": self.of_class} if self.of_class else {}),
            **({"ipFamilyPolicy": "PreferDualStack"} if self.prefers else {}),
            **self.patch()["spec"],
        )


def hopeless(cluster: Cluster) -> None:
    """Make Services that ask for addresses in no pool: who stops at the first that cannot be served, serves few."""
    (network, *_) = ranges_of(cluster.families, ("192.0.2.", "2001:db8::"))
    for number in range(5):
        Wish(address=f"{network}{number}").serve(cluster, f"hopeless-{number}")


def _port(words: str) -> dict[str, Any]:
    protocol, _, numbers = words.partition("/")
    number, _, target = numbers.partition(":")
    port: dict[str, Any] = {"name": f"p{number}-{protocol.lower()}", "port": int(number), "protocol": protocol}
    return port | ({"targetPort": int(target)} if target else {})
