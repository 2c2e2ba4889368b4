"""Objects that are proposed to the API server, one a row, and what it answers."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lbcert_fixtures.cluster import Cluster
from lbcert_fixtures.profiles import Profile
from lbcert_fixtures.routers.frr import AS_NUMBER, NODES_AS_NUMBER
from lbcert_fixtures.testbeds import PreconditionUnmetError
from lbcert_reports.recorder import CaseRecorder
from lbcert_suites.catalogue import rejections

NAME = "proposed"
"""Of objects that are only asked for."""

NOWHERE = "no-such-pool"
"""A pool that is not there: what an advertisement says of it is held against no pool."""

PEER_ADDRESS = "10.97.255.1"

AGAIN_SECONDS = 0.1


@dataclass(frozen=True)
class Row:
    """One object, and how it is asked for.

    Attributes:
        what: how evidence and reasons call it.
        kind: its kind.
        spec: its spec; of an edit, what is merged into it.
        matrix: its row in the matrix of rejections, if it has one.
        needs: the capabilities without which it is not asked.
        name: its name.
        edit: whether an object of that name is there, and edited.
        dry_run: whether it is only asked, and nothing written.
        namespace: where, if not in the implementation's namespace.
        across: whether it is wrong because of another object, of which the implementation may have to hear first.
    """

    what: str
    kind: str
    spec: Mapping[str, Any] = field(default_factory=dict)
    matrix: str = ""
    needs: tuple[str, ...] = ()
    name: str = NAME
    edit: bool = False
    dry_run: bool = True
    namespace: str = ""
    across: bool = False


def pool(what: str, *addresses: str, matrix: str = "", across: bool = False, **spec: Any) -> Row:
    """A pool of some addresses."""
    return Row(what, "IPAddressPool", {"addresses": list(addresses), **spec}, matrix, across=across)


def layer2(what: str, matrix: str = "", **spec: Any) -> Row:
    """An advertisement in layer 2, of a pool that is not there unless it says so."""
    return Row(what, "L2Advertisement", {"ipAddressPools": [NOWHERE], **spec}, matrix, ("layer2",))


def bgp(what: str, matrix: str = "", *needs: str, across: bool = False, **spec: Any) -> Row:
    """An advertisement over BGP, of a pool that is not there unless it says so."""
    spec = {"ipAddressPools": [NOWHERE], **spec}
    return Row(what, "BGPAdvertisement", spec, matrix, ("bgp", *needs), across=across)


def peer(what: str, matrix: str = "", *needs: str, **spec: Any) -> Row:
    """A peer with the AS numbers of the lab, whose peers on one node may have to share theirs.

    A field that `spec` says to be None is left out.
    """
    usual = {"myASN": NODES_AS_NUMBER, "peerASN": AS_NUMBER, "peerAddress": PEER_ADDRESS}
    given = {key: value for key, value in (usual | spec).items() if value is not None}
    return Row(what, "BGPPeer", given, matrix, ("bgp", *needs))


def community(what: str, *values: tuple[str, str], matrix: str = "", needs: Sequence[str] = ()) -> Row:
    """Aliases and their values."""
    aliases = [{"name": name, "value": value} for name, value in values]
    return Row(what, "Community", {"communities": aliases}, matrix, ("bgp", *needs))


def bfd(what: str, matrix: str = "", **spec: Any) -> Row:
    """A BFD profile."""
    return Row(what, "BFDProfile", spec, matrix, ("bfd",))


POOL = pool("pool", "10.97.128.0/24", "10.97.129.10-10.97.129.20", "fd00:97:8::/120")
LAYER2 = layer2("advertisement in layer 2")
BGP = bgp("advertisement over BGP")
PEER = peer("peer")
COMMUNITY = community("aliases", ("lbcert-first", "64512:100"), ("lbcert-second", "64512:200"))

VALID = (POOL, LAYER2, BGP, PEER, COMMUNITY)
"""One of each kind, without a mistake."""


def asked(rows: Iterable[Row], profile: Profile) -> list[Row]:
    """Those of some rows that are about what an implementation can do."""
    return [row for row in rows if not profile.lacks(row.needs)]


class Proposals:
    """Asks for objects, and has the answers judged.

    Args:
        cluster: where.
        profile: whose objects: what it cannot do is not asked.
        record: of the case.
    """

    def __init__(self, cluster: Cluster, profile: Profile, record: CaseRecorder) -> None:
        self._cluster = cluster
        self._profile = profile
        self._record = record

    def refused(self, requirement: str, rows: Iterable[Row], control: Iterable[Row], name: str = "admissions") -> None:
        """Have it judged that rows are refused, and those without a mistake are not.

        Raises:
            PreconditionUnmetError: none of the rows is about what the implementation can do.
        """
        wrong, right = asked(rows, self._profile), asked(control, self._profile)
        if not wrong:
            raise PreconditionUnmetError("by what the profile declares there is nothing that would have to be refused")
        answers = self._ask(right + wrong)
        evidence = self._record.evidence("admissions", answers, name)
        known = rejections()
        words = {row.what: list(known[row.matrix].match) if row.matrix else [] for row in wrong}
        bound = {"rows": words, "control": [row.what for row in right]}
        self._record.judge(requirement, "objects-refused", {"admissions": evidence}, bound)

    def accepted(self, requirement: str, rows: Iterable[Row], name: str = "admissions") -> None:
        """Have it judged that rows are accepted."""
        wanted = asked(rows, self._profile)
        evidence = self._record.evidence("admissions", self._ask(wanted), name)
        bound = {"rows": [row.what for row in wanted]}
        self._record.judge(requirement, "objects-accepted", {"admissions": evidence}, bound)

    def _ask(self, rows: Iterable[Row]) -> list[Mapping[str, Any]]:
        """The answers to rows, in their order.

        What is wrong because of other objects is asked until it is refused, for as long as a change of configuration
        may take in all: those objects were there before.
        """
        deadline = time.monotonic() + self._profile.timers.configuration
        return [self._answer(row, deadline if row.across else 0) for row in rows]

    def _answer(self, row: Row, deadline: float) -> Mapping[str, Any]:
        while True:
            t = time.time_ns()
            status, message = self._cluster.propose(
                row.kind, row.name, row.spec, edit=row.edit, dry_run=row.dry_run, namespace=row.namespace
            )
            is_accepted = not message and status < 300
            if not is_accepted or time.monotonic() > deadline:
                break
            time.sleep(AGAIN_SECONDS)  # nobody announces that a webhook has heard of another object
        return {
            "t": t,
            "row": row.what,
            "kind": row.kind,
            "name": f"{row.namespace or self._profile.install.namespace}/{row.name}",
            "operation": "update" if row.edit else "create",
            "spec": dict(row.spec),
            "accepted": is_accepted,
            "status": int(status),
            "message": message,
        }
