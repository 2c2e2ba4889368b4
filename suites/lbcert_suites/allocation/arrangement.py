"""One arrangement in which many Services have to wait, watched for ten seconds at once.

A requirement that says "stays pending" takes ten seconds of nothing to observe. So all of them stand in one
arrangement and wait together: a `Group` of Services for each requirement, none of which can disturb another, as
each asks for addresses of its own.

- ``open`` gives addresses to whoever asks: what a request that is wrongly ignored would get.
- ``reserved`` has both families and gives them only to those who ask for them.
- ``full`` has one address of each family, and both are taken.
- the others are each of one group; what they have nobody else gets, unless the implementation gives it wrongly.

When everybody waits a Service is deleted that was of no account, so that all are looked at once more.

Services of a family that the cluster does not have are not made, and nothing is asked of them.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, count
from typing import Any

from lbcert_fixtures.cluster import Cluster, Service, several
from lbcert_fixtures.kubernetes.watching import Event, Ingress
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import PreconditionUnmetError
from lbcert_reports.recorder import CaseRecorder, EvidenceRef
from lbcert_suites.allocation.conditions import MARGIN_SECONDS, assigned, holdings, warned
from lbcert_suites.allocation.wishes import Wish

NAMESPACE = "lbcert-allocation"

_NAMESPACE_LABEL = "kubernetes.io/metadata.name"
"""Kubernetes writes it on every namespace."""

RESERVED = ("10.98.2.0/24", "fd00:98:2::/120")
CAREFUL = ("10.98.4.254", "10.98.5.1", "fd00:98:4::ff", "fd00:98:4::100")
"""What may be given of the pool ``careful``, which avoids what ends in 0 or 255."""

TIERS = ("10.98.6.0/28", "fd00:98:6::/124")
AT_HOME = ("10.98.7.1/32", "fd00:98:7::1/128")
OF_PRIORITY = {
    10: ("10.98.8.10", "fd00:98:8::10"),
    20: ("10.98.8.20", "fd00:98:8::20"),
    0: ("10.98.8.1", "fd00:98:8::1"),
}

POOLS: Mapping[str, Mapping[str, Any]] = {
    "open": {"addresses": ["10.98.1.0/24", "fd00:98:1::/120"]},
    "reserved": {"addresses": list(RESERVED), "autoAssign": False},
    "full": {"addresses": ["10.98.3.1/32", "fd00:98:3::1/128"], "autoAssign": False},
    "careful": {
        "addresses": ["10.98.4.254-10.98.5.1", "fd00:98:4::ff-fd00:98:4::100"],
        "autoAssign": False,
        "avoidBuggyIPs": True,
    },
    "four": {"addresses": ["10.98.10.0/28"], "autoAssign": False},
    "six": {"addresses": ["fd00:98:10::/124"], "autoAssign": False},
    **{
        f"half-{name}": {
            "addresses": [network],
            "serviceAllocation": {"serviceSelectors": [{"matchLabels": {"half": "yes"}}]},
        }
        for name, network in (("four", "10.98.12.0/28"), ("six", "fd00:98:12::/124"))
    },
    "tiers": {
        "addresses": list(TIERS),
        "autoAssign": False,
        "serviceAllocation": {
            "namespaceSelectors": [
                {"matchLabels": {_NAMESPACE_LABEL: "no-such-namespace"}},
                {"matchLabels": {_NAMESPACE_LABEL: NAMESPACE}},
            ],
            "serviceSelectors": [
                {"matchLabels": {"tier": "gold"}},
                {
                    "matchExpressions": [
                        {"key": "tier", "operator": "In", "values": ["bronze", "silver"]},
                        {"key": "trial", "operator": "DoesNotExist"},
                    ]
                },
            ],
        },
    },
    "elsewhere": {
        "addresses": ["10.98.6.16/28", "fd00:98:6::10/124"],
        "autoAssign": False,
        "serviceAllocation": {"namespaces": ["default"], "serviceSelectors": [{"matchLabels": {"tier": "gold"}}]},
    },
    "nobodys": {
        "addresses": ["10.98.11.0/28", "fd00:98:11::/124"],
        "autoAssign": False,
        "serviceAllocation": {"namespaceSelectors": [{"matchLabels": {_NAMESPACE_LABEL: "no-such-namespace"}}]},
    },
    "guests": {
        "addresses": ["10.98.7.16/28", "fd00:98:7::10/124"],
        "serviceAllocation": {"priority": 1, "namespaces": ["default"]},
    },
    "home": {
        "addresses": list(AT_HOME),
        "serviceAllocation": {
            "namespaces": [NAMESPACE],
            "serviceSelectors": [{"matchLabels": {"at": "home"}}],
        },
    },
    **{
        f"priority-{priority}": {
            "addresses": [f"{ipv4}/32", f"{ipv6}/128"],
            "serviceAllocation": {"priority": priority, "serviceSelectors": [{"matchLabels": {"by": "priority"}}]},
        }
        for priority, (ipv4, ipv6) in OF_PRIORITY.items()
    },
}

OPEN = POOLS["open"]["addresses"]
GIVEN = [*OPEN, *RESERVED]
"""All that a Service can get that asks for one of these addresses."""

FAMILIES = ("ipv4", "ipv6")


@dataclass(frozen=True)
class Group:
    """What one requirement is about, by the Services' names.

    Attributes:
        holders: those that must have their addresses before the others come.
        joiners: those that then get an address nevertheless.
        leavers: holders that go as soon as joiners have their addresses.
        followers: those that then get an address.
        waiters: those that then have to wait.
        edits: what is then asked of holders that it should not be.
    """

    holders: Mapping[str, Wish] = field(default_factory=dict)
    joiners: Mapping[str, Wish] = field(default_factory=dict)
    leavers: Sequence[str] = ()
    followers: Mapping[str, Wish] = field(default_factory=dict)
    waiters: Mapping[str, Wish] = field(default_factory=dict)
    edits: Mapping[str, Wish] = field(default_factory=dict)

    def names(self) -> Iterable[str]:
        """The names of all its Services."""
        return chain(self.holders, self.joiners, self.followers, self.waiters)

    def within(self, cluster: Cluster) -> "Group":
        """As much of it as a cluster has the families for."""

        def suiting(wishes: Mapping[str, Wish]) -> dict[str, Wish]:
            return {name: wish for name, wish in wishes.items() if wish.suits(cluster)}

        holders = suiting(self.holders)
        return Group(
            holders,
            suiting(self.joiners),
            [name for name in self.leavers if name in holders],
            suiting(self.followers),
            suiting(self.waiters),
            {name: wish for name, wish in self.edits.items() if name in holders},
        )


_numbers = count(1)

_ALSO_DUAL = ("key-other", "port-same", "port-next", "policy-cluster-local-echo")
"""The pairs that are also tried with Services of both families."""


def _pairs(*pairs: tuple[str, bool, Wish, Wish]) -> Group:
    """Two Services that ask for the same address, in each family: the second may have it too, or may not.

    And so of both: one asks for two addresses, another for both of them, and for each of them others.
    """
    holders: dict[str, Wish] = {}
    joiners: dict[str, Wish] = {}
    waiters: dict[str, Wish] = {}
    for name, shares, first, second in pairs:
        for family, prefix in zip(FAMILIES, ("10.98.2.", "fd00:98:2::"), strict=True):
            number = next(_numbers)
            address = f"{prefix}{number:{'x' if family == 'ipv6' else 'd'}}"
            holders[f"{name}-{family}"] = replace(first, family=family, address=address)
            (joiners if shares else waiters)[f"{name}-{family}-too"] = replace(second, family=family, address=address)
        if name in _ALSO_DUAL:
            number = next(_numbers)
            both = f"10.98.2.{number}", f"fd00:98:2::{number:x}"
            holders[f"{name}-dual"] = replace(first, family="dual", addresses=",".join(both))
            if shares:
                joiners[f"{name}-dual-too"] = replace(second, family="dual", addresses=",".join(both))
            else:
                for family, address in zip(FAMILIES, both, strict=True):
                    too = replace(second, family=family, address=address, rival="dual")
                    waiters[f"{name}-dual-{family}-too"] = too
    return Group(holders, joiners, waiters=waiters)


def _late(group: Group, name: str, wish: Wish) -> dict[str, Wish]:
    """Services that come last, and ask for the addresses of a pair of the group, in each family."""
    first = {family: group.holders[f"{name}-{family}"] for family in FAMILIES}
    ports = "-".join(port.partition("/")[2] for port in wish.ports)
    return {
        f"{name}-{family}-late-{ports}": replace(wish, family=family, address=each.address)
        for family, each in first.items()
    }


_A, _B, _C = ("TCP/80",), ("TCP/81",), ("TCP/82",)

KEYS = _pairs(
    ("key-none", False, Wish(ports=_A), Wish(ports=_B)),
    ("key-first", False, Wish(ports=_A, key="k"), Wish(ports=_B)),
    ("key-second", False, Wish(ports=_A), Wish(ports=_B, key="k")),
    ("key-other", False, Wish(ports=_A, key="k"), Wish(ports=_B, key="l")),
    ("key-capital", False, Wish(ports=_A, key="k"), Wish(ports=_B, key="K")),
    ("key-longer", False, Wish(ports=_A, key="k"), Wish(ports=_B, key="kk")),
    ("key-shorter", False, Wish(ports=_A, key="kk"), Wish(ports=_B, key="k")),
    ("key-same", True, Wish(ports=_A, key="k"), Wish(ports=_B, key="k")),
    ("key-leaves", True, Wish(ports=_A, key="k"), Wish(ports=_B, key="k")),
    ("key-frees", True, Wish(ports=_A, key="k"), Wish(ports=_B, key="k")),
)
KEYS = replace(
    KEYS,
    leavers=[f"{name}-{family}" for name in ("key-leaves", "key-frees") for family in FAMILIES],
    followers=_late(KEYS, "key-frees", Wish(ports=_A, key="k")),
    waiters={**KEYS.waiters, **_late(KEYS, "key-leaves", Wish(ports=_C))},
)
PORTS = _pairs(
    ("port-same", False, Wish(ports=["TCP/80"], key="k"), Wish(ports=["TCP/80"], key="k")),
    ("port-among", False, Wish(ports=["TCP/80", "UDP/80"], key="k"), Wish(ports=["TCP/81", "UDP/80"], key="k")),
    ("port-first", False, Wish(ports=["UDP/80", "TCP/80"], key="k"), Wish(ports=["UDP/80", "TCP/81"], key="k")),
    ("port-target", True, Wish(ports=["TCP/80:8080"], key="k"), Wish(ports=["TCP/81:8080"], key="k")),
    ("port-udp", True, Wish(ports=["TCP/53"], key="k"), Wish(ports=["UDP/53"], key="k")),
    ("port-next", True, Wish(ports=_A, key="k"), Wish(ports=_B, key="k")),
)
PORTS = replace(
    PORTS,
    waiters={
        **PORTS.waiters,
        **_late(PORTS, "port-next", Wish(ports=_A, key="k")),
        **_late(PORTS, "port-next", Wish(ports=_B, key="k")),
    },
)
POLICIES = _pairs(
    *(
        (
            f"policy-{first}-{second}-{app}".lower(),
            shares,
            Wish(ports=_A, key="k", policy=first, app="echo"),
            Wish(ports=_B, key="k", policy=second, app=app),
        )
        for first, second, app, shares in (
            ("Cluster", "Cluster", "echo", True),
            ("Cluster", "Cluster", "other", True),
            ("Local", "Local", "echo", True),
            ("Local", "Local", "other", False),
            ("Cluster", "Local", "echo", False),
            ("Local", "Cluster", "echo", False),
        )
    )
)
TWICE = Group(
    waiters={
        "twice-ipv4": Wish("ipv4", address="10.98.2.220", addresses="10.98.2.220"),
        "twice-ipv6": Wish("ipv6", address="fd00:98:2::dc", addresses="fd00:98:2::dd"),
    }
)
FOREIGN = Group(
    waiters={
        "foreign-plain": Wish(of_class="example.org/other"),
        "foreign-pool": Wish(pool="reserved", of_class="example.org/other"),
        "foreign-address": Wish("ipv4", address="10.98.2.221", of_class="example.org/other"),
        "foreign-dual": Wish("dual", of_class="example.org/other"),
    }
)
MISMATCHED = Group(
    waiters={
        "six-for-four": Wish("ipv4", address="fd00:98:2::de"),
        "four-for-six": Wish("ipv6", address="10.98.2.222"),
        "six-for-two": Wish("dual", address="fd00:98:2::de"),
        "four-for-two": Wish("dual", addresses="10.98.2.222"),
        "two-for-four": Wish("ipv4", addresses="10.98.2.222,fd00:98:2::de"),
        "two-for-six": Wish("ipv6", addresses="10.98.2.222,fd00:98:2::de"),
        "preferring-six-for-two": Wish("dual", address="fd00:98:2::de", prefers=True),
        "preferring-four-for-two": Wish("dual", addresses="10.98.2.222", prefers=True),
    }
)
WITHHELD = Group(
    holders={f"careful-{family}-{number}": Wish(family, pool="careful") for family in FAMILIES for number in range(2)},
    waiters={
        **{f"careful-third-{family}": Wish(family, pool="careful") for family in FAMILIES},
        "careful-255": Wish("ipv4", address="10.98.4.255"),
        "careful-0": Wish("ipv4", addresses="10.98.5.0"),
    },
)
ONE_OF_TWO = Group(
    joiners={"two-of-halves": Wish("dual", labels={"half": "yes"})},
    waiters={f"two-of-{pool}": Wish("dual", pool=pool) for pool in ("four", "six")},
)
_GOLD, _SILVER = {"tier": "gold"}, {"tier": "silver"}
_OTHERS = {"none": {}, "other": {"tier": "brass"}, "trial": {"tier": "silver", "trial": "yes"}}
SELECTED = Group(
    joiners={
        **{f"gold-{family}": Wish(family, pool="tiers", labels=_GOLD) for family in FAMILIES},
        **{f"silver-{family}": Wish(family, pool="tiers", labels=_SILVER) for family in FAMILIES},
    },
    waiters={
        **{f"tier-{name}": Wish(pool="tiers", labels=labels) for name, labels in _OTHERS.items()},
        "tier-asking": Wish("ipv4", address="10.98.6.15"),
        "tier-asking-ipv6": Wish("ipv6", addresses="fd00:98:6::f"),
        "gold-elsewhere": Wish(pool="elsewhere", labels=_GOLD),
        "gold-elsewhere-asking": Wish("ipv4", address="10.98.6.20", labels=_GOLD),
        "gold-elsewhere-asking-ipv6": Wish("ipv6", address="fd00:98:6::14", labels=_GOLD),
    },
)
CLOSED = Group(
    waiters={
        "nobodys-named": Wish(pool="nobodys"),
        "nobodys-asking": Wish("ipv4", address="10.98.11.5"),
        "nobodys-asking-ipv6": Wish("ipv6", address="fd00:98:11::5"),
    }
)
SINGLE = Group(
    joiners={
        **{f"single-{family}": Wish(family) for family in FAMILIES},
        **{f"single-{family}-named": Wish(family, pool="reserved") for family in FAMILIES},
    }
)
HOMES = Group(
    holders={f"home-{family}": Wish(family, labels={"at": "home"}) for family in FAMILIES},
    joiners={
        **{f"home-{family}-too": Wish(family, labels={"at": "home"}) for family in FAMILIES},
        **{f"plain-{number}": Wish() for number in range(8)},
    },
)
_BY_PRIORITY = {"by": "priority"}
PRIORITIES = Group(
    holders={f"first-{family}": Wish(family, labels=_BY_PRIORITY) for family in FAMILIES},
    joiners={f"second-{family}": Wish(family, labels=_BY_PRIORITY) for family in FAMILIES},
    followers={f"third-{family}": Wish(family, labels=_BY_PRIORITY) for family in FAMILIES},
)
_MALFORMED = {
    "word": Wish(address="nonsense"),
    "word-annotated": Wish(addresses="nonsense"),
    "no-octet": Wish("ipv4", addresses="10.98.1.300"),
    "prefix": Wish("ipv4", addresses="10.98.1.200/32"),
    "prefix-ipv6": Wish("ipv6", addresses="fd00:98:1::c8/128"),
    "comma": Wish("ipv4", addresses="10.98.1.200,"),
    "comma-ipv6": Wish("ipv6", addresses="fd00:98:1::c8,"),
    "one-family": Wish("ipv4", addresses="10.98.1.200,10.98.1.201"),
    "one-family-ipv6": Wish("ipv6", addresses="fd00:98:2::c8,fd00:98:2::c9"),
    "three": Wish(addresses="10.98.1.200,fd00:98:2::c8,10.98.1.201"),
}
MALFORMED = Group(
    holders={f"edit-{name}": Wish(wish.family) for name, wish in _MALFORMED.items()},
    waiters={f"new-{name}": wish for name, wish in _MALFORMED.items()},
    edits={f"edit-{name}": wish for name, wish in _MALFORMED.items()},
)
OUTSIDE = Group(
    waiters={
        "outside-ipv4": Wish("ipv4", address="10.98.9.9"),
        "outside-ipv6": Wish("ipv6", address="fd00:98:9::9"),
        "beside-first": Wish("ipv4", address="10.98.3.0"),
        "beside-last": Wish("ipv4", address="10.98.3.2"),
        "beside-last-ipv6": Wish("ipv6", address="fd00:98:3::2"),
        "outside-first": Wish("dual", addresses="10.98.9.10,fd00:98:2::e6"),
        "outside-second": Wish("dual", addresses="10.98.2.230,fd00:98:9::10"),
    }
)
_TAKEN = {"ipv4": "10.98.2.240", "ipv6": "fd00:98:2::f0"}
IN_USE = Group(
    holders={f"taken-{family}": Wish(family, address=address) for family, address in _TAKEN.items()},
    waiters={
        **{f"taken-{family}-too": Wish(family, address=address) for family, address in _TAKEN.items()},
        "taken-first": Wish("dual", addresses=f"{_TAKEN['ipv4']},fd00:98:2::f1"),
        "taken-second": Wish("dual", addresses=f"10.98.2.241,{_TAKEN['ipv6']}"),
    },
)
BY_NAME = Group(
    holders={f"pool-full-{family}": Wish(family, pool="full") for family in FAMILIES},
    joiners={f"pool-right-{family}": Wish(family, pool="reserved") for family in (*FAMILIES, "all")},
    waiters={
        "pool-unknown": Wish(pool="no-such-pool"),
        "pool-elsewhere": Wish("ipv4", pool="reserved", address="10.98.1.210"),
        "pool-elsewhere-ipv6": Wish("ipv6", pool="reserved", address="fd00:98:1::d2"),
        **{f"pool-full-{family}-too": Wish(family, pool="full") for family in FAMILIES},
    },
)


@dataclass(frozen=True)
class Seen:
    """What ten seconds of the arrangement showed.

    Attributes:
        namespace: where the Services were.
        families: the address families that they could be of.
        made: the names of those that were made.
        hold: how long those that had to wait were watched at least, s.
        ingress: rows of the watch of the Services.
        events: rows of the watch of the Events about them.
        meta: header fields of both.
    """

    namespace: str
    families: Sequence[str]
    made: Collection[str]
    hold: float
    ingress: Sequence[Ingress]
    events: Sequence[Event]
    meta: Mapping[str, Any]

    def keys(self, names: Iterable[str]) -> list[str]:
        """These Services, as far as they were made, as evidence names them."""
        return [f"{self.namespace}/{name}" for name in names if name in self.made]

    def addresses(self, wishes: Mapping[str, Wish]) -> dict[str, list[str]]:
        """The addresses for which Services asked, for `exact-addresses`."""
        return {f"{self.namespace}/{name}": wish.asked for name, wish in wishes.items() if name in self.made}

    def waiting(self, group: Group) -> dict[str, Any]:
        """What `stays-pending` takes: those that wait have no address all the while."""
        return {"services": self.keys(group.waiters), "hold": self.hold}

    def refusal(self, group: Group) -> dict[str, Any]:
        """What `stays-pending` takes: those that wait have not the addresses for which they asked."""
        return self.waiting(group) | {"refused": self.addresses(group.waiters)}

    def record(self, record: CaseRecorder, group: Group) -> dict[str, EvidenceRef]:
        """Write down what concerns one group, as evidence by role.

        Raises:
            PreconditionUnmetError: one of its holders got no address, so nobody could be refused it.
        """
        keys, served = set(self.keys(group.names())), {row["service"] for row in self.ingress if row["addresses"]}
        if without := [key for key in self.keys(group.holders) if key not in served]:
            raise PreconditionUnmetError(f"{', '.join(without)} got no address")
        ingress = [row for row in self.ingress if row["service"] in keys]
        events = [row for row in self.events if row["name"] in keys]
        return {
            "ingress": record.evidence("ingress", ingress, **self.meta),
            "events": record.evidence("events", events, **self.meta),
        }


def watch_arrangement(cluster: Cluster, profile: Profile, hold: float, groups: Sequence[Group]) -> Seen:
    """Arrange these groups, watch for `hold` seconds, and take them away."""
    groups = [group.within(cluster) for group in groups]
    with cluster, cluster.watch_services() as watch, cluster.watch_events() as events:
        for name, spec in POOLS.items():
            cluster.configure("IPAddressPool", name, **spec)
        cluster.serve("passing")
        for served in ([group.holders for group in groups], [group.joiners for group in groups]):
            services = _serve(cluster, served)
            watch.until(assigned(*services), profile.timers.assignment)
        for name in (name for group in groups for name in group.leavers):
            cluster.delete_service(name)
        followers = _serve(cluster, [group.followers for group in groups])
        watch.until(assigned(*followers), profile.timers.assignment)
        waiters = _serve(cluster, [group.waiters for group in groups])
        for name, wish in [edit for group in groups for edit in group.edits.items()]:
            cluster.patch_service(name, wish.patch())
        cluster.delete_service("passing")
        watch.until(assigned(*waiters), hold + MARGIN_SECONDS)  # ends early only if none of them has to wait
        # until then it may not have looked at them
        events.until(warned(*refused(groups, cluster.namespace, watch.rows())), profile.timers.assignment)
        watch.stop()
        events.stop()
    made = {name for group in groups for name in group.names()}
    return Seen(cluster.namespace, cluster.families, made, hold, watch.rows(), events.rows(), watch.meta())


def refused(groups: Iterable[Group], namespace: str, ingress: Sequence[Ingress]) -> list[Service]:
    """The Services of which an implementation is to say that it refuses them: who waits in vain, and who was edited."""
    given = holdings(ingress)
    ours = [name for group in groups for name, wish in group.waiters.items() if not wish.of_class]
    waiting = [service for service in (Service(name, namespace) for name in ours) if service.key not in given]
    return [*waiting, *(Service(name, namespace) for group in groups for name in group.edits)]


def _serve(cluster: Cluster, groups: Iterable[Mapping[str, Wish]]) -> list[Service]:
    """Make Services, several at a time; those that share an address are of different calls."""
    return several(lambda item: item[1].serve(cluster, item[0]), chain(*(each.items() for each in groups)))
