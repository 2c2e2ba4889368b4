"""Only nodes that may announce an address do, and only what an advertisement is about is announced."""

from collections.abc import Callable, Mapping, Sequence

import pytest

from lbcert_fixtures.annotations import ADDRESS_POOL
from lbcert_fixtures.cluster import Cluster
from lbcert_fixtures.probes.layer2 import Answer, Asking
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.testbeds import Testbed
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.eligibility import EXCLUDED, FIRST, ROLE, SECOND, SELECTORS, Eligibility
from lbcert_suites.layer2.silence import insist_on_silence
from lbcert_suites.questions import ANSWERED, ask, latest

SILENT_SECONDS = 1.5
"""How long to ask for addresses of which some are not to be answered."""

QUIET_SECONDS = 1.0
"""For how long those that may announce are seen to do so alone."""

LABELLED = [
    {"matchLabels": {"shown": "yes"}},
    {"matchExpressions": [{"key": "shown", "operator": "In", "values": ["too"]}]},
]
"""Two selectors of which either may select a pool or a Service."""

APART = (("yes", 0), ("too", 1), ("both", 0), ("both", 1))
"""Advertisements of one pool: the label of the Services that each is about, and which of `SELECTORS` selects its nodes.
Any two that have one of the two in common differ in the other."""

ROLES = (FIRST, SECOND, FIRST)
"""What the nodes are labelled with when they are."""


