"""Trials of a fault that takes addresses from their node, each watched from both sides of the router at once."""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from random import Random
from typing import Any, Final

from lbcert_fixtures.cluster import UDP, Backends, Cluster, Service
from lbcert_fixtures.probes.layer2 import Answer, Asking
from lbcert_fixtures.probes.stream import Stream, StreamRow
from lbcert_fixtures.probes.watch import together
from lbcert_fixtures.testbeds import Fault, PreconditionUnmetError, Testbed
from lbcert_reports.evidence import ANNOUNCEMENTS, REPLIES
from lbcert_reports.recorder import CaseRecorder, EvidenceRef

VANTAGES: Final = ("client", "far-client")
"""On the nodes' segment, with a neighbour cache of its own; and behind the router, whose cache then decides."""

PHASE_SECONDS: Final = 1.0
"""A fault comes at a random time within this span: as long as failure detectors commonly wait between two probes."""

QUIET_SECONDS: Final = 2.0
"""An address has settled when one node alone has answered for so long."""

SETTLE_BUDGET_SECONDS: Final = 30.0
"""A node that was away takes its addresses back within so long, or it does not: neither is required."""

STEADY_BUDGET_SECONDS: Final = 15.0

HANDOVER_SECONDS: Final = 1.0
"""Nodes learn of a change one after the other: so long the old owner may answer beside the new one, which is as long
as the new one may take to announce itself."""

LOST_AFTERWARDS: Final = 0.05
"""What share may be lost once forwarding is back: endpoints on a busy machine drop some datagrams of thousands a
second; an endpoint or a node that does not answer costs far more."""

ANNOUNCED: Final[Mapping[str, str]] = {"ipv4": "L2-014", "ipv6": "L2-017"}
"""By the address family, the requirement that a new owner announces itself."""

Address = IPv4Address | IPv6Address


