"""The lab that an experiment stands on, the implementation in it, and the faults that stand.

Chaos Toolkit calls activities by name and hands them nothing but the arguments in the file. So what they act on is
kept here, one bench for the one experiment that a process runs: `controls` sets it, `current` gives it.
"""

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any, Final

from lbcert_chaos.identification import identify
from lbcert_fixtures.cluster import Cluster, Service
from lbcert_fixtures.deployment import Deployment
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import Fault, TestbedError, netns

if TYPE_CHECKING:
    from lbcert_chaos.observers import Observers

NAMESPACE: Final = "lbcert-chaos"
"""What the name of the namespace begins with in which an experiment's Services and backends live, and nobody else's.

Each experiment has one of its own: nobody waits for the last one to be gone."""

CUTTING: Final = frozenset({"node-power-off", "link-cut"})
"""Faults that take a node off the network."""


class BenchError(Exception):
    """An experiment cannot be run here: which lab or profile is meant, or what does not fit."""


@dataclass(frozen=True)
class Choice:
    """What an experiment's configuration says; each can be set by the environment variable named.

    Attributes:
        lab: the lab to stand on (``LBCERT_LAB``); by default the only one that is up.
        profile: the implementation in it (``LBCERT_PROFILE``), a built-in profile or a TOML file; by default the
            built-in profile whose workloads run there.
        policy: externalTrafficPolicy of the Services, ``Cluster`` or ``Local``; set by the file.
        load_users: Locust's users (``LBCERT_LOAD_USERS``); 0 for no load.
        load_workers: Locust's worker processes (``LBCERT_LOAD_WORKERS``); 0 for one process that does it all.
        load_ui: port of the loopback interface on which Locust's web UI is offered (``LBCERT_LOAD_UI``); 0 for none.
        load_limit: what the generator was measured to be able to do, requests a second (``LBCERT_LOAD_LIMIT``); 0
            for what has to be measured.
    """

    lab: str = ""
    profile: str = ""
    policy: str = "Cluster"
    load_users: int = 10
    load_workers: int = 0
    load_ui: int = 0
    load_limit: float = 0.0

    @classmethod
    def of(cls, configuration: Mapping[str, Any]) -> "Choice":
        """Read it from an experiment's configuration, whose keys have dashes for underscores.

        Raises:
            BenchError: a key is unknown, or a value is not of its kind.
        """
        kinds: dict[str, type] = {name: type(default) for name, default in vars(cls()).items()}
        chosen: dict[str, Any] = {}
        for key, value in configuration.items():
            name = key.replace("-", "_")
            if name not in kinds:
                known = ", ".join(sorted(kinds)).replace("_", "-")
                raise BenchError(f"configuration: there is no {key!r}; an experiment may set {known}")
            try:
                chosen[name] = kinds[name](value)
            except (TypeError, ValueError) as error:
                raise BenchError(f"configuration: {key} is {value!r}: it must be {_KINDS[kinds[name]]}") from error
        choice = cls(**chosen)
        if choice.policy not in ("Cluster", "Local"):
            raise BenchError(f"configuration: policy is {choice.policy!r}: it must be Cluster or Local")
        return choice


_KINDS: Final[Mapping[type, str]] = {int: "a whole number", float: "a number", str: "a text"}


@dataclass
class Injected:
    """A fault that was injected, and how it is undone.

    Attributes:
        fault: what was done.
        cure: undoes it and returns when that was proved, ns; None if it heals by itself.
        healed: when it was undone, ns.
    """

    fault: Fault
    cure: Callable[[Fault], int] | None = None
    healed: int | None = None

    def row(self) -> dict[str, Any]:
        """A row of the evidence ``faults``."""
        names = ("target", "began", "effective")
        return (
            {"fault": self.fault.name}
            | {name: getattr(self.fault, name) for name in names}
            | {"healed": self.healed, "proof": dict(self.fault.proof)}
        )