@pytest.mark.covers("L2-003", "L2-027", "L2-039", "L2-040")
@pytest.mark.needs("layer2")
@pytest.mark.thorough
@pytest.mark.untimed
@pytest.mark.catches(
    "node-selectors-ignored",
    "first-selector-only",
    "match-expressions-ignored",
    "exclusion-needs-true",
    "unavailable-network-announced",
    "exclusion-ignored-under-local",
    "exclusion-stays",
    "advertisements-elected-apart",
)
def test_only_eligible_nodes_announce(
    testbed: Testbed, cluster: Cluster, profile: Profile, record: CaseRecorder, eligibility: Eligibility
) -> None:
    """Only nodes that an advertisement selects announce by it, and none that is excluded or without network.

    Given Services of both policies in a pool whose advertisement selects nodes by a label or by an expression, and in
        one whose advertisement is for all nodes; and Services in a pool of four advertisements, each of which selects
        nodes by the label or by the expression, and Services by their own labels: some are announced by the former
        nodes alone, some by the latter alone, and one by both, by an advertisement each
    When two nodes get such labels; then the two are excluded, with an empty value and with *false*; then they are not,
        and the network of one of them and of the third is said to be unavailable, then of the two, and then of none;
        then the third alone is labelled; and then none is
    Then each time only nodes that may announce an address answer for it, one for each, and nobody where there is none
    """
    cluster.announce_layer2(
        "everywhere", ipAddressPools=[cluster.pool("172.30.0.200-172.30.0.206", "fd00:30::200/125")]
    )
    cluster.pool("172.30.0.208-172.30.0.213", "fd00:30::208/125", name="chosen", autoAssign=False)
    cluster.announce_layer2("chosen", ipAddressPools=["chosen"], nodeSelectors=SELECTORS)
    cluster.pool("172.30.0.216-172.30.0.221", "fd00:30::216-fd00:30::21b", name="apart", autoAssign=False)
    for shown, place in APART:
        about = {"nodeSelectors": [SELECTORS[place]], "serviceSelectors": [{"matchLabels": {"shown": shown}}]}
        cluster.announce_layer2(f"{shown}-{place}", ipAddressPools=["apart"], **about)
    first, second, *others = everyone = [node.name for node in testbed.nodes]
    (third, *_) = others
    roles = dict(zip(everyone, ROLES, strict=False))
    eligibility.label(ROLE, {each: roles[each] for each in (first, second)})
    asked = {pool: {ADDRESS_POOL: pool} for pool in ("chosen", "apart")}
    services = {
        **{f"{pool}-{number}": (pool, asked.get(pool, {}), "") for pool in ("chosen", "pool") for number in range(4)},
        **{f"{shown}-{number}": (shown, asked["apart"], shown) for shown in ("yes", "too") for number in range(2)},
        "both": ("both", asked["apart"], "both"),
    }
    addresses: dict[str, list[str]] = {}
    for number, (name, (group, annotations, shown)) in enumerate(services.items()):
        policy, labels = ("Cluster", "Local")[number % 2], {"shown": shown} if shown else {}
        service = cluster.serve(name, policy=policy, annotations=annotations, labels=labels)
        addresses.setdefault(group, []).extend(map(str, service.addresses))

    def exclude() -> None:
        eligibility.label(EXCLUDED, {first: "", second: "false"})

    def cut() -> None:
        eligibility.label(EXCLUDED, {})
        eligibility.cut([first, third])

    steps: Mapping[str, tuple[Callable[[], None], str, Sequence[str], Sequence[str]]] = {
        "two-labelled": (lambda: None, "L2-027", [first, second], everyone),
        "both-excluded": (exclude, "L2-040", [], others),
        "network-unavailable": (cut, "L2-039", [second], [each for each in everyone if each not in (first, third)]),
        "both-unavailable": (lambda: eligibility.cut([first, second]), "L2-039", [], others),
        "network-available": (lambda: eligibility.cut(()), "L2-039", [first, second], everyone),
        "third-labelled": (lambda: eligibility.label(ROLE, {third: roles[third]}), "L2-027", [third], everyone),
        "none-labelled": (lambda: eligibility.label(ROLE, {}), "L2-027", [], everyone),
    }
    for name, (change, requirement, chosen, allowed) in steps.items():
        able: Mapping[str, Sequence[str]] = {
            "chosen": chosen,
            "pool": allowed,
            "yes": [node for node in chosen if roles[node] == FIRST],
            "too": [node for node in chosen if roles[node] == SECOND],
            "both": chosen,
        }
        with Asking(testbed, "client", [each for group in addresses.values() for each in group], every=0.2) as asking:
            with record.act(name, ROLE) as changed:
                change()
            macs = {
                address: {testbed.places[node].mac for node in nodes}
                for group, nodes in able.items()
                for address in addresses[group]
            }
            asking.until(quietly(macs, changed.effective), profile.timers.configuration)
        quiet = latest(asking.rows(), QUIET_SECONDS)
        answers = {"answers": record.evidence("answers", quiet, name, **asking.meta())}
        for group, nodes in able.items():
            if nodes:
                places = {testbed.places[node].mac: node for node in nodes}
                bound = {"nodes": places, "addresses": addresses[group], "answered": 0.8, "within": 0.5, "asks": 3}
                shown_by = "L2-003" if group == "both" and len(nodes) > 1 else requirement
                record.judge(shown_by, "one-announcer", answers, bound)
            else:
                record.judge(requirement, "nobody-answers", answers, {"addresses": addresses[group], "asks": 3})


def quietly(macs: Mapping[str, set[str]], since: int) -> Callable[[Sequence[Answer]], bool]:
    """Since a time, for a while, each address was answered by one node of those that may, and by nobody without any.

    The while is the `latest`, which is judged: by the clock it would be another one, and have begun later.
    """

    def hold(rows: Sequence[Answer]) -> bool:
        if not rows or rows[-1]["t"] - since < QUIET_SECONDS * 1e9:
            return False
        heard: dict[str, set[str]] = {address: set() for address in macs}
        for row in latest(rows, QUIET_SECONDS):
            if row["form"] != "asked":
                heard[row["address"]].add(row["mac"])
        return all(heard[address] <= able and len(heard[address]) == bool(able) for address, able in macs.items())

    return hold