@dataclass
class Takeovers:
    """Repeats a fault on the node that announces a Service, and keeps what was seen, to be judged.

    Attributes:
        testbed: where.
        cluster: the case's.
        backends: the pods behind the Service.
        record: the case's.
        chance: decides when within the detector's period a fault comes.
        service: its addresses are those that move.
        limit: how long a takeover may take, s.
        announcing: for how long a new owner goes on announcing itself, as declared, s.
        count: trials so far.
    """

    testbed: Testbed
    cluster: Cluster
    backends: Backends
    record: CaseRecorder
    chance: Random
    service: Service
    limit: float
    announcing: float
    count: int = 0
    _failed: bool = False
    _announced: float = 0
    _seen: dict[str, dict[int, EvidenceRef]] = field(default_factory=lambda: defaultdict(dict))

    def attempt(
        self,
        trials: int,
        fault: Callable[[str], Fault],
        cure: Callable[[Fault], object],
        *,
        spare: bool = False,
        passing: Callable[[Fault], object] | None = None,
        linger: float = 0,
    ) -> None:
        """Try a fault so often, or until an address was not taken over: what failed once is not tried again.

        Args:
            trials: how often.
            fault: injects it on a node.
            cure: undoes it.
            spare: take the pods on the node out of the Service before, so that Kubernetes loses nothing.
            passing: waits until a fault is over that passes by itself: addresses need not move, and are watched from
                then on for the limit.
            linger: how long to go on watching after the addresses were taken over, s.

        Raises:
            PreconditionUnmetError: the addresses are not announced or not served before the fault.
        """
        for _ in range(0 if self._failed else trials):
            if not self._try(fault, cure, spare=spare, passing=passing, linger=linger):
                self._failed = True
                break

    def _try(
        self,
        inject: Callable[[str], Fault],
        cure: Callable[[Fault], object],
        *,
        spare: bool,
        passing: Callable[[Fault], object] | None,
        linger: float,
    ) -> bool:
        self.count += 1
        victim = self.cluster.owner(self.service.address())
        mac = self.testbed.places[victim].mac
        addresses = [address for address in self.service.addresses if self.cluster.owner(address) == victim]
        if not addresses:  # each question was answered by another: who has them is not a matter of one node
            raise PreconditionUnmetError(f"{victim} does not go on answering for {self.service.key}")
        absent: set[str] = set()
        if spare:
            self.cluster.spare(self.service, victim)
            absent = {pod for pod, node in self.backends.pods.items() if node == victim}
        answers = Asking(self.testbed, "client", addresses)
        # Each vantage probes the other family in the next trial: two streams cost a small machine enough.
        streams = [
            Stream(self.testbed, vantage, addresses[(self.count + place) % len(addresses)], UDP)
            for place, vantage in enumerate(VANTAGES)
        ]
        with together([answers, *streams]):
            clock = streams[0]
            # A node that goes on announcing the last takeover is no fresh one: it may leave the next to its schedule.
            wait = max(0.0, self._announced - time.monotonic()) + PHASE_SECONDS * self.chance.random()
            clock.until_sent(1 + round(1000 * wait), wait + STEADY_BUDGET_SECONDS)
            for stream in streams:
                _await_steady(stream, absent)
            _insist_on_one_owner(answers.rows())
            fault = inject(victim)
            if passing is None:
                taken = self._is_taken_over(fault, answers, addresses, streams, mac)
                self._announced = time.monotonic() + self.announcing
            else:
                passing(fault)
                taken = clock.until_sent(round(1000 * self.limit) + 100, 2 * self.limit)
            clock.until_sent(1 + round(1000 * linger), linger + STEADY_BUDGET_SECONDS)
            with self.record.act(f"cure-of-{fault.name}", victim) as cured:
                cure(fault)
            deadline = time.monotonic() + SETTLE_BUDGET_SECONDS
            for address in addresses:
                left = max(deadline - time.monotonic(), QUIET_SECONDS)
                answers.until_settled(address, left, QUIET_SECONDS, since=cured.effective, on=mac)
        self._keep("cause", self.record.fault(fault, name=f"fault-of-trial-{self.count}", healed=cured.began))
        self._keep("cure", cured.evidence)
        self._keep("answers", self.record.observed("answers", answers, f"answers-{self.count}"))
        for stream in streams:
            name = f"stream-{self.count}-{stream.place}"
            self._keep(stream.place, self.record.observed("stream", stream, name))
        return taken

    def _keep(self, role: str, ref: EvidenceRef) -> None:
        self._seen[role][self.count] = ref

    def _is_taken_over(
        self, fault: Fault, answers: Asking, addresses: Sequence[Address], streams: Sequence[Stream], lost: str
    ) -> bool:
        """Wait until another node answers questions and forwards, half as long again as it may take.

        In between its announcements are awaited, which a cure would cut off. Until then what is sent still goes to the
        node before, which may serve it for a while and lose it then: only afterwards it shows who forwards.
        """
        deadline = time.monotonic() + 1.5 * self.limit

        def left() -> float:
            return max(0.0, deadline - time.monotonic())

        def is_answered(address: Address) -> bool:
            return answers.until_answered(address, left(), other_than=[lost], forms=REPLIES) is not None

        if not all(map(is_answered, addresses)):
            return False
        for address in addresses:
            answers.until_answered(address, HANDOVER_SECONDS, other_than=[lost], forms=ANNOUNCEMENTS)
        return all(stream.until_recovered(left(), since=fault.effective) for stream in streams)

    # --- judging --------------------------------------------------------------------------------------------------

    def _inputs(self, **roles: str) -> dict[str, EvidenceRef]:
        return {f"{role}.{trial}": ref for role, kept in roles.items() for trial, ref in self._seen[kept].items()}

    def judge_gaps(self, requirement: str, *, cause: str = "cause", limit: float | None = None) -> None:
        """Hold how long nobody forwarded against a limit, for each vantage on its own.

        What was seen of one trial from two places is no independent sample.

        Args:
            requirement: its id.
            cause: ``cause``, the fault, or ``cure``.
            limit: the limit, s; by default that of a takeover.
        """
        limit = limit or self.limit
        bound = {"limit": limit, "lost_after": LOST_AFTERWARDS, "trials": self.count}
        for vantage in VANTAGES:
            inputs = self._inputs(stream=vantage, cause=cause, answers="answers")
            self.record.judge(requirement, "failover-gap", inputs, bound)

    def judge_moves(self, requirement: str, **bound: Any) -> None:
        """Hold how often the addresses moved while the fault lasted, and how soon, against what there has to be."""
        bound = {"nodes": self._nodes, "within": self.limit, "trials": self.count} | bound
        self.record.judge(requirement, "owner-moves", self._inputs(answers="answers", cause="cause"), bound)

    def judge_silence(self, requirement: str, within: float, **bound: Any) -> None:
        """Hold for how long nobody answered, until the end of the watch, against a limit."""
        inputs = self._inputs(answers="answers", cause="cause")
        self.record.judge(requirement, "answered-again", inputs, {"within": within, "trials": self.count} | bound)

    def judge_announcements(self, requirement: str, family: str, **bound: Any) -> None:
        """Hold how the new owner announced the address of one family against what it has to say, if there is one."""
        if family not in self.cluster.families:
            return
        more = {"nodes": self._nodes, "addresses": [str(self.service.address(family))], "trials": self.count}
        inputs = self._inputs(answers="answers", cause="cause")
        self.record.judge(requirement, "gratuitous-announced", inputs, more | bound)

    def judge_announcers(self, requirement: str) -> None:
        """Who announces the addresses has to be who answers for them."""
        bound = {"nodes": self._nodes, "trials": self.count}
        self.record.judge(requirement, "announced-by-owner", self._inputs(answers="answers"), bound)

    def judge_changes(self, requirement: str, most: int) -> None:
        """Hold how often the answering node changed from before the fault to after the return against a number."""
        bound = {
            "nodes": self._nodes,
            "hold": 2 * QUIET_SECONDS,
            "changes": most,
            "overlap": HANDOVER_SECONDS,
            "trials": self.count,
        }
        self.record.judge(requirement, "never-alternates", self._inputs(answers="answers"), bound)

    @property
    def _nodes(self) -> dict[str, str]:
        return {node.mac: node.name for node in self.testbed.nodes}


def _insist_on_one_owner(rows: Sequence[Answer]) -> None:
    """Insist that each address is answered by one node, so that there is one to take it over from.

    Raises:
        PreconditionUnmetError: several nodes answer for one.
    """
    owners = defaultdict(set)
    for row in rows:
        if row["form"] in REPLIES:
            owners[row["address"]].add(row["mac"])
    if shared := [address for address, macs in owners.items() if len(macs) > 1]:
        raise PreconditionUnmetError(f"{', '.join(shared)} is answered by several nodes before the fault")


def _await_steady(stream: Stream, absent: Collection[str]) -> None:
    """Wait until probes are answered without a loss, none of them by pods that were taken out of the Service.

    Raises:
        PreconditionUnmetError: they are not within the budget.
    """

    def is_steady(probes: Sequence[StreamRow]) -> bool:
        # The last ones may be on their way. A pod that gets a third of the probes is missed by so many of them never;
        # and the fifty before the last tenth of a second, which a judge wants answered, are among them.
        recent = probes[-250:-50]
        return len(recent) == 200 and all(
            probe["received"] is not None and probe["endpoint"] not in absent for probe in recent
        )

    if not stream.until(is_steady, STEADY_BUDGET_SECONDS):
        raise PreconditionUnmetError(f"{stream.address} is not served without loss, seen from {stream.place}")