@dataclass
class Bench:
    """What an experiment acts on.

    Attributes:
        choice: what was asked for.
        lab: the lab.
        profile: the implementation's, as the lab's cluster shows it.
        deployment: the implementation in the lab.
        namespace: where its Services and backends live.
        services: the Services that it disturbs: ``layer2``, ``bgp``, or both.
        faults: what was injected so far.
        observers: what watches.
        since: when the current hypothesis began to be looked at, ns.
    """

    choice: Choice
    lab: netns.Lab
    profile: Profile
    deployment: Deployment
    namespace: str
    services: dict[str, Service] = field(default_factory=dict)
    faults: list[Injected] = field(default_factory=list)
    since: int = 0
    _observers: "Observers | None" = None

    @classmethod
    def find(cls, choice: Choice) -> "Bench":
        """Attach to the lab and find out which implementation runs in it.

        Raises:
            BenchError: which lab is meant is not clear, or the profile does not fit what runs there.
            TestbedError: there is no lab of this name.
            ProfileError: the profile has mistakes.
        """
        lab = _attach(choice.lab)
        try:
            profile = identify(lab, choice.profile).within(lab.families)
        except BaseException:
            lab.detach()
            raise
        namespace = f"{NAMESPACE}-{secrets.token_hex(3)}"
        return cls(choice, lab, profile, Deployment(lab, profile, ()), namespace)

    @cached_property
    def cluster(self) -> Cluster:
        """What the experiment arranged; taken away at its end."""
        return Cluster(self.lab, self.profile, self.namespace)

    @property
    def observers(self) -> "Observers":
        """What watches.

        Raises:
            BenchError: nothing does yet.
        """
        if self._observers is None:
            raise BenchError("nothing is observed yet")
        return self._observers

    @observers.setter
    def observers(self, observers: "Observers") -> None:
        self._observers = observers

    def lost(self) -> set[str]:
        """The nodes that faults have taken off the network."""
        return {each.fault.target for each in self.faults if each.fault.name in CUTTING and each.healed is None}

    def standing(self) -> list[Injected]:
        """The faults that are not undone, the latest first."""
        return [each for each in reversed(self.faults) if each.healed is None]

    def inject(self, fault: Fault, cure: Callable[[Fault], int] | None = None, healed: int | None = None) -> Fault:
        """Keep account of a fault."""
        self.faults.append(Injected(fault, cure, healed))
        return fault

    def heal(self, injected: Injected) -> None:
        """Undo one fault."""
        injected.healed = injected.cure(injected.fault) if injected.cure else time.time_ns()

    def node(self, which: str) -> str:
        """The name of a node: ``announcing`` is the one that answers for the layer 2 Service's first address.

        Without layer 2 it is the first node: over BGP all announce.

        Raises:
            BenchError: there is no such node.
            PreconditionUnmetError: nobody answers for the address.
        """
        names = [node.name for node in self.lab.nodes]
        if which == "announcing":
            layer2 = self.services.get("layer2")
            return self.cluster.owner(layer2.addresses[0]) if layer2 else names[0]
        if which not in names:
            raise BenchError(f"there is no node {which!r}: there are {', '.join(names)}, and 'announcing'")
        return which

    def prefixes(self) -> list[str]:
        """The host routes of the BGP Service's addresses."""
        bgp = self.services.get("bgp")
        return [f"{each}/{each.max_prefixlen}" for each in bgp.addresses] if bgp else []

    def next_hops(self) -> dict[str, list[str]]:
        """For each prefix the next hops that it must have: every node that is on the network."""
        there = [node for node in self.lab.nodes if node.name not in self.lost()]
        bgp = self.services.get("bgp")
        return {
            f"{each}/{each.max_prefixlen}": [str(node.ipv4 if each.version == 4 else node.ipv6) for node in there]
            for each in (bgp.addresses if bgp else ())
        }

    def peers(self) -> list[IPv4Address | IPv6Address]:
        """The nodes' addresses with which the router must have sessions."""
        there = [node for node in self.lab.nodes if node.name not in self.lost()]
        bgp = self.services.get("bgp")
        versions = {each.version for each in (bgp.addresses if bgp else ())}
        return [node.ipv4 if version == 4 else node.ipv6 for node in there for version in sorted(versions)]

    def facts(self) -> dict[str, Any]:
        """What a reader of the journal needs to know to make sense of its rows."""
        return {
            "lab": self.lab.name,
            "profile": self.profile.name,
            "policy": self.choice.policy,
            "nodes": {node.mac: node.name for node in self.lab.nodes},
            "services": {name: [str(each) for each in service.addresses] for name, service in self.services.items()},
            "next_hops": self.next_hops(),
            "peers": [str(peer) for peer in self.peers()],
        }


_bench: Bench | None = None


def use(bench: Bench | None) -> None:
    """Make a bench the one that activities act on, or none."""
    global _bench
    _bench = bench


def is_set_up() -> bool:
    """Whether there is a bench: without one there is nothing to roll back."""
    return _bench is not None


def current() -> Bench:
    """The bench of the experiment that runs.

    Raises:
        BenchError: there is none.
    """
    if _bench is None:
        raise BenchError(
            "no bench was set up: the experiment needs the control lbcert_chaos.controls, "
            "as the ones in lbcert_chaos/experiments have it"
        )
    return _bench


def _attach(name: str) -> netns.Lab:
    if not name:
        up = netns.labs()
        if len(up) != 1:
            said = f"several labs are up ({', '.join(up)})" if up else "no lab is up"
            hint = "say which with LBCERT_LAB" if up else "start one with 'lbcert lab up --profile NAME'"
            raise BenchError(f"{said}; {hint}")
        (name,) = up
    try:
        return netns.attach(name)
    except TestbedError as error:
        raise BenchError(f"LBCERT_LAB: {error}") from error