@pytest.mark.covers("L2-001", "L2-002", "L2-029", "L2-030")
@pytest.mark.needs("layer2")
@pytest.mark.thorough
@pytest.mark.untimed
@pytest.mark.catches(
    "service-selectors-ignored",
    "pool-selectors-ignored",
    "first-selector-only",
    "match-expressions-ignored",
    "names-hide-selectors",
)
def test_only_what_an_advertisement_selects_is_answered(
    testbed: Testbed, cluster: Cluster, profile: Profile, record: CaseRecorder, node_of_mac: dict[str, str]
) -> None:
    """Addresses are answered of the pools that an advertisement selects, and of the Services that it does.

    Given an advertisement that selects pools by a label, by an expression or by name, one that selects Services of
        another pool by a label or by an expression, and Services in pools of each kind, in one with another label, and
        of either kind in the other pool
    When a host on the segment asks for their addresses; and when a Service is given a label, and another loses its own
    Then those that are selected are answered, and the others never, or from the declared time after that on no more
    """
    pools = {
        "by-label": {"shown": "yes"},
        "by-expression": {"shown": "too"},
        "hidden": {"shown": "no"},
        "of-services": {},
        "by-name": {},
    }
    for number, (pool, labels) in enumerate(pools.items(), start=1):
        last = 200 + 8 * number
        ranges = f"172.30.0.{last}-172.30.0.{last + 3}", f"fd00:30::{last}-fd00:30::{last + 3}"
        cluster.pool(*ranges, name=pool, labels=labels, autoAssign=False)
    cluster.announce_layer2("pools", ipAddressPools=["by-name"], ipAddressPoolSelectors=LABELLED)
    cluster.announce_layer2("services", ipAddressPools=["of-services"], serviceSelectors=LABELLED)
    selected = {
        name: cluster.serve(name, annotations={ADDRESS_POOL: pool}, labels=labels)
        for name, pool, labels in (
            ("in-labelled", "by-label", {}),
            ("in-expressed", "by-expression", {}),
            ("in-named", "by-name", {}),
            ("labelled", "of-services", {"shown": "yes"}),
            ("expressed", "of-services", {"shown": "too"}),
        )
    }
    hidden = cluster.serve("in-hidden", annotations={ADDRESS_POOL: "hidden"})
    later = cluster.serve("later", annotations={ADDRESS_POOL: "of-services"}, labels={"shown": "no"})
    every = [address for service in (*selected.values(), hidden, later) for address in service.addresses]
    shown = [address for service in selected.values() for address in service.addresses]
    with Asking(testbed, "client", shown, every=0.2) as asking:
        for address in shown:
            asking.until_answered(address, profile.timers.configuration)
    answers = {"answers": ask(testbed, record, every, 0, "first", SILENT_SECONDS)}
    for family in cluster.families:
        addresses = [str(service.address(family)) for service in selected.values()]
        bound = {"nodes": node_of_mac, "addresses": addresses, "answered": 0.9}
        record.judge(ANSWERED[family], "answers-asked", answers, bound)
    record.judge("L2-030", "nobody-answers", answers, {"addresses": list(map(str, hidden.addresses))})
    record.judge("L2-029", "nobody-answers", answers, {"addresses": list(map(str, later.addresses))})

    insist_on_silence(testbed, every)
    within, gone = profile.timers.layer2_silence, selected["labelled"]
    with Asking(testbed, "client", [*later.addresses, *gone.addresses], every=0.1) as asking:
        with record.act("label-services", gone.key) as labelled:
            cluster.patch_service(gone.name, {"metadata": {"labels": {"shown": None}}})
            cluster.patch_service(later.name, {"metadata": {"labels": {"shown": "too"}}})
        silent_from = labelled.effective + round(within * 1e9)
        asking.until(lambda rows: rows[-1]["t"] >= silent_from + 1.5e9, within + 30)
        for address in later.addresses:
            asking.until_answered(address, profile.timers.configuration)
        asking.hear_out(1)
    seen = {"answers": record.observed("answers", asking, "labelled"), "cause": labelled.evidence}
    addresses = list(map(str, gone.addresses))
    record.judge("L2-029", "nobody-answers", seen, {"addresses": addresses, "within": within})
    bound = {"nodes": node_of_mac, "addresses": list(map(str, later.addresses)), "within": profile.timers.configuration}
    record.judge("L2-029", "settles-on-one", seen, bound)
